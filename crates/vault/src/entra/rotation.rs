//! New keys that sign tokens, and the end of old ones.
//!
//! A key that is made on schedule stands among the public keys for a day before it signs, so that whoever keeps a copy of them
//! has it in time. One that was replaced stays until no token of its can be good any more. Several processes on one
//! database have the same keys: each looks from time to time, and when it meets a token by a key that it does not know.

use std::sync::Arc;
use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};
use crate::service::Service;
use crate::store::SealedSigningKey;
use crate::tokens::{SigningKey, rotation};

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
            && self.rotation.is_due(newest, now)
        {
            let key = self.make_key(now + rotation::ANNOUNCED).await?;
            let kid = key.kid.clone();
            if self.store.add_signing_key(key, Some(newest)).await? {
                tracing::info!(kid, "a new key is going to sign tokens from tomorrow on");
            }
            self.reload_signing_keys().await?;
        }
        let keys = self.authority().keys();
        let created: Vec<i64> = keys.iter().map(SigningKey::created).collect();
        let over: Vec<String> =
            keys.iter().skip(rotation::needed(&created, now)).map(|key| key.kid().to_owned()).collect();
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
    async fn make_key(&self, created: i64) -> Result<SealedSigningKey> {
        let keyring = Arc::clone(&self.keyring);
        let made = tokio::task::spawn_blocking(move || SigningKey::generate(&keyring, created)).await;
        let (_, sealed) = made.map_err(|error| {
            Error::new(ErrorKind::Certificate, "a signing key could not be made").with_source(error)
        })??;
        Ok(sealed)
    }
}
