//! Reading `vault.yaml` again while the vault runs.

use crate::config::VaultConfig;
use crate::error::{Error, Result};
use crate::service::Service;

/// The part of a note about it.
const NOTE: &str = "configuration";

impl Service {
    /// Makes a new directory of the configuration file and puts it in the place of the old. Answers the keys whose change
    /// takes effect at the next start only.
    ///
    /// # Errors
    /// If the file cannot be read or breaks a rule: everything stays as it was. The log says so too.
    pub(crate) async fn reload(&self) -> Result<Vec<&'static str>> {
        let reloaded = self.try_reload().await;
        match &reloaded {
            Ok(ignored) => {
                self.notes.clear(NOTE);
                tracing::info!(vaults = self.directory().vaults.len(), "the configuration was reloaded");
                for key in ignored {
                    tracing::warn!(key, "a change of this key takes effect at the next start only");
                }
            }
            Err(error) => {
                self.notes.set(NOTE, format!("not reloaded, what it said before still holds: {error}"));
                tracing::error!(%error, "the configuration was not reloaded; everything stays as it was");
            }
        }
        reloaded
    }

    async fn try_reload(&self) -> Result<Vec<&'static str>> {
        let path = self.started.path.as_ref().ok_or_else(|| {
            Error::configuration("the configuration came from no file: there is nothing to read again")
        })?;
        let config = VaultConfig::read(path)?;
        let ignored = self.started.config.fixed_keys_that_differ(&config);
        self.directory.reload(config, &self.store, &self.keyring).await?;
        Ok(ignored)
    }
}
