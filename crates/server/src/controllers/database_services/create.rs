use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use crate::body::JsonBody;
use crate::documents::answer::Occasion;
use crate::documents::request::ServiceRequest;
use crate::documents::text;
use crate::errors::ApiError;
use crate::services::{self, KIND};
use crate::session::Session;
use crate::writes::to_the_end;

/// `POST services/databaseServices`: a new service.
pub(crate) async fn create(session: Session, JsonBody(body): JsonBody) -> Result<Response, ApiError> {
    let request = ServiceRequest::read(KIND, body)?;
    let Session { app, caller, .. } = session.clone();
    let work = async move { services::create(&app, &caller, request).await };
    let document = to_the_end(&session.app, work).await?;
    Ok(created(session.show(document, Occasion::Read)?))
}

/// 201, with the address of what was made.
pub(super) fn created(document: Value) -> Response {
    let location = [(header::LOCATION, text(&document, "href").unwrap_or_default().to_owned())];
    (StatusCode::CREATED, location, Json(document)).into_response()
}
