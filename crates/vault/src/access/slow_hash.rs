//! argon2id for client secrets that people choose, and how many are checked at once.

use std::sync::Arc;
use std::time::Duration;

use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use strongroom_secrets::{Random, SecretValue};
use tokio::sync::Semaphore;

/// What OWASP asks for at least: 19 MiB, two passes, one lane
/// (<https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html#argon2id>).
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const LENGTH: usize = 32;

/// Each check takes a processor and 19 MiB for a while.
const AT_ONCE: usize = 2;

/// How many may wait for their turn, and how long.
const WAITING: usize = 64;
const PATIENCE: Duration = Duration::from_secs(5);

/// A secret's argon2id hash with all that it takes to check a secret against it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SlowHash {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    /// Base64url, as the next.
    salt: String,
    hash: String,
}

impl SlowHash {
    /// Hashes a secret. Takes some tens of milliseconds of a processor.
    fn of(secret: &SecretValue, salt: [u8; 16]) -> Option<Self> {
        let hash = compute(secret, &salt, MEMORY_KIB, PASSES, LANES)?;
        Some(Self {
            memory_kib: MEMORY_KIB,
            passes: PASSES,
            lanes: LANES,
            salt: URL_SAFE_NO_PAD.encode(salt),
            hash: URL_SAFE_NO_PAD.encode(hash),
        })
    }

    fn matches(&self, secret: &SecretValue) -> bool {
        let Some((salt, known)) =
            URL_SAFE_NO_PAD.decode(&self.salt).ok().zip(URL_SAFE_NO_PAD.decode(&self.hash).ok())
        else {
            return false;
        };
        compute(secret, &salt, self.memory_kib, self.passes, self.lanes)
            .is_some_and(|hash| verify_slices_are_equal(&hash, &known).is_ok())
    }

    /// No secret's hash: for work in the place of a secret that is not there.
    fn of_nothing() -> Self {
        Self {
            memory_kib: MEMORY_KIB,
            passes: PASSES,
            lanes: LANES,
            salt: URL_SAFE_NO_PAD.encode([0; 16]),
            hash: String::new(),
        }
    }
}

impl std::fmt::Debug for SlowHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SlowHash(***)")
    }
}

fn compute(secret: &SecretValue, salt: &[u8], memory: u32, passes: u32, lanes: u32) -> Option<[u8; LENGTH]> {
    let params = Params::new(memory, passes, lanes, Some(LENGTH)).ok()?;
    let mut hash = [0; LENGTH];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(secret.expose().as_bytes(), salt, &mut hash)
        .ok()?;
    Some(hash)
}

/// Too many want a secret checked; later it may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Busy;

/// Lets two slow hashes be computed at a time, off the threads that serve requests.
#[derive(Debug)]
pub(crate) struct SlowChecks {
    running: Arc<Semaphore>,
    waiting: Semaphore,
    patience: Duration,
}

impl Default for SlowChecks {
    fn default() -> Self {
        Self {
            running: Arc::new(Semaphore::new(AT_ONCE)),
            waiting: Semaphore::new(AT_ONCE + WAITING),
            patience: PATIENCE,
        }
    }
}

impl SlowChecks {
    /// Hashes a secret.
    ///
    /// # Errors
    /// [`Busy`] after a bounded wait.
    pub(crate) async fn hash(&self, secret: SecretValue, random: &dyn Random) -> Result<SlowHash, Busy> {
        let salt = random.bytes::<16>();
        self.run(move || SlowHash::of(&secret, salt)).await?.ok_or(Busy)
    }

    /// Whether a secret is the one that was hashed; `None` costs the same work and is never right.
    ///
    /// # Errors
    /// [`Busy`] after a bounded wait.
    pub(super) async fn check(&self, known: Option<&SlowHash>, secret: &SecretValue) -> Result<bool, Busy> {
        let (known, secret) = (known.cloned().unwrap_or_else(SlowHash::of_nothing), secret.clone());
        self.run(move || known.matches(&secret)).await
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Busy> {
        let _place = self.waiting.try_acquire().map_err(|_| Busy)?;
        let turn = tokio::time::timeout(self.patience, Arc::clone(&self.running).acquire_owned())
            .await
            .ok()
            .and_then(Result::ok)
            .ok_or(Busy)?;
        // The turn goes with the work: a caller that gives up does not let a third one in.
        tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work()
        })
        .await
        .map_err(|_| Busy)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use strongroom_secrets::random::SystemRandom;

    use super::*;

    #[tokio::test]
    async fn a_secret_matches_its_own_hash_only_and_the_hash_survives_json() {
        let checks = SlowChecks::default();
        let hash = checks.hash("hunter2".into(), &SystemRandom).await.unwrap();
        let text = serde_json::to_string(&hash).unwrap();
        assert!(text.contains("\"memoryKib\":19456") && text.contains("\"passes\":2"), "{text}");
        assert!(!text.contains("hunter2") && !format!("{hash:?}").contains(&hash.hash));
        let hash: SlowHash = serde_json::from_str(&text).unwrap();
        assert_eq!(checks.check(Some(&hash), &"hunter2".into()).await, Ok(true));
        assert_eq!(checks.check(Some(&hash), &"hunter3".into()).await, Ok(false));
        assert_eq!(checks.check(None, &"hunter2".into()).await, Ok(false));
        assert_eq!(checks.check(None, &"".into()).await, Ok(false));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn two_run_at_a_time_and_who_would_wait_too_long_is_told() {
        let checks = Arc::new(SlowChecks { patience: Duration::from_millis(200), ..SlowChecks::default() });
        let running = Arc::new(AtomicUsize::new(0));
        let most = Arc::new(AtomicUsize::new(0));
        let tasks: Vec<_> = (0..AT_ONCE + WAITING + 5)
            .map(|_| {
                let (checks, running, most) = (Arc::clone(&checks), Arc::clone(&running), Arc::clone(&most));
                tokio::spawn(async move {
                    checks
                        .run(move || {
                            most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                            std::thread::sleep(Duration::from_millis(70));
                            running.fetch_sub(1, Ordering::SeqCst);
                        })
                        .await
                })
            })
            .collect();
        let (mut done, mut busy) = (0, 0);
        for task in tasks {
            match task.await.unwrap() {
                Ok(()) => done += 1,
                Err(Busy) => busy += 1,
            }
        }
        assert_eq!(most.load(Ordering::SeqCst), AT_ONCE);
        assert!(done >= AT_ONCE && busy >= 5, "{done} done, {busy} busy");
    }
}
