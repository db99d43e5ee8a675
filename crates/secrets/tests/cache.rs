//! The cache before a vault: how many calls it makes, what it keeps, and what it never keeps.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::sync::Arc;
use std::time::Duration;

use strongroom_secrets::cache::{CacheConfig, CachedProvider};
use strongroom_secrets::clock::ManualClock;
use strongroom_secrets::memory::{Fault, MemoryProvider, Operation};
use strongroom_secrets::{
    ErrorKind, ListScope, NewSecret, Provider, SecretName, SecretUpdate, SecretVersion, Tags,
};
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// How long a value is kept here, in milliseconds.
const TIME_TO_LIVE: u64 = 60_000;

struct World {
    vault: MemoryProvider,
    cache: Arc<CachedProvider>,
    clock: Arc<ManualClock>,
}

impl World {
    async fn with(secrets: &[(&str, &str)]) -> Self {
        let vault = MemoryProvider::new();
        for (name, value) in secrets {
            write(&vault, name, value).await;
        }
        let clock = Arc::new(ManualClock::at_millis(1_000_000));
        let config = CacheConfig { time_to_live: Duration::from_millis(TIME_TO_LIVE), ..CacheConfig::RUN };
        let cache = CachedProvider::new(Arc::new(vault.clone()), config, clock.clone());
        Self { vault, cache: Arc::new(cache), clock }
    }

    fn calls(&self) -> u64 {
        self.vault.count(Operation::Get)
    }

    async fn read(&self, text: &str) -> String {
        self.cache.get(&name(text), None).await.unwrap().value.expose().to_owned()
    }

    /// Starts that many readers of one secret at the same time.
    fn readers(&self, count: usize, text: &'static str) -> JoinSet<Result<String, ErrorKind>> {
        let mut readers = JoinSet::new();
        for _ in 0..count {
            let cache = Arc::clone(&self.cache);
            readers.spawn(async move {
                let read = cache.get(&name(text), None).await;
                read.map(|secret| secret.value.expose().to_owned()).map_err(|error| error.kind())
            });
        }
        readers
    }

    /// Lets the next reading wait for the answer's notification.
    fn hold_readings(&self) -> Arc<Notify> {
        let gate = Arc::new(Notify::new());
        let held = gate.clone();
        self.vault.inject(move |call| (call.operation == Operation::Get).then(|| Fault::Hold(held.clone())));
        gate
    }

    async fn until_calls(&self, calls: u64) {
        while self.calls() < calls {
            tokio::task::yield_now().await;
        }
    }
}

fn name(text: &str) -> SecretName {
    SecretName::new(text).unwrap()
}

