//! Leases: a holder works on its intents only as long as nobody else may claim them.

use std::time::Duration;

use strongroom_metastore::{Claim, Metastore, StoreError};
use tokio::sync::Mutex;
use tokio::time::Instant;

/// How long things may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// How long an intent is its holder's before it must be renewed. Longer than [`Timing::call_timeout`].
    pub lease: Duration,
    /// The longest that one call to the vault takes.
    pub call_timeout: Duration,
    /// How long a write waits for another that is under way on the same secret.
    pub patience: Duration,
    /// How long OpenMetadata's own server may still write what it had read before a row was changed: it has a cache of 30 s.
    pub cache_wait: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(120),
            call_timeout: Duration::from_secs(30),
            patience: Duration::from_secs(5),
            cache_wait: Duration::from_secs(35),
        }
    }
}

/// The leases of the intents that one piece of work holds.
#[derive(Debug)]
pub(crate) struct Lease {
    store: Metastore,
    holder: String,
    timing: Timing,
    claims: Vec<Claim>,
    end: Mutex<Instant>,
}

impl Lease {
    /// The lease on `claims`, which were opened or claimed no earlier than `since`.
    pub(crate) fn new(
        store: Metastore,
        holder: String,
        timing: Timing,
        claims: Vec<Claim>,
        since: Instant,
    ) -> Self {
        Self { store, holder, timing, claims, end: Mutex::new(since + timing.lease) }
    }

    /// Lets go of claims that were given back.
    pub(crate) fn let_go(&mut self, released: &[Claim]) {
        self.claims.retain(|claim| !released.contains(claim));
    }

    /// Makes sure that a call to the vault, which may take its whole time-out, ends within the lease; renews it if not.
    /// Answers `false` if an intent has been claimed by another: then the vault must not be called.
    pub(crate) async fn covers_a_call(&self) -> Result<bool, StoreError> {
        let mut end = self.end.lock().await;
        let now = Instant::now();
        if now + self.timing.call_timeout < *end {
            return Ok(true);
        }
        let held = self.store.renew_leases(&self.holder, &self.claims, self.timing.lease).await?;
        // Counted from before the statement: the database cannot have taken the time of a later moment for an earlier one.
        *end = now + self.timing.lease;
        Ok(held)
    }
}
