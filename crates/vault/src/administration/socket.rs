//! `admin.sock`: where a running vault takes orders. Whoever can open it owns the data folder anyway: nobody else passes
//! the folder's mode, nor the socket's.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use axum_server::Handle;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::Semaphore;
use tower_http::timeout::TimeoutLayer;

use super::order::{LONG, Order};
use super::orders;
use crate::error::{Error, ErrorKind, Result};
use crate::folder::{Folder, file_error};
use crate::service::Service;

/// The path of orders.
pub(super) const ORDERS: &str = "/orders";

/// The largest order: a principal with some certificates.
const BODY_LIMIT: usize = 1024 * 1024;

/// How many orders are in hand at a time.
const AT_ONCE: usize = 8;

/// How long a connection may take for its first request, and stand idle.
const IDLE: Duration = Duration::from_secs(15);

/// What the kernel takes as the path of a socket, but for the zero at its end.
const MAX_PATH: usize = 107;

/// An answer, on its way through the socket.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Reply {
    Done(Value),
    Failed { kind: ErrorKind, message: String, hint: Option<String> },
}

/// A path that is short enough for a socket.
#[derive(Debug)]
pub(super) struct SocketPath {
    pub(super) path: PathBuf,
    /// Held open while the path leads through it.
    _folder: Option<File>,
}

impl SocketPath {
    /// The path of a folder's socket. One that is too long leads through the folder's descriptor instead.
    pub(super) fn of(folder: &Folder) -> io::Result<Self> {
        let path = folder.admin_socket();
        if path.as_os_str().len() <= MAX_PATH {
            return Ok(Self { path, _folder: None });
        }
        let parent = File::open(path.parent().unwrap_or(Path::new("/")))?;
        let short = format!("/proc/self/fd/{}/admin.sock", parent.as_raw_fd());
        Ok(Self { path: short.into(), _folder: Some(parent) })
    }
}

/// The open socket. Dropping it takes it away.
#[derive(Debug)]
pub(crate) struct AdminSocket {
    path: PathBuf,
    handle: Handle<std::os::unix::net::SocketAddr>,
}

impl AdminSocket {
    /// Begins to take orders. The caller holds the folder's lock, so that a socket that lies there is one that a crash left.
    ///
    /// # Errors
    /// If the socket cannot be made.
    pub(crate) fn open(folder: &Folder, service: Arc<Service>) -> Result<Self> {
        let path = folder.admin_socket();
        let listener = bind(folder, &path).map_err(|error| {
            file_error("open the socket for administration", &path, error)
                .with_hint("the folder must lie on a file system that can hold sockets")
        })?;
        let handle = Handle::new();
        let mut server = axum_server::from_unix(listener)
            .map_err(|error| file_error("listen on", &path, error))?
            .first_request_timeout(IDLE)
            .handle(handle.clone());
        server.http_builder().http1().header_read_timeout(IDLE);
        tokio::spawn(server.serve(routes(service).into_make_service()));
        Ok(Self { path, handle })
    }
}

impl Drop for AdminSocket {
    fn drop(&mut self) {
        self.handle.shutdown();
        let _ = fs::remove_file(&self.path);
    }
}

fn bind(folder: &Folder, path: &Path) -> io::Result<UnixListener> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&SocketPath::of(folder)?.path)?;
    // Until here the mode of the folder keeps everybody else away.
    fs::set_permissions(path, Permissions::from_mode(0o600))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

#[derive(Debug, Clone)]
struct Desk {
    service: Arc<Service>,
    places: Arc<Semaphore>,
}

fn routes(service: Arc<Service>) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route(ORDERS, post(order))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, LONG))
        .with_state(Desk { service, places: Arc::new(Semaphore::new(AT_ONCE)) })
}

async fn order(State(desk): State<Desk>, Json(order): Json<Order>) -> Response {
    let patience = order.patience();
    // A task of its own: who asked may go away, and what was begun is ended all the same.
    let task = tokio::spawn(async move {
        let _place = desk.places.acquire().await.ok()?;
        Some(orders::carry_out(&desk.service, order).await)
    });
    match tokio::time::timeout(patience, task).await {
        Ok(Ok(Some(Ok(done)))) => Json(Reply::Done(done)).into_response(),
        Ok(Ok(Some(Err(error)))) => Json(failed(&error)).into_response(),
        Ok(Ok(None)) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Ok(Err(_)) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Err(_) => StatusCode::REQUEST_TIMEOUT.into_response(),
    }
}

fn failed(error: &Error) -> Reply {
    Reply::Failed {
        kind: error.kind(),
        message: error.message().to_owned(),
        hint: error.hint().map(str::to_owned),
    }
}
