//! What the user decided about a migration.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::selection::Selection;

/// What the user decided. A plan that is kept in a file keeps this too, so that it is carried out as it was made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MigrateOptions {
    /// A text that begins with `secret:` but is no reference is a password.
    pub literal: bool,
    /// Secrets in the vault that Strongroom did not write may be taken over.
    pub adopt: bool,
    /// Conflicts are left as they are, and everything else is migrated.
    pub skip_conflicts: bool,
    /// Secrets in `connectionOptions` and `connectionArguments` move too.
    pub include_options: bool,
    /// Secrets of settings, event subscriptions and applications move too.
    pub include_settings: bool,
    /// Old passwords stay in the version history and in the events.
    pub keep_history: bool,
    /// Which entities are meant.
    pub selection: Selection,
    /// What becomes of references that users typed, where they would no longer resolve.
    pub own_references: OwnReferences,
    /// Secrets whose name is not the one that they would get now get that one.
    pub rename: bool,
    /// Only what this run moved, back to the database. The manager then keeps secrets there.
    pub rollback: Option<Uuid>,
    /// Nobody waits until a server that writes from a cache has written what it had in it.
    pub no_wait: bool,
}

/// What becomes of a reference that a user typed, where the new secrets manager would not resolve it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OwnReferences {
    /// It is a conflict.
    #[default]
    Conflict,
    /// The value that it leads to is copied, and becomes the field's own.
    Copy,
    /// It stays as it is.
    Keep,
}
