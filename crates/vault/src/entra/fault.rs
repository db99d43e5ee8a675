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

/// Why there is no token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    MalformedForm,
    MissingParameter(&'static str),
    UnsupportedGrant,
    InvalidScope,
    UnknownTenant(String),
    UnknownClient(String),
    MissingSecret,
    WrongSecret(String),
    Internal,
}

impl Fault {
    /// Status, OAuth's word, Entra ID's number, and a text for people.
    fn parts(&self) -> (StatusCode, &'static str, u32, String) {
        use StatusCode as S;
        match self {
            Self::MalformedForm => (
                S::BAD_REQUEST,
                "invalid_request",
                900_144,
                "the request body must be a form of at most 64 KiB in which each name stands once".to_owned(),
            ),
            Self::MissingParameter(name) => {
                (S::BAD_REQUEST, "invalid_request", 900_144, format!("the request body lacks the parameter '{name}'"))
            }
            Self::UnsupportedGrant => (
                S::BAD_REQUEST,
                "unsupported_grant_type",
                70_003,
                "the grant type must be 'client_credentials'".to_owned(),
            ),
            Self::InvalidScope => (
                S::BAD_REQUEST,
                "invalid_scope",
                70_011,
                "the scope must be one resource with '/.default' behind it, as in https://vault.azure.net/.default"
                    .to_owned(),
            ),
            Self::UnknownTenant(tenant) => {
                (S::BAD_REQUEST, "invalid_request", 90_002, format!("there is no tenant '{tenant}'"))
            }
            Self::UnknownClient(client) => (
                S::BAD_REQUEST,
                "unauthorized_client",
                700_016,
                format!("no application with the id '{client}' is known here; principals stand in vault.yaml"),
            ),
            Self::MissingSecret => (
                S::UNAUTHORIZED,
                "invalid_client",
                7_000_218,
                "the request body lacks 'client_secret'".to_owned(),
            ),
            Self::WrongSecret(client) => (
                S::UNAUTHORIZED,
                "invalid_client",
                7_000_215,
                format!("the client secret for the application '{client}' is wrong; it must be the secret itself, not its id"),
            ),
            Self::Internal => {
                (S::INTERNAL_SERVER_ERROR, "server_error", 90_033, "the token service failed; see its log".to_owned())
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
