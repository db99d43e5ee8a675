//! Who may send a request to the vault now: the quota is kept, and not too many are on their way at once.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use azure_core::http::policies::{Policy, PolicyResult};
use azure_core::http::{Context, Method, Request};
use tokio::sync::{Notify, Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};

use super::VaultUrl;
use super::budget::{Budget, Ticket, Turn};
use super::channel::{Cause, Failure, Peer};
use super::retry::{Attempt, retry_after};
use crate::Random;
use crate::random::SystemRandom;

/// What Azure takes of one vault in ten seconds (<https://learn.microsoft.com/azure/key-vault/general/service-limits>): so
/// many new versions, so many requests of all other kinds.
const CREATIONS: usize = 300;
const OTHERS: usize = 4_000;

/// The most requests that are on their way at once.
const CONCURRENCY: usize = 32;

/// Who waits for his turn gives up that long before the call is over, so that it is told what the time was lost with.
const MARGIN: Duration = Duration::from_millis(50);

/// Lets requests to a vault out one after the other, in the order in which they came.
#[derive(Debug)]
pub(super) struct Limit {
    creations: Line,
    others: Line,
    under_way: Semaphore,
}

impl Limit {
    /// The limit of a vault. Azure's quota is kept from the beginning for Azure's own hosts; another server may have none, so
    /// for it the same quota is kept from its first refusal on.
    pub(super) fn of(vault: &VaultUrl) -> Self {
        let known = vault.cloud().is_some();
        Self {
            creations: Line::new(Budget::new(CREATIONS, known)),
            others: Line::new(Budget::new(OTHERS, known)),
            under_way: Semaphore::new(CONCURRENCY),
        }
    }
}

#[async_trait]
#[allow(elided_lifetimes_in_paths, reason = "the trait elides the lifetime of `Context`")]
impl Policy for Limit {
    async fn send(&self, ctx: &Context, request: &mut Request, next: &[Arc<dyn Policy>]) -> PolicyResult {
        let Some(attempt) = ctx.value::<Attempt>() else {
            return next[0].send(ctx, request, &next[1..]).await;
        };
        let deadline = attempt.deadline - MARGIN;
        // A new version is made by a set alone: we restore no backups.
        let line = if request.method() == Method::Put { &self.creations } else { &self.others };
        let no_turn = || Failure { peer: Peer::Vault, cause: Cause::NoTurn }.into_azure();
        let pass = line.wait(&self.under_way, deadline).await.ok_or_else(no_turn)?;
        let result = next[0].send(ctx, request, &next[1..]).await;
        if let Ok(answer) = &result {
            match u16::from(answer.status()) {
                429 => pass.refused(retry_after(answer.headers())),
                // Who is out of order has not looked at his quota.
                500.. => {}
                _ => pass.taken(),
            }
        }
        result
    }
}

/// Requests of one kind, waiting for their turn.
#[derive(Debug)]
struct Line {
    budget: Mutex<Budget>,
    /// Held by whoever is first in the line.
    first: tokio::sync::Mutex<()>,
    /// The budget has changed.
    changed: Notify,
}

impl Line {
    fn new(budget: Budget) -> Self {
        Self { budget: Mutex::new(budget), first: tokio::sync::Mutex::default(), changed: Notify::new() }
    }

    fn budget(&self) -> MutexGuard<'_, Budget> {
        // A poisoned lock only says that another thread panicked; the numbers behind it are whole.
        self.budget.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for its turn; `None` if that does not come before `deadline`.
    async fn wait<'a>(&'a self, under_way: &'a Semaphore, deadline: Instant) -> Option<Pass<'a>> {
        let _first = timeout_at(deadline, self.first.lock()).await.ok()?;
        // Only the first of each line waits with a place taken, so one kind of request cannot keep out the other.
        let place = timeout_at(deadline, under_way.acquire()).await.ok()?.ok()?;
        loop {
            let turn = self.budget().turn(Instant::now());
            let until = match turn {
                Turn::Now(ticket) => {
                    return Some(Pass { line: self, ticket: Some(ticket), _place: place });
                }
                Turn::At(when) if when > deadline => return None,
                Turn::At(when) => when,
                Turn::WhenLooked => deadline,
            };
            let changed = timeout_at(until, self.changed.notified()).await.is_ok();
            if !changed && until >= deadline {
                return None;
            }
        }
    }
}

/// The leave to send one request, to be given back with what came of it.
struct Pass<'a> {
    line: &'a Line,
    ticket: Option<Ticket>,
    _place: SemaphorePermit<'a>,
}

impl Pass<'_> {
    fn taken(mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.line.budget().taken(ticket, Instant::now());
        }
    }

    fn refused(mut self, wait: Option<Duration>) {
        if let Some(ticket) = self.ticket.take() {
            let random: &dyn Random = &SystemRandom;
            let jitter = f64::from(random.bytes::<1>()[0]) / 256.0;
            self.line.budget().refused(ticket, Instant::now(), wait, jitter);
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.line.budget().given_up(ticket, Instant::now());
        }
        self.line.changed.notify_one();
    }
}
