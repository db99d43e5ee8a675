//! When a key that signs tokens is followed by another, and how long it is kept after that.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::claims::IDENTITY_LIFETIME;

/// How long a key is shown before it signs, in seconds.
pub(crate) const ANNOUNCED: i64 = 24 * 60 * 60;

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

    /// Whether it is time to make the key that follows one of `newest`, both in Unix seconds.
    pub(crate) fn is_due(&self, newest: i64, now: i64) -> bool {
        now >= newest + i64::from(self.days) * DAY - ANNOUNCED
    }

    /// Whether it is not too early to look again for keys that others have made.
    pub(crate) fn may_look(&self) -> bool {
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let due = looked.is_none_or(|last| now.duration_since(last) >= LOOK_INTERVAL);
        if due {
            *looked = Some(now);
        }
        due
    }
}

/// How many of the keys, the newest first, can have signed a token that is still good: all that are to come, the one that signs,
/// and each whose successor began to sign less than the longest life of a token ago.
pub(crate) fn needed(created: &[i64], now: i64) -> usize {
    let long_ago = now - IDENTITY_LIFETIME - MARGIN;
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
