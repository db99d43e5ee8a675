//! What happens around every request: an id, a line in the log, a bound in time and number, and an answer even to a panic.

use std::any::Any;
use std::sync::Arc;

use axum::Json;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::{Router, http};
use serde_json::json;
use tokio::time::Instant;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use tracing::Instrument;

use crate::app::App;
use crate::errors::{ApiError, WantsRequestId};

/// The header that carries a request's id.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Puts the layers around `router`, the outermost last.
pub(crate) fn surround(router: Router<Arc<App>>, app: &Arc<App>) -> Router<Arc<App>> {
    let set = |name, value| SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value));
    router
        .layer(CatchPanicLayer::custom(answer_panic))
        .layer(middleware::from_fn_with_state(app.clone(), bound))
        .layer(set(header::CACHE_CONTROL, "no-store"))
        .layer(set(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(middleware::from_fn_with_state(app.clone(), identify))
}

/// Gives the request an id of ours (a caller's own could forge lines in the log) and logs how it ended. Neither the query nor
/// a name in the path is logged: the route is the pattern.
async fn identify(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let id = app.random.uuid().to_string();
    let route = request.extensions().get::<MatchedPath>().map_or("unknown", MatchedPath::as_str);
    let span = tracing::info_span!("request", id, method = known_method(request.method()), route);
    let since = Instant::now();
    let response = next.run(request).instrument(span.clone()).await;
    let millis = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
    span.in_scope(|| tracing::info!(status = response.status().as_u16(), millis, "answered"));
    let mut response = if response.extensions().get::<WantsRequestId>().is_some() {
        let code = response.status();
        let message =
            format!("An unexpected error occurred; its cause is in the server's log under request {id}");
        (code, Json(json!({"code": code.as_u16(), "message": message}))).into_response()
    } else {
        response
    };
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// Any text can be a method; the log only takes those that there are.
fn known_method(method: &http::Method) -> &str {
    match method.as_str() {
        known @ ("GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS") => known,
        _ => "other",
    }
}

/// Waits for its turn, and ends what takes too long.
async fn bound(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let limit = app.options.limits.request_timeout;
    let turn = async {
        let _permit = app.requests.acquire().await.map_err(ApiError::unexpected)?;
        Ok(next.run(request).await)
    };
    tokio::time::timeout(limit, turn)
        .await
        .unwrap_or_else(|_| {
            let seconds = limit.as_secs();
            let message =
                format!("The request took longer than {seconds} seconds; a write may still be finished");
            Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, message))
        })
        .unwrap_or_else(ApiError::into_response)
}

/// The panic's own text is not logged here, since it may hold a value.
#[allow(clippy::needless_pass_by_value, reason = "the layer hands over a box")]
fn answer_panic(_: Box<dyn Any + Send>) -> Response {
    ApiError::unexpected("a handler panicked").into_response()
}
