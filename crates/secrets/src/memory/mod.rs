//! A vault inside the process, for tests: the rules of Key Vault without a network.
//!
//! [`MemoryProvider`] keeps versions, tags and soft-deleted secrets as the service does, counts its calls, and fails on
//! demand ([`MemoryProvider::inject`]). What it holds is gone with the process: it is no place for real secrets.

mod faults;
mod shelf;

use std::fmt::{self, Debug, Display};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::{self, BoxStream};

pub use faults::{Call, Fault, Operation};
pub use shelf::Snapshot;

use faults::{Calls, Injected};
use shelf::Shelf;

use crate::clock::SystemClock;
use crate::random::SequentialRandom;
use crate::{
    Capabilities, Clock, DeletedSecret, ListScope, NewSecret, Provider, Random, Result, Secret, SecretName,
    SecretProperties, SecretUpdate, SecretValue, SecretVersion,
};

/// A [`Provider`] that keeps everything in the process. Clones share one vault.
#[derive(Clone)]
pub struct MemoryProvider {
    inner: Arc<Inner>,
}

struct Inner {
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    shelf: Mutex<Shelf>,
    calls: Calls,
    label: Option<String>,
}

impl MemoryProvider {
    /// An empty vault with the machine's clock and versions that count up.
    pub fn new() -> Self {
        Self::with(Arc::new(SystemClock), Arc::new(SequentialRandom::default()))
    }

    /// An empty vault with `clock` for its timestamps and `random` for its versions.
    pub fn with(clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        Self::made(clock, random, None)
    }

    /// An empty vault that is told from others by a label.
    pub fn labelled(label: &str, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        Self::made(clock, random, Some(label.to_owned()))
    }

    fn made(clock: Arc<dyn Clock>, random: Arc<dyn Random>, label: Option<String>) -> Self {
        let inner = Inner { clock, random, shelf: Mutex::default(), calls: Calls::default(), label };
        Self { inner: Arc::new(inner) }
    }

    /// From now on `decide` is asked before each call and may make it fail. Replaces an earlier `decide`.
    pub fn inject(&self, decide: impl Fn(&Call<'_>) -> Option<Fault> + Send + Sync + 'static) {
        self.inner.calls.inject(Arc::new(decide));
    }

    /// The `nth` call of `operation` from the beginning (1 is the first) meets `fault`, all others go through.
    pub fn inject_nth(&self, operation: Operation, nth: u64, fault: Fault) {
        self.inject(move |call| (call.operation == operation && call.nth == nth).then(|| fault.clone()));
    }

    /// No more faults. Calls that hang already go on hanging.
    pub fn heal(&self) {
        self.inner.calls.heal();
    }

    /// How many calls of `operation` there were, failed ones included. A listing counts once.
    pub fn count(&self, operation: Operation) -> u64 {
        self.inner.calls.count(operation)
    }

    /// What the vault holds, to be compared with what it holds later. Not counted as a call.
    pub fn snapshot(&self) -> Snapshot {
        self.shelf().snapshot()
    }

    /// The names of all secrets that are not deleted, sorted. Not counted as a call.
    pub fn names(&self) -> Vec<SecretName> {
        self.shelf().names()
    }

    /// The latest value, disabled or not; `None` if there is no such secret. Not counted as a call.
    pub fn value(&self, name: &SecretName) -> Option<SecretValue> {
        self.shelf().value(name)
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.inner.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts the call, lets it meet its fault, and runs `effect` on the vault's contents.
    async fn call<T>(
        &self,
        operation: Operation,
        name: Option<&SecretName>,
        effect: impl FnOnce(&mut Shelf) -> Result<T> + Send,
    ) -> Result<T> {
        let Injected { before, after } = self.inner.calls.meet(operation, name).await;
        if let Some(error) = before {
            return Err(error);
        }
        let done = effect(&mut self.shelf());
        match after {
            Some(error) => Err(error),
            None => done,
        }
    }
}

impl Default for MemoryProvider {
    fn default() -> Self {
        Self::new()
    }
}

impl Debug for MemoryProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryProvider").finish_non_exhaustive()
    }
}

impl Display for MemoryProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("in-memory vault")?;
        self.inner.label.iter().try_for_each(|label| write!(f, " {label}"))
    }
}

#[async_trait]
impl Provider for MemoryProvider {
    fn capabilities(&self) -> Capabilities {
        Capabilities { durable: false, ..Capabilities::KEY_VAULT }
    }

    async fn get(&self, name: &SecretName, version: Option<&SecretVersion>) -> Result<Secret> {
        self.call(Operation::Get, Some(name), |shelf| shelf.get(name, version)).await
    }

