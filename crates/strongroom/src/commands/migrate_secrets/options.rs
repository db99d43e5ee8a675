//! What the user can decide about a migration.

use clap::{Args, ValueEnum};
use strongroom_manager::migrate::{MigrateOptions, OwnReferences, Pattern, Selection};

/// What the user can decide about doubtful cases, and which entities are meant.
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
    /// Leave old passwords in the version history and in events, and say how many rows hold some
    #[arg(long)]
    keep_history: bool,
    /// What becomes of references that users typed, where they would no longer resolve [default: a conflict]
    #[arg(long, value_enum, value_name = "WHAT")]
    own_references: Option<Own>,
    /// Only these: KIND, KIND:NAME or *:NAME, where * and ? in a name stand for characters; can be repeated
    #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
    only: Vec<Pattern>,
    /// All but these
    #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
    except: Vec<Pattern>,
}

/// What becomes of references that users typed.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Own {
    /// The value is copied to where the others go
    Copy,
    /// The reference stays as it is
    Keep,
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
            keep_history: self.keep_history,
            own_references: match self.own_references {
                None => OwnReferences::Conflict,
                Some(Own::Copy) => OwnReferences::Copy,
                Some(Own::Keep) => OwnReferences::Keep,
            },
            selection: Selection { only: self.only.clone(), except: self.except.clone() },
            ..MigrateOptions::default()
        }
    }
}
