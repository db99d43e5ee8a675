//! The points at which a crash matters: before and after each thing that is written to a vault or to the database. A test kills
//! the program at each of them; [`Step::ALL`] is the list, so that a new one cannot be forgotten. Without the feature
//! `failpoints` reaching one costs nothing.
//!
//! The point after one effect is the point before the next. Not in the list is what nobody depends on: how far a run has come,
//! which process has the lock, how long a lease lasts.

/// Makes the enum, the list and the names from one table.
macro_rules! steps {
    ($($(#[doc = $doc:literal])+ $step:ident = $name:literal,)+) => {
        /// A point between two effects, at which the process may die.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Step {
            $($(#[doc = $doc])+ $step,)+
        }

        impl Step {
            /// Every step.
            pub const ALL: &[Self] = &[$(Self::$step,)+];

            /// The step's name in the variable `FAILPOINTS`.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$step => $name,)+
                }
            }
        }
    };
}

steps! {
    /// It is noted that a run has begun; it has not done anything yet.
    RunBegun = "run-begun",
    /// It is noted that rows will leave room behind in which passwords stand; they are as they were.
    ReclaimOwed = "reclaim-owed",
    /// The intents are in the database; the vault has not been asked yet.
    IntentsOpened = "intents-opened",
    /// What the vault held before is written down.
    BeforeRecorded = "before-recorded",
    /// A soft-deleted secret was recovered; its new version is not written yet.
    SecretRecovered = "secret-recovered",
    /// A secret that was there already has our tags now.
    SecretAdopted = "secret-adopted",
    /// A new version is in the vault.
    VersionWritten = "version-written",
    /// A new version was read back.
    VersionVerified = "version-verified",
    /// The transaction holds the new rows, or has deleted them; its intents are still open.
    RowsUpdated = "rows-updated",
    /// The transaction of a migration knows whose the secrets are now, and which versions are committed; the journal does not yet.
    OwnersWritten = "owners-written",
    /// The transaction holds all that it shall, the journal of a migration included, but is not committed.
    DocumentStored = "document-stored",
    /// The transaction is committed; secrets that lost their last reference still stand in the vault.
    Committed = "committed",
    /// An intent under which nothing was written is given back.
    IntentReleased = "intent-released",
    /// A secret without a reference was deleted at the vault; its intent is still open.
    SecretDeleted = "secret-deleted",
    /// An abandoned intent was claimed; the vault is not put right yet.
    IntentClaimed = "intent-claimed",
    /// An older version is the latest again; that this is the committed one now is not written down yet.
    OlderVersionSet = "older-version-set",
    /// The vault is as it was before the intent; the intent is still open.
    VaultPutRight = "vault-put-right",
    /// The intent is settled, and its name is free.
    IntentSettled = "intent-settled",
    /// A settled intent was looked at once more, and will not be again.
    IntentRechecked = "intent-rechecked",
    /// What a migration had left in an old place was deleted there; nobody may write to the name yet.
    OldSecretDeleted = "old-secret-deleted",
    /// The transaction holds documents whose values are encrypted with the new Fernet key, but is not committed.
    ValuesRenewed = "values-renewed",
    /// It is committed; other documents still have theirs encrypted with an old key.
    RenewalCommitted = "renewal-committed",
    /// The transaction holds a page of the version history without old passwords, but is not committed.
    HistoryScrubbed = "history-scrubbed",
    /// That is committed; the room that they leave is not given back yet.
    HistoryCommitted = "history-committed",
    /// The room is given back; that it was is not noted yet.
    RoomReclaimed = "room-reclaimed",
    /// That is noted; the run has not ended yet.
    ReclaimNoted = "reclaim-noted",
    /// It is noted that the run has ended, and how.
    RunEnded = "run-ended",
}

/// Passes a step; dies there, without any clean-up, if a test asked for it (`FAILPOINTS=version-written=return`).
pub(crate) fn reach(step: Step) {
    let _name = step.name();
    fail::fail_point!(_name, |_| std::process::abort());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_steps_have_the_same_name() {
        let names: std::collections::HashSet<_> = Step::ALL.iter().map(|step| step.name()).collect();
        assert_eq!(names.len(), Step::ALL.len());
    }
}
