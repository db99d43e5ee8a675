//! Identities that a host gives to what runs on it: Azure's virtual machines (IMDS), App Service and what imitates it.

use std::sync::Arc;

use azure_core::credentials::TokenCredential;
use azure_core::http::Url;
use azure_identity::{ManagedIdentityCredential, ManagedIdentityCredentialOptions, UserAssignedId};

use super::MakeOptions;
use crate::azure::channel::Peer;
use crate::{Error, ErrorKind, Result};

/// Where virtual machines ask, as the SDK has it too.
const IMDS: &str = "http://169.254.169.254";

/// An identity of the host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ManagedIdentity {
    /// The client id of a user-assigned identity; `None` means the system-assigned one.
    pub client_id: Option<String>,
    /// `IDENTITY_ENDPOINT`; without it a virtual machine's own endpoint is asked. The SDK reads the variable, and
    /// `IDENTITY_HEADER`, from the process by itself: this says which host its request may reach.
    pub endpoint: Option<String>,
}

impl ManagedIdentity {
    pub(super) fn build(&self, options: MakeOptions<'_>) -> Result<Arc<dyn TokenCredential>> {
        let url = Url::parse(self.endpoint.as_deref().unwrap_or(IMDS)).map_err(|error| {
            Error::new(ErrorKind::Configuration, format!("IDENTITY_ENDPOINT is not a URL: {error}"))
        })?;
        let options = ManagedIdentityCredentialOptions {
            user_assigned_id: self.client_id.clone().map(UserAssignedId::ClientId),
            client_options: options(Peer::ManagedIdentity, &url)?,
        };
        // The SDK knows further hosts by their variables, and says that it cannot use them.
        let credential = ManagedIdentityCredential::new(Some(options)).map_err(|error| {
            Error::new(
                ErrorKind::Configuration,
                format!("this host's managed identity cannot be used: {error}"),
            )
        })?;
        Ok(credential)
    }

    /// The host that is asked, for messages.
    pub(super) fn endpoint_shown(&self) -> String {
        let url = Url::parse(self.endpoint.as_deref().unwrap_or(IMDS));
        let host =
            url.map_or_else(|_| "IDENTITY_ENDPOINT".to_owned(), |url| url.origin().ascii_serialization());
        format!("the managed identity endpoint {host}")
    }
}
