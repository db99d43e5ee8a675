//! Which vaults there are, and who may do what in them.
//!
//! A [`Directory`] is whole and never changes; a change makes a new one and puts it in the place of the old ([`Shared`]).
//! So each request sees one state from its first gate to its last, and the next request sees the new one. [`building`] makes
//! it of the configuration and of what the store keeps ([`stored`]).

mod building;
pub(crate) mod stored;

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::{Mutex, Notify};

use crate::access::{Identities, Principals};
use crate::config::VaultConfig;
use crate::error::{Error, ErrorKind, Result};
use crate::host::Host;
use crate::keys::Keyring;
use crate::store::{Store, VaultId};
use stored::Stored;

/// How often a change is tried that other processes come before.
const ATTEMPTS: usize = 10;

/// A vault that is served.
#[derive(Debug, Clone)]
pub(crate) struct HostedVault {
    pub(crate) id: VaultId,
    /// In lower case: what roles and ciphertexts are bound to.
    pub(crate) key: String,
    pub(crate) retention_days: u32,
    pub(crate) purge_protection: bool,
}

/// The state of one moment.
#[derive(Debug)]
pub(crate) struct Directory {
    /// The store's count of changes that it was made at.
    pub(crate) generation: i64,
    /// What it was made of, beside the store's entries.
    pub(crate) config: Arc<VaultConfig>,
    /// By name in lower case.
    pub(crate) vaults: HashMap<String, HostedVault>,
    pub(crate) principals: Principals,
    /// Which of them whoever runs on this machine is.
    pub(crate) identities: Identities,
}

impl Directory {
    /// The vault that a host name under `domain` stands for.
    pub(crate) fn vault(&self, host: &Host, domain: &str) -> Option<&HostedVault> {
        self.vaults.get(host.label_under(domain)?)
    }

    /// The names of the vaults, in order.
    pub(crate) fn vault_names(&self) -> Vec<String> {
        let mut names: Vec<_> = self.vaults.keys().cloned().collect();
        names.sort_unstable();
        names
    }
}

/// The directory of now.
#[derive(Debug)]
pub(crate) struct Shared {
    now: ArcSwap<Directory>,
    /// One change at a time: each is made of what the one before left.
    turn: Mutex<()>,
    /// Tells whoever cares for certificates.
    pub(crate) vaults_changed: Notify,
}

impl Shared {
    /// Makes the first directory.
    pub(crate) async fn open(config: Arc<VaultConfig>, store: &Store, keyring: &Keyring) -> Result<Self> {
        let first = building::build(config, store, keyring).await?;
        Ok(Self { now: ArcSwap::from_pointee(first), turn: Mutex::new(()), vaults_changed: Notify::new() })
    }

    /// What holds now; a caller keeps it for as long as its request lasts.
    pub(crate) fn now(&self) -> Arc<Directory> {
        self.now.load_full()
    }

    /// The same, made anew if the store's entries have changed since: another process may share them.
    ///
    /// # Errors
    /// If the store cannot be asked, or contradicts the configuration. What held before may hold no longer: a caller must
    /// not go on with it.
    pub(crate) async fn fresh(&self, store: &Store, keyring: &Keyring) -> Result<Arc<Directory>> {
        let known = self.now();
        if generation(store).await? == known.generation {
            return Ok(known);
        }
        let _turn = self.turn.lock().await;
        let known = self.now();
        if generation(store).await? == known.generation {
            return Ok(known);
        }
        let made = building::build(Arc::clone(&known.config), store, keyring).await?;
        Ok(self.replace(made))
    }

    /// Puts a directory made of another configuration in the place of this one.
    ///
    /// # Errors
    /// If there is something wrong with it; what held before holds on.
    pub(crate) async fn reload(
        &self,
        config: VaultConfig,
        store: &Store,
        keyring: &Keyring,
    ) -> Result<Arc<Directory>> {
        let _turn = self.turn.lock().await;
        let made = building::build(Arc::new(config), store, keyring).await?;
        Ok(self.replace(made))
    }

    /// Makes one change of what the store keeps. `edit` is given what is kept and makes it what it is to be; it is asked again
    /// if another process has changed something meanwhile.
    ///
    /// # Errors
    /// Those of `edit`, or if what came of it breaks a rule; nothing is changed then.
    pub(crate) async fn change(
        &self,
        store: &Store,
        keyring: &Keyring,
        mut edit: impl FnMut(&mut Stored, &VaultConfig) -> Result<Entry>,
    ) -> Result<()> {
        let _turn = self.turn.lock().await;
        let config = Arc::clone(&self.now().config);
        for _ in 0..ATTEMPTS {
            let mut stored = Stored::parse(&store.directory(keyring).await?)?;
            let entry = edit(&mut stored, &config)?;
            config.check_with(&stored)?;
            if entry.write(store, keyring, stored.generation).await? {
                self.replace(building::build(config, store, keyring).await?);
                return Ok(());
            }
        }
        Err(Error::new(
            ErrorKind::Busy,
            "other processes keep changing the directory of vaults and principals",
        )
        .with_hint("try again"))
    }

    fn replace(&self, made: Directory) -> Arc<Directory> {
        let made = Arc::new(made);
        let before = self.now.swap(Arc::clone(&made));
        if before.vault_names() != made.vault_names() {
            self.vaults_changed.notify_one();
        }
        made
    }
}

async fn generation(store: &Store) -> Result<i64> {
    store.generation().await.map_err(|error| {
        Error::new(ErrorKind::Database, "cannot find out whether the directory has changed")
            .with_source(error)
    })
}

/// A change of one of the store's entries.
#[derive(Debug)]
pub(crate) struct Entry {
    kind: &'static str,
    key: String,
    /// `None` takes it away.
    document: Option<String>,
}

impl Entry {
    pub(crate) fn put(kind: &'static str, key: &str, document: &impl serde::Serialize) -> Result<Self> {
        let document = serde_json::to_string(document)
            .map_err(|_| Error::new(ErrorKind::Database, format!("cannot write down the {kind} {key:?}")))?;
        Ok(Self { kind, key: key.to_owned(), document: Some(document) })
    }

    pub(crate) fn delete(kind: &'static str, key: &str) -> Self {
        Self { kind, key: key.to_owned(), document: None }
    }

    /// Writes it, unless the store has changed since the generation `after`; answers whether it was written.
    async fn write(&self, store: &Store, keyring: &Keyring, after: i64) -> Result<bool> {
        let after = Some(after);
        let written = match &self.document {
            Some(document) => store.put_entry(keyring, self.kind, &self.key, document, after).await,
            None => store.delete_entry(self.kind, &self.key, after).await,
        };
        written.map(|generation| generation.is_some()).map_err(|_| {
            Error::new(ErrorKind::Database, format!("cannot store the {} {:?}", self.kind, self.key))
                .with_hint("the log of the vault tells why")
        })
    }
}
