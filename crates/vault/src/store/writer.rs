//! The one task that writes.
//!
//! Changes wait in a bounded queue. The task takes all that wait, applies them in one transaction and answers after the
//! commit: one `fsync` serves many writers, and each of them knows that its change is on disk.
//!
//! A connection to PostgreSQL that is lost is made anew. A group of which nothing can have been committed is tried again, a
//! bounded number of times; one whose commit may have arrived is answered as failed, since trying again could do it twice.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use prometheus_client::metrics::histogram::Histogram;
use sqlx::{AnyConnection, Connection};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::data_keys::{self, Resealed};
use super::database::{self, Database, Failure, Kind};
use super::model::{Change, Record, Refusal, WriteError};
use super::{Known, SealedSigningKey, apply, entries, signing_keys};
use crate::audit::{Audit, Unrecorded, Witness};
use crate::keys::{Sealed, WrappedKey};

/// How many changes may wait; who comes later waits for a place.
const QUEUE: usize = 1024;

/// How many changes go into one transaction. Bounds how long a reader of the answer waits, and the journal's growth.
const GROUP: usize = 256;

/// How long to wait before a group is tried again; as often as there are pauses.
const PAUSES: [Duration; 3] =
    [Duration::from_millis(50), Duration::from_millis(200), Duration::from_millis(800)];

/// The bounds that group sizes are counted by, and those of a commit's time in seconds.
const SIZES: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];
const TIMES: [f64; 10] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5];

/// The longest that a transaction on PostgreSQL may take; its own time-outs are shorter.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the task can be asked to do.
#[derive(Debug)]
pub(super) enum Work {
    Change(Change, Option<Box<Witness>>),
    Sweep(i64),
    /// Finds the vault of this name, or makes it.
    Vault(String),
    PutEntry {
        kind: String,
        key: String,
        sealed: Sealed,
        after: Option<i64>,
    },
    DeleteEntry {
        kind: String,
        key: String,
        after: Option<i64>,
    },
    ChangeKeys {
        keys: Vec<WrappedKey>,
        now: i64,
    },
    AddSigningKey {
        key: SealedSigningKey,
        /// Only if there is none that is newer.
        newest: Option<i64>,
    },
    RemoveSigningKeys(Vec<String>),
    Reseal(Vec<Resealed>),
    Retire {
        current: i64,
        now: i64,
    },
}

/// What became of it inside the transaction.
#[derive(Debug)]
pub(super) enum Outcome {
    Change(Result<Record, Refusal>),
    /// How many rows were changed.
    Count(u64),
    Vault(i64),
    /// The directory's generation afterwards; `None` if there was nothing to change, or if it was another one before than
    /// `after` says.
    Entry(Option<i64>),
}

#[derive(Debug)]
struct Job {
    work: Work,
    answer: oneshot::Sender<Result<Outcome, WriteError>>,
}

/// How the writes were grouped. Clones count together.
#[derive(Debug, Clone)]
pub(crate) struct Commits {
    /// How many writes each transaction had.
    pub(crate) sizes: Histogram,
    /// How long each took, in seconds.
    pub(crate) seconds: Histogram,
}

impl Commits {
    fn new() -> Self {
        Self { sizes: Histogram::new(SIZES), seconds: Histogram::new(TIMES) }
    }

    fn count(&self, group: usize, took: Duration) {
        self.sizes.observe(u32::try_from(group).unwrap_or(u32::MAX).into());
        self.seconds.observe(took.as_secs_f64());
    }
}

/// The way to the writing task.
#[derive(Debug)]
pub(super) struct Writer {
    /// Gone once the store is being closed.
    queue: Mutex<Option<mpsc::Sender<Job>>>,
    task: Mutex<Option<JoinHandle<()>>>,
    commits: Commits,
}

impl Writer {
    /// Starts the task. `known` is kept up to date.
    pub(super) fn start(link: Link, known: Arc<Known>) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let commits = link.commits.clone();
        let task = tokio::spawn(run(link, receiver, known));
        Self { queue: Mutex::new(Some(sender)), task: Mutex::new(Some(task)), commits }
    }

    pub(super) fn commits(&self) -> &Commits {
        &self.commits
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

/// The writer's connection, made anew if it was lost.
#[derive(Debug)]
pub(super) struct Link {
    database: Database,
    connection: Option<AnyConnection>,
    audit: Arc<Audit>,
    turn: Arc<tokio::sync::Mutex<()>>,
    commits: Commits,
}

impl Link {
    pub(super) fn new(
        database: Database,
        connection: AnyConnection,
        audit: Arc<Audit>,
        turn: Arc<tokio::sync::Mutex<()>>,
    ) -> Self {
        Self { database, connection: Some(connection), audit, turn, commits: Commits::new() }
    }

    /// Commits a group, and tries again as long as that is safe and may help.
    async fn commit(&mut self, group: &[Job]) -> Result<Vec<Outcome>, Failure> {
        let mut pauses = PAUSES.iter();
        loop {
            match (self.attempt(group).await, pauses.next()) {
                (Err(Failure::Nothing { error, again: true }), Some(pause)) => {
                    tracing::warn!(%error, "the vault's database could not write; trying again");
                    tokio::time::sleep(*pause).await;
                }
                (result, _) => return result,
            }
        }
    }

    async fn attempt(&mut self, group: &[Job]) -> Result<Vec<Outcome>, Failure> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.database.connect().await.map_err(Failure::before_commit)?,
        };
        let begun = Instant::now();
        let committing = AtomicBool::new(false);
        let transaction = transact(&self.database, &mut connection, group, &self.audit, &committing);
        let result = match self.database.kind {
            Kind::Sqlite => transaction.await,
            // A server that is gone without a word would never answer.
            Kind::Postgres => tokio::time::timeout(PATIENCE, transaction).await.unwrap_or_else(|_| {
                let error = sqlx::Error::Io(std::io::ErrorKind::TimedOut.into());
                Err(if committing.load(Ordering::Relaxed) {
                    Failure::Unknown(error)
                } else {
                    Failure::before_commit(error)
                })
            }),
        };
        if result.is_ok() {
            self.commits.count(group.len(), begun.elapsed());
        }
        if result.as_ref().err().is_none_or(Failure::spares_connection) {
            self.connection = Some(connection);
        }
        result
    }
}

