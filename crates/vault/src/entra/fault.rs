//! Errors in the form that Entra ID gives them
//! (<https://learn.microsoft.com/entra/identity-platform/reference-error-codes>).

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use time::OffsetDateTime;
use time::macros::format_description;
use uuid::Uuid;

use crate::service::Service;

/// Why there is no token, or no document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    MalformedForm,
    MissingParameter(&'static str),
    UnsupportedGrant,
    InvalidScope,
    ScopeWithoutDefault,
    ResourceAtVersion2,
    UnknownResource(String),
    /// Asked for a token.
    UnknownTenant(String),
    /// Asked for a document.
    InvalidTenant(String),
    SharedTenant,
    UnknownInstance,
    UnknownClient(String),
    MissingSecret,
    WrongSecret(String),
    ExpiredSecret(String),
    /// Too many slow secrets are being checked.
    Busy,
    UnknownAssertionType,
    MalformedAssertion,
    /// It speaks of another client than the one that presents it.
    AssertionOfAnother,
    AssertionAudience,
    AssertionTime,
    /// Why no key stands behind it.
    AssertionSignature(&'static str),
    NotFederated,
    Mismatch(Mismatch, String),
    IssuerUnavailable(String),
    Internal,
}

/// What of a foreign assertion no federated credential has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mismatch {
    Issuer,
    Audience,
    Subject,
}

