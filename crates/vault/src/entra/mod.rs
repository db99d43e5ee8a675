//! The Entra ID side: tokens, and the documents that clients read before they ask for one.
//!
//! Every host name of the port answers these. [`routes`] is the table of contents; [`form`] and [`grant`] hold the token request,
//! [`assertion`] the statement that a client signs in the place of a secret, [`rotation`] how keys come and go, [`identity`] the tokens of managed
//! identities, [`discovery`] the documents, [`fault`] the form of an error. [`tenant`] and [`location`] tell for whom and where
//! tokens are issued; what they say is in [`tokens`](crate::tokens).

mod assertion;
mod discovery;
mod fault;
mod form;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod grant;
mod identity;
mod location;
mod rotation;
mod tenant;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};

pub(crate) use identity::{IdentityToken, is_known_resource, issue_for_identity};

use crate::service::Service;
use crate::tokens::{Audience, TokenFault, Verified};

/// A token request is a short form.
const BODY_LIMIT: usize = 64 * 1024;

/// Whom a token is for, if it is one of ours, for this service, and of this time.
pub(crate) async fn believe(service: &Service, token: &str) -> Result<Arc<Verified>, TokenFault> {
    let now = service.clock().now_seconds();
    with_newer_keys(service, token, || {
        service.believed.or_check(token, now, || service.authority().verify(token, Audience::KeyVault, now))
    })
    .await
}

/// The same for what `az` takes for Resource Manager, which is asked seldom: nothing is remembered.
pub(crate) async fn believe_for_resource_manager(
    service: &Service,
    token: &str,
) -> Result<Verified, TokenFault> {
    let now = service.clock().now_seconds();
    let check = || service.authority().verify(token, Audience::ResourceManager, now);
    with_newer_keys(service, token, check).await
}

/// Checks a token, and once more if another process may have made its key since.
async fn with_newer_keys<T>(
    service: &Service,
    token: &str,
    check: impl Fn() -> Result<T, TokenFault>,
) -> Result<T, TokenFault> {
    match check() {
        Err(TokenFault::Invalid)
            if !service.authority().knows_key_of(token) && service.look_for_signing_keys().await =>
        {
            check()
        }
        checked => checked,
    }
}

/// All paths of the token service.
pub(crate) fn routes() -> Router<Arc<Service>> {
    Router::new()
        .route("/{tenant}/oauth2/v2.0/token", post(grant::token_v2))
        .route("/{tenant}/oauth2/token", post(grant::token_v1))
        .route("/{tenant}/v2.0/.well-known/openid-configuration", get(discovery::configuration_v2))
        .route("/{tenant}/.well-known/openid-configuration", get(discovery::configuration_v1))
        .route("/{tenant}/discovery/v2.0/keys", get(discovery::keys))
        .route("/{tenant}/discovery/keys", get(discovery::keys))
        .route("/{tenant}/discovery/instance", get(discovery::instance))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
}
