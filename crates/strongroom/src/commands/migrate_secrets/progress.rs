//! Progress on a terminal, and the request to stop.

use std::convert::Infallible;
use std::io::{IsTerminal, Write, stderr};
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::{ProgressBar, ProgressStyle};
use strongroom_manager::migrate::Watcher;
use strongroom_metastore::MigrationLock;
use tokio::time::Instant;

use crate::signals::Signals;

/// A progress bar on a terminal, and nothing elsewhere.
pub(super) struct Bar<'a> {
    bar: ProgressBar,
    stop: AtomicBool,
    lock: Option<&'a MigrationLock>,
}

impl<'a> Bar<'a> {
    pub(super) fn new(doing: &'static str, wanted: bool) -> Self {
        let bar = match wanted && stderr().is_terminal() {
            true => ProgressBar::no_length(),
            false => ProgressBar::hidden(),
        };
        let style =
            ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} entities, {per_sec}, {eta} left");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_message(doing);
        Self { bar, stop: AtomicBool::new(false), lock: None }
    }

    /// The same, for somebody who has to stop as soon as this lock is lost.
    pub(super) fn under(self, lock: Option<&'a MigrationLock>) -> Self {
        Self { lock, ..self }
    }

    /// Says a line, above the bar if there is one.
    fn say(&self, line: &str) {
        self.aside(|| {
            // Who does not listen any more is told nothing.
            let _ = writeln!(stderr(), "{line}");
        });
    }

    /// Writes something while the bar is out of the way.
    pub(super) fn aside(&self, write: impl FnOnce()) {
        self.bar.suspend(write);
    }

    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }

    /// Asks the migration to stop at the first signal; the entities in hand are finished.
    pub(super) async fn stop_when_asked(&self, signals: &mut Signals) -> Infallible {
        signals.asked_to_end().await;
        self.stop.store(true, Ordering::Relaxed);
        self.say("finishing the entities in hand; run the same command again to go on");
        std::future::pending().await
    }
}

impl Watcher for Bar<'_> {
    fn total(&self, entities: u64) {
        self.bar.set_length(entities);
    }

    fn advance(&self, entities: u64) {
        self.bar.inc(entities);
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
