//! SIGTERM and Ctrl-C.

use tokio::signal::unix::{SignalKind, signal};

/// Waits until the process is asked to end.
pub(crate) async fn asked_to_end() {
    // Without a handler the signal ends the process at once, which is a way to end too.
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return std::future::pending().await };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}
