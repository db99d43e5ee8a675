//! Running a router on a socket, until it is told to stop.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;

use axum::{Router, middleware};
use axum_server::{Handle, Server};
use strongroom_connections::{Bounded, Peer, unread};
use tokio::sync::Semaphore;

use crate::app::Limits;

/// The most streams that one HTTP/2 connection may have open.
const HTTP2_STREAMS: u32 = 100;
/// The largest head of an HTTP/1 request, in bytes; beyond it 431 is answered.
const HEAD_BYTES: usize = 64 * 1024;
/// The largest head of an HTTP/2 request, in bytes.
const HTTP2_HEAD_BYTES: u32 = 64 * 1024;

/// Serves `router` on `listener` until `shutdown` resolves; then no connection is accepted any more, and the requests under
/// way have [`Limits::grace`] to end.
///
/// # Errors
/// If the listener cannot be used.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let handle = Handle::new();
    let places = Arc::new(Semaphore::new(limits.connections));
    let listener = Bounded::new(listener, places, limits.idle_timeout)?;
    let mut server = Server::<Peer>::from_listener(listener)
        .handle(handle.clone())
        .first_request_timeout(limits.header_read_timeout + limits.request_timeout);
    server
        .http_builder()
        .http1()
        .header_read_timeout(limits.header_read_timeout)
        .max_buf_size(HEAD_BYTES)
        .http2()
        .max_concurrent_streams(HTTP2_STREAMS)
        .max_header_list_size(HTTP2_HEAD_BYTES);
    let stop = tokio::spawn(async move {
        shutdown.await;
        handle.graceful_shutdown(Some(limits.grace));
    });
    let router = router.layer(middleware::from_fn(unread::read_on));
    let served = server.serve(router.into_make_service()).await;
    stop.abort();
    served
}
