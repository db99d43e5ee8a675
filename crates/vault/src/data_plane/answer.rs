//! What a successful operation answers.

use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::fault::{Fault, JSON};

/// The answer of an operation, ready to be sent.
#[derive(Debug)]
pub(super) struct Answer {
    /// Empty if there is nothing to say (204).
    body: Option<Bytes>,
    /// The version that it is about, if it is about one.
    pub(super) version: Option<String>,
}

impl Answer {
    /// A JSON document.
    pub(super) fn json(document: &impl Serialize) -> Result<Self, Fault> {
        let text = serde_json::to_vec(document).map_err(|error| {
            // It names a type, never a value: all parts are texts and numbers.
            tracing::error!(%error, "an answer cannot be written as JSON");
            Fault::internal()
        })?;
        Ok(Self { body: Some(text.into()), version: None })
    }

    /// Done, and nothing to say.
    pub(super) fn nothing() -> Self {
        Self { body: None, version: None }
    }

    /// Says which version it is about.
    pub(super) fn about(mut self, version: &str) -> Self {
        self.version = Some(version.to_owned());
        self
    }

    pub(super) fn status(&self) -> StatusCode {
        if self.body.is_some() { StatusCode::OK } else { StatusCode::NO_CONTENT }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let status = self.status();
        let Some(body) = self.body else { return status.into_response() };
        let mut response = Response::new(Body::from(body));
        response.headers_mut().insert(header::CONTENT_TYPE, JSON);
        response
    }
}
