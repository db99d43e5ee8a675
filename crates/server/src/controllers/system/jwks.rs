use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::Value;

use crate::app::App;

/// `GET system/config/jwks`: the public keys of our tokens.
pub(crate) async fn jwks(State(app): State<Arc<App>>) -> Json<Value> {
    Json(app.keys.jwks())
}
