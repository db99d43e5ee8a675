//! The sockets that a vault listens on, and how what comes in is bounded.
//!
//! [`Listeners`] holds all of them: the one with TLS for vaults and tokens, and the plain ones. [`Bounded`] bounds how many
//! connections there are and how long one may stand still; here stand the bounds on handshakes, heads and streams.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use axum_server::{Handle, Server};
use strongroom_connections::{Bounded, Peer};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::config::Limits;
use crate::error::{Error, ErrorKind, Result};
use crate::faults::Cuttable;

/// How long requests in hand may take once the vault is told to stop.
const GRACE: Duration = Duration::from_secs(10);

/// The same for who asks how the vault is, once all else has ended.
const LAST_GRACE: Duration = Duration::from_secs(1);

/// The head of a request: a token has at most 8 KiB, so this is plenty.
const MAX_HEAD: usize = 64 * 1024;

/// The same for HTTP/2, which counts 32 bytes more for each field.
const MAX_HEADER_LIST: u32 = 64 * 1024;

/// How many requests may be under way on one connection of HTTP/2.
const MAX_STREAMS: u32 = 100;

/// How many streams may be reset before they were looked at, and how many may be reset for faults of the client's, until the
/// connection is given up ("rapid reset").
const MAX_RESETS: usize = 20;
const MAX_FAULTY_STREAMS: usize = 200;

/// How many connections a plain listener takes at a time: its clients are few, and ask seldom.
const PLAIN_CONNECTIONS: usize = 64;

/// Everything that listens.
#[derive(Debug, Default)]
pub(crate) struct Listeners(Vec<Listening>);

#[derive(Debug)]
struct Listening {
    address: SocketAddr,
    handle: Handle<Peer>,
    server: JoinHandle<std::io::Result<()>>,
    /// Whether it ends after the others.
    last: bool,
}

impl Listeners {
    /// Serves `routes` with TLS. `places` counts the connections; `may_be_cut` lets requests cut theirs, on demand.
    pub(crate) fn start_tls(
        &mut self,
        socket: TcpListener,
        tls: RustlsConfig,
        routes: Router,
        limits: &Limits,
        places: Arc<Semaphore>,
        may_be_cut: bool,
    ) -> Result<()> {
        let acceptor = RustlsAcceptor::new(tls).handshake_timeout(limits.handshake());
        let (address, server) = prepare(socket, limits, places)?;
        let server = server.acceptor(acceptor);
        match may_be_cut {
            true => self.run(address, server.map(Cuttable), routes, false),
            false => self.run(address, server, routes, false),
        }
        Ok(())
    }

    /// Serves `routes` without TLS. `last` lets it end after all others.
    pub(crate) fn start_plain(
        &mut self,
        socket: TcpListener,
        routes: Router,
        limits: &Limits,
        last: bool,
    ) -> Result<()> {
        let (address, server) = prepare(socket, limits, Arc::new(Semaphore::new(PLAIN_CONNECTIONS)))?;
        self.run(address, server, routes, last);
        Ok(())
    }

    fn run<A>(&mut self, address: SocketAddr, server: Server<Peer, A>, routes: Router, last: bool)
    where
        A: Acceptor,
    {
        let handle = Handle::new();
        let server = server.handle(handle.clone());
        self.0.push(Listening { address, handle, server: A::spawn(server, routes), last });
    }

    /// Takes no more connections, and gives requests in hand ten seconds. The port for whoever runs the vault goes on
    /// answering until the others have ended.
    ///
    /// # Errors
    /// If a listener had failed before.
    pub(crate) async fn stop(&mut self) -> Result<()> {
        let (last, first): (Vec<_>, Vec<_>) = self.0.drain(..).partition(|listening| listening.last);
        let ended = end(first, GRACE).await;
        ended.and(end(last, LAST_GRACE).await)
    }
}

/// Ends listeners, all at the same time.
async fn end(listeners: Vec<Listening>, grace: Duration) -> Result<()> {
    for listening in &listeners {
        listening.handle.graceful_shutdown(Some(grace));
    }
    let mut outcome = Ok(());
    for mut listening in listeners {
        let ended = match (&mut listening.server).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(address_error(listening.address, error)),
            Err(error) => Err(Error::new(
                ErrorKind::Address,
                format!("the listener on {} ended badly", listening.address),
            )
            .with_source(error)),
        };
        outcome = outcome.and(ended);
    }
    outcome
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.handle.shutdown();
    }
}

/// What a connection goes through before its first request: nothing, or the handshake of TLS.
trait Acceptor: Sized {
    fn spawn(server: Server<Peer, Self>, routes: Router) -> JoinHandle<std::io::Result<()>>;
}

impl Acceptor for axum_server::accept::DefaultAcceptor {
    fn spawn(server: Server<Peer, Self>, routes: Router) -> JoinHandle<std::io::Result<()>> {
        tokio::spawn(server.serve(routes.into_make_service_with_connect_info::<Peer>()))
    }
}

impl Acceptor for RustlsAcceptor {
    fn spawn(server: Server<Peer, Self>, routes: Router) -> JoinHandle<std::io::Result<()>> {
        tokio::spawn(server.serve(routes.into_make_service_with_connect_info::<Peer>()))
    }
}

impl Acceptor for Cuttable<RustlsAcceptor> {
    fn spawn(server: Server<Peer, Self>, routes: Router) -> JoinHandle<std::io::Result<()>> {
        tokio::spawn(server.serve(routes.into_make_service_with_connect_info::<Peer>()))
    }
}

fn prepare(
    socket: TcpListener,
    limits: &Limits,
    places: Arc<Semaphore>,
) -> Result<(SocketAddr, Server<Peer>)> {
    let address = address(&socket)?;
    let mut server = Server::<Peer>::from_listener(
        Bounded::new(socket, places, limits.idle()).map_err(|error| address_error(address, error))?,
    )
    .first_request_timeout(limits.handshake())
    .accept_error_handler(|peer, error| tracing::debug!(?peer, %error, "a connection was not accepted"));
    let builder = server.http_builder();
    builder.http1().header_read_timeout(limits.head()).max_buf_size(MAX_HEAD);
    builder
        .http2()
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEADER_LIST)
        .max_pending_accept_reset_streams(MAX_RESETS)
        .max_local_error_reset_streams(MAX_FAULTY_STREAMS);
    Ok((address, server))
}

/// Where a socket listens.
pub(crate) fn address(socket: &TcpListener) -> Result<SocketAddr> {
    socket.local_addr().map_err(|error| {
        Error::new(ErrorKind::Address, format!("cannot use the socket: {error}")).with_source(error)
    })
}

/// Takes an address.
///
/// # Errors
/// [`Address`](ErrorKind::Address) says what to do about it.
pub(crate) fn bind(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).map_err(|error| address_error(address, error))
}

pub(crate) fn address_error(address: SocketAddr, error: std::io::Error) -> Error {
    let failed = Error::new(ErrorKind::Address, format!("cannot listen on {address}: {error}"));
    let failed = match error.kind() {
        std::io::ErrorKind::AddrInUse => failed.with_hint(
            "stop the program that has the port, or choose another with listen (for adminListen and managedIdentity \
             too) or --listen",
        ),
        std::io::ErrorKind::PermissionDenied => failed.with_hint("choose a port above 1023"),
        _ => failed,
    };
    failed.with_source(error)
}
