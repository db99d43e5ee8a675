//! A socket that takes a bounded number of connections at a time.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum_server::{AddrListener, Address};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::connection::{Connection, Patience};

/// The address of the other side.
#[derive(Debug, Clone, Copy)]
pub struct Peer(
    /// Its IP address and port.
    pub SocketAddr,
);

impl Address for Peer {
    type Stream = Connection;
    type Listener = Bounded;
}

impl Connected<Peer> for Peer {
    fn connect_info(peer: Peer) -> Self {
        peer
    }
}

/// A socket that takes no further connection while so many are open: new ones wait in the operating system's queue.
#[derive(Debug)]
pub struct Bounded {
    listener: TcpListener,
    places: Arc<Semaphore>,
    patience: Patience,
}

impl Bounded {
    /// Takes a bound socket. `places` counts its connections; `idle` is how long one may stand still.
    ///
    /// # Errors
    /// If the socket cannot be used.
    pub fn new(listener: std::net::TcpListener, places: Arc<Semaphore>, idle: Duration) -> io::Result<Self> {
        Self::with_patience(listener, places, Patience { idle, ..Patience::default() })
    }

    pub(crate) fn with_patience(
        listener: std::net::TcpListener,
        places: Arc<Semaphore>,
        patience: Patience,
    ) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Ok(Self { listener: TcpListener::from_std(listener)?, places, patience })
    }
}

impl AddrListener<Connection, Peer> for Bounded {
    async fn bind_to(peer: Peer) -> io::Result<Self> {
        let listener = TcpListener::bind(peer.0).await?;
        Ok(Self { listener, places: Arc::new(Semaphore::new(1)), patience: Patience::default() })
    }

    async fn accept_stream(&self) -> io::Result<(Connection, Peer)> {
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(io::Error::other)?;
        let (stream, peer) = self.listener.accept().await?;
        // An answer is written whole: nothing is gained by waiting for more of it.
        let _ = stream.set_nodelay(true);
        Ok((Connection::new(stream, place, self.patience), Peer(peer)))
    }

    fn get_local_addr(&self) -> io::Result<Peer> {
        self.listener.local_addr().map(Peer)
    }
}
