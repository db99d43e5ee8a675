//! Who we are to the vault, and how that is proved.
//!
//! [`environment`] finds credentials in the variables that Azure's clients share, one of a kind or the default [`chain`].
//! Each kind is a small room: [`certificate`] signs assertions with a key from a [`certificate_file`], [`managed_identity`]
//! knows the endpoints that a host gives to what runs on it, [`tools`] asks `az` and `azd`. A [`link`] is one credential at
//! work. [`tokens`] keeps what they give and renews it; [`refusal`] says why there is none.

mod certificate;
mod certificate_file;
mod chain;
mod environment;
mod link;
mod managed_identity;
mod refusal;
mod signed_in;
mod tokens;
mod tools;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use azure_core::cloud::{CloudConfiguration, CustomConfiguration};
use azure_core::credentials::{Secret as AzureSecret, TokenCredential};
use azure_core::http::{ClientOptions, Url};
use azure_identity::{
    ClientAssertionCredentialOptions, ClientSecretCredential, ClientSecretCredentialOptions,
    WorkloadIdentityCredential, WorkloadIdentityCredentialOptions,
};

pub use certificate::ClientCertificate;
pub use chain::DefaultCredential;
pub use environment::CredentialKind;
pub use managed_identity::{IdentityHost, ManagedIdentity};
pub(super) use refusal::NoToken;
pub use signed_in::SignedIn;
pub(super) use tokens::Tokens;

use self::link::Link;
use self::refusal::Asking;
use super::AuthorityHost;
use super::channel::Peer;
use crate::{Clock, Error, ErrorKind, Result, SecretValue};

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
    /// Who is signed in to the Azure Developer CLI.
    AzureDeveloperCli(AzureDeveloperCli),
    /// The first of a chain that is there.
    Default(DefaultCredential),
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

/// Whoever is signed in to the Azure Developer CLI.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AzureDeveloperCli {
    /// The directory, if not the one that the CLI itself would take.
    pub tenant: Option<String>,
}

/// Makes the options of a client that speaks to one host: by TLS to the authority, in the clear to a managed identity's
/// endpoint, or to one whose certificate has a known thumbprint.
pub(super) type MakeOptions<'a> = &'a dyn Fn(Peer, &Url, Option<&str>) -> Result<ClientOptions>;

/// What a credential works with.
#[derive(Debug, Clone)]
struct Surroundings {
    authority: AuthorityHost,
    clock: Arc<dyn Clock>,
    /// The way to whoever gives the tokens.
    options: ClientOptions,
}

