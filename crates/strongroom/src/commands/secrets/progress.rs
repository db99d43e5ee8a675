//! How far a command is, and requests to stop it.

use std::convert::Infallible;
use std::future::Future;
use std::io::{IsTerminal, stderr};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};
use strongroom_manager::migrate::Watcher;

use crate::signals::Signals;

/// A progress bar on a terminal, and nothing elsewhere.
pub(super) struct Progress {
    bar: ProgressBar,
    stop: AtomicBool,
}

impl Progress {
    /// A bar that says what is done, and to what.
    pub(super) fn new(doing: &'static str, what: &str, wanted: bool) -> Self {
        let bar = match wanted && stderr().is_terminal() {
            true => ProgressBar::no_length(),
            false => ProgressBar::hidden(),
        };
        let style =
            ProgressStyle::with_template(&format!("{{msg}} {{wide_bar}} {{pos}} {what}, {{per_sec}}"));
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_message(doing);
        Self { bar, stop: AtomicBool::new(false) }
    }

    /// Prints without the bar in between.
    pub(super) fn beside<T>(&self, print: impl FnOnce() -> T) -> T {
        self.bar.suspend(print)
    }

    /// Takes the bar away.
    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }

    /// Does some work, which is asked to stop at the first signal.
    pub(super) async fn watch<T>(&self, work: impl Future<Output = T>) -> Result<T> {
        let mut signals = Signals::listen()?;
        tokio::select! {
            done = work => Ok(done),
            never = self.stop_when_asked(&mut signals) => match never {},
        }
    }

    async fn stop_when_asked(&self, signals: &mut Signals) -> Infallible {
        signals.asked_to_end().await;
        self.stop.store(true, Ordering::Relaxed);
        self.beside(|| tracing::warn!("finishing what is in hand; run the same command again to go on"));
        std::future::pending().await
    }
}

impl Watcher for Progress {
    fn total(&self, total: u64) {
        self.bar.set_length(total);
    }

    fn advance(&self, count: u64) {
        self.bar.inc(count);
    }

    fn should_stop(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}
