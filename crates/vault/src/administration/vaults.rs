//! Vaults that are made at run time.

use serde_json::{Value, json};

use super::COMMAND;
use crate::config::{VaultSettings, check_vault};
use crate::directory::Entry;
use crate::directory::stored::VAULT;
use crate::error::{Error, Result};
use crate::service::Service;

pub(super) async fn create(service: &Service, settings: VaultSettings) -> Result<Value> {
    check_vault(&settings)?;
    let key = settings.name.to_ascii_lowercase();
    // Host names under the domain that are not vaults.
    if matches!(key.as_str(), "login" | "management") {
        return Err(Error::configuration(format!("no vault can have the name {key:?}: that host is taken")));
    }
    let shown = shown(&settings, COMMAND);
    service
        .change_directory(|stored, config| {
            let known = config.vaults.iter().chain(&stored.vaults);
            if let Some(known) = known.into_iter().find(|known| known.name.eq_ignore_ascii_case(&key)) {
                return Err(Error::configuration(format!("there is a vault {:?} already", known.name)));
            }
            let entry = Entry::put(VAULT, &key, &settings)?;
            stored.vaults.push(settings.clone());
            Ok(entry)
        })
        .await?;
    tracing::info!(vault = key, "a vault was made");
    Ok(shown)
}

pub(super) async fn list(service: &Service) -> Result<Value> {
    let (stored, config) = service.stored_directory().await?;
    let directory = service.fresh_directory().await?;
    let of_file = config.vaults.iter().map(|vault| (vault, "vault.yaml"));
    let mut all: Vec<_> = of_file
        .chain(stored.vaults.iter().map(|vault| (vault, COMMAND)))
        .map(|(vault, from)| {
            let mut shown = shown(vault, from);
            // Once switched on it stays on, whatever the file says.
            if let Some(hosted) = directory.vaults.get(&vault.name.to_ascii_lowercase()) {
                shown["enablePurgeProtection"] = hosted.purge_protection.into();
            }
            shown
        })
        .collect();
    all.sort_by_key(|vault| vault["name"].as_str().unwrap_or_default().to_ascii_lowercase());
    Ok(all.into())
}

fn shown(vault: &VaultSettings, from: &str) -> Value {
    json!({
        "name": vault.name,
        "softDeleteRetentionInDays": vault.soft_delete_retention_in_days,
        "enablePurgeProtection": vault.enable_purge_protection,
        "from": from,
    })
}
