//! The vault that references lead to.

use std::sync::Arc;
use std::time::Duration;

use strongroom_config::{SecretsManager, VaultKind};
use strongroom_secrets::cache::{CacheConfig, CachedProvider};
use strongroom_secrets::file::{FileConfig, FileProvider};
use strongroom_secrets::{Clock, Error, ErrorKind, Provider, Random, Result};

use crate::{Environment, Loader};

/// Opens the vault of a secrets manager for one run, with a cache before it: each secret is read once, whoever refers to it.
/// Nothing is sent yet.
///
/// A Key Vault is found by `loader`. A folder of encrypted files needs no credentials: `OM_SM_FOLDER` names it, whatever the
/// loader is.
///
/// # Errors
/// [`Configuration`](ErrorKind::Configuration) or [`Unauthenticated`](ErrorKind::Unauthenticated) if there is no such vault, or
/// its settings are missing or wrong.
pub fn open_vault(
    manager: SecretsManager,
    loader: Loader,
    environment: Environment<'_>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
) -> Result<Arc<dyn Provider>> {
    let vault = open_vault_itself(manager, loader, environment, None, Arc::clone(&clock), random)?;
    Ok(Arc::new(CachedProvider::new(vault, CacheConfig::RUN, clock)))
}

/// As [`open_vault`], without a cache, for who wants to see what the vault itself says. `call_timeout` bounds each call; `None` leaves
/// it as it usually is.
///
/// # Errors
/// As [`open_vault`].
pub fn open_vault_itself(
    manager: SecretsManager,
    loader: Loader,
    environment: Environment<'_>,
    call_timeout: Option<Duration>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
) -> Result<Arc<dyn Provider>> {
    Ok(match manager.vault() {
        Some(VaultKind::AzureKeyVault) => loader.open_within(environment, call_timeout)?,
        Some(VaultKind::Folder) => {
            let mut config = FileConfig::from_environment(environment).ok_or_else(|| {
                configuration(format!(
                    "{} is not set, so there is no folder of secrets",
                    FileConfig::FOLDER_VARIABLE
                ))
                .with_hint("set it to the folder that the metadata server keeps its secrets in")
            })?;
            config.call_timeout = call_timeout.unwrap_or(config.call_timeout);
            Arc::new(FileProvider::open(&config, clock, random)?)
        }
        Some(VaultKind::Memory) => {
            return Err(configuration(format!(
                "the secrets of {} are gone with the server's process",
                manager.as_str()
            )));
        }
        None => {
            return Err(configuration(format!(
                "the secrets manager {} has no vault for references",
                manager.as_str()
            ))
            .with_hint("choose azure-kv or managed-azure-kv"));
        }
    })
}

fn configuration(message: String) -> Error {
    Error::new(ErrorKind::Configuration, message)
}

#[cfg(test)]
mod tests {
    use strongroom_secrets::clock::SystemClock;
    use strongroom_secrets::random::SystemRandom;
    use strongroom_secrets::{NewSecret, SecretName};

    use super::*;

    fn open(manager: SecretsManager, set: &[(&str, &str)]) -> Result<Arc<dyn Provider>> {
        let variable =
            |asked: &str| set.iter().find(|(name, _)| *name == asked).map(|(_, value)| (*value).to_owned());
        open_vault(manager, Loader::Noop, &variable, Arc::new(SystemClock), Arc::new(SystemRandom))
    }

    #[tokio::test]
    async fn a_folder_of_encrypted_files_is_read_whatever_the_loader_is() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("secrets");
        let config = FileConfig::new(&folder);
        let server = FileProvider::open(&config, Arc::new(SystemClock), Arc::new(SystemRandom)).unwrap();
        let name = SecretName::new("a").unwrap();
        server.set(&name, NewSecret { value: "1".into(), ..NewSecret::default() }).await.unwrap();
        let vault = open(SecretsManager::ManagedFile, &[("OM_SM_FOLDER", folder.to_str().unwrap())]).unwrap();
        assert_eq!(vault.get(&name, None).await.unwrap().value, "1".into());
    }

    #[tokio::test]
    async fn what_a_run_has_read_it_does_not_ask_for_again() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("secrets");
        let config = FileConfig::new(&folder);
        let server = FileProvider::open(&config, Arc::new(SystemClock), Arc::new(SystemRandom)).unwrap();
        let name = SecretName::new("a").unwrap();
        let set = async |value: &str| {
            server.set(&name, NewSecret { value: value.into(), ..NewSecret::default() }).await.unwrap()
        };
        set("1").await;
        let vault = open(SecretsManager::ManagedFile, &[("OM_SM_FOLDER", folder.to_str().unwrap())]).unwrap();
        assert_eq!(vault.get(&name, None).await.unwrap().value, "1".into());
        set("2").await;
        assert_eq!(vault.get(&name, None).await.unwrap().value, "1".into(), "it is kept for the run");
    }

    #[test]
    fn a_manager_without_a_vault_to_read_is_refused() {
        for (manager, says) in [
            (SecretsManager::Db, "has no vault"),
            (SecretsManager::InMemory, "gone with the server"),
            (SecretsManager::ManagedFile, "OM_SM_FOLDER is not set"),
            (SecretsManager::AzureKv, "noop has no credentials"),
        ] {
            let error = open(manager, &[]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration);
            assert!(error.to_string().contains(says), "{error}");
        }
    }
}
