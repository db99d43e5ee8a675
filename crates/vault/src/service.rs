//! What the request handlers share.

use std::sync::Arc;

use strongroom_secrets::{Clock, Random};
use tokio::sync::Semaphore;

use crate::audit::Audit;
use crate::config::Delays;
use crate::data_plane::Quotas;
use crate::directory::{Directory, Shared};
use crate::entra::{Authority, Believed};
use crate::faults::Faults;
use crate::keys::Keyring;
use crate::store::Store;

/// Everything that a request needs.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) domain: String,
    pub(crate) tenant: String,
    pub(crate) directory: Shared,
    pub(crate) authority: Authority,
    pub(crate) believed: Believed,
    pub(crate) keyring: Keyring,
    pub(crate) store: Store,
    /// `None`: as many calls as the machine can answer.
    pub(crate) quotas: Option<Quotas>,
    pub(crate) delays: Delays,
    /// What is to fail on demand.
    pub(crate) faults: Option<Arc<Faults>>,
    /// Whose turn it is to make or read a backup: one can take a hundred megabytes.
    pub(crate) backups: Semaphore,
    pub(crate) audit: Arc<Audit>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
}

impl Service {
    pub(crate) fn domain(&self) -> &str {
        &self.domain
    }

    /// The vaults and principals of this moment.
    pub(crate) fn directory(&self) -> Arc<Directory> {
        self.directory.now()
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
}
