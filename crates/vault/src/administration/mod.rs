//! The owner's side: vaults, principals and roles that are made at run time.
//!
//! An [`Order`] is carried out by the process that has the data folder. [`Administration`] finds it: the vault that runs
//! there, over a socket in the folder ([`socket`], [`client`]), else this process, which opens the folder for as long as it
//! takes. [`orders`] is the one place where orders are carried out; [`vaults`], [`principals`] and [`roles`] do the work.

mod client;
mod order;
mod orders;
mod principals;
mod roles;
pub(crate) mod socket;
mod vaults;

use std::path::Path;

use serde_json::Value;

pub use order::{NewPrincipal, NewSecret, Order};

use crate::config::{PrincipalSettings, VaultSettings};
use crate::error::{Error, ErrorKind, Result};
use crate::folder::Folder;
use crate::run_file::RunFile;
use crate::vault::{ConfigSource, Options, Vault};
use client::Client;

/// Vaults and principals that were made at run time, as far as others may know them.
#[derive(Debug, Clone, Default)]
pub struct Made {
    pub(crate) vaults: Vec<VaultSettings>,
    pub(crate) principals: Vec<PrincipalSettings>,
}

impl Made {
    /// Reads the answers to [`Order::ListVaults`] and [`Order::ListPrincipals`].
    fn of(vaults: &Value, principals: &Value) -> Self {
        let made = |list: &Value| -> Vec<Value> {
            let all = list.as_array().cloned().unwrap_or_default();
            all.into_iter().filter(|known| known["from"] == COMMAND).collect()
        };
        let word = |of: &Value, member: &str| of[member].as_str().unwrap_or_default().to_owned();
        Self {
            vaults: made(vaults).iter().map(|vault| VaultSettings::named(word(vault, "name"))).collect(),
            principals: made(principals)
                .into_iter()
                .map(|mut known| PrincipalSettings {
                    name: word(&known, "name"),
                    client_id: word(&known, "clientId"),
                    roles: serde_json::from_value(known["roles"].take()).unwrap_or_default(),
                    ..PrincipalSettings::default()
                })
                .collect(),
        }
    }
}

/// What the answers call the place of those that were made at run time.
const COMMAND: &str = "command";

/// Who carries out orders for a data folder.
#[derive(Debug)]
pub struct Administration(Place);

#[derive(Debug)]
enum Place {
    /// The vault that runs on the folder.
    Running(Client),
    /// This process, which has the folder for itself.
    Here(Box<Vault>),
}

impl Administration {
    /// Finds the vault that runs on the data folder, or opens the folder. Without a configuration that is named, the one that
    /// the last start read is meant.
    ///
    /// # Errors
    /// [`FolderInUse`](ErrorKind::FolderInUse) if a process has the folder that cannot be spoken to, and whatever keeps a
    /// vault from opening.
    pub async fn reach(mut options: Options) -> Result<Self> {
        let folder = Folder::at(&options.data_dir);
        if let Some(client) = Client::connect(&folder).await? {
            return Ok(Self(Place::Running(client)));
        }
        if let (ConfigSource::Folder, Some(path)) =
            (&options.config, RunFile::read(&folder)?.and_then(|run| run.config))
        {
            options.config = ConfigSource::File(path);
        }
        match Vault::open(options).await {
            Ok(vault) => Ok(Self(Place::Here(Box::new(vault)))),
            // It may have been about to start when it was looked for first.
            Err(error) if error.kind() == ErrorKind::FolderInUse => {
                Client::connect(&folder).await?.map(|client| Self(Place::Running(client))).ok_or(error)
            }
            Err(error) => Err(error),
        }
    }

    /// Whether a vault has ever run on the data folder.
    pub fn is_there(data_dir: &Path) -> bool {
        Folder::at(data_dir).has_been_used()
    }

    /// Whether a running vault carries out the orders.
    pub fn is_running(&self) -> bool {
        matches!(self.0, Place::Running(_))
    }

    /// Carries out an order and answers a JSON document.
    ///
    /// # Errors
    /// What is wrong with the order, or what failed; nothing is changed then.
    pub async fn carry_out(&self, order: Order) -> Result<Value> {
        match &self.0 {
            Place::Running(client) => client.send(&order).await,
            Place::Here(vault) if matches!(order, Order::Reload) => Err(Error::configuration(format!(
                "no vault runs on {} that could read its configuration again",
                vault.folder().display()
            ))
            .with_hint("a vault reads it when it starts")),
            Place::Here(vault) => orders::carry_out(vault.service(), order).await,
        }
    }

    /// The vaults and principals that were made at run time.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn made(&self) -> Result<Made> {
        let vaults = self.carry_out(Order::ListVaults).await?;
        let principals = self.carry_out(Order::ListPrincipals).await?;
        Ok(Made::of(&vaults, &principals))
    }

    /// Lets go of the folder.
    pub async fn close(self) {
        if let Place::Here(vault) = self.0 {
            vault.close().await;
        }
    }
}
