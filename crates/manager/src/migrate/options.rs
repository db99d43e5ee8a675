//! What the user decided about a migration.

use serde::{Deserialize, Serialize};

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
}
