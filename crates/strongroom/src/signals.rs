//! SIGTERM and Ctrl-C, and SIGHUP for those who read their configuration again.

use std::io::Result;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Requests to end the process, which is in their hands from now on: a signal no longer kills it.
#[derive(Debug)]
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Begins to listen. A server does so before it starts, so that one who asks as soon as it answers is heard.
    ///
    /// # Errors
    /// If the system does not allow it.
    pub(crate) fn listen() -> Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits until the process is asked to end.
    pub(crate) async fn asked_to_end(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Requests to read the configuration again. From the moment of [`HangUps::listen`] on, SIGHUP no longer ends the process.
#[derive(Debug)]
pub(crate) struct HangUps(Signal);

impl HangUps {
    /// Begins to listen.
    ///
    /// # Errors
    /// If the system does not allow it.
    pub(crate) fn listen() -> Result<Self> {
        Ok(Self(signal(SignalKind::hangup())?))
    }

    /// Waits for the next request; several at once count as one.
    pub(crate) async fn next(&mut self) {
        if self.0.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}
