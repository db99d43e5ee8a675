use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::app::App;
use crate::errors::ApiError;
use crate::health::database_is_healthy;

/// `GET system/health`: whether the server can reach its database.
pub(crate) async fn health(State(app): State<Arc<App>>) -> Result<Json<Value>, ApiError> {
    if database_is_healthy(&app).await {
        return Ok(Json(json!({"status": "healthy"})));
    }
    Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "The database gives no sign of life"))
}
