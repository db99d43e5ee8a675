use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::app::App;

/// The version of OpenMetadata whose API this is. Clients compare its first two numbers with their own.
const API_VERSION: &str = "2.0.6";

/// `GET system/version`. The timestamp is when this server started.
pub(crate) async fn version(State(app): State<Arc<App>>) -> Json<Value> {
    Json(json!({"version": API_VERSION, "revision": app.options.revision, "timestamp": app.started_at}))
}
