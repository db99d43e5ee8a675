//! What the request handlers share.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use strongroom_secrets::{Clock, Random};
use tokio::sync::Semaphore;

use crate::access::SlowChecks;
use crate::audit::Audit;
use crate::azure;
use crate::config::{Delays, VaultConfig};
use crate::directory::stored::Stored;
use crate::directory::{Directory, Entry, Shared};
use crate::error::Result;
use crate::faults::Faults;
use crate::host::Host;
use crate::keys::Keyring;
use crate::metrics::Metrics;
use crate::notes::Notes;
use crate::quota::Quotas;
use crate::store::Store;
use crate::tokens::{Authority, Believed, Rotation};

/// Everything that a request needs.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) domain: String,
    /// Whether Azure's own names are answered as well.
    pub(crate) answers_as_azure: bool,
    pub(crate) tenant: String,
    pub(crate) directory: Shared,
    pub(crate) authority: Authority,
    pub(crate) believed: Believed,
    pub(crate) rotation: Rotation,
    /// What the vault was started with.
    pub(crate) started: Started,
    pub(crate) slow_checks: SlowChecks,
    pub(crate) keyring: Arc<Keyring>,
    pub(crate) store: Store,
    /// `None`: as many calls as the machine can answer.
    pub(crate) quotas: Option<Quotas>,
    pub(crate) delays: Delays,
    /// What is to fail on demand.
    pub(crate) faults: Option<Arc<Faults>>,
    /// Whose turn it is to make or read a backup: one can take a hundred megabytes.
    pub(crate) backups: Semaphore,
    pub(crate) audit: Arc<Audit>,
    pub(crate) metrics: Metrics,
    /// What went wrong without being in the way of serving.
    pub(crate) notes: Notes,
    /// Whether the end has begun.
    pub(crate) stopping: AtomicBool,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
}

/// What a vault was started with.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) config: VaultConfig,
    /// The file that it was read from, if any.
    pub(crate) path: Option<PathBuf>,
}

impl Service {
    /// Whether no further requests are taken.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    pub(crate) fn domain(&self) -> &str {
        &self.domain
    }

    /// The vaults and principals of this moment.
    pub(crate) fn directory(&self) -> Arc<Directory> {
        self.directory.now()
    }

    /// The same, made anew if the store says that it has changed.
    ///
    /// # Errors
    /// If that cannot be found out. The cause has been logged.
    pub(crate) async fn fresh_directory(&self) -> Result<Arc<Directory>> {
        self.directory.fresh(&self.store, &self.keyring).await.inspect_err(|error| {
            tracing::error!(%error, "the directory of vaults and principals is not known any more");
        })
    }

    /// Makes one change of what the store keeps of the directory.
    pub(crate) async fn change_directory(
        &self,
        edit: impl FnMut(&mut Stored, &VaultConfig) -> Result<Entry>,
    ) -> Result<()> {
        self.directory.change(&self.store, &self.keyring, edit).await
    }

    /// What the store keeps of the directory, and what the configuration says beside it.
    pub(crate) async fn stored_directory(&self) -> Result<(Stored, Arc<VaultConfig>)> {
        let stored = Stored::parse(&self.store.directory(&self.keyring).await?)?;
        Ok((stored, Arc::clone(&self.directory().config)))
    }

    pub(crate) fn authority(&self) -> &Authority {
        &self.authority
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    pub(crate) fn random(&self) -> &dyn Random {
        &*self.random
    }

    /// The domain that the vault of this host lies under: Azure's, if the client uses it and this service answers to it.
    pub(crate) fn vault_domain(&self, host: &Host) -> &str {
        if self.answers_as_azure && host.is_under(azure::VAULTS) { azure::VAULTS } else { self.domain() }
    }

    /// The name of the token endpoints for a client that calls this host.
    pub(crate) fn login_name(&self, host: &Host) -> String {
        match self.vault_domain(host) {
            azure::VAULTS => azure::LOGIN.to_owned(),
            domain => format!("login.{domain}"),
        }
    }

    /// The names, and all under them, at which the token endpoints are ours.
    pub(crate) fn own_names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.domain()).chain(self.answers_as_azure.then_some(azure::LOGIN))
    }
}