async fn run(mut link: Link, mut queue: mpsc::Receiver<Job>, known: Arc<Known>) {
    let mut group = Vec::with_capacity(GROUP);
    let turn = Arc::clone(&link.turn);
    while queue.recv_many(&mut group, GROUP).await > 0 {
        let _turn = turn.lock().await;
        commit(&mut link, &mut group, &known).await;
    }
    if let Some(connection) = link.connection {
        database::close(connection).await;
    }
}

/// Commits a group and answers. If the database refuses one of the group, each is tried by itself, so that nobody suffers
/// for a neighbour.
async fn commit(link: &mut Link, group: &mut Vec<Job>, known: &Known) {
    match link.commit(group).await {
        Ok(outcomes) => group.drain(..).zip(outcomes).for_each(|(job, outcome)| {
            job.answer(Ok(outcome), known);
        }),
        // It is somebody's fault only if the database was there to say so.
        Err(Failure::Nothing { error: sqlx::Error::Database(error), again: false }) if group.len() > 1 => {
            tracing::warn!(%error, group = group.len(), "a group of writes failed; trying each by itself");
            for job in group.drain(..) {
                let outcome = link.commit(std::slice::from_ref(&job)).await;
                let outcome =
                    outcome.map(|mut outcomes| outcomes.remove(0)).map_err(|failure| logged(&failure));
                job.answer(outcome, known);
            }
        }
        Err(failure) => {
            let error = logged(&failure);
            group.drain(..).for_each(|job| job.answer(Err(error), known));
        }
    }
}

/// One transaction with the whole group in it.
async fn transact(
    database: &Database,
    connection: &mut AnyConnection,
    group: &[Job],
    audit: &Audit,
    committing: &AtomicBool,
) -> Result<Vec<Outcome>, Failure> {
    let mut transaction = connection.begin_with(database.begin()).await.map_err(Failure::before_commit)?;
    let applied = async {
        database.lock_writing(&mut transaction).await?;
        let mut outcomes = Vec::with_capacity(group.len());
        for Job { work, .. } in group {
            outcomes.push(apply(&mut transaction, work).await?);
        }
        Ok(outcomes)
    };
    let outcomes = applied.await.map_err(Failure::before_commit)?;
    record(group, &outcomes, audit).await?;
    committing.store(true, Ordering::Relaxed);
    transaction.commit().await.map_err(|error| Failure::of_commit(database.kind, error))?;
    Ok(outcomes)
}

async fn apply(transaction: &mut AnyConnection, work: &Work) -> sqlx::Result<Outcome> {
    Ok(match work {
        Work::Change(change, _) => Outcome::Change(apply::apply(transaction, change).await?),
        Work::Sweep(now) => Outcome::Count(apply::sweep(transaction, *now).await?),
        Work::Vault(name) => Outcome::Vault(apply::vault(transaction, name).await?),
        Work::PutEntry { kind, key, sealed, after } => {
            Outcome::Entry(entries::put(transaction, kind, key, sealed, *after).await?)
        }
        Work::DeleteEntry { kind, key, after } => {
            Outcome::Entry(entries::delete(transaction, kind, key, *after).await?)
        }
        Work::ChangeKeys { keys, now } => Outcome::Entry(data_keys::change(transaction, keys, *now).await?),
        Work::AddSigningKey { key, newest } => {
            Outcome::Count(signing_keys::insert(transaction, key, *newest).await?)
        }
        Work::RemoveSigningKeys(kids) => Outcome::Count(signing_keys::remove(transaction, kids).await?),
        Work::Reseal(rows) => Outcome::Count(data_keys::reseal(transaction, rows).await?),
        Work::Retire { current, now } => {
            Outcome::Count(data_keys::retire(transaction, *current, *now).await?)
        }
    })
}

/// Tells the audit trail what is about to be committed, or was refused. A group that is tried again tells it again: the last
/// line of a request counts.
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

/// Logs a failure and answers what to tell who asked.
fn logged(failure: &Failure) -> WriteError {
    match failure {
        Failure::Unrecorded => return WriteError::Unrecorded,
        Failure::Nothing { error, .. } => tracing::error!(%error, "the vault's database could not write"),
        Failure::Unknown(error) => {
            tracing::error!(%error, "the vault's database was lost during a commit: its writes count as failed");
        }
    }
    WriteError::Failed
}

impl Job {
    fn answer(self, outcome: Result<Outcome, WriteError>, known: &Known) {
        if let Ok(Outcome::Entry(Some(now))) = outcome {
            known.generation.store(now, Ordering::Release);
        }
        // Whatever became of it: a commit that is said to have failed may have been made.
        match (&known.latest, &self.work) {
            (Some(latest), Work::Change(change, _)) => {
                let (vault, name) = change.secret();
                latest.forget(vault, name);
            }
            (Some(latest), Work::Reseal(_)) => latest.forget_all(),
            _ => {}
        }
        // Who asked may have gone away meanwhile; what was committed stays committed.
        let _ = self.answer.send(outcome);
    }
}