    async fn set(&self, name: &SecretName, new: NewSecret) -> Result<SecretProperties> {
        let version =
            uuid::Builder::from_random_bytes(self.inner.random.bytes()).into_uuid().simple().to_string();
        let now = self.inner.clock.now_seconds();
        self.call(Operation::Set, Some(name), |shelf| shelf.set(name, new, SecretVersion::new(version), now))
            .await
    }

    async fn update(
        &self,
        name: &SecretName,
        version: &SecretVersion,
        update: SecretUpdate,
    ) -> Result<SecretProperties> {
        let now = self.inner.clock.now_seconds();
        self.call(Operation::Update, Some(name), |shelf| shelf.update(name, version, update, now)).await
    }

    fn list<'a>(&'a self, scope: ListScope<'a>) -> BoxStream<'a, Result<SecretProperties>> {
        let name = match scope {
            ListScope::Versions(name) => Some(name),
            ListScope::Secrets | ListScope::Deleted => None,
        };
        let page = async move {
            match self.call(Operation::List, name, |shelf| Ok(shelf.list(scope))).await {
                Ok(all) => stream::iter(all.into_iter().map(Ok)).left_stream(),
                Err(error) => stream::iter([Err(error)]).right_stream(),
            }
        };
        stream::once(page).flatten().boxed()
    }

    async fn delete(&self, name: &SecretName) -> Result<()> {
        let now = self.inner.clock.now_seconds();
        self.call(Operation::Delete, Some(name), |shelf| shelf.delete(name, now)).await
    }

    async fn get_deleted(&self, name: &SecretName) -> Result<DeletedSecret> {
        self.call(Operation::GetDeleted, Some(name), |shelf| shelf.get_deleted(name)).await
    }

    async fn recover(&self, name: &SecretName) -> Result<SecretProperties> {
        self.call(Operation::Recover, Some(name), |shelf| shelf.recover(name)).await
    }

    async fn purge(&self, name: &SecretName) -> Result<()> {
        self.call(Operation::Purge, Some(name), |shelf| shelf.purge(name)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Error, ErrorKind};

    fn name(text: &str) -> SecretName {
        SecretName::new(text).unwrap()
    }

    fn new(value: &str) -> NewSecret {
        NewSecret { value: value.into(), ..NewSecret::default() }
    }

    #[tokio::test]
    async fn it_does_what_every_provider_does() {
        crate::conformance::run(&MemoryProvider::new()).await;
    }

    #[tokio::test]
    async fn a_fault_before_the_effect_leaves_the_vault_as_it_was() {
        let vault = MemoryProvider::new();
        vault.set(&name("a"), new("1")).await.unwrap();
        let before = vault.snapshot();
        vault.inject_nth(Operation::Set, 2, Fault::Before(ErrorKind::Unavailable));

        let error = vault.set(&name("a"), new("2")).await.unwrap_err();

        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert_eq!(vault.snapshot(), before);
        vault.set(&name("a"), new("3")).await.unwrap();
        assert_eq!(vault.count(Operation::Set), 3);
    }

    #[tokio::test]
    async fn a_fault_after_the_effect_hides_that_it_happened() {
        let vault = MemoryProvider::new();
        vault.inject(|call| {
            (call.operation == Operation::Set && call.name.is_some_and(|name| name.as_str() == "a"))
                .then_some(Fault::After(ErrorKind::TimedOut))
        });

        let error: Error = vault.set(&name("a"), new("1")).await.unwrap_err();

        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert_eq!(vault.value(&name("A")), Some("1".into()));
        vault.set(&name("b"), new("2")).await.unwrap();
    }

    #[tokio::test]
    async fn a_held_call_takes_effect_when_it_is_released() {
        let vault = MemoryProvider::new();
        let gate = Arc::new(tokio::sync::Notify::new());
        vault.inject_nth(Operation::Set, 1, Fault::Hold(gate.clone()));
        let writer = tokio::spawn({
            let vault = vault.clone();
            async move { vault.set(&name("a"), new("1")).await }
        });
        while vault.count(Operation::Set) == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(vault.value(&name("a")), None);

        gate.notify_one();

        writer.await.unwrap().unwrap();
        assert_eq!(vault.value(&name("a")), Some("1".into()));
    }

    #[tokio::test]
    async fn nothing_that_it_holds_shows_in_its_debug_text() {
        let vault = MemoryProvider::new();
        vault.set(&name("a"), new("hunter2")).await.unwrap();
        assert!(!format!("{vault:?} {:?}", vault.snapshot()).contains("hunter2"));
    }
}
