//! The token request: the client credentials grant with a client secret
//! (<https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow>).

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;
use strongroom_secrets::SecretValue;
use uuid::Uuid;

use super::claims::LIFETIME;
use super::fault::Fault;
use crate::access::SignIn;
use crate::config::is_tenant;
use crate::directory::Directory;
use crate::service::Service;

/// What a client sends. The other fields that clients add (`client_info`, telemetry) mean nothing here.
#[derive(Debug, Deserialize)]
pub(super) struct TokenRequest {
    grant_type: Option<String>,
    client_id: Option<String>,
    client_secret: Option<SecretValue>,
    scope: Option<String>,
    /// What version 1 clients send in the place of a scope.
    resource: Option<String>,
}

type Request = Result<Form<TokenRequest>, FormRejection>;

pub(super) async fn token(
    State(service): State<Arc<Service>>,
    Path(tenant): Path<String>,
    headers: HeaderMap,
    request: Request,
) -> Response {
    answer(&service, &tenant, &headers, request).await
}

pub(super) async fn adfs_token(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    request: Request,
) -> Response {
    answer(&service, "adfs", &headers, request).await
}

async fn answer(service: &Service, tenant: &str, headers: &HeaderMap, request: Request) -> Response {
    match grant(service, tenant, request).await {
        Ok(token) => Json(json!({
            "token_type": "Bearer",
            "expires_in": LIFETIME - 1,
            "ext_expires_in": LIFETIME - 1,
            "access_token": token,
        }))
        .into_response(),
        Err(fault) => {
            tracing::info!(code = fault.code(), "no token was issued");
            fault.answer(service, correlation(headers))
        }
    }
}

async fn grant(service: &Service, tenant: &str, request: Request) -> Result<String, Fault> {
    // The extractor's message could quote the body, and with it the secret.
    let Form(request) = request.map_err(|_| Fault::MalformedForm)?;
    if !is_tenant(tenant) {
        return Err(Fault::UnknownTenant(tenant.chars().filter(|c| !c.is_control()).take(64).collect()));
    }
    let tenant = tenant.to_ascii_lowercase();
    match request.grant_type.as_deref() {
        None | Some("") => return Err(Fault::MissingParameter("grant_type")),
        Some("client_credentials") => {}
        Some(_) => return Err(Fault::UnsupportedGrant),
    }
    let client = request.client_id.filter(|id| !id.is_empty()).ok_or(Fault::MissingParameter("client_id"))?;
    let audience = audience(request.scope.as_deref(), request.resource.as_deref())?;
    let secret = request.client_secret.filter(|secret| !secret.is_empty()).ok_or(Fault::MissingSecret)?;
    let directory = service.directory();
    let principal = match directory.principals.sign_in(&client, &secret).await {
        SignIn::Welcome(principal) => principal,
        // What was sent as an id is shown only if it can be one: it may be a misplaced secret.
        SignIn::UnknownClient => {
            let shown = if Uuid::try_parse(&client).is_ok() { client } else { "(not a UUID)".to_owned() };
            return Err(Fault::UnknownClient(shown));
        }
        SignIn::WrongSecret => return Err(Fault::WrongSecret(principal_id(&directory, &client))),
    };
    let now = service.clock().now_seconds();
    let token =
        service.authority().issue(&tenant, &audience, principal, now, service.random()).map_err(|error| {
            tracing::error!(%error, "a token could not be issued");
            Fault::Internal
        })?;
    tracing::debug!(tenant, principal = principal.name, "a token was issued");
    Ok(token)
}

/// The id as it is configured, rather than as it was sent.
fn principal_id(directory: &Directory, client: &str) -> String {
    directory.principals.get(client).map(|principal| principal.client_id.clone()).unwrap_or_default()
}

/// What the token is for: the one resource of the scope, or the older parameter.
fn audience(scope: Option<&str>, resource: Option<&str>) -> Result<String, Fault> {
    let resource = match (scope, resource) {
        (Some(scope), _) if !scope.trim().is_empty() => {
            let mut scopes = scope.split_ascii_whitespace();
            match (scopes.next().and_then(|scope| scope.strip_suffix("/.default")), scopes.next()) {
                (Some(resource), None) => resource,
                _ => return Err(Fault::InvalidScope),
            }
        }
        (_, Some(resource)) => resource,
        _ => return Err(Fault::MissingParameter("scope")),
    };
    let printable = resource.bytes().all(|byte| byte.is_ascii_graphic());
    if resource.is_empty() || resource.len() > 512 || !printable {
        return Err(Fault::InvalidScope);
    }
    Ok(resource.to_owned())
}

/// Clients name their request, to find it in the log of the other side.
fn correlation(headers: &HeaderMap) -> Option<Uuid> {
    let text = headers.get("client-request-id").or_else(|| headers.get("x-client-request-id"))?;
    Uuid::try_parse(text.to_str().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_audience_is_the_one_resource_of_the_scope() {
        let scope = |scope| audience(Some(scope), None);
        assert_eq!(scope("https://vault.azure.net/.default").unwrap(), "https://vault.azure.net");
        assert_eq!(scope("https://vault.azure.net//.default").unwrap(), "https://vault.azure.net/");
        assert_eq!(audience(None, Some("https://vault.azure.net")).unwrap(), "https://vault.azure.net");
        assert_eq!(audience(None, None), Err(Fault::MissingParameter("scope")));
        for wrong in ["https://vault.azure.net", "a/.default b/.default", "/.default", "ä/.default"] {
            assert_eq!(scope(wrong), Err(Fault::InvalidScope), "{wrong}");
        }
    }
}
