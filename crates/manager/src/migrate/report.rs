//! What a migration reports. No value, no token.

use serde::Serialize;
use uuid::Uuid;

use super::history::HistoryReport;
use super::leftovers::Leftovers;

/// How many conflicts and failures a report lists, and how much that stays. The others are only counted: nobody reads more, and
/// the memory stays flat.
pub(super) const MOST: usize = 1000;

/// What came of a migration, or what a plan says would come of it.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The id of the run.
    pub run: Uuid,
    /// How long it took.
    pub seconds: f64,
    /// The entities.
    pub entities: EntityCounts,
    /// The secrets.
    pub secrets: SecretCounts,
    /// What was found before anything was written, and needs a decision.
    pub conflicts: Vec<Conflict>,
    /// What went wrong.
    pub failures: Vec<Failure>,
    /// What holds secrets and stays as it is.
    pub left: Leftovers,
    /// What a rollback left, since it is no longer as the run had made it; what a cleaning left, since it may be needed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stays: Vec<Failure>,
    /// How many conflicts, failures and what else stays are not listed, since there are so many.
    #[serde(skip_serializing_if = "is_zero")]
    pub unlisted: u64,
    /// How often the tables were gone through.
    #[serde(skip_serializing_if = "is_zero")]
    pub passes: u64,
    /// Old passwords in the version history and in events.
    pub history: HistoryReport,
}

/// Entities by what became of them: `seen = changed + unchanged + failed`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct EntityCounts {
    /// All that were read.
    pub seen: u64,
    /// Those whose row is another now.
    pub changed: u64,
    /// Those that were as they should be.
    pub unchanged: u64,
    /// Those that were left as they were because of a conflict or a failure.
    pub failed: u64,
}

/// Secrets by what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct SecretCounts {
    /// New versions in the vault.
    pub written: u64,
    /// Values that were read back from the vault and found right.
    pub verified: u64,
    /// References that were there before, and values that the vault held already; under a provider without one, also values that
    /// the database held encrypted already.
    pub kept: u64,
    /// Values that came back from a vault into the database.
    pub returned: u64,
    /// Secrets that were deleted in an old place.
    #[serde(skip_serializing_if = "is_zero")]
    pub deleted: u64,
}

/// Something that only the user can decide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Conflict {
    /// The secret's name, if it is about one.
    pub name: String,
    /// The fields that it concerns.
    pub owners: Vec<String>,
    /// What is the matter, and what can be done.
    pub reason: String,
}

/// Something that went wrong with one entity, which is left as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The entity.
    pub entity: String,
    /// The field, if it is about one.
    pub field: String,
    /// What happened, and what can be done.
    pub error: String,
}

impl Report {
    /// Adds a conflict.
    pub(super) fn add_conflict(&mut self, conflict: Conflict) {
        self.unlisted += add(&mut self.conflicts, conflict);
    }

    /// Adds a failure.
    pub(super) fn add_failure(&mut self, failure: Failure) {
        self.unlisted += add(&mut self.failures, failure);
    }

    /// Adds what was left.
    pub(super) fn add_stays(&mut self, stays: Failure) {
        self.unlisted += add(&mut self.stays, stays);
    }

    /// Whether all that was to be done is done.
    pub fn is_whole(&self) -> bool {
        self.conflicts.is_empty() && self.failures.is_empty() && self.stays.is_empty()
    }
}

fn add<T>(list: &mut Vec<T>, item: T) -> u64 {
    if list.len() >= MOST {
        return 1;
    }
    list.push(item);
    0
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}
