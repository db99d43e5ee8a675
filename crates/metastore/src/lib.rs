//! The metadata database: OpenMetadata's entity tables, and Strongroom's own beside them, in SQLite, PostgreSQL, MySQL or MariaDB.
//!
//! [`Metastore`] reads rows; [`Transaction`] changes them. Each subject is a module that adds its methods to these two:
//! [`rows`] (entities), [`relationships`], [`history`], [`copies`] (what a migration takes passwords
//! out of), [`intents`], [`layout`] (who made the tables), [`owners`], [`runs`], [`settings`], [`sign_in`], [`pages`] (many entities at once), [`stock`]
//! (what a look at everything needs), [`documents`] (everything that is stored as JSON, as its text), [`scan`] (page by page through tables) and [`encrypted_columns`]. OpenMetadata's layout is
//! `schema/openmetadata.*.sql`; ours, prefixed `strongroom_`, is made by the versioned scripts in `migrations/`.
//! [`elsewhere`] looks for secrets where nobody works on them.
//!
//! # How a query is written
//!
//! Once, for all databases:
//!
//! ```ignore
//! self.sql("UPDATE strongroom_run SET ended_at = {now}, outcome = ? WHERE id = ?")
//!     .text(outcome)
//!     .bind(run.to_string())
//!     .execute(&self.writer)      // or &mut *self.inner in a transaction; .rows(), .row(), .value(), .column(), .count()
//!     .await?;
//! ```
//!
//! - Each parameter is a `?` of its own. Texts, `i64` and `i32` (`u32` becomes `i64`) and options of them can be bound; ids are bound as text,
//!   truth as 0 or 1.
//! - Between braces stands what differs: `{now}` is the database's clock in milliseconds, `{json}` the column `json` as text (give it a name:
//!   `{json} AS document`) and `{text id}` any other, `{document}` a parameter that is a document, `{lock}` at the end of a `SELECT` keeps its rows from changing
//!   until the transaction ends, `{lock now}` does so without waiting for anybody; `{name key}` is a name that can be any word, `{exact key}` such a
//!   column as a text of which every byte counts. A literal brace cannot be written.
//! - Truth is asked for with `IS TRUE` and `IS NOT TRUE`; texts, whole numbers and counts can be read. No `RETURNING`, no `LIMIT` in a
//!   `DELETE` or `UPDATE`, no subquery on the table that is changed. PostgreSQL answers with column names in lower case: give a name to what has
//!   others.
//! - An [`insert`] says what becomes of a row that is there already, and takes many rows at once.
//! - A transaction sees what others commit while it runs (SQLite excepted): what it relies on is read with `{lock}`, or is the condition of
//!   the statement that changes it.
//! - A statement or transaction that stands for itself goes through [`Metastore::repeat`], so that a deadlock is no failure.
//! - A change of our tables is a script of the same name and number in each folder of `migrations/`. MySQL's has to run again where it was
//!   cut off: `IF NOT EXISTS`.
//!
//! Not here: what a secret field is (`strongroom_entities`) and what happens at the vault (`strongroom_manager`). The vault is
//! never called from here, so no row is ever locked while the network is waited for.

mod connecting;
pub mod copies;
mod dialect;
pub mod documents;
pub mod elsewhere;
pub mod encrypted_columns;
pub mod error;
mod failure;
pub mod history;
mod insert;
pub mod intents;
pub mod layout;
pub mod location;
pub mod lock;
mod metastore;
mod opening;
pub mod owners;
pub mod pages;
pub mod relationships;
pub mod rows;
pub mod runs;
pub mod scan;
mod schema;
pub mod settings;
pub mod sign_in;
mod statement;
pub mod stock;
#[cfg(feature = "testing")]
pub mod testing;
pub mod tls;
mod transaction;

pub use copies::CopyTable;
pub use documents::{DocumentTable, StoredDocument};
pub use elsewhere::{Elsewhere, Form, Search};
pub use error::StoreError;
pub use intents::{Before, Claim, Intent, IntentId, IntentKind, IntentState, NewIntent, Opened};
pub use layout::Layout;
pub use location::{Location, Server, ServerKind};
pub use lock::MigrationLock;
pub use metastore::{Access, Metastore, Options};
pub use owners::{OwnReference, Owner};
pub use relationships::{Relation, Relationship};
pub use rows::{Cursor, Include, ListQuery, Row};
pub use runs::{JournalEntry, NewRun, Progress, RunRecord};
pub use scan::{DocumentPage, DocumentScan, RowPage, RowScan};
pub use tls::{Tls, TlsMode};
pub use transaction::Transaction;