impl Fault {
    /// Status, OAuth's word, Entra ID's number, and a text for people.
    fn parts(&self) -> (StatusCode, &'static str, u32, String) {
        let (refused, word) = (StatusCode::UNAUTHORIZED, "invalid_client");
        let (bad, request) = (StatusCode::BAD_REQUEST, "invalid_request");
        match self {
            Self::MalformedForm => (
                bad,
                request,
                900_144,
                "the request body must be a form of at most 64 KiB in which each name stands once".to_owned(),
            ),
            Self::MissingParameter(name) => {
                (bad, request, 900_144, format!("the request lacks the parameter '{name}'"))
            }
            Self::UnsupportedGrant => (
                bad,
                "unsupported_grant_type",
                70_003,
                "the grant type must be 'client_credentials'".to_owned(),
            ),
            Self::InvalidScope => (
                bad,
                "invalid_scope",
                70_011,
                "the scope must be one resource with '/.default' behind it, as in https://vault.azure.net/.default"
                    .to_owned(),
            ),
            Self::ScopeWithoutDefault => (
                bad,
                "invalid_scope",
                1_002_012,
                "an application asks for all that it may do: the scope must end with '/.default', as in https://vault.azure.net/.default"
                    .to_owned(),
            ),
            Self::ResourceAtVersion2 => (
                bad,
                request,
                901_002,
                "version 2.0 of the endpoint takes a 'scope' in the place of a 'resource'".to_owned(),
            ),
            Self::UnknownResource(resource) => (
                bad,
                "invalid_resource",
                500_011,
                format!("the tenant has no resource '{resource}'; Key Vault's is https://vault.azure.net"),
            ),
            Self::UnknownTenant(tenant) => (bad, request, 90_002, unknown_tenant(tenant)),
            Self::InvalidTenant(tenant) => (bad, "invalid_tenant", 90_002, unknown_tenant(tenant)),
            Self::SharedTenant => (
                bad,
                request,
                50_059,
                "an application signs in to one tenant; the path must name it".to_owned(),
            ),
            Self::UnknownInstance => (
                bad,
                "invalid_instance",
                50_049,
                "the authorization endpoint is not one of this service".to_owned(),
            ),
            Self::UnknownClient(client) => (
                bad,
                "unauthorized_client",
                700_016,
                format!("no application with the id '{client}' is known here; principals stand in vault.yaml"),
            ),
            Self::MissingSecret => (
                refused,
                word,
                7_000_218,
                "the request body lacks 'client_assertion' or 'client_secret'".to_owned(),
            ),
            Self::WrongSecret(client) => (
                refused,
                word,
                7_000_215,
                format!("the client secret for the application '{client}' is wrong; it must be the secret itself, not its id"),
            ),
            Self::ExpiredSecret(client) => (
                refused,
                word,
                7_000_222,
                format!("the client secret of the application '{client}' has expired; make a new one"),
            ),
            Self::Busy => (
                StatusCode::SERVICE_UNAVAILABLE,
                "temporarily_unavailable",
                90_006,
                "too many sign-ins wait for their secrets to be checked; try again".to_owned(),
            ),
            Self::UnknownAssertionType => (
                bad,
                request,
                9_002_313,
                "the only client_assertion_type is urn:ietf:params:oauth:client-assertion-type:jwt-bearer".to_owned(),
            ),
            Self::MalformedAssertion => {
                (bad, request, 50_027, "the client assertion is not a signed JSON Web Token".to_owned())
            }
            Self::AssertionOfAnother => (
                refused,
                word,
                700_021,
                "the subject of the client assertion is not the client_id".to_owned(),
            ),
            Self::AssertionAudience => (
                refused,
                word,
                700_023,
                "the audience of the client assertion is not a token endpoint of this tenant".to_owned(),
            ),
            Self::AssertionTime => (
                refused,
                word,
                700_024,
                "the time of the client assertion is over or has not come, or it is good for more than a day; check the clocks"
                    .to_owned(),
            ),
            Self::AssertionSignature(why) => {
                (refused, word, 700_027, format!("the client assertion is not signed as it must be: {why}"))
            }
            Self::NotFederated => (
                refused,
                word,
                70_025,
                "the issuer of the client assertion is not the client, and the application has no federated credentials"
                    .to_owned(),
            ),
            Self::Mismatch(what, presented) => {
                let (code, name) = match what {
                    Mismatch::Issuer => (700_211, "issuer"),
                    Mismatch::Audience => (700_212, "audience"),
                    Mismatch::Subject => (700_213, "subject"),
                };
                let presented: String = presented.chars().filter(|c| !c.is_control()).take(256).collect();
                let text = format!(
                    "no federated credential of the application has the {name} '{presented}' of the client assertion; \
                     they compare letter for letter"
                );
                (refused, word, code, text)
            }
            Self::IssuerUnavailable(issuer) => (
                bad,
                request,
                50_166,
                format!("the keys of the issuer '{issuer}' cannot be had; the vault's log tells why"),
            ),
            Self::Internal => {
                (StatusCode::INTERNAL_SERVER_ERROR, "server_error", 90_033, "the token service failed; see its log".to_owned())
            }
        }
    }

    /// Entra ID's number.
    pub(super) fn code(&self) -> u32 {
        self.parts().2
    }

    pub(super) fn answer(&self, service: &Service, correlation: Option<Uuid>) -> Response {
        let (status, error, code, text) = self.parts();
        let trace = service.random().uuid();
        let correlation = correlation.unwrap_or_else(|| service.random().uuid());
        let timestamp = OffsetDateTime::from_unix_timestamp(service.clock().now_seconds())
            .unwrap_or(OffsetDateTime::UNIX_EPOCH)
            .format(format_description!("[year]-[month]-[day] [hour]:[minute]:[second]Z"))
            .unwrap_or_default();
        let body = json!({
            "error": error,
            "error_description": format!(
                "AADSTS{code}: {text}. Trace ID: {trace} Correlation ID: {correlation} Timestamp: {timestamp}"
            ),
            "error_codes": [code],
            "timestamp": timestamp,
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": format!("https://login.{}/error?code={code}", service.domain()),
        });
        (status, Json(body)).into_response()
    }
}

fn unknown_tenant(tenant: &str) -> String {
    format!("there is no tenant '{tenant}'; vault.yaml names them with tenant and tenants")
}
