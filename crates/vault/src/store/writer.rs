//! The one task that writes.
//!
//! Changes wait in a bounded queue. The task takes all that wait, applies them in one transaction and answers after the
//! commit: one `fsync` serves many writers, and each of them knows that its change is on disk.

use std::sync::Mutex;

use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::apply;
use super::model::{Change, Record, Refusal, WriteError};

/// How many changes may wait; who comes later waits for a place.
const QUEUE: usize = 1024;

/// How many changes go into one transaction. Bounds how long a reader of the answer waits, and the journal's growth.
const GROUP: usize = 256;

#[derive(Debug)]
enum Job {
    Change(Change, oneshot::Sender<Result<Record, WriteError>>),
    Sweep(i64, oneshot::Sender<Result<u64, WriteError>>),
}

/// What became of a job inside the transaction.
enum Outcome {
    Change(Result<Record, Refusal>),
    Sweep(u64),
}

/// The way to the writing task.
#[derive(Debug)]
pub(super) struct Writer {
    /// Gone once the store is being closed.
    queue: Mutex<Option<mpsc::Sender<Job>>>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    pub(super) fn start(connection: SqliteConnection) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let task = tokio::spawn(run(connection, receiver));
        Self { queue: Mutex::new(Some(sender)), task: Mutex::new(Some(task)) }
    }

    pub(super) async fn write(&self, change: Change) -> Result<Record, WriteError> {
        self.submit(|answer| Job::Change(change, answer)).await
    }

    pub(super) async fn sweep(&self, now: i64) -> Result<u64, WriteError> {
        self.submit(|answer| Job::Sweep(now, answer)).await
    }

    async fn submit<T>(
        &self,
        job: impl FnOnce(oneshot::Sender<Result<T, WriteError>>) -> Job,
    ) -> Result<T, WriteError> {
        let queue = lock(&self.queue).clone().ok_or(WriteError::Failed)?;
        let (sender, receiver) = oneshot::channel();
        queue.send(job(sender)).await.map_err(|_| WriteError::Failed)?;
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

async fn run(mut connection: SqliteConnection, mut queue: mpsc::Receiver<Job>) {
    let mut group = Vec::with_capacity(GROUP);
    while queue.recv_many(&mut group, GROUP).await > 0 {
        commit(&mut connection, &mut group).await;
    }
    if let Err(error) = connection.close().await {
        tracing::error!(%error, "the vault's database did not close in order");
    }
}

/// Commits a group and answers. If the database refuses one of the group, each is tried by itself, so that nobody suffers
/// for a neighbour.
async fn commit(connection: &mut SqliteConnection, group: &mut Vec<Job>) {
    match attempt(connection, group).await {
        Ok(outcomes) => group.drain(..).zip(outcomes).for_each(|(job, outcome)| job.answer(Ok(outcome))),
        Err(error) if group.len() == 1 => {
            tracing::error!(%error, "the vault's database could not write");
            group.drain(..).for_each(|job| job.answer(Err(())));
        }
        Err(error) => {
            tracing::warn!(%error, group = group.len(), "a group of writes failed; trying each by itself");
            for job in group.drain(..) {
                let answer = attempt(connection, std::slice::from_ref(&job)).await;
                if let Err(error) = &answer {
                    tracing::error!(%error, "the vault's database could not write");
                }
                job.answer(answer.map(|mut outcomes| outcomes.remove(0)).map_err(|_| ()));
            }
        }
    }
}

async fn attempt(connection: &mut SqliteConnection, group: &[Job]) -> sqlx::Result<Vec<Outcome>> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let mut outcomes = Vec::with_capacity(group.len());
    for job in group {
        outcomes.push(match job {
            Job::Change(change, _) => Outcome::Change(apply::apply(&mut transaction, change).await?),
            Job::Sweep(now, _) => Outcome::Sweep(apply::sweep(&mut transaction, *now).await?),
        });
    }
    transaction.commit().await?;
    Ok(outcomes)
}

impl Job {
    /// Who asked may have gone away meanwhile; what was committed stays committed.
    fn answer(self, outcome: Result<Outcome, ()>) {
        match (self, outcome) {
            (Self::Change(_, answer), Ok(Outcome::Change(result))) => {
                let _ = answer.send(result.map_err(WriteError::Refused));
            }
            (Self::Sweep(_, answer), Ok(Outcome::Sweep(count))) => {
                let _ = answer.send(Ok(count));
            }
            (Self::Change(_, answer), _) => {
                let _ = answer.send(Err(WriteError::Failed));
            }
            (Self::Sweep(_, answer), _) => {
                let _ = answer.send(Err(WriteError::Failed));
            }
        }
    }
}
