//! The one task that writes.
//!
//! Changes wait in a bounded queue. The task takes all that wait, applies them in one transaction and answers after the
//! commit: one `fsync` serves many writers, and each of them knows that its change is on disk.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::model::{Change, Record, Refusal, WriteError};
use super::{apply, entries};
use crate::audit::{Audit, Unrecorded, Witness};
use crate::keys::Sealed;

/// How many changes may wait; who comes later waits for a place.
const QUEUE: usize = 1024;

/// How many changes go into one transaction. Bounds how long a reader of the answer waits, and the journal's growth.
const GROUP: usize = 256;

/// What the task can be asked to do.
#[derive(Debug)]
pub(super) enum Work {
    Change(Change, Option<Box<Witness>>),
    Sweep(i64),
    PutEntry { kind: String, key: String, sealed: Sealed },
    DeleteEntry { kind: String, key: String },
}

/// What became of it inside the transaction.
#[derive(Debug)]
pub(super) enum Outcome {
    Change(Result<Record, Refusal>),
    Sweep(u64),
    /// The directory's generation afterwards; `None` if there was nothing to change.
    Entry(Option<i64>),
}

#[derive(Debug)]
struct Job {
    work: Work,
    answer: oneshot::Sender<Result<Outcome, WriteError>>,
}

/// The way to the writing task.
#[derive(Debug)]
pub(super) struct Writer {
    /// Gone once the store is being closed.
    queue: Mutex<Option<mpsc::Sender<Job>>>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    /// Starts the task. `generation` is the directory's, and is kept up to date.
    pub(super) fn start(connection: SqliteConnection, generation: Arc<AtomicI64>, audit: Arc<Audit>) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let task = tokio::spawn(run(connection, receiver, generation, audit));
        Self { queue: Mutex::new(Some(sender)), task: Mutex::new(Some(task)) }
    }

    /// Queues work and waits until it is on disk.
    pub(super) async fn submit(&self, work: Work) -> Result<Outcome, WriteError> {
        let queue = lock(&self.queue).clone().ok_or(WriteError::Failed)?;
        let (answer, receiver) = oneshot::channel();
        queue.send(Job { work, answer }).await.map_err(|_| WriteError::Failed)?;
        receiver.await.map_err(|_| WriteError::Failed)?
    }

    /// Takes nothing more, and waits until what is queued is on disk.
    pub(super) async fn close(&self) {
        lock(&self.queue).take();
        let task = lock(&self.task).take();
        if let Some(task) = task
            && let Err(error) = task.await
        {
            tracing::error!(%error, "the task that writes ended badly");
        }
    }
}

/// A poisoned lock only says that another thread panicked; the slot behind it is whole.
fn lock<T>(slot: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    slot.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

async fn run(
    mut connection: SqliteConnection,
    mut queue: mpsc::Receiver<Job>,
    generation: Arc<AtomicI64>,
    audit: Arc<Audit>,
) {
    let mut group = Vec::with_capacity(GROUP);
    while queue.recv_many(&mut group, GROUP).await > 0 {
        commit(&mut connection, &mut group, &generation, &audit).await;
    }
    if let Err(error) = connection.close().await {
        tracing::error!(%error, "the vault's database did not close in order");
    }
}

/// Commits a group and answers. If the database refuses one of the group, each is tried by itself, so that nobody suffers
/// for a neighbour.
async fn commit(
    connection: &mut SqliteConnection,
    group: &mut Vec<Job>,
    generation: &AtomicI64,
    audit: &Audit,
) {
    match attempt(connection, group, audit).await {
        Ok(outcomes) => group.drain(..).zip(outcomes).for_each(|(job, outcome)| {
            job.answer(Ok(outcome), generation);
        }),
        Err(Failure::Unrecorded) => {
            group.drain(..).for_each(|job| job.answer(Err(WriteError::Unrecorded), generation));
        }
        Err(Failure::Database(error)) if group.len() == 1 => {
            tracing::error!(%error, "the vault's database could not write");
            group.drain(..).for_each(|job| job.answer(Err(WriteError::Failed), generation));
        }
        Err(Failure::Database(error)) => {
            tracing::warn!(%error, group = group.len(), "a group of writes failed; trying each by itself");
            for job in group.drain(..) {
                let answer = attempt(connection, std::slice::from_ref(&job), audit).await;
                let answer = answer.map(|mut outcomes| outcomes.remove(0)).map_err(|failure| match failure {
                    Failure::Unrecorded => WriteError::Unrecorded,
                    Failure::Database(error) => {
                        tracing::error!(%error, "the vault's database could not write");
                        WriteError::Failed
                    }
                });
                job.answer(answer, generation);
            }
        }
    }
}

/// Why a group was not committed.
#[derive(Debug)]
enum Failure {
    Database(sqlx::Error),
    Unrecorded,
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

async fn attempt(
    connection: &mut SqliteConnection,
    group: &[Job],
    audit: &Audit,
) -> Result<Vec<Outcome>, Failure> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let mut outcomes = Vec::with_capacity(group.len());
    for Job { work, .. } in group {
        outcomes.push(match work {
            Work::Change(change, _) => Outcome::Change(apply::apply(&mut transaction, change).await?),
            Work::Sweep(now) => Outcome::Sweep(apply::sweep(&mut transaction, *now).await?),
            Work::PutEntry { kind, key, sealed } => {
                Outcome::Entry(Some(entries::put(&mut transaction, kind, key, sealed).await?))
            }
            Work::DeleteEntry { kind, key } => {
                Outcome::Entry(entries::delete(&mut transaction, kind, key).await?)
            }
        });
    }
    record(group, &outcomes, audit).await?;
    transaction.commit().await?;
    Ok(outcomes)
}

/// Tells the audit trail what is about to be committed, or was refused.
async fn record(group: &[Job], outcomes: &[Outcome], audit: &Audit) -> Result<(), Failure> {
    let witnessed = || {
        group.iter().zip(outcomes).filter_map(|(job, outcome)| match (&job.work, outcome) {
            (Work::Change(_, Some(witness)), Outcome::Change(result)) => Some((witness, result)),
            _ => None,
        })
    };
    let lines: Vec<_> = witnessed().map(|(witness, result)| witness.line(result)).collect();
    if lines.is_empty() {
        return Ok(());
    }
    audit.record(lines).await.map_err(|Unrecorded| Failure::Unrecorded)?;
    witnessed().for_each(|(witness, result)| witness.has_said(result));
    Ok(())
}

impl Job {
    fn answer(self, outcome: Result<Outcome, WriteError>, generation: &AtomicI64) {
        if let Ok(Outcome::Entry(Some(now))) = outcome {
            generation.store(now, Ordering::Release);
        }
        // Who asked may have gone away meanwhile; what was committed stays committed.
        let _ = self.answer.send(outcome);
    }
}
