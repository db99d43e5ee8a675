//! What the user can decide about a migration.

use clap::Args;
use strongroom_manager::migrate::MigrateOptions;

/// What the user can decide about doubtful cases.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Decisions {
    /// A text that begins with secret: but is no reference is a password
    #[arg(long)]
    literal: bool,
    /// Take over secrets in the vault that Strongroom did not write
    #[arg(long)]
    adopt: bool,
    /// Leave conflicts as they are, and migrate everything else
    #[arg(long)]
    skip_conflicts: bool,
    /// Move secrets in connectionOptions and connectionArguments too; OpenMetadata's own ingestion does not resolve references there
    #[arg(long)]
    include_options: bool,
    /// Move secrets of settings, event subscriptions and apps too; OpenMetadata's own server does not resolve references there
    #[arg(long)]
    include_settings: bool,
}

impl Decisions {
    /// The same, as the migration takes it.
    pub(crate) fn options(&self) -> MigrateOptions {
        MigrateOptions {
            literal: self.literal,
            adopt: self.adopt,
            skip_conflicts: self.skip_conflicts,
            include_options: self.include_options,
            include_settings: self.include_settings,
        }
    }
}
