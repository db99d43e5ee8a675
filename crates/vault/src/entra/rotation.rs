//! New keys that sign tokens, and the end of old ones.
//!
//! A key that is made on schedule stands among the public keys for a day before it signs, so that whoever keeps a copy of them
//! has it in time. One that was replaced stays until no token of its can be good any more. Several processes on one
//! database have the same keys: each looks from time to time, and when it meets a token by a key that it does not know.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::{SigningKey, identity};
use crate::error::{Error, ErrorKind, Result};
use crate::service::Service;

/// How long a key is shown before it signs, in seconds.
const ANNOUNCED: i64 = 24 * 60 * 60;

/// How much longer than the longest token a replaced key is kept, in seconds: for clocks that differ, and processes that have
/// not yet noticed its successor.
const MARGIN: i64 = 60 * 60;

/// How often unknown keys may make a process look, since whoever likes can send tokens with one.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

const DAY: i64 = 24 * 60 * 60;

/// When keys are replaced.
#[derive(Debug)]
pub(crate) struct Rotation {
    /// How long a key signs, in days.
    days: u32,
    looked: Mutex<Option<Instant>>,
}

impl Rotation {
    pub(crate) fn new(days: u32) -> Self {
        Self { days, looked: Mutex::default() }
    }

    /// Whether it is not too early to look again for keys that others have made.
    fn may_look(&self) -> bool {
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let due = looked.is_none_or(|last| now.duration_since(last) >= LOOK_INTERVAL);
        if due {
            *looked = Some(now);
        }
        due
    }
}

impl Service {
    /// Makes a key that signs tokens from now on, and answers its id. The keys before go on to check what they have signed.
    ///
    /// # Errors
    /// If the database does not take it; the old key goes on to sign then.
    pub(crate) async fn rotate_signing_key(&self) -> Result<String> {
        // Keys are told apart by the second from which on they sign: the first one of a vault may be of this second.
        let now = self.clock().now_seconds();
        if self.authority().keys().iter().any(|key| key.created() == now) {
            let left = 1000 - self.clock().now_millis().rem_euclid(1000);
            tokio::time::sleep(Duration::from_millis(left.unsigned_abs())).await;
        }
        let now = self.clock().now_seconds();
        let key = self.make_key(now).await?;
        let kid = key.kid.clone();
        self.store.add_signing_key(key, None).await?;
        self.reload_signing_keys().await?;
        tracing::info!(kid, "tokens are signed with a new key");
        Ok(kid)
    }

    /// Makes the next key if its time has come near, forgets those that no token needs, and takes over what other processes have
    /// made.
    ///
    /// # Errors
    /// If the database cannot be asked, or does not take a change. What holds, holds on.
    pub(crate) async fn care_for_signing_keys(&self) -> Result<()> {
        let now = self.clock().now_seconds();
        self.reload_signing_keys().await?;
        let created: Vec<i64> = self.authority().keys().iter().map(SigningKey::created).collect();
        if let Some(newest) = created.first().copied()
            && now >= newest + i64::from(self.rotation.days) * DAY - ANNOUNCED
        {
            let key = self.make_key(now + ANNOUNCED).await?;
            let kid = key.kid.clone();
            if self.store.add_signing_key(key, Some(newest)).await? {
                tracing::info!(kid, "a new key is going to sign tokens from tomorrow on");
            }
            self.reload_signing_keys().await?;
        }
        let keys = self.authority().keys();
        let created: Vec<i64> = keys.iter().map(SigningKey::created).collect();
        let over: Vec<String> =
            keys.iter().skip(needed(&created, now)).map(|key| key.kid().to_owned()).collect();
        if !over.is_empty() {
            tracing::info!(kids = ?over, "keys by which no token is good any more are forgotten");
            self.store.remove_signing_keys(over).await?;
            self.reload_signing_keys().await?;
        }
        Ok(())
    }

    /// Looks for keys that another process has made since; answers whether it looked.
    pub(super) async fn look_for_signing_keys(&self) -> bool {
        if !self.rotation.may_look() {
            return false;
        }
        match self.reload_signing_keys().await {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(%error, "the signing keys could not be looked at");
                false
            }
        }
    }

    async fn reload_signing_keys(&self) -> Result<()> {
        let stored = self.store.signing_keys().await?;
        let known = self.authority().keys();
        if stored.iter().map(|key| key.kid.as_str()).eq(known.iter().map(SigningKey::kid)) {
            return Ok(());
        }
        let opened =
            stored.iter().map(|key| SigningKey::open(&self.keyring, key)).collect::<Result<Vec<_>>>()?;
        if opened.is_empty() {
            return Err(Error::new(ErrorKind::Database, "the database has lost its signing keys"));
        }
        self.authority().replace_keys(opened);
        Ok(())
    }

    /// Draws a key where others need not wait for it.
    async fn make_key(&self, created: i64) -> Result<crate::store::SealedSigningKey> {
        let keyring = std::sync::Arc::clone(&self.keyring);
        let made = tokio::task::spawn_blocking(move || SigningKey::generate(&keyring, created)).await;
        let (_, sealed) = made.map_err(|error| {
            Error::new(ErrorKind::Certificate, "a signing key could not be made").with_source(error)
        })??;
        Ok(sealed)
    }
}

/// How many of the keys, the newest first, can have signed a token that is still good: all that are to come, the one that signs,
/// and each whose successor began to sign less than the longest life of a token ago.
fn needed(created: &[i64], now: i64) -> usize {
    let long_ago = now - identity::LIFETIME - MARGIN;
    created.iter().position(|created| *created <= long_ago).map_or(created.len(), |signer| signer + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_needed_until_the_last_token_of_its_is_over() {
        let now = 1_800_000_000;
        let ago = |hours: i64| now - hours * 60 * 60;
        for (created, count) in [
            (&[ago(1000)][..], 1),
            (&[ago(-24), ago(1000)], 2),
            (&[ago(0), ago(1000)], 2),
            (&[ago(24), ago(1000)], 2),
            (&[ago(25), ago(1000)], 1),
            (&[ago(1), ago(2), ago(1000), ago(2000)], 3),
            (&[ago(-24), ago(26), ago(1000)], 2),
        ] {
            assert_eq!(needed(created, now), count, "{created:?}");
        }
    }
}
