//! The endpoint of App Service, which `IDENTITY_ENDPOINT` and `IDENTITY_HEADER` lead to
//! (<https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference>).

use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::macros::format_description;

use super::Endpoint;
use super::request::{self, Fault, Parameters};
use crate::access::Unclear;
use crate::metrics::TokenEndpoint;

/// The versions differ in the header's name and in the form of `expires_on`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    /// 2017-09-01: `MSI_ENDPOINT`, `MSI_SECRET`, the header `secret`.
    First,
    /// 2019-08-01 and later.
    Second,
}

impl Version {
    fn parse(text: &str) -> Result<Self, Fault> {
        match text {
            "2017-09-01" => Ok(Self::First),
            "2019-08-01" | "2020-06-01" | "2025-03-30" => Ok(Self::Second),
            _ => Err(Fault::UnknownVersion),
        }
    }

    fn header(self) -> &'static str {
        match self {
            Self::First => "secret",
            Self::Second => "x-identity-header",
        }
    }

    fn date(self, seconds: i64) -> String {
        match self {
            Self::First => OffsetDateTime::from_unix_timestamp(seconds)
                .unwrap_or(OffsetDateTime::UNIX_EPOCH)
                .format(format_description!("[month]/[day]/[year] [hour]:[minute]:[second] +00:00"))
                .unwrap_or_default(),
            Self::Second => seconds.to_string(),
        }
    }
}

pub(super) async fn token(State(endpoint): State<Arc<Endpoint>>, headers: HeaderMap, uri: Uri) -> Response {
    let answered = answer(&endpoint, &headers, &uri);
    endpoint.service.metrics.count_token(TokenEndpoint::AppService, answered.is_ok());
    match answered {
        Ok(token) => Json(token).into_response(),
        Err((status, message)) => {
            tracing::debug!(reason = message, "App Service's endpoint gave no token");
            (status, Json(json!({"statusCode": status.as_u16(), "message": message}))).into_response()
        }
    }
}

fn answer(endpoint: &Endpoint, headers: &HeaderMap, uri: &Uri) -> Result<Value, (StatusCode, &'static str)> {
    let parameters = Parameters::parse(uri.query()).map_err(refusal)?;
    let version = parameters
        .get("api-version")
        .ok_or(Fault::MissingVersion)
        .and_then(Version::parse)
        .map_err(refusal)?;
    let given = headers.get(version.header()).map_or(&b""[..], |value| value.as_bytes());
    // Equal digests of equal length: the time taken says nothing about the header.
    let (given, own) = (digest(&SHA256, given), digest(&SHA256, endpoint.header.expose().as_bytes()));
    if verify_slices_are_equal(given.as_ref(), own.as_ref()).is_err() {
        return Err((
            StatusCode::UNAUTHORIZED,
            "the header X-IDENTITY-HEADER (secret in version 2017-09-01) must say what IDENTITY_HEADER says",
        ));
    }
    let token = request::issue(&endpoint.service, &parameters).map_err(refusal)?;
    Ok(json!({
        "access_token": token.token,
        "client_id": token.client_id,
        "expires_on": version.date(token.expires_on),
        "not_before": version.date(token.not_before),
        "resource": token.resource,
        "token_type": "Bearer",
    }))
}

fn refusal(fault: Fault) -> (StatusCode, &'static str) {
    let message = match fault {
        Fault::MalformedQuery => "the query of the URL is malformed",
        Fault::MissingVersion => "the parameter api-version is missing",
        Fault::UnknownVersion => "this api-version is not known: use 2019-08-01",
        Fault::MissingResource => "the parameter resource is missing",
        Fault::UnknownResource => {
            "AADSTS500011: the tenant has no such resource; Key Vault's is https://vault.azure.net"
        }
        Fault::AmbiguousIdentity => {
            "an identity is named by one of client_id, principal_id and mi_res_id, not by several"
        }
        Fault::Unclear(Unclear::NotFound) => {
            "No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId."
        }
        Fault::Unclear(Unclear::Several) => {
            "there are several user-assigned identities: name one by client_id, principal_id or mi_res_id"
        }
        Fault::Internal => {
            return (StatusCode::INTERNAL_SERVER_ERROR, "the token service failed; see its log");
        }
    };
    (StatusCode::BAD_REQUEST, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_version_has_its_own_date() {
        assert_eq!(Version::First.date(1_800_000_000), "01/15/2027 08:00:00 +00:00");
        assert_eq!(Version::Second.date(1_800_000_000), "1800000000");
        assert_eq!(Version::parse("2019-08-01"), Ok(Version::Second));
        assert_eq!(Version::parse("2018-02-01"), Err(Fault::UnknownVersion));
    }
}
