//! Identities that a host gives to what runs on it.
//!
//! Virtual machines (IMDS) and App Service, with what imitates it, are asked through the SDK. It knows four more kinds of
//! hosts, by the variables that these set, but cannot ask them: [`hosts`] does.

mod arc;
mod hosts;

use std::sync::Arc;

use azure_core::credentials::TokenCredential;
use azure_core::http::{ClientOptions, Url};
use azure_identity::{ManagedIdentityCredential, ManagedIdentityCredentialOptions, UserAssignedId};

use self::hosts::HostCredential;
use super::environment::Variables;
use crate::{Error, ErrorKind, Result, SecretValue};

/// Where virtual machines ask, as the SDK has it too.
const IMDS: &str = "http://169.254.169.254/metadata/identity/oauth2/token";

/// An identity of the host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ManagedIdentity {
    /// The client id of a user-assigned identity; `None` means the system-assigned one.
    pub client_id: Option<String>,
    /// What kind of host it is.
    pub host: IdentityHost,
}

/// A kind of host that gives identities to what runs on it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum IdentityHost {
    /// A virtual machine of Azure's, or a node of a cluster.
    #[default]
    VirtualMachine,
    /// App Service, Functions, Container Apps, and what imitates them. The SDK reads `IDENTITY_ENDPOINT` and
    /// `IDENTITY_HEADER` from the process by itself; this says which host its request may reach.
    AppService {
        /// `IDENTITY_ENDPOINT`.
        endpoint: String,
    },
    /// A machine elsewhere that Azure Arc manages.
    AzureArc {
        /// `IDENTITY_ENDPOINT`.
        endpoint: String,
    },
    /// A compute of Azure Machine Learning.
    MachineLearning {
        /// `MSI_ENDPOINT`.
        endpoint: String,
        /// `MSI_SECRET`.
        secret: SecretValue,
        /// `DEFAULT_IDENTITY_CLIENT_ID`: the identity if none is named.
        default_client_id: Option<String>,
    },
    /// Cloud Shell.
    CloudShell {
        /// `MSI_ENDPOINT`.
        endpoint: String,
    },
    /// Service Fabric.
    ServiceFabric {
        /// `IDENTITY_ENDPOINT`.
        endpoint: String,
        /// `IDENTITY_HEADER`.
        header: SecretValue,
        /// `IDENTITY_SERVER_THUMBPRINT`: SHA-1 of the endpoint's certificate, which no authority has signed.
        thumbprint: String,
    },
}

impl IdentityHost {
    /// The kind that the variables of an environment show.
    pub(super) fn from_environment(variables: &Variables<'_>) -> Self {
        let endpoint = variables.get("IDENTITY_ENDPOINT");
        let header = variables.get("IDENTITY_HEADER").map(SecretValue::new);
        let thumbprint = variables.get("IDENTITY_SERVER_THUMBPRINT");
        let (older, secret) = (variables.get("MSI_ENDPOINT"), variables.get("MSI_SECRET"));
        match (endpoint, header, thumbprint) {
            (Some(endpoint), Some(header), Some(thumbprint)) => {
                Self::ServiceFabric { endpoint, header, thumbprint }
            }
            (Some(endpoint), Some(_), None) => Self::AppService { endpoint },
            (Some(endpoint), None, _) if variables.get("IMDS_ENDPOINT").is_some() => {
                Self::AzureArc { endpoint }
            }
            (Some(_), None, _) => Self::VirtualMachine,
            (None, ..) => match (older, secret) {
                (Some(endpoint), Some(secret)) => Self::MachineLearning {
                    endpoint,
                    secret: secret.into(),
                    default_client_id: variables.get("DEFAULT_IDENTITY_CLIENT_ID"),
                },
                (Some(endpoint), None) => Self::CloudShell { endpoint },
                (None, _) => Self::VirtualMachine,
            },
        }
    }

    /// What the endpoint's certificate is known by, if no authority vouches for it.
    pub(super) fn thumbprint(&self) -> Option<&str> {
        match self {
            Self::ServiceFabric { thumbprint, .. } => Some(thumbprint),
            _ => None,
        }
    }

    /// The address that is asked, and the variable that named it.
    fn endpoint(&self) -> (&str, &'static str) {
        match self {
            Self::VirtualMachine => (IMDS, "the address"),
            Self::AppService { endpoint }
            | Self::AzureArc { endpoint }
            | Self::ServiceFabric { endpoint, .. } => (endpoint, "IDENTITY_ENDPOINT"),
            Self::MachineLearning { endpoint, .. } | Self::CloudShell { endpoint } => {
                (endpoint, "MSI_ENDPOINT")
            }
        }
    }
}

