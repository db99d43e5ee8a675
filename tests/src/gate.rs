//! A way to a server that can be closed, and that counts who takes it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// How often an open connection is looked at.
const GLANCE: Duration = Duration::from_millis(10);

/// What becomes of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Passage {
    /// It reaches the server.
    Open,
    /// It is closed at once, and so are those that were open.
    Closed,
    /// It is accepted, and nothing ever comes back.
    Silent,
}

/// A port of this machine behind which a server is, or is not.
#[derive(Debug)]
pub struct Gate {
    port: u16,
    connections: Arc<AtomicUsize>,
    passage: Arc<AtomicU8>,
    guard: JoinHandle<()>,
}

impl Gate {
    /// A gate, open, before the port `target`.
    ///
    /// # Panics
    /// If there is no port for it.
    pub async fn before(target: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let passage = Arc::new(AtomicU8::new(Passage::Open as u8));
        let connections = Arc::<AtomicUsize>::default();
        let (now, count) = (Arc::clone(&passage), Arc::clone(&connections));
        let guard = tokio::spawn(async move {
            let mut held = Vec::new();
            while let Ok((mut inner, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let passage = now.load(Ordering::SeqCst);
                if passage == Passage::Silent as u8 {
                    held.push(inner);
                } else if passage == Passage::Open as u8 {
                    let now = Arc::clone(&now);
                    tokio::spawn(async move {
                        let Ok(mut outer) = TcpStream::connect(("127.0.0.1", target)).await else { return };
                        let closed = async {
                            while now.load(Ordering::SeqCst) == Passage::Open as u8 {
                                tokio::time::sleep(GLANCE).await;
                            }
                        };
                        tokio::select! {
                            _ = copy_bidirectional(&mut inner, &mut outer) => {}
                            () = closed => {}
                        }
                    });
                }
            }
        });
        Self { port, connections, passage, guard }
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// How many connections were made so far.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// From the return on it is so, for connections that are open as well.
    pub async fn set(&self, passage: Passage) {
        self.passage.store(passage as u8, Ordering::SeqCst);
        tokio::time::sleep(GLANCE * 10).await;
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.guard.abort();
    }
}
