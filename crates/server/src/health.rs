//! The admin port: whether the server and what it needs are alive.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::app::App;
use crate::errors::chain;

/// The routes of the admin port: `GET /healthcheck` answers 200 or 500 with the state of each part, and `GET /ping` always
/// answers. Nothing here needs a token, and nothing tells more than alive or not.
pub fn admin_router(app: Arc<App>) -> Router {
    Router::new()
        .route("/healthcheck", get(healthcheck))
        .route("/ping", get(|| async { "pong\n" }))
        .with_state(app)
}

async fn healthcheck(State(app): State<Arc<App>>) -> (StatusCode, Json<Value>) {
    let healthy = database_is_healthy(&app).await;
    let status = if healthy { StatusCode::OK } else { StatusCode::INTERNAL_SERVER_ERROR };
    (status, Json(json!({"database": {"healthy": healthy}})))
}

/// Whether the database gives a sign of life. Why it does not is in the log.
pub(crate) async fn database_is_healthy(app: &App) -> bool {
    match app.store.ping().await {
        Ok(()) => true,
        Err(error) => {
            tracing::error!(cause = chain(&error), "the database gives no sign of life");
            false
        }
    }
}
