//! Migration: the values of secret fields move to where the configured provider keeps them, wherever they are: from the database
//! to the vault (`to_vault`), from another vault to this one (`sideways`), from a vault back to the database (`back`).
//!
//! `inventory` reads the tables page by page and says what each secret field holds, `page` which entities a migration is about,
//! `leads` where a reference leads and `course` what becomes of it; [`plan`] finds out, before anything is written, which names are
//! taken and what is doubtful; `apply` moves the rest, entity by entity, in as many `passes` as it takes; `clean` deletes what that
//! left in the old place; `runs` tells others how far it is, [`report`] is what the user gets.

mod apply;
mod back;
mod clean;
mod course;
mod history;
pub(crate) mod inventory;
mod leads;
pub(crate) mod leftovers;
mod options;
mod page;
mod passes;
pub mod plan;
pub mod report;
mod runs;
pub mod selection;
mod sideways;
mod to_vault;

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::time::Instant;

use crate::error::WriteError;

pub(crate) use apply::MIGRATION_HOLDER;
pub use apply::holder;
pub use history::{CopyCounts, HistoryReport};
pub use leftovers::{LeftColumn, LeftField, LeftTable, Leftovers, UnknownType, UnreadTable};
pub use options::{MigrateOptions, OwnReferences};
pub use plan::{Estimate, KindCounts, Plan, PlannedAction, PlannedField};
pub use report::{Conflict, EntityCounts, Failure, Report, SecretCounts};
pub use selection::{Pattern, Selection};

/// Why a migration did not start, or could not go on. What concerns one entity is in the [`Report`] instead.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MigrateError {
    /// The vault or the database could not be worked with at all.
    #[error(transparent)]
    Failed(#[from] WriteError),
}

impl MigrateError {
    /// Why nothing more can be stored just now, as the rest of a sentence; `None` if it has another cause.
    pub(crate) fn stops_all(&self) -> Option<&'static str> {
        let Self::Failed(error) = self;
        error.stops_all()
    }
}

impl From<strongroom_metastore::StoreError> for MigrateError {
    fn from(error: strongroom_metastore::StoreError) -> Self {
        Self::Failed(error.into())
    }
}

/// Who watches a migration, and may ask it to stop.
pub trait Watcher: Send + Sync {
    /// The number of entities that will be looked at.
    fn total(&self, _entities: u64) {}
    /// So many more were looked at.
    fn advance(&self, _entities: u64) {}
    /// What a plan would do about a field: each is told once, in the order of the inventory.
    fn planned(&self, _field: &PlannedField) {}
    /// What a plan to clean up would delete: a secret's name, and the vault that it is in.
    fn would_delete(&self, _vault: &str, _name: &str) {}
    /// The tables are gone through again, for the `_nth` time, to see whether somebody has changed something meanwhile.
    fn begins_pass(&self, _nth: u64) {}
    /// Nothing is done until then, since another server may still write what it has in its cache.
    fn waits_until(&self, _until: Instant) {}
    /// Whether to stop after the entities in hand.
    fn should_stop(&self) -> bool {
        false
    }
    /// The same, with the reason, as the rest of a sentence.
    fn why_stop(&self) -> Option<&'static str> {
        self.should_stop().then_some("it was asked to stop")
    }
}

/// A watcher that only passes on a request to stop.
#[derive(Debug, Default)]
pub struct StopFlag(pub AtomicBool);

impl Watcher for StopFlag {
    fn should_stop(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
