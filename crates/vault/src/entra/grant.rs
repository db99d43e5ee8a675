//! The token request: the client credentials grant, with a secret or an assertion
//! (<https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow>).

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use uuid::Uuid;

use super::assertion::Assertion;
use super::fault::Fault;
use super::form::{Endpoint, Proof, TokenRequest};
use super::location::is_own_endpoint;
use super::tenant;
use crate::access::{Busy, Principal, Principals, SignIn};
use crate::metrics::TokenEndpoint;
use crate::service::Service;
use crate::tokens::{self, ADFS, Grant, LIFETIME, Strength};

type Body = Result<Bytes, BytesRejection>;

pub(super) async fn token_v2(
    State(service): State<Arc<Service>>,
    Path(tenant): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    answer(&service, Endpoint::V2, &tenant, &headers, body).await
}

/// Version 1, and what has its place for `adfs`.
pub(super) async fn token_v1(
    State(service): State<Arc<Service>>,
    Path(tenant): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let endpoint = if tenant.eq_ignore_ascii_case(ADFS) { Endpoint::Adfs } else { Endpoint::V1 };
    answer(&service, endpoint, &tenant, &headers, body).await
}

async fn answer(
    service: &Service,
    endpoint: Endpoint,
    tenant: &str,
    headers: &HeaderMap,
    body: Body,
) -> Response {
    let granted = grant(service, endpoint, tenant, headers, body).await;
    service.metrics.count_token(TokenEndpoint::Entra, granted.is_ok());
    match granted {
        Ok(answer) => Json(answer).into_response(),
        Err(fault) => {
            tracing::info!(code = fault.code(), "no token was issued");
            fault.answer(service, correlation(headers))
        }
    }
}

async fn grant(
    service: &Service,
    endpoint: Endpoint,
    tenant: &str,
    headers: &HeaderMap,
    body: Body,
) -> Result<Value, Fault> {
    let tenant = tenant::for_token(service.authority().tenants(), tenant)?;
    let body = body.ok().filter(|_| is_form(headers)).ok_or(Fault::MalformedForm)?;
    let request = TokenRequest::parse(&body, endpoint)?;
    if !tokens::is_known(&request.resource, &request.client_id, service.domain()) {
        return Err(Fault::UnknownResource(request.resource));
    }
    let directory = service.fresh_directory().await.map_err(|_| Fault::Internal)?;
    let (principal, proof) = prove(service, &directory.principals, &tenant, &request).await?;
    let now = service.clock().now_seconds();
    let grant = Grant {
        tenant: &tenant,
        audience: &request.resource,
        principal,
        proof,
        lifetime: LIFETIME,
        resource_id: None,
    };
    let token = service.authority().issue(&grant, now, service.random()).map_err(|error| {
        tracing::error!(%error, "a token could not be issued");
        Fault::Internal
    })?;
    tracing::debug!(tenant, principal = principal.name, "a token was issued");
    Ok(match endpoint {
        Endpoint::V2 | Endpoint::Adfs => json!({
            "token_type": "Bearer",
            "expires_in": LIFETIME - 1,
            "ext_expires_in": LIFETIME - 1,
            "access_token": token,
        }),
        // Version 1 answers numbers as texts.
        Endpoint::V1 => json!({
            "token_type": "Bearer",
            "expires_in": (LIFETIME - 1).to_string(),
            "ext_expires_in": (LIFETIME - 1).to_string(),
            "expires_on": (now + LIFETIME).to_string(),
            "not_before": now.to_string(),
            "resource": request.resource,
            "access_token": token,
        }),
    })
}

/// Finds out whether the client is who it says.
async fn prove<'a>(
    service: &Service,
    principals: &'a Principals,
    tenant: &str,
    request: &TokenRequest,
) -> Result<(&'a Principal, Strength), Fault> {
    let client = &request.client_id;
    match &request.proof {
        Proof::Secret(secret) => {
            let now = service.clock().now_seconds();
            let answer = principals.sign_in(client, secret, now, &service.slow_checks).await;
            // The id as it is configured, rather than as it was sent.
            let known = || principals.get(client).map(|known| known.client_id.clone()).unwrap_or_default();
            match answer.map_err(|Busy| Fault::Busy)? {
                SignIn::Welcome(principal) => Ok((principal, Strength::Secret)),
                SignIn::UnknownClient => Err(unknown_client(client)),
                SignIn::WrongSecret => Err(Fault::WrongSecret(known())),
                SignIn::ExpiredSecret => Err(Fault::ExpiredSecret(known())),
            }
        }
        Proof::Assertion(text) => {
            let assertion = Assertion::parse(text.expose())?;
            let principal = principals.get(client).ok_or_else(|| unknown_client(client))?;
            let own =
                |audience: &str| service.own_names().any(|name| is_own_endpoint(audience, tenant, name));
            let now = service.clock().now_seconds();
            assertion.check(&principal.client_id, &principal.credentials, own, now).await?;
            Ok((principal, Strength::Key))
        }
    }
}

/// What was sent as an id is shown only if it can be one: it may be a misplaced secret.
fn unknown_client(client: &str) -> Fault {
    let shown = if Uuid::try_parse(client).is_ok() { client } else { "(not a UUID)" };
    Fault::UnknownClient(shown.to_owned())
}

/// A body of another kind is not looked into.
fn is_form(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .and_then(|kind| kind.split(';').next())
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded"))
}

/// Clients name their request, to find it in the log of the other side.
fn correlation(headers: &HeaderMap) -> Option<Uuid> {
    let text = headers.get("client-request-id").or_else(|| headers.get("x-client-request-id"))?;
    Uuid::try_parse(text.to_str().ok()?).ok()
}
