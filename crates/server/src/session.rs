//! What most handlers need of a request: the app, the caller, and where the caller found the API.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderName, HeaderValue, header};
use serde_json::Value;
use uuid::Uuid;

use crate::app::App;
use crate::auth::Caller;
use crate::documents::answer::{self, DATABASE_SERVICE, Occasion};
use crate::errors::ApiError;
use crate::services::KIND;

/// The header that tells what became of an entity.
pub(crate) const CHANGE: HeaderName = HeaderName::from_static("x-openmetadata-change");

/// A request of a caller who is signed in.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) app: Arc<App>,
    pub(crate) caller: Caller,
    /// The URL of the API, without the version.
    pub(crate) api: String,
}

impl FromRequestParts<Arc<App>> for Session {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let caller = Caller::from_request_parts(parts, app).await?;
        Ok(Self { app: app.clone(), caller, api: api_url(parts, app) })
    }
}

impl Session {
    /// A service as this caller may see it.
    pub(crate) fn show(&self, mut document: Value, occasion: Occasion) -> Result<Value, ApiError> {
        answer::conceal(&self.app.manager, &self.caller, KIND, &mut document)?;
        Ok(answer::shape(document, &DATABASE_SERVICE, occasion, &self.api))
    }
}

/// The URL that is configured, or the one under which the caller found us.
fn api_url(parts: &Parts, app: &App) -> String {
    if let Some(url) = &app.options.public_url {
        return format!("{}/api", url.trim_end_matches('/'));
    }
    let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok()?.parse::<Authority>().ok());
    let host = host.or_else(|| parts.uri.authority().cloned());
    format!("http://{}/api", host.as_ref().map_or("localhost", Authority::as_str))
}

/// The header [`CHANGE`] with its value.
pub(crate) fn change(what: &'static str) -> [(HeaderName, HeaderValue); 1] {
    [(CHANGE, HeaderValue::from_static(what))]
}

/// The id in a path.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EntityId(pub(crate) Uuid);

impl FromRequestParts<Arc<App>> for EntityId {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let EntityName(text) = EntityName::from_request_parts(parts, app).await?;
        Uuid::parse_str(&text)
            .map(Self)
            .map_err(|_| ApiError::bad_request("[the id in the path must be a UUID]"))
    }
}

/// The name in a path, percent-decoded.
#[derive(Debug)]
pub(crate) struct EntityName(pub(crate) String);

impl FromRequestParts<Arc<App>> for EntityName {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let broken = |_| ApiError::bad_request("The path of the URL cannot be decoded");
        let Path(name) = Path::<String>::from_request_parts(parts, app).await.map_err(broken)?;
        Ok(Self(name))
    }
}
