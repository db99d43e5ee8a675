//! Runs: who migrates, since when, and how far it has come, for whoever looks from another process.

use std::time::Duration;

use strongroom_metastore::{NewRun, Progress};
use tokio::time::Instant;
use uuid::Uuid;

use super::MigrateError;
use crate::Manager;
use crate::crash::{Step, reach};

/// How often a run says how far it has come: each time costs a commit.
const EVERY: Duration = Duration::from_secs(1);

impl Manager {
    /// Notes that a run begins: `action` in a word, by `process`, on the database whose migration lock the caller holds.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn begin_run(&self, run: Uuid, action: &str, process: &str) -> Result<(), MigrateError> {
        let (action, process) = (action.to_owned(), process.to_owned());
        let run = NewRun { id: run, action, target: self.target(), process };
        self.store.start_run(&run, self.clock.now_millis()).await?;
        reach(Step::RunBegun);
        Ok(())
    }

    /// Notes that a run ended, and how, in a word.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn end_run(&self, run: Uuid, outcome: &str) -> Result<(), MigrateError> {
        self.store.end_run(run, self.clock.now_millis(), outcome).await?;
        reach(Step::RunEnded);
        Ok(())
    }

    /// Makes sure that there is a run of this id, for who has begun none.
    pub(super) async fn need_run(&self, run: Uuid) -> Result<(), MigrateError> {
        if self.store.runs(&run.to_string(), 1).await?.is_empty() {
            self.begin_run(run, "move", "").await?;
        }
        Ok(())
    }
}

/// How far a run has come, written down every now and then.
#[derive(Debug)]
pub(super) struct Log {
    run: Uuid,
    pub(super) progress: Progress,
    last: Option<Instant>,
}

impl Log {
    pub(super) fn of(run: Uuid, total: u64) -> Self {
        Self { run, progress: Progress { total, ..Progress::default() }, last: None }
    }

    /// Writes down how far the run has come, if it was long enough ago that it did.
    pub(super) async fn note(&mut self, manager: &Manager) -> Result<(), MigrateError> {
        if self.last.is_some_and(|last| last.elapsed() < EVERY) {
            return Ok(());
        }
        self.note_now(manager).await
    }

    /// Writes down how far the run has come.
    pub(super) async fn note_now(&mut self, manager: &Manager) -> Result<(), MigrateError> {
        manager.store.note_progress(self.run, self.progress, manager.clock.now_millis()).await?;
        self.last = Some(Instant::now());
        Ok(())
    }
}
