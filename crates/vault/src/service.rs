//! What the request handlers share.

use std::collections::HashMap;
use std::sync::Arc;

use strongroom_secrets::{Clock, Random};

use crate::access::Principals;
use crate::entra::Authority;
use crate::host::Host;
use crate::keys::Keyring;
use crate::store::{Store, VaultId};

/// A vault that is served.
#[derive(Debug)]
pub(crate) struct HostedVault {
    pub(crate) id: VaultId,
    /// In lower case: what roles and ciphertexts are bound to.
    pub(crate) key: String,
    pub(crate) retention_days: u32,
    pub(crate) purge_protection: bool,
}

/// Everything that a request needs.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) domain: String,
    pub(crate) tenant: String,
    /// By name in lower case.
    pub(crate) vaults: HashMap<String, HostedVault>,
    pub(crate) principals: Principals,
    pub(crate) authority: Authority,
    pub(crate) keyring: Keyring,
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
}

impl Service {
    pub(crate) fn domain(&self) -> &str {
        &self.domain
    }

    pub(crate) fn principals(&self) -> &Principals {
        &self.principals
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

    /// The vault that a host name stands for.
    pub(crate) fn vault(&self, host: &Host) -> Option<&HostedVault> {
        self.vaults.get(host.label_under(&self.domain)?)
    }
}
