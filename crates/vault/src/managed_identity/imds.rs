//! The metadata service of virtual machines, `GET /metadata/identity/oauth2/token`
//! (<https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token>).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::Endpoint;
use super::request::{self, Fault, Parameters};
use crate::access::Unclear;
use crate::metrics::TokenEndpoint;
use crate::service::Service;

/// The first version that has this endpoint; later ones are dates as well.
const FIRST_VERSION: &str = "2018-02-01";

pub(super) async fn token(State(endpoint): State<Arc<Endpoint>>, headers: HeaderMap, uri: Uri) -> Response {
    let answered = answer(&endpoint.service, &headers, &uri);
    endpoint.service.metrics.count_token(TokenEndpoint::MetadataService, answered.is_ok());
    match answered {
        Ok(token) => Json(token).into_response(),
        Err(refusal) => {
            tracing::debug!(reason = refusal.description, "the metadata service gave no token");
            refusal.into_response()
        }
    }
}

fn answer(service: &Service, headers: &HeaderMap, uri: &Uri) -> Result<Value, Refusal> {
    // Both are against requests that somebody else's server was made to send.
    if headers.contains_key("x-forwarded-for") {
        return Err(Refusal::request("a request with the header X-Forwarded-For is not answered"));
    }
    let asked = headers.get("metadata").is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"));
    if !asked {
        return Err(Refusal::request("Required metadata header not specified: it is Metadata: true"));
    }
    let parameters = Parameters::parse(uri.query())?;
    check_version(parameters.get("api-version").ok_or(Fault::MissingVersion)?)?;
    let token = request::issue(service, &parameters)?;
    Ok(json!({
        "access_token": token.token,
        "client_id": token.client_id,
        "expires_in": token.expires_in().to_string(),
        "expires_on": token.expires_on.to_string(),
        "ext_expires_in": token.expires_in().to_string(),
        "not_before": token.not_before.to_string(),
        "resource": token.resource,
        "token_type": "Bearer",
    }))
}

fn check_version(version: &str) -> Result<(), Fault> {
    let form = |(index, byte): (usize, u8)| match index {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    };
    let date = version.len() == FIRST_VERSION.len() && version.bytes().enumerate().all(form);
    if date && version >= FIRST_VERSION { Ok(()) } else { Err(Fault::UnknownVersion) }
}

/// An error in the form of the metadata service.
#[derive(Debug)]
struct Refusal {
    status: StatusCode,
    error: &'static str,
    description: &'static str,
}

impl Refusal {
    fn request(description: &'static str) -> Self {
        Self { status: StatusCode::BAD_REQUEST, error: "invalid_request", description }
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::MalformedQuery => Self::request("the query of the URL is malformed"),
            Fault::MissingVersion => Self::request("Required query variable 'api-version' is missing"),
            Fault::UnknownVersion => {
                Self::request("the api-version is not known: use 2018-02-01, or a later date")
            }
            Fault::MissingResource => Self::request("Required audience parameter 'resource' not specified"),
            Fault::UnknownResource => Self {
                error: "invalid_resource",
                ..Self::request(
                    "AADSTS500011: the tenant has no such resource; Key Vault's is https://vault.azure.net",
                )
            },
            Fault::AmbiguousIdentity => Self::request(
                "an identity is named by one of client_id, object_id and msi_res_id, not by several",
            ),
            Fault::Unclear(Unclear::NotFound) => Self::request("Identity not found"),
            Fault::Unclear(Unclear::Several) => Self::request(
                "Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in the token request",
            ),
            Fault::Internal => Self {
                status: StatusCode::INTERNAL_SERVER_ERROR,
                error: "unknown_error",
                description: "the token service failed; see its log",
            },
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({"error": self.error, "error_description": self.description});
        (self.status, Json(body)).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_dates_from_the_first_on() {
        for version in ["2018-02-01", "2019-08-01", "2025-12-31"] {
            assert_eq!(check_version(version), Ok(()));
        }
        for version in ["2017-12-01", "2018-2-1", "latest", "2018-02-01x", "", "ä018-02-1"] {
            assert_eq!(check_version(version), Err(Fault::UnknownVersion), "{version}");
        }
    }
}
