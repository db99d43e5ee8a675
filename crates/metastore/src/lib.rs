//! The metadata database: OpenMetadata's entity tables, and Strongroom's own beside them.
//!
//! [`Metastore`] reads rows; [`Transaction`] changes them. Each subject is a module that adds its methods to these two:
//! [`rows`] (entities), [`relationships`], [`history`], [`intents`], [`owners`], [`runs`], [`settings`], [`sign_in`], [`stock`]
//! (what a look at everything needs), [`documents`] (everything that is stored as JSON, as its text). OpenMetadata's layout is
//! `schema/openmetadata.sql`; ours, prefixed `strongroom_`, is made by the versioned scripts in `migrations/`.
//!
//! Not here: what a secret field is (`strongroom_entities`) and what happens at the vault (`strongroom_manager`). The vault is
//! never called from here, so no row is ever locked while the network is waited for.

pub mod documents;
pub mod error;
pub mod history;
pub mod intents;
pub mod lock;
pub mod owners;
pub mod relationships;
pub mod rows;
pub mod runs;
pub mod settings;
pub mod sign_in;
mod sqlite;
pub mod stock;

pub use documents::{DocumentTable, StoredDocument};
pub use error::StoreError;
pub use intents::{Before, Claim, Intent, IntentId, IntentKind, IntentState, NewIntent, Opened};
pub use lock::MigrationLock;
pub use owners::{OwnReference, Owner};
pub use relationships::{Relation, Relationship};
pub use rows::{Cursor, Include, ListQuery, Row};
pub use runs::{JournalEntry, NewRun, Progress, RunRecord};
pub use sqlite::{Access, Metastore, Options, Transaction};