impl Credential {
    /// The tokens of this identity, from `authority` or whoever else gives them. Each attempt to get one takes at most
    /// `limit`. Nothing is sent yet.
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration) if the credential cannot be right.
    pub(super) fn tokens(
        &self,
        authority: &AuthorityHost,
        clock: &Arc<dyn Clock>,
        limit: Duration,
        make_options: MakeOptions<'_>,
    ) -> Result<Tokens> {
        let (authority, clock) = (authority.clone(), Arc::clone(clock));
        let surroundings = Surroundings { authority, clock, options: ClientOptions::default() };
        let source: Box<dyn tokens::Source> = match self {
            Self::Default(chain) => Box::new(chain.build(&surroundings, make_options)?),
            _ => Box::new(Link::new(self, &surroundings, make_options)?),
        };
        Ok(Tokens::new(source, surroundings.clock, limit))
    }

    /// The way to whoever gives the tokens.
    fn options(&self, surroundings: &Surroundings, make_options: MakeOptions<'_>) -> Result<ClientOptions> {
        match self {
            Self::ClientSecret(_) | Self::ClientCertificate(_) | Self::WorkloadIdentity(_) => {
                at(&surroundings.authority, make_options)
            }
            Self::ManagedIdentity(known) => {
                make_options(Peer::ManagedIdentity, &known.url()?, known.host.thumbprint())
            }
            Self::AzureCli(_) | Self::AzureDeveloperCli(_) | Self::Default(_) => Ok(ClientOptions::default()),
        }
    }

    /// The SDK's credential.
    fn build(&self, surroundings: &Surroundings) -> Result<Arc<dyn TokenCredential>> {
        let options = surroundings.options.clone();
        match self {
            Self::ClientSecret(known) => known.build(options),
            Self::ClientCertificate(known) => known.build(surroundings),
            Self::WorkloadIdentity(known) => known.build(options),
            Self::ManagedIdentity(known) => known.build(options),
            Self::AzureCli(known) => tools::az(known),
            Self::AzureDeveloperCli(known) => tools::azd(known),
            Self::Default(_) => {
                Err(Error::new(ErrorKind::Configuration, "a chain cannot be a link of another chain"))
            }
        }
    }

    /// Whether its tokens come from the authority, as far as that is known beforehand.
    pub(super) fn asks_authority(&self) -> bool {
        match self {
            Self::ClientSecret(_) | Self::ClientCertificate(_) | Self::WorkloadIdentity(_) => true,
            Self::ManagedIdentity(_) | Self::AzureCli(_) | Self::AzureDeveloperCli(_) => false,
            Self::Default(chain) => {
                chain.links.iter().any(|(_, link)| link.as_ref().is_ok_and(Self::asks_authority))
            }
        }
    }

    /// How the kind is called.
    fn name(&self) -> &'static str {
        match self {
            Self::ClientSecret(_) => "client secret",
            Self::ClientCertificate(_) => "client certificate",
            Self::WorkloadIdentity(_) => "workload identity",
            Self::ManagedIdentity(_) => "managed identity",
            Self::AzureCli(_) => "Azure CLI",
            Self::AzureDeveloperCli(_) => "Azure Developer CLI",
            Self::Default(_) => "default",
        }
    }

    /// Who gives the tokens, for messages.
    fn asking(&self, authority: &AuthorityHost) -> Asking {
        let hint = match self {
            Self::ClientSecret(_) => "check tenant id, client id and client secret",
            Self::ClientCertificate(_) => {
                "check tenant id and client id, and that the certificate is the app's"
            }
            Self::WorkloadIdentity(_) => {
                "check tenant id and client id, and the issuer, subject and audience of the app's federated credential"
            }
            Self::ManagedIdentity(_) => {
                "check that this identity is assigned to the machine, and its client id"
            }
            Self::AzureCli(_) => "sign in with `az login`",
            Self::AzureDeveloperCli(_) => "sign in with `azd auth login`",
            Self::Default(_) => "",
        };
        let (peer, host, shown) = match self {
            Self::ManagedIdentity(known) => {
                (Peer::ManagedIdentity, "its host".to_owned(), known.endpoint_shown())
            }
            _ => (Peer::Authority, authority.host().to_owned(), authority.to_string()),
        };
        let secrets = match self {
            Self::ClientSecret(known) => vec![known.client_secret.clone()],
            Self::ClientCertificate(known) => known.password.iter().cloned().collect(),
            Self::ManagedIdentity(known) => known.secrets(),
            _ => vec![],
        };
        Asking { peer, host, shown, hint, secrets, may_be_foreign: false }
    }
}

/// Options for the authority, which is named even for the public cloud: else the SDK would read AZURE_AUTHORITY_HOST from
/// the process by itself.
fn at(authority: &AuthorityHost, options: MakeOptions<'_>) -> Result<ClientOptions> {
    let mut cloud = CustomConfiguration::default();
    cloud.authority_host = authority.to_string();
    let cloud = Some(Arc::new(CloudConfiguration::Custom(cloud)));
    Ok(ClientOptions { cloud, ..options(Peer::Authority, authority.url(), None)? })
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
    use crate::clock::SystemClock;

    fn refused(credential: &Credential) -> Error {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let options = |_: Peer, _: &Url, _: Option<&str>| Ok(ClientOptions::default());
        let tokens = credential.tokens(&AuthorityHost::default(), &clock, Duration::from_secs(1), &options);
        tokens.unwrap_err()
    }

    #[test]
    fn a_tenant_that_cannot_be_one_is_a_configuration_error() {
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
            Credential::WorkloadIdentity(WorkloadIdentity { tenant: tenant.clone(), client_id, token_file }),
            Credential::AzureCli(AzureCli { tenant: Some(tenant.clone()) }),
            Credential::AzureDeveloperCli(AzureDeveloperCli { tenant: Some(tenant) }),
        ] {
            let error = refused(&credential);
            assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
            assert!(error.to_string().contains("\"a/b\" is not a tenant id"), "{error}");
        }
    }

    #[test]
    fn a_token_file_that_is_not_there_is_named() {
        let missing = Credential::WorkloadIdentity(WorkloadIdentity {
            tenant: "t".into(),
            client_id: "c".into(),
            token_file: "/nowhere/token".into(),
        });
        let error = refused(&missing);
        assert!(error.to_string().contains("/nowhere/token"), "{error}");
    }
}
