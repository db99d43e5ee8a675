//! A cache for readers: who resolves the same references again and again asks the vault once.
//!
//! [`CachedProvider`] stands before any provider. It keeps the latest versions that were read last, for a bounded time and in
//! bounded memory; what leaves it is wiped. However many ask for a secret at the same time, one call is made, and all of them get
//! what it brought, a failure too; but no failure is kept. A write through it forgets the secret, so who wrote reads what he wrote.
//! A change that others make is seen when the time is over: it is for a run of the ingestion, not for a server.

mod flights;
mod shelf;

use std::fmt::{self, Debug, Display};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt;
use futures::stream::BoxStream;

use self::flights::{Flight, Flights};
use self::shelf::Shelf;
use crate::{
    Capabilities, Clock, DeletedSecret, ListScope, NewSecret, Provider, Remote, Result, Secret, SecretName,
    SecretProperties, SecretUpdate, SecretVersion,
};

/// How much a cache keeps, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheConfig {
    /// How long a value may be kept.
    pub time_to_live: Duration,
    /// How much memory all that is kept may take, in bytes, as far as that can be counted.
    pub capacity_bytes: u64,
}

impl CacheConfig {
    /// For a run of the ingestion: 5 minutes, 8 MiB, which is some thousands of passwords.
    pub const RUN: Self = Self { time_to_live: Duration::from_secs(300), capacity_bytes: 8 * 1024 * 1024 };
}

/// A [`Provider`] that remembers what was read through it.
pub struct CachedProvider {
    inner: Arc<dyn Provider>,
    clock: Arc<dyn Clock>,
    known: Arc<Mutex<Known>>,
}

/// What is known of the vault: what was read, and what is being read.
struct Known {
    shelf: Shelf,
    flights: Flights,
}

impl CachedProvider {
    /// Puts a cache before `inner`.
    pub fn new(inner: Arc<dyn Provider>, config: CacheConfig, clock: Arc<dyn Clock>) -> Self {
        let known = Known { shelf: Shelf::new(config), flights: Flights::default() };
        Self { inner, clock, known: Arc::new(Mutex::new(known)) }
    }

    /// The latest version of a secret: what is kept, or what the one call brings that is under way or begins now.
    async fn latest(&self, name: &SecretName) -> Result<Secret> {
        let flight = {
            let mut known = lock(&self.known);
            if let Some(secret) = known.shelf.get(name, self.clock.now_millis()) {
                return Ok(secret);
            }
            known.flights.join_or(name, |number| self.take_off(name.clone(), number))
        };
        flight.await.map_err(|error| error.shared())
    }

    /// A call that puts what it brings on the shelf, unless a write has made it old meanwhile.
    fn take_off(&self, name: SecretName, number: u64) -> Flight {
        let (inner, clock, known) = (self.inner.clone(), self.clock.clone(), Arc::clone(&self.known));
        let call = async move {
            // From its beginning on a value may be old.
            let since = clock.now_millis();
            let answer = inner.get(&name, None).await;
            let mut known = lock(&known);
            if known.flights.land(&name, number)
                && let Ok(secret) = &answer
            {
                known.shelf.put(&name, secret.clone(), since);
            }
            answer.map_err(Arc::new)
        };
        call.boxed().shared()
    }

    /// Forgets a secret now, and once more when the answer is dropped: what is read during a write may be old or new.
    fn forget(&self, name: &SecretName) -> Forgetting<'_> {
        let forgetting = Forgetting { known: &self.known, name: name.clone() };
        forgetting.now();
        forgetting
    }
}

/// A write under way, or one that was given up half-way.
struct Forgetting<'a> {
    known: &'a Mutex<Known>,
    name: SecretName,
}

impl Forgetting<'_> {
    fn now(&self) {
        let mut known = lock(self.known);
        known.shelf.remove(&self.name);
        known.flights.abandon(&self.name);
    }
}

impl Drop for Forgetting<'_> {
    fn drop(&mut self) {
        self.now();
    }
}

fn lock(known: &Mutex<Known>) -> MutexGuard<'_, Known> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Display for CachedProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(&self.inner, f)
    }
}

impl Debug for CachedProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CachedProvider").field(&self.inner).finish()
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl Provider for CachedProvider {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn get(&self, name: &SecretName, version: Option<&SecretVersion>) -> Result<Secret> {
        match version {
            None => self.latest(name).await,
            Some(_) => self.inner.get(name, version).await,
        }
    }

    async fn set(&self, name: &SecretName, new: NewSecret) -> Result<SecretProperties> {
        let _forgetting = self.forget(name);
        self.inner.set(name, new).await
    }

    async fn update(
        &self,
        name: &SecretName,
        version: &SecretVersion,
        update: SecretUpdate,
    ) -> Result<SecretProperties> {
        let _forgetting = self.forget(name);
        self.inner.update(name, version, update).await
    }

    fn list<'a>(&'a self, scope: ListScope<'a>) -> BoxStream<'a, Result<SecretProperties>> {
        self.inner.list(scope)
    }

    async fn delete(&self, name: &SecretName) -> Result<()> {
        let _forgetting = self.forget(name);
        self.inner.delete(name).await
    }

    async fn get_deleted(&self, name: &SecretName) -> Result<DeletedSecret> {
        self.inner.get_deleted(name).await
    }

    async fn recover(&self, name: &SecretName) -> Result<SecretProperties> {
        let _forgetting = self.forget(name);
        self.inner.recover(name).await
    }

    async fn purge(&self, name: &SecretName) -> Result<()> {
        let _forgetting = self.forget(name);
        self.inner.purge(name).await
    }

    fn remote(&self) -> Option<&dyn Remote> {
        self.inner.remote()
    }
}
