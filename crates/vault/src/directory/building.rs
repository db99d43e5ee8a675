//! Making a directory of the configuration and of what the store keeps.

use std::collections::HashMap;
use std::sync::Arc;

use super::stored::{PROTECTION, Stored};
use super::{Directory, HostedVault};
use crate::config::VaultConfig;
use crate::error::{Error, ErrorKind, Result};
use crate::keys::Keyring;
use crate::store::Store;

/// Makes the directory of this moment.
///
/// # Errors
/// [`Configuration`](ErrorKind::Configuration) if the two contradict each other; [`Database`](ErrorKind::Database).
pub(super) async fn build(config: Arc<VaultConfig>, store: &Store, keyring: &Keyring) -> Result<Directory> {
    let mut stored = Stored::parse(&store.directory(keyring).await?)?;
    let mut checked = config.check_with(&stored)?;
    for (key, settings) in &mut checked.vaults {
        match (settings.enable_purge_protection, stored.protected.contains(key)) {
            (true, false) => {
                let generation =
                    store.put_entry(keyring, PROTECTION, key, "{}", None).await.map_err(|_| {
                        Error::new(ErrorKind::Database, "cannot store a vault's purge protection")
                    })?;
                // If others changed something in between, it is not known here: the next call looks again.
                if generation == Some(stored.generation + 1) {
                    stored.generation += 1;
                }
            }
            (false, true) => {
                tracing::warn!(
                    vault = key,
                    "purge protection cannot be switched off again: the vault keeps it, whatever the configuration says"
                );
                settings.enable_purge_protection = true;
            }
            (true, true) | (false, false) => {}
        }
    }
    let mut vaults = HashMap::with_capacity(checked.vaults.len());
    for (key, settings) in checked.vaults {
        let hosted = HostedVault {
            id: store.vault(&key).await?,
            key: key.clone(),
            retention_days: settings.soft_delete_retention_in_days,
            purge_protection: settings.enable_purge_protection,
        };
        vaults.insert(key, hosted);
    }
    Ok(Directory {
        generation: stored.generation,
        vaults,
        principals: checked.principals,
        identities: checked.identities,
        config,
    })
}
