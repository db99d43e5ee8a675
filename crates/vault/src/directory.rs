//! Which vaults there are, and who may do what in them.
//!
//! A [`Directory`] is whole and never changes; a change makes a new one and puts it in the place of the old ([`Shared`]).
//! So each request sees one state from its first gate to its last, and the next request sees the new one.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::access::Principals;
use crate::host::Host;
use crate::managed_identity::Identities;
use crate::store::VaultId;

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
pub(crate) struct Shared(ArcSwap<Directory>);

impl Shared {
    pub(crate) fn new(directory: Directory) -> Self {
        Self(ArcSwap::from_pointee(directory))
    }

    /// What holds now; a caller keeps it for as long as its request lasts.
    pub(crate) fn now(&self) -> Arc<Directory> {
        self.0.load_full()
    }
}
