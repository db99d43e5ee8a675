//! A position of the stock: one secret field, and where its value is.

use serde::Serialize;
use strongroom_secrets::SecretVersion;
use uuid::Uuid;

/// How it stands with the value of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// The vault holds the version that was committed.
    InVault,
    /// The row holds the value itself.
    InDatabase,
    /// The row holds a reference that a user typed, and the vault such a secret.
    Own,
    /// The vault does not hold what the row refers to.
    Missing,
    /// The vault's latest version is another than the one that was committed.
    Drifted,
    /// The secret belongs to another field, or to another installation.
    Anothers,
    /// The secret is there, but cannot be read.
    Disabled,
    /// None of the Fernet keys opens what the row holds.
    Undecryptable,
    /// The row holds what can be neither a value nor a reference.
    Malformed,
    /// The vault refused to tell.
    Unreadable,
}

/// Where a value is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// In the vault.
    Vault,
    /// In the row, encrypted.
    Database,
    /// In the row, in clear text.
    DatabaseInClear,
}

/// One secret field that holds something. Never its value. Times are Unix seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Position {
    /// The type of the entity: `databaseService`, ….
    pub kind: &'static str,
    /// Its fully qualified name.
    pub entity: String,
    /// Its id.
    pub id: Uuid,
    /// Whether it is soft-deleted.
    pub deleted: bool,
    /// The field.
    pub field: String,
    /// How it stands with its value.
    pub state: State,
    /// Where its value is kept.
    pub place: Place,
    /// The secret that the row refers to.
    pub name: Option<String>,
    /// The version that was committed; of what nobody committed, the latest, if it was read.
    pub version: Option<String>,
    /// When the vault's latest version was made.
    pub created: Option<i64>,
    /// When it ends.
    pub expires: Option<i64>,
    /// When it begins.
    pub not_before: Option<i64>,
    /// What is the matter, and what can be done.
    pub remark: Option<String>,
}

impl State {
    /// Every state.
    pub const ALL: &[Self] = &[
        Self::InVault,
        Self::InDatabase,
        Self::Own,
        Self::Missing,
        Self::Drifted,
        Self::Anothers,
        Self::Disabled,
        Self::Undecryptable,
        Self::Malformed,
        Self::Unreadable,
    ];

    /// Its name on the command line and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::InVault => "in-vault",
            Self::InDatabase => "in-database",
            Self::Own => "own",
            Self::Missing => "missing",
            Self::Drifted => "drifted",
            Self::Anothers => "anothers",
            Self::Disabled => "disabled",
            Self::Undecryptable => "undecryptable",
            Self::Malformed => "malformed",
            Self::Unreadable => "unreadable",
        }
    }

    /// Whether the field resolves to what it should.
    pub fn is_good(self) -> bool {
        matches!(self, Self::InVault | Self::InDatabase | Self::Own)
    }
}

impl Position {
    /// Takes over what is known of a version.
    pub(super) fn dated(mut self, seen: &super::latest::Seen) -> Self {
        self.created = seen.created;
        self.expires = seen.expires;
        self.not_before = seen.not_before;
        if self.version.is_none() {
            self.version = seen.version.as_ref().map(SecretVersion::to_string);
        }
        self
    }

    /// Says what is the matter.
    pub(super) fn told(mut self, state: State, remark: impl Into<String>) -> Self {
        self.state = state;
        self.remark = Some(remark.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_called_the_same_everywhere() {
        for state in State::ALL {
            assert_eq!(serde_json::to_value(state).unwrap(), state.name());
        }
    }
}
