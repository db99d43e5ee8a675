//! Who we are to the vault, and how that is proved.
//!
//! [`environment`] finds a credential in the variables that Azure's clients share; [`certificate`] signs assertions,
//! [`managed_identity`] knows the endpoints that a host gives to what runs on it, [`cli`] asks `az`.

mod certificate;
mod cli;
mod environment;
mod managed_identity;

use std::path::PathBuf;
use std::sync::Arc;

use azure_core::cloud::{CloudConfiguration, CustomConfiguration};
use azure_core::credentials::{Secret as AzureSecret, TokenCredential};
use azure_core::http::{ClientOptions, Url};
use azure_identity::{
    ClientAssertionCredentialOptions, ClientSecretCredential, ClientSecretCredentialOptions,
    WorkloadIdentityCredential, WorkloadIdentityCredentialOptions,
};

pub use certificate::ClientCertificate;
pub use environment::CredentialKind;
pub use managed_identity::ManagedIdentity;

use super::AuthorityHost;
use super::channel::Peer;
use crate::{Error, ErrorKind, Result, SecretValue};

/// An identity, and how it is proved.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Credential {
    /// An app registration with a client secret.
    ClientSecret(ClientSecret),
    /// An app registration with a certificate.
    ClientCertificate(ClientCertificate),
    /// What runs in a pod, by the token of its service account.
    WorkloadIdentity(WorkloadIdentity),
    /// What runs on a host of Azure's, or of the embedded vault.
    ManagedIdentity(ManagedIdentity),
    /// Who is signed in to the Azure CLI.
    AzureCli(AzureCli),
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

/// An identity that a cluster vouches for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkloadIdentity {
    /// The directory: an id, a domain, or `adfs`.
    pub tenant: String,
    /// The application (client) id.
    pub client_id: String,
    /// The file with the service account's token; it is read again, since the cluster renews it.
    pub token_file: PathBuf,
}

/// Whoever is signed in to the Azure CLI.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AzureCli {
    /// The directory, if not the one that the CLI itself would take.
    pub tenant: Option<String>,
}

/// Makes the options of a client that speaks to one host: by TLS to the authority, in the clear to a managed identity's
/// endpoint.
pub(super) type MakeOptions<'a> = &'a dyn Fn(Peer, &Url) -> Result<ClientOptions>;

impl Credential {
    /// The SDK's credential, which asks `authority` for tokens, or whoever else gives them.
    pub(super) fn build(
        &self,
        authority: &AuthorityHost,
        options: MakeOptions<'_>,
    ) -> Result<Arc<dyn TokenCredential>> {
        match self {
            Self::ClientSecret(known) => known.build(at(authority, options)?),
            Self::ClientCertificate(known) => known.build(authority, at(authority, options)?),
            Self::WorkloadIdentity(known) => known.build(at(authority, options)?),
            Self::ManagedIdentity(known) => known.build(options),
            Self::AzureCli(known) => cli::build(known),
        }
    }

    /// Texts that must not show up in a message, whatever a server answers.
    pub(super) fn secrets(&self) -> Vec<SecretValue> {
        match self {
            Self::ClientSecret(known) => vec![known.client_secret.clone()],
            _ => vec![],
        }
    }

    /// Who gives the tokens, for messages, and what to look at if there is none.
    pub(super) fn token_source(&self, authority: &AuthorityHost) -> TokenSource {
        let (name, hint) = match self {
            Self::ClientSecret(_) => (authority.to_string(), "check tenant id, client id and client secret"),
            Self::ClientCertificate(_) => (
                authority.to_string(),
                "check tenant id and client id, and that the certificate is the app's",
            ),
            Self::WorkloadIdentity(_) => (
                authority.to_string(),
                "check tenant id and client id, and the issuer, subject and audience of the app's federated credential",
            ),
            Self::ManagedIdentity(known) => (
                known.endpoint_shown(),
                "check that this identity is assigned to the machine, and its client id",
            ),
            Self::AzureCli(_) => ("the Azure CLI".to_owned(), "sign in with `az login`"),
        };
        TokenSource { name, hint }
    }
}

/// Who gives the tokens.
#[derive(Debug, Clone)]
pub(super) struct TokenSource {
    pub(super) name: String,
    pub(super) hint: &'static str,
}

