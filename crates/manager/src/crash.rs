//! The points at which a crash matters. A test kills the program at each of them; [`Step::ALL`] is the list, so that a new
//! one cannot be forgotten. Without the feature `failpoints` reaching one costs nothing.

/// A point between two effects, at which the process may die.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// The intents are in the database; the vault has not been asked yet.
    IntentsOpened,
    /// What the vault held before is written down.
    BeforeRecorded,
    /// A soft-deleted secret was recovered; its new version is not written yet.
    SecretRecovered,
    /// A secret that was there already has our tags now.
    SecretAdopted,
    /// A new version is in the vault.
    VersionWritten,
    /// A new version was read back.
    VersionVerified,
    /// The transaction holds the new document, but is not committed.
    DocumentStored,
    /// The transaction is committed; secrets that lost their last reference still stand in the vault.
    Committed,
    /// A secret without a reference was deleted at the vault; its intent is still open.
    SecretDeleted,
    /// An abandoned intent was claimed; the vault is not put right yet.
    IntentClaimed,
    /// An older version is the latest again; that this is the committed one now is not written down yet.
    OlderVersionSet,
    /// The vault is as it was before the intent; the intent is still open.
    VaultPutRight,
    /// What a migration had left in an old place was deleted there; nobody may write to the name yet.
    OldSecretDeleted,
    /// The transaction holds documents whose values are encrypted with the new Fernet key, but is not committed.
    ValuesRenewed,
    /// It is committed; other documents still have theirs encrypted with an old key.
    RenewalCommitted,
    /// The transaction holds a page of the version history without old passwords, but is not committed.
    HistoryScrubbed,
    /// That is committed; the room that they leave is not given back yet.
    HistoryCommitted,
}

impl Step {
    /// Every step.
    pub const ALL: &[Self] = &[
        Self::IntentsOpened,
        Self::BeforeRecorded,
        Self::SecretRecovered,
        Self::SecretAdopted,
        Self::VersionWritten,
        Self::VersionVerified,
        Self::DocumentStored,
        Self::Committed,
        Self::SecretDeleted,
        Self::IntentClaimed,
        Self::OlderVersionSet,
        Self::VaultPutRight,
        Self::OldSecretDeleted,
        Self::ValuesRenewed,
        Self::RenewalCommitted,
        Self::HistoryScrubbed,
        Self::HistoryCommitted,
    ];

    /// The step's name in the variable `FAILPOINTS`.
    pub fn name(self) -> &'static str {
        match self {
            Self::IntentsOpened => "intents-opened",
            Self::BeforeRecorded => "before-recorded",
            Self::SecretRecovered => "secret-recovered",
            Self::SecretAdopted => "secret-adopted",
            Self::VersionWritten => "version-written",
            Self::VersionVerified => "version-verified",
            Self::DocumentStored => "document-stored",
            Self::Committed => "committed",
            Self::SecretDeleted => "secret-deleted",
            Self::IntentClaimed => "intent-claimed",
            Self::OlderVersionSet => "older-version-set",
            Self::VaultPutRight => "vault-put-right",
            Self::OldSecretDeleted => "old-secret-deleted",
            Self::ValuesRenewed => "values-renewed",
            Self::RenewalCommitted => "renewal-committed",
            Self::HistoryScrubbed => "history-scrubbed",
            Self::HistoryCommitted => "history-committed",
        }
    }
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
    fn every_step_is_in_the_list_once() {
        let names: std::collections::HashSet<_> = Step::ALL.iter().map(|step| step.name()).collect();
        assert_eq!(names.len(), Step::ALL.len());
        // A new variant makes this match incomplete, and reminds of the list.
        for step in Step::ALL {
            match step {
                Step::IntentsOpened
                | Step::BeforeRecorded
                | Step::SecretRecovered
                | Step::SecretAdopted
                | Step::VersionWritten
                | Step::VersionVerified
                | Step::DocumentStored
                | Step::Committed
                | Step::SecretDeleted
                | Step::IntentClaimed
                | Step::OlderVersionSet
                | Step::VaultPutRight
                | Step::OldSecretDeleted
                | Step::ValuesRenewed
                | Step::RenewalCommitted
                | Step::HistoryScrubbed
                | Step::HistoryCommitted => {}
            }
        }
        assert_eq!(Step::ALL.len(), 17);
    }
}
