//! How long deletions and recoveries take.

use super::VaultConfig;
use crate::error::{Error, Result};

/// The longest delay, in seconds: Azure's take some seconds, at times a minute.
const LONGEST: u32 = 3600;

/// How long a deletion and a recovery take until they are seen, in seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Delays {
    pub(crate) delete: u32,
    pub(crate) recover: u32,
}

impl Delays {
    /// When a change is seen that takes so many seconds from now on. Without a delay that is long ago: another process,
    /// whose clock is behind, must not wait for it.
    pub(crate) fn end(seconds: u32, now: i64) -> i64 {
        if seconds == 0 { 0 } else { now.saturating_add(seconds.into()) }
    }
}

/// Checks the delays.
pub(super) fn check(config: &VaultConfig) -> Result<Delays> {
    let delays = Delays { delete: config.delete_delay_seconds, recover: config.recover_delay_seconds };
    for (key, seconds) in [("deleteDelaySeconds", delays.delete), ("recoverDelaySeconds", delays.recover)] {
        if seconds > LONGEST {
            return Err(Error::configuration(format!("{key} is {seconds}, it must be from 0 to {LONGEST}"))
                .with_hint("the real service takes some seconds"));
        }
    }
    Ok(delays)
}
