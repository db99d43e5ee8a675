//! The HTTP side of the one port: routes, what every request goes through, and how long it may take.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::get;
use strongroom_connections::{Peer, unread};
use tokio::time::Instant;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::TimeoutLayer;
use uuid::Uuid;

use crate::audit::{CallId, Subject};
use crate::config::Limits;
use crate::data_plane;
use crate::entra;
use crate::faults;
use crate::resource_manager;
use crate::service::Service;

/// A client's own id for its request is echoed up to this length.
const MAX_ECHO: usize = 256;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-request-id");
const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-client-request-id");
const NETWORK_INFO: HeaderName = HeaderName::from_static("x-ms-keyvault-network-info");

/// What every answer says, as the real service does.
static HEADERS: [(HeaderName, &str); 7] = [
    (header::CACHE_CONTROL, "no-cache"),
    (header::PRAGMA, "no-cache"),
    (header::EXPIRES, "-1"),
    (header::STRICT_TRANSPORT_SECURITY, "max-age=31536000;includeSubDomains"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (HeaderName::from_static("x-ms-keyvault-region"), "local"),
    (HeaderName::from_static("x-ms-keyvault-service-version"), env!("CARGO_PKG_VERSION")),
];

/// The routes of the port, in the order in which they are tried.
pub(crate) fn router(service: Arc<Service>, limits: &Limits) -> Router {
    let routes = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .merge(entra::routes())
        .merge(resource_manager::routes(Arc::clone(&service)))
        .fallback(data_plane::handle)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, limits.request()));
    // Outside of the time limit: a delay on demand may be longer.
    let routes = match &service.faults {
        Some(faults) => routes.layer(middleware::from_fn_with_state(Arc::clone(faults), faults::inject)),
        None => routes,
    };
    let routes = routes.layer(middleware::from_fn(unread::read_on));
    routes.layer(middleware::from_fn_with_state(Arc::clone(&service), frame)).with_state(service)
}

/// What stands around every request: an id, the headers of every answer, and one line in the log.
async fn frame(
    State(service): State<Arc<Service>>,
    ConnectInfo(Peer(peer)): ConnectInfo<Peer>,
    mut request: Request,
    next: Next,
) -> Response {
    let id = service.random().uuid();
    let method = request.method().clone();
    // The pattern, not the path: what a client puts into a path may be a misplaced secret.
    let route = request.extensions().get::<MatchedPath>().cloned();
    let client_id = request.headers().get(CLIENT_REQUEST_ID).filter(|value| value.len() <= MAX_ECHO).cloned();
    let started = Instant::now();
    request.extensions_mut().insert(CallId { request_id: id, client_request_id: client_id.clone() });
    let mut response = next.run(request).await;
    let subject = response.extensions_mut().remove::<Subject>().unwrap_or_default();
    let line = Line {
        id,
        method: &method,
        route: route.as_ref().map(MatchedPath::as_str),
        subject: &subject,
        status: response.status(),
        took: started.elapsed(),
    };
    line.log();
    service.metrics.count_request(&subject, line.route, line.status, line.took);
    add_headers(response.headers_mut(), &id.to_string(), client_id, peer);
    response
}

/// The one line that the log gets for a request: names and numbers, never a value, token or body.
struct Line<'a> {
    id: Uuid,
    method: &'a Method,
    route: Option<&'a str>,
    subject: &'a Subject,
    status: StatusCode,
    took: Duration,
}

impl Line<'_> {
    fn log(&self) {
        let Self { id, method, route, subject, status, took } = self;
        let milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let operation = subject.operation.map(tracing::field::debug);
        let (vault, principal, status) =
            (subject.vault.as_deref(), subject.principal.as_deref(), status.as_u16());
        if status >= 500 {
            tracing::error!(%id, %method, route, operation, vault, principal, status, milliseconds, "request failed");
        } else {
            tracing::debug!(%id, %method, route, operation, vault, principal, status, milliseconds, "request");
        }
    }
}

fn add_headers(headers: &mut HeaderMap, id: &str, client_id: Option<HeaderValue>, peer: SocketAddr) {
    for (name, value) in &HEADERS {
        headers.insert(name.clone(), HeaderValue::from_static(value));
    }
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, id);
    }
    if let Some(id) = client_id {
        headers.insert(CLIENT_REQUEST_ID, id);
    }
    let (kind, family) = match peer {
        SocketAddr::V4(_) => ("Ipv4", "InterNetwork"),
        SocketAddr::V6(_) => ("Ipv6", "InterNetworkV6"),
    };
    let info = format!("conn_type={kind};addr={};act_addr_fam={family};", peer.ip());
    if let Ok(info) = HeaderValue::from_str(&info) {
        headers.insert(NETWORK_INFO, info);
    }
}

/// A handler that panicked costs its own request only. The panic's text stays in the panic hook's hands.
#[allow(clippy::needless_pass_by_value, reason = "the form that the layer asks for")]
fn panicked(_: Box<dyn std::any::Any + Send + 'static>) -> axum::http::Response<Body> {
    let body = r#"{"error":{"code":"InternalServerError","message":"The vault failed to answer; its log tells why."}}"#;
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
