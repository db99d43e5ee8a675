//! The loader `env`.

use strongroom_secrets::azure::{AzureConfig, Credential, VaultUrl};
use strongroom_secrets::{Error, ErrorKind, Result};

use super::set;
use crate::Environment;

/// What the environment says of the vault and the identity.
pub(super) fn config(environment: Environment<'_>) -> Result<AzureConfig> {
    let vault = match (set(environment, "AZURE_KEY_VAULT_URL"), set(environment, "AZURE_KEY_VAULT_NAME")) {
        (Some(url), _) => url.parse()?,
        (None, Some(name)) => VaultUrl::from_vault_name(&name)?,
        (None, None) => {
            return Err(Error::new(ErrorKind::Configuration, "AZURE_KEY_VAULT_NAME is not set, so there is no vault to ask")
                .with_hint("set it to the vault's name, or AZURE_KEY_VAULT_URL to its URL if that is not in vault.azure.net"));
        }
    };
    super::config(vault, Credential::from_environment(environment)?, environment)
}
