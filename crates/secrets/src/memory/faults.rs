//! Calls counted, and made to fail on demand.

use std::fmt::{self, Debug};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::Notify;

use crate::{Error, ErrorKind, SecretName};

/// A method of [`Provider`](crate::Provider).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Reading a version.
    Get,
    /// Writing a new version.
    Set,
    /// Changing a version in place.
    Update,
    /// Going through names or versions.
    List,
    /// Soft-deleting.
    Delete,
    /// Reading a soft-deleted secret.
    GetDeleted,
    /// Bringing a soft-deleted secret back.
    Recover,
    /// Forgetting a soft-deleted secret.
    Purge,
}

impl Operation {
    const COUNT: usize = 8;

    fn verb(self) -> &'static str {
        match self {
            Self::Get => "read",
            Self::Set => "write",
            Self::Update => "update",
            Self::List => "list",
            Self::Delete => "delete",
            Self::GetDeleted => "look up deleted",
            Self::Recover => "recover",
            Self::Purge => "purge",
        }
    }
}

/// A call that is about to be made.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// What is asked for.
    pub operation: Operation,
    /// Of which secret; `None` where a whole vault is listed.
    pub name: Option<&'a SecretName>,
    /// The how-manieth call of this operation it is; the first is 1.
    pub nth: u64,
}

/// What a call meets.
#[derive(Debug, Clone)]
pub enum Fault {
    /// Fails without any effect, as when the vault cannot be reached.
    Before(ErrorKind),
    /// Takes effect, then fails, as when the answer is lost.
    After(ErrorKind),
    /// Waits until the test calls [`Notify::notify_one`], then goes on as if nothing had been.
    Hold(Arc<Notify>),
    /// Never answers and has no effect, as a process that is frozen; the caller's own time-out has to end it.
    Hang,
}

/// What is left of a fault once its waiting is over.
#[derive(Default)]
pub(super) struct Injected {
    pub(super) before: Option<Error>,
    pub(super) after: Option<Error>,
}

type Decide = Arc<dyn Fn(&Call<'_>) -> Option<Fault> + Send + Sync>;

/// How often each operation was called, and who decides what a call meets.
#[derive(Default)]
pub(super) struct Calls {
    counts: [AtomicU64; Operation::COUNT],
    decide: RwLock<Option<Decide>>,
}

impl Calls {
    pub(super) fn inject(&self, decide: Decide) {
        *self.decide.write().unwrap_or_else(PoisonError::into_inner) = Some(decide);
    }

    pub(super) fn heal(&self) {
        *self.decide.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub(super) fn count(&self, operation: Operation) -> u64 {
        self.counts[operation as usize].load(Ordering::SeqCst)
    }

    /// Counts the call and waits as long as its fault wants.
    pub(super) async fn meet(&self, operation: Operation, name: Option<&SecretName>) -> Injected {
        let nth = self.counts[operation as usize].fetch_add(1, Ordering::SeqCst) + 1;
        let decide = self.decide.read().unwrap_or_else(PoisonError::into_inner).clone();
        let fault = decide.and_then(|decide| decide(&Call { operation, name, nth }));
        let failure = |kind| Some(injected(kind, operation, name));
        match fault {
            None => Injected::default(),
            Some(Fault::Before(kind)) => Injected { before: failure(kind), after: None },
            Some(Fault::After(kind)) => Injected { before: None, after: failure(kind) },
            Some(Fault::Hold(gate)) => {
                gate.notified().await;
                Injected::default()
            }
            Some(Fault::Hang) => std::future::pending().await,
        }
    }
}

impl Debug for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Calls").field("counts", &self.counts).finish_non_exhaustive()
    }
}

fn injected(kind: ErrorKind, operation: Operation, name: Option<&SecretName>) -> Error {
    let what = name.map_or_else(|| "secrets".to_owned(), |name| format!("secret {name}"));
    Error::new(kind, format!("cannot {} {what} in the in-memory vault: injected {kind:?}", operation.verb()))
}
