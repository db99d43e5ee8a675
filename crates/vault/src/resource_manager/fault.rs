//! An error in Resource Manager's form.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::host::Host;
use crate::service::Service;

/// Why a request is refused.
#[derive(Debug)]
pub(super) struct Fault {
    status: StatusCode,
    code: &'static str,
    message: String,
    challenge: Option<HeaderValue>,
}

impl Fault {
    /// 401, with where tokens are to be had.
    pub(super) fn unauthenticated(service: &Service, host: &Host, message: &str) -> Self {
        let (domain, port, tenant) = (service.domain(), host.port_suffix(), &service.tenant);
        let challenge = format!(
            "Bearer authorization_uri=\"https://login.{domain}{port}/{tenant}\", error=\"invalid_token\", error_description=\"{message}\""
        );
        Self {
            status: StatusCode::UNAUTHORIZED,
            code: "AuthenticationFailed",
            message: message.to_owned(),
            challenge: HeaderValue::from_str(&challenge).ok(),
        }
    }

    pub(super) fn unknown_subscription(id: &str) -> Self {
        // What stands in a path may be anything.
        let shown: String = id.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(36).collect();
        Self {
            status: StatusCode::NOT_FOUND,
            code: "SubscriptionNotFound",
            message: format!("The subscription '{shown}' could not be found."),
            challenge: None,
        }
    }

    /// The cause has been logged.
    pub(super) fn internal() -> Self {
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            code: "InternalServerError",
            message: "The service failed to answer; its log tells why.".to_owned(),
            challenge: None,
        }
    }

    pub(super) fn answer(self) -> Response {
        let body = Json(json!({"error": {"code": self.code, "message": self.message}}));
        let mut response = (self.status, body).into_response();
        if let Some(challenge) = self.challenge {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}
