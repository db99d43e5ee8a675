//! Errors as callers see them: `{"code": …, "message": …}` and the status that fits.
//!
//! What a caller may read and what went wrong inside are kept apart. An unexpected failure is logged with its cause, and answered
//! with a bare 500 and the id of the request, by which it is found in the log.

use std::error::Error as StdError;
use std::fmt::Write as _;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use strongroom_manager::WriteError;
use strongroom_metastore::StoreError;

/// What the `WWW-Authenticate` header says, on each answer on which OpenMetadata sends it.
const CHALLENGE: HeaderValue = HeaderValue::from_static("om-auth");

/// A refusal or a failure, as the caller sees it.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    message: String,
    /// Seconds after which it is worth another try.
    retry_after: Option<i64>,
    unexpected: bool,
}

/// Marks an answer that wants the request's id in its text; the outermost layer puts it there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WantsRequestId;

impl ApiError {
    /// An answer with `status`; `message` is for the caller and holds no value that was sent.
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), retry_after: None, unexpected: false }
    }

    /// 400: the request is wrong.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// 401: nobody, or nobody known, is asking.
    pub fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, message)
    }

    /// 403: the caller is known, but may not do that.
    pub fn forbidden(caller: &str, operation: &str) -> Self {
        let message =
            format!("Principal: CatalogPrincipal{{name='{caller}'}} operations [{operation}] not allowed");
        Self::new(StatusCode::FORBIDDEN, message)
    }

    /// 404: there is no such entity. `wanted` is its id or name, as the caller gave it.
    pub fn no_entity(entity_type: &str, wanted: &str) -> Self {
        let wanted: String = wanted.chars().filter(|char| !char.is_control()).take(256).collect();
        Self::new(StatusCode::NOT_FOUND, format!("{entity_type} instance for {wanted} not found"))
    }

    /// 409: an entity of that name exists, soft-deleted perhaps.
    pub fn already_exists() -> Self {
        Self::new(StatusCode::CONFLICT, "Entity already exists")
    }

    /// 500: something that should not happen. `cause` is logged; the caller only learns the request's id.
    pub fn unexpected(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let cause = cause.into();
        tracing::error!(cause = chain(&*cause), "a request failed unexpectedly");
        let message = "An unexpected error occurred".to_owned();
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, message, retry_after: None, unexpected: true }
    }

    /// Says after how many seconds it is worth another try.
    #[must_use]
    pub fn with_retry_after(mut self, seconds: i64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        self.status
    }
}

impl std::fmt::Display for ApiError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for ApiError {}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = json!({"code": self.status.as_u16(), "message": self.message});
        let mut response = (self.status, Json(body)).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        if matches!(self.status.as_u16(), 401 | 403 | 404 | 409) {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, CHALLENGE);
        }
        if self.unexpected {
            response.extensions_mut().insert(WantsRequestId);
        }
        response
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self::unexpected(error)
    }
}

impl From<WriteError> for ApiError {
    fn from(error: WriteError) -> Self {
        match StatusCode::from_u16(error.status()) {
            Ok(StatusCode::INTERNAL_SERVER_ERROR) | Err(_) => Self::unexpected(error),
            Ok(status) => {
                if status.is_server_error() {
                    tracing::warn!(cause = chain(&error), "a request failed at the vault");
                }
                Self::new(status, error.to_string())
            }
        }
    }
}

/// An error with all its causes, in one line.
pub(crate) fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let _ = write!(text, ": {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_statuses_of_the_reference_carry_the_challenge() {
        for (status, challenged) in
            [(400, false), (401, true), (403, true), (404, true), (409, true), (500, false)]
        {
            let response = ApiError::new(StatusCode::from_u16(status).unwrap(), "x").into_response();
            assert_eq!(response.headers().contains_key(header::WWW_AUTHENTICATE), challenged, "{status}");
        }
    }

    #[test]
    fn an_unexpected_cause_is_not_in_the_answer() {
        let error = ApiError::unexpected("the database hunter2 failed");
        assert_eq!(error.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert!(!error.to_string().contains("hunter2"));
    }

    #[test]
    fn control_characters_of_a_wanted_name_do_not_reach_the_answer() {
        let error = ApiError::no_entity("databaseService", "a\r\nb");
        assert_eq!(error.to_string(), "databaseService instance for ab not found");
    }
}
