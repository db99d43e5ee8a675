//! How far a command is, and the request to stop it.

use std::convert::Infallible;
use std::future::Future;
use std::io::{IsTerminal, Write, stderr};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};
use strongroom_manager::migrate::Watcher;
use strongroom_metastore::MigrationLock;
use tokio::time::Instant;

use crate::signals::Signals;

/// A progress bar on a terminal, and nothing elsewhere.
pub(super) struct Progress<'a> {
    bar: ProgressBar,
    /// What is counted.
    what: &'static str,
    stop: AtomicBool,
    lock: Option<&'a MigrationLock>,
}

impl<'a> Progress<'a> {
    /// A bar that says what is done, and to what.
    pub(super) fn new(doing: &'static str, what: &'static str, wanted: bool) -> Self {
        let bar = match wanted && stderr().is_terminal() {
            true => ProgressBar::no_length(),
            false => ProgressBar::hidden(),
        };
        bar.set_style(style(&format!("{{pos}} {what}, {{per_sec}}")));
        bar.set_message(doing);
        Self { bar, what, stop: AtomicBool::new(false), lock: None }
    }

    /// The same, for somebody who has to stop as soon as this lock is lost.
    pub(super) fn under(self, lock: Option<&'a MigrationLock>) -> Self {
        Self { lock, ..self }
    }

    /// Prints without the bar in between.
    pub(super) fn beside<T>(&self, print: impl FnOnce() -> T) -> T {
        self.bar.suspend(print)
    }

    /// Takes the bar away.
    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }

    /// Does some work, which is asked to stop at the first signal; what it has in hand is finished.
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
        self.say(&format!("finishing the {} in hand; run the same command again to go on", self.what));
        std::future::pending().await
    }

    /// Says a line, above the bar if there is one.
    fn say(&self, line: &str) {
        self.beside(|| {
            // Who does not listen any more is told nothing.
            let _ = writeln!(stderr(), "{line}");
        });
    }
}

fn style(numbers: &str) -> ProgressStyle {
    ProgressStyle::with_template(&format!("{{msg}} {{wide_bar}} {numbers}"))
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}

impl Watcher for Progress<'_> {
    fn total(&self, total: u64) {
        self.bar.set_length(total);
        self.bar.set_style(style(&format!("{{pos}}/{{len}} {}, {{per_sec}}, {{eta}} left", self.what)));
    }

    fn advance(&self, count: u64) {
        self.bar.inc(count);
    }

    fn begins_pass(&self, _nth: u64) {
        self.bar.set_message("looking again");
    }

    fn waits_until(&self, until: Instant) {
        let seconds = until.saturating_duration_since(Instant::now()).as_secs();
        self.bar.set_message("waiting");
        self.say(&format!(
            "all is migrated; looking once more in {seconds} s, since OpenMetadata's server writes from a cache (--no-wait skips this)"
        ));
    }

    fn should_stop(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn why_stop(&self) -> Option<&'static str> {
        if self.lock.is_some_and(MigrationLock::is_lost) {
            return Some("the connection to the database that holds the migration lock was lost");
        }
        self.should_stop().then_some("it was asked to stop")
    }
}
