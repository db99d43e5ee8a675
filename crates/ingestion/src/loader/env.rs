//! The loader `env`.

use strongroom_secrets::azure::{AzureConfig, Credential};
use strongroom_secrets::{Error, ErrorKind, Result};

use super::set;
use crate::Environment;

/// What the environment says of the vault and the identity.
pub(super) fn config(environment: Environment<'_>) -> Result<AzureConfig> {
    let (url, name) = (set(environment, "AZURE_KEY_VAULT_URL"), set(environment, "AZURE_KEY_VAULT_NAME"));
    if url.is_none() && name.is_none() {
        return Err(Error::new(
            ErrorKind::Configuration,
            "AZURE_KEY_VAULT_NAME is not set, so there is no vault to ask",
        )
        .with_hint("set it to the vault's name, or AZURE_KEY_VAULT_URL to its URL if that is not in one of Azure's clouds"));
    }
    super::config(url.as_deref(), name.as_deref(), Credential::from_environment(environment)?, environment)
}
