//! Migration: the values of secret fields move to where the configured provider keeps them, wherever they are: from the database
//! to the vault (`to_vault`), from another vault to this one (`sideways`), from a vault back to the database (`back`).
//!
//! `inventory` reads the tables page by page and says what each secret field holds, `leads` where a reference leads; [`plan`]
//! finds out, before anything is written, which names are taken and what is doubtful; `apply` moves the rest, entity by entity;
//! [`report`] is what the user gets.

mod apply;
mod back;
pub(crate) mod inventory;
mod leads;
mod leftovers;
mod options;
pub mod plan;
pub mod report;
mod runs;
mod sideways;
mod to_vault;

use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::WriteError;

pub use apply::holder;
pub use leftovers::{LeftField, LeftTable, Leftovers, UnknownType};
pub use options::MigrateOptions;
pub use plan::{Plan, PlannedAction, PlannedField};
pub use report::{Conflict, EntityCounts, Failure, Report, SecretCounts};

/// Why a migration did not start, or could not go on. What concerns one entity is in the [`Report`] instead.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MigrateError {
    /// The vault or the database could not be worked with at all.
    #[error(transparent)]
    Failed(#[from] WriteError),
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
    /// Whether to stop after the entities in hand.
    fn should_stop(&self) -> bool {
        false
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
