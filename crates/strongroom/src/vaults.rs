//! The vaults that settings describe, each kind of them opened in one place.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use strongroom_config::{Environment, SecretsManager, Settings, VaultKind};
use strongroom_secrets::Provider;
use strongroom_secrets::clock::SystemClock;
use strongroom_secrets::file::{FileConfig, FileProvider, KeySource};
use strongroom_secrets::memory::MemoryProvider;
use strongroom_secrets::random::SystemRandom;

use crate::wiring;

/// The name of the folder of secrets in the data folder, where the settings name none.
const USUAL_FOLDER: &str = "secrets";

/// Opens the vault of a kind.
pub(crate) fn open(
    kind: VaultKind,
    settings: &Settings,
    environment: &Environment,
) -> Result<Arc<dyn Provider>> {
    Ok(match kind {
        VaultKind::AzureKeyVault => wiring::key_vault(settings, environment)?,
        VaultKind::Folder => {
            let config = folder(settings);
            Arc::new(FileProvider::open(&config, Arc::new(SystemClock), Arc::new(SystemRandom))?)
        }
        VaultKind::Memory => Arc::new(MemoryProvider::with(Arc::new(SystemClock), Arc::new(SystemRandom))),
    })
}

/// Where a vault of a kind would have to be made first, if it is not there yet: its first write makes it.
pub(crate) fn not_made_yet(kind: VaultKind, settings: &Settings) -> Option<PathBuf> {
    match kind {
        VaultKind::Folder => Some(folder(settings).folder).filter(|folder| !folder.exists()),
        VaultKind::AzureKeyVault | VaultKind::Memory => None,
    }
}

/// The vaults that the settings describe besides the one of `provider`: secrets may still be kept there, from before the provider
/// was changed. One that cannot be opened is left out, with a warning: perhaps nothing is kept there.
pub(crate) fn former(
    provider: SecretsManager,
    settings: &Settings,
    environment: &Environment,
) -> Vec<Arc<dyn Provider>> {
    let azure = &settings.secrets_manager.azure;
    let described = [
        (VaultKind::AzureKeyVault, azure.vault_name.is_some() || azure.vault_url.is_some()),
        (
            VaultKind::Folder,
            settings.secrets_manager.folder.folder.is_some() || usual_folder(settings).exists(),
        ),
    ];
    described
        .into_iter()
        .filter(|(kind, described)| *described && provider.vault() != Some(*kind))
        .filter_map(|(kind, _)| match open(kind, settings, environment) {
            Ok(vault) => Some(vault),
            Err(error) => {
                let error: &(dyn std::error::Error + 'static) = error.as_ref();
                tracing::warn!(error, "a vault that is described besides the configured one cannot be used");
                None
            }
        })
        .collect()
}

/// The folder of secrets that the settings describe.
fn folder(settings: &Settings) -> FileConfig {
    let given = &settings.secrets_manager.folder;
    let mut config = FileConfig::new(given.folder.clone().unwrap_or_else(|| usual_folder(settings)));
    if let Some(key) = &given.key {
        config.key = KeySource::Given(key.clone());
    } else if let Some(file) = &given.key_file {
        config.key = KeySource::File(file.clone());
    }
    config.call_timeout = settings.strongroom.call_timeout;
    config
}

fn usual_folder(settings: &Settings) -> PathBuf {
    settings.data_dir.join(USUAL_FOLDER)
}
