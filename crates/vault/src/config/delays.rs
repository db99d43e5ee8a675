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
