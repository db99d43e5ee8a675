//! The Entra ID side: tokens for client secrets, and the documents that clients read before they ask for one.
//!
//! Every host name of the port answers these. [`routes`] is the table of contents; [`signing`] holds the key, [`claims`]
//! what a token says and how the vault checks it, [`grant`] the token request, [`discovery`] the documents, [`fault`] the
//! form of an error.

mod claims;
mod discovery;
mod fault;
mod grant;
mod signing;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};

pub(crate) use claims::{Authority, TokenFault, Verified};
pub(crate) use signing::SigningKey;

use crate::service::Service;

/// A token request is a short form.
const BODY_LIMIT: usize = 64 * 1024;

/// Whom a token is for, if it is one of ours, for this service, and of this time.
pub(crate) async fn believe(service: &Service, token: &str) -> Result<Verified, TokenFault> {
    service.authority().verify(token, service.clock().now_seconds())
}

/// All paths of the token service.
pub(crate) fn routes() -> Router<Arc<Service>> {
    Router::new()
        .route("/{tenant}/oauth2/v2.0/token", post(grant::token))
        .route("/adfs/oauth2/token", post(grant::adfs_token))
        .route("/{tenant}/v2.0/.well-known/openid-configuration", get(discovery::configuration))
        .route("/adfs/.well-known/openid-configuration", get(discovery::adfs_configuration))
        .route("/{tenant}/discovery/v2.0/keys", get(discovery::keys))
        .route("/adfs/discovery/keys", get(discovery::adfs_keys))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
}