/// Options for the authority, which is named even for the public cloud: else the SDK would read AZURE_AUTHORITY_HOST from
/// the process by itself.
fn at(authority: &AuthorityHost, options: MakeOptions<'_>) -> Result<ClientOptions> {
    let mut cloud = CustomConfiguration::default();
    cloud.authority_host = authority.to_string();
    let cloud = Some(Arc::new(CloudConfiguration::Custom(cloud)));
    Ok(ClientOptions { cloud, ..options(Peer::Authority, authority.url())? })
}

/// Refuses what is empty: the SDK's own words for it are not the user's.
fn not_empty(parts: &[(&str, bool)]) -> Result<()> {
    match parts.iter().find(|(_, empty)| *empty) {
        Some((what, _)) => {
            Err(Error::new(ErrorKind::Configuration, format!("the {what} for Azure is empty")))
        }
        None => Ok(()),
    }
}

/// The SDK's own text is long and ends in a link; the tenant is all that can still be wrong.
fn no_tenant(tenant: &str) -> Error {
    Error::new(ErrorKind::Configuration, format!("{tenant:?} is not a tenant id"))
        .with_hint("letters, digits, dots and hyphens; Azure shows it as Directory (tenant) ID")
}

impl ClientSecret {
    fn build(&self, options: ClientOptions) -> Result<Arc<dyn TokenCredential>> {
        let Self { tenant, client_id, client_secret } = self;
        not_empty(&[
            ("tenant id", tenant.is_empty()),
            ("client id", client_id.is_empty()),
            ("client secret", client_secret.is_empty()),
        ])?;
        let secret = AzureSecret::new(client_secret.expose().to_owned());
        let options = ClientSecretCredentialOptions { client_options: options };
        let credential = ClientSecretCredential::new(tenant, client_id.clone(), secret, Some(options))
            .map_err(|_| no_tenant(tenant))?;
        Ok(credential)
    }
}

impl WorkloadIdentity {
    fn build(&self, options: ClientOptions) -> Result<Arc<dyn TokenCredential>> {
        let Self { tenant, client_id, token_file } = self;
        not_empty(&[("tenant id", tenant.is_empty()), ("client id", client_id.is_empty())])?;
        if let Err(error) = std::fs::File::open(token_file) {
            let message =
                format!("cannot read the service account's token {}: {error}", token_file.display());
            return Err(Error::new(ErrorKind::Configuration, message)
                .with_hint("AZURE_FEDERATED_TOKEN_FILE names it; in a cluster the webhook of workload identity does that"));
        }
        let options = WorkloadIdentityCredentialOptions {
            credential_options: ClientAssertionCredentialOptions { client_options: options },
            client_id: Some(client_id.clone()),
            tenant_id: Some(tenant.clone()),
            token_file_path: Some(token_file.clone()),
        };
        let credential = WorkloadIdentityCredential::new(Some(options)).map_err(|_| no_tenant(tenant))?;
        Ok(credential)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_that_cannot_be_one_is_a_configuration_error() {
        let (authority, options) =
            (AuthorityHost::default(), |_: Peer, _: &Url| Ok(ClientOptions::default()));
        let folder = tempfile::tempdir().unwrap();
        let token_file = folder.path().join("token");
        std::fs::write(&token_file, "a.b.c").unwrap();
        let (tenant, client_id) = ("a/b".to_owned(), "c".to_owned());
        for credential in [
            Credential::ClientSecret(ClientSecret {
                tenant: tenant.clone(),
                client_id: client_id.clone(),
                client_secret: "s".into(),
            }),
            Credential::WorkloadIdentity(WorkloadIdentity { tenant, client_id, token_file }),
        ] {
            let built = credential.build(&authority, &options);
            assert_eq!(built.err().map(|error| error.kind()), Some(ErrorKind::Configuration));
        }
    }

    #[test]
    fn a_token_file_that_is_not_there_is_named() {
        let missing = Credential::WorkloadIdentity(WorkloadIdentity {
            tenant: "t".into(),
            client_id: "c".into(),
            token_file: "/nowhere/token".into(),
        });
        let error = missing
            .build(&AuthorityHost::default(), &|_: Peer, _: &Url| Ok(ClientOptions::default()))
            .err()
            .unwrap();
        assert!(error.to_string().contains("/nowhere/token"), "{error}");
    }
}
