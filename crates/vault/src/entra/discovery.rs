//! The documents that clients read before they ask for a token: where the endpoints are, the public keys, and which host
//! names are this service.
//!
//! They speak of the host they were asked at, since some clients insist that the issuer is where they found the document.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::Uri;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::fault::Fault;
use super::location::own_host;
use super::tenant;
use crate::host::Host;
use crate::service::Service;
use crate::tokens::{ADFS, SigningKey};

pub(super) async fn configuration_v2(
    State(service): State<Arc<Service>>,
    Path(tenant): Path<String>,
    host: Host,
) -> Response {
    reply(&service, known(&service, &tenant).map(|tenant| document(&Endpoints::v2(&host, &tenant))))
}

/// Version 1, and what has its place for `adfs`.
pub(super) async fn configuration_v1(
    State(service): State<Arc<Service>>,
    Path(tenant): Path<String>,
    host: Host,
) -> Response {
    reply(&service, known(&service, &tenant).map(|tenant| document(&Endpoints::v1(&host, &tenant))))
}

struct Endpoints {
    issuer: String,
    authorization: String,
    token: String,
    keys: String,
}

impl Endpoints {
    fn v2(host: &Host, tenant: &str) -> Self {
        let base = format!("https://{host}/{tenant}");
        Self {
            issuer: format!("https://{host}/{}/v2.0", tenant::in_issuer(tenant)),
            authorization: format!("{base}/oauth2/v2.0/authorize"),
            token: format!("{base}/oauth2/v2.0/token"),
            keys: format!("{base}/discovery/v2.0/keys"),
        }
    }

    fn v1(host: &Host, tenant: &str) -> Self {
        let base = format!("https://{host}/{tenant}");
        let issuer = match tenant {
            ADFS => base.clone(),
            other => format!("https://{host}/{}/", tenant::in_issuer(other)),
        };
        Self {
            issuer,
            authorization: format!("{base}/oauth2/authorize"),
            token: format!("{base}/oauth2/token"),
            keys: format!("{base}/discovery/keys"),
        }
    }
}

fn document(endpoints: &Endpoints) -> Value {
    json!({
        "issuer": endpoints.issuer,
        "authorization_endpoint": endpoints.authorization,
        "token_endpoint": endpoints.token,
        "jwks_uri": endpoints.keys,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
        "scopes_supported": ["openid"],
        "claims_supported": ["aud", "iss", "iat", "nbf", "exp", "appid", "oid", "sub", "tid"],
    })
}

pub(super) async fn keys(State(service): State<Arc<Service>>, Path(tenant): Path<String>) -> Response {
    let keys = service.authority().keys();
    let keys = || keys.iter().map(SigningKey::jwk).collect::<Vec<_>>();
    reply(&service, known(&service, &tenant).map(|_| json!({ "keys": keys() })))
}

#[derive(Debug, Deserialize)]
pub(super) struct InstanceQuery {
    #[serde(rename = "api-version")]
    api_version: Option<String>,
    authorization_endpoint: Option<String>,
}

/// Tells a client whether an authority is one that can be believed, and by which other names it goes.
pub(super) async fn instance(
    State(service): State<Arc<Service>>,
    Path(tenant): Path<String>,
    Query(query): Query<InstanceQuery>,
) -> Response {
    reply(&service, describe_instance(&service, &tenant, &query))
}

fn describe_instance(service: &Service, tenant: &str, query: &InstanceQuery) -> Result<Value, Fault> {
    known(service, tenant)?;
    let endpoint =
        query.authorization_endpoint.as_deref().ok_or(Fault::MissingParameter("authorization_endpoint"))?;
    let url: Uri = endpoint.parse().map_err(|_| Fault::UnknownInstance)?;
    let name = service.own_names().find_map(|name| own_host(&url, name)).ok_or(Fault::UnknownInstance)?;
    let host = url.authority().map_or(name, |authority| authority.as_str());
    let tenant = known(service, url.path().split('/').nth(1).unwrap_or_default())?;
    let version = if url.path().contains("/v2.0/") { "/v2.0" } else { "" };
    // Clients compare the authority with the aliases, some with its port and some without.
    let mut aliases = vec![host];
    if name != host {
        aliases.push(name);
    }
    Ok(json!({
        "tenant_discovery_endpoint": format!("https://{host}/{tenant}{version}/.well-known/openid-configuration"),
        "api-version": query.api_version.as_deref().filter(|version| *version == "1.0").unwrap_or("1.1"),
        "metadata": [{"preferred_network": host, "preferred_cache": host, "aliases": aliases}],
    }))
}

fn known(service: &Service, tenant: &str) -> Result<String, Fault> {
    tenant::for_document(service.authority().tenants(), tenant)
}

fn reply(service: &Service, answer: Result<Value, Fault>) -> Response {
    match answer {
        Ok(document) => Json(document).into_response(),
        Err(fault) => fault.answer(service, None),
    }
}
