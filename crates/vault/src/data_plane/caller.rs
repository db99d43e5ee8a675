//! Who asks, and whether that is allowed.

use std::sync::Arc;

use axum::http::HeaderValue;

use super::fault::Fault;
use crate::access::{Action, Principal, Scope};
use crate::audit::Subject;
use crate::directory::{Directory, HostedVault};
use crate::entra;
use crate::host::Host;
use crate::service::Service;
use crate::tokens::{TokenFault, Verified};

/// A caller whose token has been checked.
pub(super) struct Caller<'a> {
    token: Arc<Verified>,
    /// `None` if the principal has left the configuration since the token was issued.
    principal: Option<&'a Principal>,
}

impl<'a> Caller<'a> {
    /// Checks the token of a request.
    ///
    /// # Errors
    /// 401 with the challenge that tells clients where to get a token, and for what.
    pub(super) async fn authenticate(
        service: &Service,
        directory: &'a Directory,
        host: &Host,
        header: Option<&HeaderValue>,
    ) -> Result<Self, Fault> {
        let refuse = |message| Fault::unauthorized(message, challenge(service, host));
        let token =
            bearer(header).ok_or_else(|| refuse("AKV10000: Request is missing a Bearer or PoP token."))?;
        let token = entra::believe(service, token).await.map_err(|fault| {
            refuse(match fault {
                TokenFault::Issuer => "AKV10032: The token comes from another issuer than this vault's.",
                TokenFault::Audience => {
                    "AKV10022: The token was issued for another audience than this vault."
                }
                TokenFault::Expired => "The token has expired; ask for a new one.",
                TokenFault::NotYetValid => "The token is not valid yet; check the clocks.",
                TokenFault::Invalid => {
                    "The token is malformed, or its signature is not one of this vault's issuer."
                }
            })
        })?;
        let principal = directory.principals.get(&token.client_id);
        Ok(Self { token, principal })
    }

    /// Says who it is.
    pub(super) fn introduce(&self, subject: &mut Subject) {
        let name = self.principal.map_or("(unknown)", |principal| principal.name.as_str());
        subject.principal = Some(name.to_owned());
        subject.client_id = Some(self.token.client_id.clone());
    }

    /// Checks the caller's roles in the vault, as they are now.
    ///
    /// # Errors
    /// 403 names caller, action and resource.
    pub(super) fn authorize(
        &self,
        vault: &HostedVault,
        action: Action,
        scope: Scope<'_>,
    ) -> Result<(), Fault> {
        if self.principal.is_some_and(|principal| principal.may(&vault.key, action, scope)) {
            return Ok(());
        }
        Err(Fault::forbidden_by_rbac(format!(
            "No role of the caller allows this. Caller: appid={};oid={};iss={}. Action: '{}'. Resource: '{}'. Vault: {}.",
            self.token.client_id,
            self.token.object_id,
            self.token.issuer,
            action.name(),
            resource(scope),
            vault.key,
        )))
    }
}

/// The token of an `Authorization` header, if that is what it holds.
pub(crate) fn bearer(header: Option<&HeaderValue>) -> Option<&str> {
    header
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("Bearer"))
        .map(|(_, token)| token.trim())
        .filter(|token| !token.is_empty())
}

/// What a refusal calls the resource; an illegal name is left out, since it may be a misplaced value.
fn resource(scope: Scope<'_>) -> String {
    match scope {
        Scope::Secret(name) if strongroom_secrets::SecretName::new(name).is_ok() => {
            format!("/secrets/{name}")
        }
        Scope::Secret(_) | Scope::SomeSecret | Scope::Vault => "/secrets".to_owned(),
    }
}

/// Clients compare the resource with the host they called, some with its port: both come from the request.
fn challenge(service: &Service, host: &Host) -> String {
    let (domain, login, port) = (service.vault_domain(host), service.login_name(host), host.port_suffix());
    format!(
        "Bearer authorization=\"https://{login}{port}/{}\", resource=\"https://{domain}{port}\"",
        service.tenant
    )
}