impl ManagedIdentity {
    /// The address that is asked.
    pub(super) fn url(&self) -> Result<Url> {
        let (endpoint, variable) = self.host.endpoint();
        Url::parse(endpoint).map_err(|error| {
            Error::new(
                ErrorKind::Configuration,
                format!("{variable} of the managed identity is not a URL: {error}"),
            )
        })
    }

    /// What to ask first, if this may be a machine without any such endpoint.
    pub(super) fn probe(&self) -> Option<Url> {
        match self.host {
            IdentityHost::VirtualMachine => self.url().ok(),
            _ => None,
        }
    }

    pub(super) fn build(&self, options: ClientOptions) -> Result<Arc<dyn TokenCredential>> {
        match &self.host {
            IdentityHost::VirtualMachine | IdentityHost::AppService { .. } => {}
            _ => return Ok(Arc::new(HostCredential::new(self, options)?)),
        }
        let options = ManagedIdentityCredentialOptions {
            user_assigned_id: self.client_id.clone().map(UserAssignedId::ClientId),
            client_options: options,
        };
        let credential = ManagedIdentityCredential::new(Some(options)).map_err(|_| {
            // It looks at the process's own variables, and these are not what this was made from.
            let message = "the host's managed identity cannot be used: its variables do not fit together";
            Error::new(ErrorKind::Configuration, message)
                .with_hint("look at IDENTITY_ENDPOINT, IDENTITY_HEADER, MSI_ENDPOINT and MSI_SECRET")
        })?;
        Ok(credential)
    }

    /// Texts that no message may hold.
    pub(super) fn secrets(&self) -> Vec<SecretValue> {
        match &self.host {
            IdentityHost::MachineLearning { secret, .. } => vec![secret.clone()],
            IdentityHost::ServiceFabric { header, .. } => vec![header.clone()],
            _ => vec![],
        }
    }

    /// The host that is asked, for messages.
    pub(super) fn endpoint_shown(&self) -> String {
        let host = self
            .url()
            .map_or_else(|_| self.host.endpoint().1.to_owned(), |url| url.origin().ascii_serialization());
        format!("the managed identity endpoint {host}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(set: &[(&str, &str)]) -> IdentityHost {
        let variable =
            |asked: &str| set.iter().find(|(name, _)| *name == asked).map(|(_, value)| (*value).to_owned());
        IdentityHost::from_environment(&Variables(&variable))
    }

    #[test]
    fn a_host_is_known_by_the_variables_that_it_sets() {
        let (endpoint, older) = ("http://e/".to_owned(), "http://m/".to_owned());
        let new = ("IDENTITY_ENDPOINT", "http://e/");
        let old = ("MSI_ENDPOINT", "http://m/");
        let header = ("IDENTITY_HEADER", "h");
        assert_eq!(host(&[]), IdentityHost::VirtualMachine);
        assert_eq!(host(&[new]), IdentityHost::VirtualMachine);
        assert_eq!(host(&[new, header, old]), IdentityHost::AppService { endpoint: endpoint.clone() });
        let arc = host(&[new, ("IMDS_ENDPOINT", "http://i/")]);
        assert_eq!(arc, IdentityHost::AzureArc { endpoint: endpoint.clone() });
        let fabric = host(&[new, header, ("IDENTITY_SERVER_THUMBPRINT", "AB")]);
        let wanted = IdentityHost::ServiceFabric { endpoint, header: "h".into(), thumbprint: "AB".into() };
        assert_eq!(fabric, wanted);
        assert_eq!(host(&[old]), IdentityHost::CloudShell { endpoint: older.clone() });
        let learning = host(&[old, ("MSI_SECRET", "s"), ("DEFAULT_IDENTITY_CLIENT_ID", "d")]);
        let wanted = IdentityHost::MachineLearning {
            endpoint: older,
            secret: "s".into(),
            default_client_id: Some("d".into()),
        };
        assert_eq!(learning, wanted);
    }

    #[test]
    fn an_address_that_is_none_is_named_by_its_variable() {
        let identity = ManagedIdentity {
            client_id: None,
            host: IdentityHost::AppService { endpoint: "localhost".into() },
        };
        assert!(identity.url().unwrap_err().to_string().contains("IDENTITY_ENDPOINT"));
    }
}
