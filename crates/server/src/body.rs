//! Bodies of requests: bounded, and refused without repeating what they hold.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use futures::StreamExt;
use serde_json::Value;

use crate::app::App;
use crate::documents::depth;
use crate::errors::ApiError;

/// How deep a body may be nested. What is stored must be read again, and parsers end at 128.
pub(crate) const MAX_DEPTH: usize = 64;

/// A JSON body.
#[derive(Debug)]
pub(crate) struct JsonBody(pub(crate) Value);

impl FromRequest<Arc<App>> for JsonBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, ApiError> {
        refuse_other_media(&request)?;
        let limit = app.options.limits.body_bytes;
        let too_large = || {
            let message = format!("The body of a request may have {limit} bytes at most");
            ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, message)
        };
        let announced = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
        if announced.and_then(|text| text.parse::<usize>().ok()).is_some_and(|length| length > limit) {
            return Err(too_large());
        }
        let read = read(request.into_body(), limit);
        let bytes =
            tokio::time::timeout(app.options.limits.body_read_timeout, read).await.map_err(|_| too_slow())?;
        let bytes = bytes.ok_or_else(too_large)?;
        parse(&bytes).map(Self)
    }
}

/// Reads a body of at most `limit` bytes. `None` also if the body breaks off: then nobody is left to read why.
async fn read(body: Body, limit: usize) -> Option<Vec<u8>> {
    let mut chunks = body.into_data_stream();
    let mut bytes = Vec::new();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.ok()?;
        if bytes.len() + chunk.len() > limit {
            return None;
        }
        bytes.extend_from_slice(&chunk);
    }
    Some(bytes)
}

fn too_slow() -> ApiError {
    ApiError::new(StatusCode::REQUEST_TIMEOUT, "The body of the request did not arrive in time")
}

/// A media type that says it is something else than JSON is refused; the JSON Patch type is JSON too.
fn refuse_other_media(request: &Request) -> Result<(), ApiError> {
    let Some(value) = request.headers().get(header::CONTENT_TYPE) else { return Ok(()) };
    let essence = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") || essence.to_ascii_lowercase().ends_with("+json") {
        return Ok(());
    }
    let message = "The body has to be JSON: send Content-Type application/json (application/json-patch+json for a PATCH)";
    Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message))
}

/// The parser's own message can quote the text, which may be a password: only the place goes on.
fn parse(bytes: &[u8]) -> Result<Value, ApiError> {
    let value: Value = serde_json::from_slice(bytes).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        ApiError::bad_request(format!("The body is not JSON (line {line}, column {column})"))
    })?;
    if depth(&value) > MAX_DEPTH {
        return Err(ApiError::bad_request(format!("The body is nested more than {MAX_DEPTH} levels deep")));
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_of_a_broken_body_names_the_place_and_not_the_text() {
        let error = parse(br#"{"password": hunter2}"#).unwrap_err().to_string();
        assert_eq!(error, "The body is not JSON (line 1, column 14)");
    }

    #[test]
    fn a_body_may_be_nested_only_so_deep() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(parse(nested(MAX_DEPTH).as_bytes()).is_ok());
        assert!(parse(nested(MAX_DEPTH + 1).as_bytes()).is_err());
        assert!(parse(nested(100_000).as_bytes()).is_err());
    }
}
