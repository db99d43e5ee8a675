//! Where the settings of the vault come from.

mod airflow;
mod env;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use strongroom_config::SecretsManagerLoader;
use strongroom_secrets::azure::{AzureConfig, AzureProvider, Credential, locate};
use strongroom_secrets::transport::Trust;
use strongroom_secrets::{Error, ErrorKind, Provider, Result};

use crate::Environment;

/// Where the settings of the vault come from (`secretsManagerLoader`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loader {
    /// Environment variables: the vault from `AZURE_KEY_VAULT_NAME` (or `AZURE_KEY_VAULT_URL`), the identity from those of
    /// Azure's default credential.
    Env,
    /// Airflow's settings, in the section `openmetadata_secrets_manager`: the vault from `azure_key_vault_name`, the identity
    /// from `azure_tenant_id`, `azure_client_id` and `azure_client_secret`, or without them Azure's default credential.
    Airflow,
    /// Nowhere: there are no credentials, so no reference can be resolved. OpenMetadata's default.
    Noop,
}

/// A loader that there is not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no loader {0:?}; choose one of {names}", names = Loader::ALL.map(Loader::name).join(", "))]
pub struct UnknownLoader(String);

impl Loader {
    /// Every loader.
    pub const ALL: [Loader; 3] = [Loader::Env, Loader::Airflow, Loader::Noop];

    /// Its name in a configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Env => "env",
            Self::Airflow => "airflow",
            Self::Noop => "noop",
        }
    }

    /// Opens the vault that `environment` describes. Nothing is sent yet.
    ///
    /// With either of the first two, `AZURE_AUTHORITY_HOST` moves the token endpoint and, in Azure's clouds, the vault, and `SSL_CERT_FILE`,
    /// `SSL_CERT_DIR` and `OM_SM_CA_FILE` say whose certificates are trusted. An empty variable counts as unset.
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration) or [`Unauthenticated`](ErrorKind::Unauthenticated), naming the variable
    /// that is missing or wrong; always for [`Loader::Noop`].
    pub fn open(self, environment: Environment<'_>) -> Result<Arc<dyn Provider>> {
        self.open_within(environment, None)
    }

    /// As [`Loader::open`], with another bound for each call than the usual one.
    ///
    /// # Errors
    /// As [`Loader::open`].
    pub fn open_within(
        self,
        environment: Environment<'_>,
        call_timeout: Option<Duration>,
    ) -> Result<Arc<dyn Provider>> {
        let open = |mut config: AzureConfig| -> Result<Arc<dyn Provider>> {
            config.call_timeout = call_timeout.unwrap_or(config.call_timeout);
            Ok(Arc::new(AzureProvider::new(&config)?))
        };
        match self {
            Self::Env => open(env::config(environment)?),
            Self::Airflow => open(airflow::config(environment)?),
            Self::Noop => Err(Error::new(
                ErrorKind::Configuration,
                "the loader noop has no credentials for a vault, so references to secrets cannot be resolved",
            )
            .with_hint(
                "use the loader env and set AZURE_KEY_VAULT_NAME and the AZURE_ variables of an identity, or the loader airflow",
            )),
        }
    }
}

/// The configuration for a vault (by its URL, else by its name in the cloud that the authority belongs to) and an identity, with
/// what the environment says of the network between.
fn config(
    url: Option<&str>,
    name: Option<&str>,
    credential: Credential,
    environment: Environment<'_>,
) -> Result<AzureConfig> {
    let (vault, authority) = locate(url, name, set(environment, "AZURE_AUTHORITY_HOST").as_deref())?;
    let mut config = AzureConfig::new(vault, credential);
    config.authority = authority;
    config.trust = Trust::from_environment(environment);
    config.trust.ca_file = set(environment, "OM_SM_CA_FILE").map(Into::into);
    Ok(config)
}

/// A variable that is set to something.
fn set(environment: Environment<'_>, name: &str) -> Option<String> {
    environment(name).filter(|text| !text.is_empty())
}

impl From<SecretsManagerLoader> for Loader {
    fn from(configured: SecretsManagerLoader) -> Self {
        match configured {
            SecretsManagerLoader::Noop => Self::Noop,
            SecretsManagerLoader::Airflow => Self::Airflow,
            SecretsManagerLoader::Env => Self::Env,
        }
    }
}

impl fmt::Display for Loader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Loader {
    type Err = UnknownLoader;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|loader| loader.name() == text)
            .ok_or_else(|| UnknownLoader(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDENTITY: [(&str, &str); 3] =
        [("AZURE_TENANT_ID", "t"), ("AZURE_CLIENT_ID", "c"), ("AZURE_CLIENT_SECRET", "hunter2")];

    fn open(loader: Loader, set: &[(&str, &str)]) -> Result<Arc<dyn Provider>> {
        loader
            .open(&|asked| set.iter().find(|(name, _)| *name == asked).map(|(_, value)| (*value).to_owned()))
    }

    fn with_identity(set: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
        IDENTITY.iter().chain(set).copied().collect()
    }

    #[test]
    fn the_vault_is_named_or_given_by_its_url_which_wins() {
        let named = open(Loader::Env, &with_identity(&[("AZURE_KEY_VAULT_NAME", "sales")])).unwrap();
        assert_eq!(named.to_string(), "Azure Key Vault https://sales.vault.azure.net");
        let both =
            [("AZURE_KEY_VAULT_NAME", "v1"), ("AZURE_KEY_VAULT_URL", "https://v1.vault.localhost:8443")];
        let given = open(Loader::Env, &with_identity(&both)).unwrap();
        assert_eq!(given.to_string(), "Azure Key Vault https://v1.vault.localhost:8443");
    }

    #[test]
    fn a_vault_name_that_is_missing_or_empty_is_asked_for() {
        for set in [with_identity(&[]), with_identity(&[("AZURE_KEY_VAULT_NAME", "")])] {
            let error = open(Loader::Env, &set).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration);
            assert!(error.to_string().contains("AZURE_KEY_VAULT_NAME is not set"), "{error}");
        }
    }

    #[test]
    fn an_incomplete_identity_is_named() {
        let half = [IDENTITY[0], IDENTITY[2], ("AZURE_KEY_VAULT_NAME", "sales")];
        let error = open(Loader::Env, &half).unwrap_err();
        assert!(error.to_string().contains("AZURE_CLIENT_ID is not set"), "{error}");
    }

    #[test]
    fn a_file_of_authorities_that_is_missing_is_named() {
        for variable in ["SSL_CERT_FILE", "OM_SM_CA_FILE"] {
            let set = with_identity(&[("AZURE_KEY_VAULT_NAME", "sales"), (variable, "/does/not/exist.pem")]);
            let error = open(Loader::Env, &set).unwrap_err();
            assert!(error.to_string().contains("/does/not/exist.pem"), "{error}");
        }
    }

    #[test]
    fn noop_says_that_it_cannot_and_what_can() {
        let error = open(Loader::Noop, &with_identity(&[("AZURE_KEY_VAULT_NAME", "sales")])).unwrap_err();
        assert!(error.to_string().contains("has no credentials"), "{error}");
        assert!(error.hint().is_some_and(|hint| hint.contains("loader env")), "{error}");
    }

    #[test]
    fn an_unknown_loader_is_answered_with_those_there_are() {
        let error = "airflw".parse::<Loader>().unwrap_err();
        assert_eq!(error.to_string(), "there is no loader \"airflw\"; choose one of env, airflow, noop");
    }
}
