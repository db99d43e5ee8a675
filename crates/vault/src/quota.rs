//! How many calls a vault takes in a time.
//!
//! Azure's limits hold per vault in fixed windows of ten seconds
//! (<https://learn.microsoft.com/azure/key-vault/general/service-limits>): so many creations of secrets, so many of all
//! other calls. A call counts once its caller is known to be allowed it; one that is refused for the quota does not count.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use crate::operations::Operation;

/// The length of a window, in milliseconds.
const WINDOW: i64 = 10_000;

/// How many calls each vault takes in ten seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// How many versions may be made, by set and restore.
    pub creations: u32,
    /// How many calls of all other kinds are answered.
    pub others: u32,
    /// Whether a refusal says when to come again. The real service was seen without that.
    pub retry_after: bool,
}

impl Quota {
    /// Azure's limits.
    pub const AZURE: Self = Self { creations: 300, others: 4_000, retry_after: false };
}

/// Not the text of a [`Quota`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownQuota;

impl fmt::Display for UnknownQuota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a quota is \"azure\", or \"azure,retry-after\"")
    }
}

impl std::error::Error for UnknownQuota {}

impl FromStr for Quota {
    type Err = UnknownQuota;

    fn from_str(text: &str) -> Result<Self, UnknownQuota> {
        match text {
            "azure" => Ok(Self::AZURE),
            "azure,retry-after" => Ok(Self { retry_after: true, ..Self::AZURE }),
            _ => Err(UnknownQuota),
        }
    }
}

/// A window that takes no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exhausted {
    /// Whole seconds until the next window, at least one; `None` if that is kept from clients.
    pub(super) retry_after: Option<u64>,
}

/// The windows of all vaults. Each process counts by itself.
#[derive(Debug)]
pub(crate) struct Quotas {
    quota: Quota,
    /// By the vault's name in lower case.
    windows: Mutex<HashMap<String, Window>>,
}

/// What was counted since a window began.
#[derive(Debug, Clone, Copy, Default)]
struct Window {
    /// Which one, counted since the epoch.
    number: i64,
    creations: u32,
    others: u32,
}

impl Quotas {
    pub(crate) fn new(quota: Quota) -> Self {
        Self { quota, windows: Mutex::default() }
    }

    /// Counts a call, unless its window is full.
    pub(super) fn take(&self, vault: &str, operation: Operation, now: i64) -> Result<(), Exhausted> {
        let number = now.div_euclid(WINDOW);
        // A poisoned lock only says that another thread panicked; the numbers behind it are whole.
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let window = match windows.get_mut(vault) {
            Some(window) => window,
            None => windows.entry(vault.to_owned()).or_default(),
        };
        if window.number != number {
            *window = Window { number, ..Window::default() };
        }
        let (count, limit) = if operation.creates() {
            (&mut window.creations, self.quota.creations)
        } else {
            (&mut window.others, self.quota.others)
        };
        if *count < limit {
            *count += 1;
            return Ok(());
        }
        let left = WINDOW - now.rem_euclid(WINDOW);
        let seconds = u64::try_from(left).unwrap_or(1).div_ceil(1000);
        Err(Exhausted { retry_after: self.quota.retry_after.then_some(seconds) })
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use strongroom_secrets::Clock;
    use strongroom_secrets::clock::ManualClock;

    use super::*;

    const QUOTA: Quota = Quota { creations: 3, others: 5, retry_after: true };

    proptest! {
        /// Whatever comes when, each window of a vault takes its limit of each kind, and refuses only beyond it.
        #[test]
        fn a_window_takes_exactly_its_limit(
            start in -30_000_i64..2_000_000_000_000,
            calls in vec((0_i64..4_000, any::<bool>(), 0_i64..2), 0..200),
        ) {
            let clock = ManualClock::at_millis(start);
            let quotas = Quotas::new(QUOTA);
            let mut taken: HashMap<(i64, i64, bool), u32> = HashMap::new();
            for (pause, creates, vault) in calls {
                clock.advance_millis(pause);
                let now = clock.now_millis();
                let operation = if creates { Operation::SetSecret } else { Operation::GetSecret };
                let count = taken.entry((now.div_euclid(10_000), vault, creates)).or_default();
                let limit = if creates { QUOTA.creations } else { QUOTA.others };
                match quotas.take(&vault.to_string(), operation, now) {
                    Ok(()) => {
                        *count += 1;
                        prop_assert!(*count <= limit);
                    }
                    Err(refused) => {
                        prop_assert_eq!(*count, limit);
                        let wait = i64::try_from(refused.retry_after.unwrap()).unwrap();
                        prop_assert!((1..=10).contains(&wait));
                        // Who waits as long as told is let in, and a second less would not have been enough.
                        prop_assert!((now + wait * 1000).div_euclid(10_000) > now.div_euclid(10_000));
                        prop_assert_eq!((now + (wait - 1) * 1000).div_euclid(10_000), now.div_euclid(10_000));
                    }
                }
            }
        }
    }

    #[test]
    fn a_clock_that_is_set_back_opens_a_window_anew() {
        let quotas = Quotas::new(Quota { creations: 1, ..QUOTA });
        let take = |now| quotas.take("v1", Operation::SetSecret, now).is_ok();
        assert!(take(50_000) && !take(59_999));
        assert!(take(10_000) && !take(10_001));
    }

    #[test]
    fn what_the_option_takes() {
        assert_eq!("azure".parse(), Ok(Quota { creations: 300, others: 4_000, retry_after: false }));
        assert_eq!("azure,retry-after".parse(), Ok(Quota { retry_after: true, ..Quota::AZURE }));
        for other in ["", "aws", "azure,", "Azure ", "300"] {
            assert_eq!(other.parse::<Quota>(), Err(UnknownQuota), "{other:?}");
        }
    }
}
