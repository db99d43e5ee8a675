//! The documents that clients read before they ask for a token: where the endpoints are, and the public keys.
//!
//! They speak of the host they were asked at, since some clients insist that the issuer is where they found the document.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::fault::Fault;
use crate::config::is_tenant;
use crate::host::Host;
use crate::service::Service;

pub(super) async fn configuration(
    State(service): State<Arc<Service>>,
    Path(tenant): Path<String>,
    host: Host,
) -> Response {
    if !is_tenant(&tenant) {
        return Fault::UnknownTenant(String::new()).answer(&service, None);
    }
    let base = format!("https://{host}/{tenant}");
    Json(document(
        &format!("{base}/v2.0"),
        &format!("{base}/oauth2/v2.0/authorize"),
        &format!("{base}/oauth2/v2.0/token"),
        &format!("{base}/discovery/v2.0/keys"),
    ))
    .into_response()
}

pub(super) async fn adfs_configuration(host: Host) -> Response {
    let base = format!("https://{host}/adfs");
    Json(document(
        &base,
        &format!("{base}/oauth2/authorize"),
        &format!("{base}/oauth2/token"),
        &format!("{base}/discovery/keys"),
    ))
    .into_response()
}

fn document(issuer: &str, authorization: &str, token: &str, keys: &str) -> Value {
    json!({
        "issuer": issuer,
        "authorization_endpoint": authorization,
        "token_endpoint": token,
        "jwks_uri": keys,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": ["client_secret_post"],
        "scopes_supported": ["openid"],
        "claims_supported": ["aud", "iss", "iat", "nbf", "exp", "appid", "oid", "sub", "tid"],
    })
}

pub(super) async fn keys(State(service): State<Arc<Service>>, Path(tenant): Path<String>) -> Response {
    if !is_tenant(&tenant) {
        return Fault::UnknownTenant(String::new()).answer(&service, None);
    }
    key_set(&service)
}

pub(super) async fn adfs_keys(State(service): State<Arc<Service>>) -> Response {
    key_set(&service)
}

fn key_set(service: &Service) -> Response {
    let keys: Vec<_> = service.authority().keys().iter().map(super::SigningKey::jwk).collect();
    Json(json!({ "keys": keys })).into_response()
}
