//! Who we are to the vault.

use std::sync::Arc;

use azure_core::cloud::{CloudConfiguration, CustomConfiguration};
use azure_core::credentials::{Secret as AzureSecret, TokenCredential};
use azure_core::http::ClientOptions;
use azure_identity::{ClientSecretCredential, ClientSecretCredentialOptions};

use super::AuthorityHost;
use crate::{Error, ErrorKind, Result, SecretValue};

/// An identity, and how it is proved.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Credential {
    /// An app registration with a client secret.
    ClientSecret(ClientSecret),
}

/// An app registration with a client secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientSecret {
    /// The directory: an id, a domain, or `adfs`.
    pub tenant: String,
    /// The application (client) id.
    pub client_id: String,
    /// The secret that was made for it: its value, not its id.
    pub client_secret: SecretValue,
}

impl Credential {
    /// The credential that an environment describes: `AZURE_TENANT_ID`, `AZURE_CLIENT_ID`, `AZURE_CLIENT_SECRET`.
    ///
    /// # Errors
    /// [`Unauthenticated`](ErrorKind::Unauthenticated) with a list of what was looked for and why each did not serve; it
    /// also names the kinds of credentials that others find in such an environment and that are not supported yet.
    pub fn from_environment(variable: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        let set = |name: &str| variable(name).filter(|text| !text.is_empty());
        let tenant = set("AZURE_TENANT_ID");
        let client_id = set("AZURE_CLIENT_ID");
        let client_secret = set("AZURE_CLIENT_SECRET");
        let missing: Vec<&str> = [
            ("AZURE_TENANT_ID", tenant.is_none()),
            ("AZURE_CLIENT_ID", client_id.is_none()),
            ("AZURE_CLIENT_SECRET", client_secret.is_none()),
        ]
        .into_iter()
        .filter_map(|(name, missing)| missing.then_some(name))
        .collect();
        if let (Some(tenant), Some(client_id), Some(client_secret)) = (tenant, client_id, client_secret) {
            return Ok(Self::ClientSecret(ClientSecret {
                tenant,
                client_id,
                client_secret: client_secret.into(),
            }));
        }

        let plural = if missing.len() == 1 { "is" } else { "are" };
        let mut tried = vec![format!("client secret: {} {plural} not set", missing.join(", "))];
        for (kind, marker) in [
            ("client certificate", "AZURE_CLIENT_CERTIFICATE_PATH"),
            ("user name and password", "AZURE_USERNAME"),
            ("workload identity", "AZURE_FEDERATED_TOKEN_FILE"),
            ("managed identity", "IDENTITY_ENDPOINT"),
        ] {
            let state = if set(marker).is_some() {
                "is set, but not supported yet"
            } else {
                "is not set, nor supported yet"
            };
            tried.push(format!("{kind}: {marker} {state}"));
        }
        let message = format!("the environment holds no credential for Azure; tried {}", tried.join("; "));
        Err(Error::new(ErrorKind::Unauthenticated, message)
            .with_hint("set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET"))
    }

    /// The SDK's credential, which asks `authority` for tokens with `options`.
    pub(super) fn build(
        &self,
        authority: &AuthorityHost,
        options: ClientOptions,
    ) -> Result<Arc<dyn TokenCredential>> {
        let Self::ClientSecret(ClientSecret { tenant, client_id, client_secret }) = self;
        for (what, empty) in [
            ("tenant id", tenant.is_empty()),
            ("client id", client_id.is_empty()),
            ("client secret", client_secret.is_empty()),
        ] {
            if empty {
                return Err(Error::new(ErrorKind::Configuration, format!("the {what} for Azure is empty")));
            }
        }
        // Named even for the public cloud: else the SDK would read AZURE_AUTHORITY_HOST from the process by itself.
        let mut cloud = CustomConfiguration::default();
        cloud.authority_host = authority.to_string();
        let options = ClientOptions { cloud: Some(Arc::new(CloudConfiguration::Custom(cloud))), ..options };
        let secret = AzureSecret::new(client_secret.expose().to_owned());
        let options = ClientSecretCredentialOptions { client_options: options };
        let credential = ClientSecretCredential::new(tenant, client_id.clone(), secret, Some(options))
            // The SDK's own text is long and ends in a link; the tenant is all that can still be wrong here.
            .map_err(|_| {
                Error::new(ErrorKind::Configuration, format!("{tenant:?} is not a tenant id"))
                    .with_hint("letters, digits, dots and hyphens; Azure shows it as Directory (tenant) ID")
            })?;
        Ok(credential)
    }

    /// Texts that must not show up in a message, whatever a server answers.
    pub(super) fn secrets(&self) -> &SecretValue {
        let Self::ClientSecret(ClientSecret { client_secret, .. }) = self;
        client_secret
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment<'a>(set: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        |asked| set.iter().find(|(name, _)| *name == asked).map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn three_variables_make_a_client_secret() {
        let set = [("AZURE_TENANT_ID", "t"), ("AZURE_CLIENT_ID", "c"), ("AZURE_CLIENT_SECRET", "s")];
        let wanted = ClientSecret { tenant: "t".into(), client_id: "c".into(), client_secret: "s".into() };
        assert_eq!(
            Credential::from_environment(&environment(&set)).unwrap(),
            Credential::ClientSecret(wanted)
        );
    }

    #[test]
    fn what_is_missing_or_not_supported_is_listed() {
        let set =
            [("AZURE_TENANT_ID", "t"), ("AZURE_CLIENT_SECRET", ""), ("AZURE_FEDERATED_TOKEN_FILE", "/token")];
        let error = Credential::from_environment(&environment(&set)).unwrap_err().to_string();
        assert!(error.contains("AZURE_CLIENT_ID, AZURE_CLIENT_SECRET are not set"), "{error}");
        assert!(error.contains("AZURE_FEDERATED_TOKEN_FILE is set, but not supported yet"), "{error}");
    }

    #[test]
    fn a_tenant_that_cannot_be_one_is_a_configuration_error() {
        let secret = ClientSecret { tenant: "a/b".into(), client_id: "c".into(), client_secret: "s".into() };
        let built =
            Credential::ClientSecret(secret).build(&AuthorityHost::default(), ClientOptions::default());
        assert_eq!(built.err().map(|error| error.kind()), Some(ErrorKind::Configuration));
    }
}
