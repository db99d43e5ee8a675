//! The words of the store.

use std::collections::BTreeMap;

use super::VaultId;
use crate::keys::Sealed;

/// Tags as they were given: none at all is not the same as an empty set.
pub(crate) type Tags = BTreeMap<String, String>;

/// What a client can say about a version.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Attributes {
    pub(crate) content_type: Option<String>,
    pub(crate) tags: Option<Tags>,
    /// Unix seconds; clients send negative ones too.
    pub(crate) not_before: Option<i64>,
    pub(crate) expires: Option<i64>,
}

/// A version without its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    /// The version's number in the database: later ones are higher.
    pub(crate) id: i64,
    /// In the case of its first use.
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) attributes: Attributes,
    pub(crate) enabled: bool,
    /// Unix seconds, as all that follow.
    pub(crate) created: i64,
    pub(crate) updated: i64,
    pub(crate) deleted_at: Option<i64>,
    pub(crate) purge_at: Option<i64>,
}

/// A version with its value, encrypted.
#[derive(Debug, Clone)]
pub(crate) struct SealedRecord {
    pub(crate) record: Record,
    pub(crate) sealed: Sealed,
}

/// A version to be written.
#[derive(Debug)]
pub(crate) struct NewVersion {
    pub(crate) vault: VaultId,
    /// As the client wrote it.
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) attributes: Attributes,
    pub(crate) enabled: bool,
    pub(crate) sealed: Sealed,
    pub(crate) now: i64,
}

/// What to change of a version; what is `None` stays.
#[derive(Debug)]
pub(crate) struct VersionPatch {
    pub(crate) vault: VaultId,
    pub(crate) name: String,
    /// `None` means the latest.
    pub(crate) version: Option<String>,
    pub(crate) attributes: Attributes,
    pub(crate) enabled: Option<bool>,
    pub(crate) now: i64,
}

/// A secret as a backup holds it, to be written with all its versions.
#[derive(Debug)]
pub(crate) struct Restoration {
    pub(crate) vault: VaultId,
    /// In the case that it had.
    pub(crate) name: String,
    /// Oldest first, at least one.
    pub(crate) versions: Vec<RestoredVersion>,
    pub(crate) now: i64,
}

/// A version that keeps its times.
#[derive(Debug)]
pub(crate) struct RestoredVersion {
    pub(crate) version: String,
    pub(crate) attributes: Attributes,
    pub(crate) enabled: bool,
    pub(crate) created: i64,
    pub(crate) updated: i64,
    pub(crate) sealed: Sealed,
}

/// One change to one secret. `now` is in Unix seconds; until `settles_at`, if it is later, the secret can neither be read
/// nor changed.
#[derive(Debug)]
pub(crate) enum Change {
    /// Adds a version, and the secret if it is the first.
    Set(NewVersion),
    /// Changes what is said about a version.
    Update(VersionPatch),
    /// Soft-deletes a secret with all its versions.
    Delete { vault: VaultId, name: String, now: i64, purge_at: i64, settles_at: i64 },
    /// Takes a soft deletion back.
    Recover { vault: VaultId, name: String, now: i64, settles_at: i64 },
    /// Forgets a soft-deleted secret for good.
    Purge { vault: VaultId, name: String, now: i64 },
    /// Brings a secret back from its backup, under a name that nothing holds.
    Restore(Restoration),
}

impl Change {
    /// Which secret it is about.
    pub(super) fn secret(&self) -> (VaultId, &str) {
        match self {
            Self::Set(NewVersion { vault, name, .. })
            | Self::Update(VersionPatch { vault, name, .. })
            | Self::Restore(Restoration { vault, name, .. })
            | Self::Delete { vault, name, .. }
            | Self::Recover { vault, name, .. }
            | Self::Purge { vault, name, .. } => (*vault, name),
        }
    }
}

/// Why the state of a secret does not allow a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// There is no such secret, version or soft-deleted secret.
    NotFound,
    /// The name belongs to a soft-deleted secret.
    Deleted,
    /// The name belongs to a live secret.
    Exists,
    /// The secret's deletion is under way.
    BeingDeleted,
    /// The secret's recovery is under way.
    BeingRecovered,
}

/// Something that was made at run time: a vault, a principal, a role. What a document says is its kind's own business.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DirectoryEntry {
    pub(crate) kind: String,
    pub(crate) key: String,
    /// JSON.
    pub(crate) document: String,
}

/// All entries of one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredDirectory {
    /// Higher after each change.
    pub(crate) generation: i64,
    /// In order of kind and key.
    pub(crate) entries: Vec<DirectoryEntry>,
}

/// Why a change was not made.
#[derive(Debug, Clone, Copy)]
pub(crate) enum WriteError {
    Refused(Refusal),
    /// The audit trail took no line about it, so it was not made.
    Unrecorded,
    /// The database failed; the cause has been logged.
    Failed,
}