async fn write(provider: &dyn Provider, text: &str, value: &str) -> SecretVersion {
    let new = NewSecret { value: value.into(), ..NewSecret::default() };
    provider.set(&name(text), new).await.unwrap().version.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn many_who_ask_at_the_same_time_make_one_call() {
    let world = World::with(&[("a", "1")]).await;
    let gate = world.hold_readings();
    let readers = world.readers(500, "a");
    world.until_calls(1).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    gate.notify_one();
    assert_eq!(readers.join_all().await, vec![Ok("1".to_owned()); 500]);
    assert_eq!(world.calls(), 1);
}

#[tokio::test]
async fn what_was_read_is_kept_for_its_time_whatever_the_case_of_the_name() {
    let world = World::with(&[("a", "1")]).await;
    assert_eq!(world.read("a").await, "1");
    world.clock.advance_millis(TIME_TO_LIVE as i64 - 1);
    assert_eq!(world.read("A").await, "1");
    assert_eq!(world.calls(), 1);

    write(&world.vault, "a", "2").await;
    assert_eq!(world.read("a").await, "1", "a change that others make is not seen yet");
    world.clock.advance_millis(1);
    assert_eq!(world.read("a").await, "2");
    assert_eq!(world.calls(), 2);
}

#[tokio::test]
async fn a_failure_is_told_to_all_who_wait_and_kept_for_nobody() {
    let world = World::with(&[("a", "1")]).await;
    world.vault.inject_nth(Operation::Get, 1, Fault::Before(ErrorKind::Unavailable));
    let failed = world.readers(100, "a").join_all().await;
    let (failed, read): (Vec<_>, Vec<_>) = failed.into_iter().partition(Result::is_err);
    assert!(failed.iter().all(|kind| *kind == Err(ErrorKind::Unavailable)) && !failed.is_empty());
    assert!(read.iter().all(|value| *value == Ok("1".to_owned())));
    assert_eq!(world.read("a").await, "1");
    assert!(world.calls() <= 3, "{}", world.calls());

    let absent = world.cache.get(&name("b"), None).await.unwrap_err();
    assert_eq!(absent.kind(), ErrorKind::NotFound);
    write(&world.vault, "b", "2").await;
    assert_eq!(world.read("b").await, "2", "that there is none is not kept");
}

#[tokio::test]
async fn a_shared_failure_says_all_that_the_first_one_says() {
    let world = World::with(&[]).await;
    let direct = world.vault.get(&name("a"), None).await.unwrap_err();
    let shared = world.cache.get(&name("a"), None).await.unwrap_err();
    assert_eq!(
        (shared.to_string(), shared.kind(), shared.hint()),
        (direct.to_string(), direct.kind(), direct.hint())
    );
}

#[tokio::test]
async fn every_write_through_it_is_read_at_once() {
    let world = World::with(&[("a", "1")]).await;
    assert_eq!(world.read("a").await, "1");
    let version = write(&*world.cache, "A", "2").await;
    assert_eq!(world.read("a").await, "2");
    let tags: Tags = [("k".to_owned(), "v".to_owned())].into();
    world.cache.update(&name("a"), &version, SecretUpdate::tags(tags.clone())).await.unwrap();
    assert_eq!(world.cache.get(&name("a"), None).await.unwrap().properties.tags, tags);
    world.cache.delete(&name("a")).await.unwrap();
    assert_eq!(world.cache.get(&name("a"), None).await.unwrap_err().kind(), ErrorKind::NotFound);
    world.cache.recover(&name("a")).await.unwrap();
    assert_eq!(world.read("a").await, "2");
    world.cache.delete(&name("a")).await.unwrap();
    world.cache.purge(&name("a")).await.unwrap();
    assert_eq!(world.cache.get(&name("a"), None).await.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_write_that_fails_or_is_given_up_makes_the_next_reader_ask() {
    let world = World::with(&[("a", "1")]).await;
    world.read("a").await;
    // The write took effect, but its answer was lost.
    world.vault.inject_nth(Operation::Set, 2, Fault::After(ErrorKind::TimedOut));
    let new = NewSecret { value: "2".into(), ..NewSecret::default() };
    world.cache.set(&name("a"), new.clone()).await.unwrap_err();
    assert_eq!(world.read("a").await, "2");

    world.vault.inject(|call| (call.operation == Operation::Set).then_some(Fault::Hang));
    let given_up = tokio::time::timeout(Duration::from_millis(5), world.cache.set(&name("a"), new)).await;
    assert!(given_up.is_err());
    let calls = world.calls();
    world.read("a").await;
    assert_eq!(world.calls(), calls + 1);
}

#[tokio::test]
async fn what_a_reading_brings_that_began_before_a_write_is_not_kept() {
    let world = World::with(&[("a", "1")]).await;
    let gate = world.hold_readings();
    let before = world.readers(1, "a");
    world.until_calls(1).await;
    world.vault.heal();
    write(&*world.cache, "a", "2").await;
    // A reader that comes after the write does not join the one before it.
    assert_eq!(world.read("a").await, "2");
    gate.notify_one();
    before.join_all().await[0].as_ref().unwrap();
    assert_eq!(world.read("a").await, "2");
    assert_eq!(world.calls(), 2);
}

#[tokio::test]
async fn a_reader_that_gives_up_takes_nobody_with_it() {
    let world = World::with(&[("a", "1")]).await;
    let gate = world.hold_readings();
    let mut first = world.readers(1, "a");
    world.until_calls(1).await;
    let second = world.readers(1, "a");
    tokio::task::yield_now().await;
    first.abort_all();
    while first.join_next().await.is_some() {}
    gate.notify_one();
    assert_eq!(second.join_all().await, [Ok("1".to_owned())]);
    assert_eq!(world.calls(), 1);
}

#[tokio::test]
async fn a_call_that_everybody_gave_up_is_not_waited_for_again() {
    let world = World::with(&[("a", "1")]).await;
    let _never = world.hold_readings();
    let mut first = world.readers(1, "a");
    world.until_calls(1).await;
    first.abort_all();
    while first.join_next().await.is_some() {}
    world.vault.heal();
    assert_eq!(world.read("a").await, "1");
    assert_eq!(world.calls(), 2);
}

#[tokio::test]
async fn single_versions_and_listings_are_always_asked_for() {
    use futures::TryStreamExt;

    let world = World::with(&[]).await;
    let version = write(&world.vault, "a", "1").await;
    for _ in 0..2 {
        world.cache.get(&name("a"), Some(&version)).await.unwrap();
        let listed: Vec<_> = world.cache.list(ListScope::Secrets).try_collect().await.unwrap();
        assert_eq!(listed.len(), 1);
    }
    assert_eq!((world.calls(), world.vault.count(Operation::List)), (2, 2));
}

#[tokio::test]
async fn nothing_that_it_holds_shows_in_its_debug_text() {
    let world = World::with(&[("a", "hunter2")]).await;
    world.read("a").await;
    assert!(!format!("{:?}", world.cache).contains("hunter2"));
}
