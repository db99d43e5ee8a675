//! Tokens for managed identities: nobody signs in, since it is the machine itself that vouches for them.

use crate::access::Principal;
use crate::error::Result;
use crate::service::Service;
use crate::tokens::{Grant, IDENTITY_LIFETIME, Strength, is_known};

/// A token with what answers say about it.
#[derive(Debug)]
pub(crate) struct IdentityToken {
    pub(crate) token: String,
    pub(crate) client_id: String,
    pub(crate) resource: String,
    /// Unix seconds, as the next.
    pub(crate) not_before: i64,
    pub(crate) expires_on: i64,
}

impl IdentityToken {
    /// How many seconds are left. One less than there are, as Entra ID counts.
    pub(crate) fn expires_in(&self) -> i64 {
        self.expires_on - self.not_before - 1
    }
}

/// Whether a token can be had for a resource.
pub(crate) fn is_known_resource(service: &Service, resource: &str, client_id: &str) -> bool {
    is_known(resource, client_id, service.domain())
}

/// Issues a token of the own tenant for a managed identity, whose resource's id it names.
pub(crate) fn issue_for_identity(
    service: &Service,
    principal: &Principal,
    resource_id: &str,
    resource: &str,
) -> Result<IdentityToken> {
    let now = service.clock().now_seconds();
    let grant = Grant {
        tenant: &service.tenant,
        audience: resource,
        principal,
        proof: Strength::Key,
        lifetime: IDENTITY_LIFETIME,
        resource_id: Some(resource_id),
    };
    let token = service.authority().issue(&grant, now, service.random())?;
    tracing::debug!(principal = principal.name, "a managed identity got a token");
    Ok(IdentityToken {
        token,
        client_id: principal.client_id.clone(),
        resource: resource.to_owned(),
        not_before: now,
        expires_on: now + IDENTITY_LIFETIME,
    })
}
