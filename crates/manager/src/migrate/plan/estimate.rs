//! How long a migration takes at least, under the quota of Azure's vaults.

use serde::Serialize;

use crate::migrate::report::SecretCounts;

/// What Azure takes of one vault in ten seconds (<https://learn.microsoft.com/azure/key-vault/general/service-limits>): so many
/// new versions, so many requests of all other kinds.
const CREATIONS: u64 = 300;
const OTHERS: u64 = 4_000;
const WINDOW: u64 = 10;

/// How many calls a secret costs beside the one that writes it: what stands there, and what was written.
const READS_PER_WRITE: u64 = 2;
/// How often a secret is read that comes back to the database.
const READS_PER_RETURN: u64 = 1;

/// How much a vault has to do, and how long that takes at least.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Estimate {
    /// New versions.
    pub writes: u64,
    /// Calls of other kinds.
    pub reads: u64,
    /// The least time under Azure's quota, if nobody else uses it: 10 s × (⌈writes ÷ 300⌉ − 1), or what the reads take.
    pub seconds_under_quota: u64,
}

impl Estimate {
    pub(super) fn of(secrets: &SecretCounts) -> Self {
        let writes = secrets.written;
        let reads = writes * READS_PER_WRITE + secrets.returned * READS_PER_RETURN;
        let windows = |count: u64, quota: u64| count.div_ceil(quota).saturating_sub(1);
        let windows = windows(writes, CREATIONS).max(windows(reads, OTHERS));
        Self { writes, reads, seconds_under_quota: windows * WINDOW }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_time_is_ten_seconds_for_each_quota_but_the_first() {
        for (written, returned, seconds) in [
            (0, 0, 0),
            (1, 0, 0),
            (300, 0, 0),
            (301, 0, 10),
            (1_200, 0, 30),
            (100_000, 0, 3_330),
            (0, 4_000, 0),
            (0, 4_001, 10),
            (300, 8_000, 20),
        ] {
            let estimate = Estimate::of(&SecretCounts { written, returned, ..SecretCounts::default() });
            assert_eq!(estimate.seconds_under_quota, seconds, "{written} {returned}");
        }
    }
}
