//! What whoever runs a vault asks it: is it alive, can it serve, how much does it do.
//!
//! A plain-http listener of its own answers `/healthz`, `/readyz` and `/metrics`. [`readiness`] finds out what keeps the vault
//! from serving; the numbers are in [`metrics`](crate::metrics). No answer has a name or a value of a secret.

mod readiness;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::TimeoutLayer;

use crate::config::Limits;
use crate::service::Service;

/// What Prometheus wants to hear for the format that `prometheus-client` writes.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What the handlers of this listener share.
#[derive(Debug)]
struct Monitor {
    service: Arc<Service>,
    /// Of the port with TLS.
    places: Arc<Semaphore>,
    connections: usize,
}

/// All paths of the listener. `places` counts the connections of the port with TLS.
pub(crate) fn routes(service: Arc<Service>, places: Arc<Semaphore>, limits: &Limits) -> Router {
    let monitor = Arc::new(Monitor { service, places, connections: limits.connections });
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(scrape))
        .fallback(|| async { (StatusCode::NOT_FOUND, "/healthz, /readyz and /metrics are here\n") })
        .layer(CatchPanicLayer::new())
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, limits.request()))
        .with_state(monitor)
}

/// Whether requests can be served, and if not, why: one line for each problem, and one for each thing that is wrong
/// without being in the way.
async fn ready(State(monitor): State<Arc<Monitor>>) -> Response {
    let problems = readiness::problems(&monitor.service).await;
    let notes = monitor.service.notes.lines();
    if problems.is_empty() {
        return format!("ready\n{notes}").into_response();
    }
    let lines: String = problems.iter().map(|problem| format!("{problem}\n")).collect();
    (StatusCode::SERVICE_UNAVAILABLE, lines + &notes).into_response()
}

async fn scrape(State(monitor): State<Arc<Monitor>>) -> Response {
    let metrics = &monitor.service.metrics;
    metrics.set_connections(monitor.connections.saturating_sub(monitor.places.available_permits()));
    metrics.set_ready(readiness::problems(&monitor.service).await.is_empty());
    match metrics.encode() {
        Ok(text) => ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
