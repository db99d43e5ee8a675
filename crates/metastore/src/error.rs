//! What can go wrong at the database.

use std::path::PathBuf;

use crate::failure;

/// A failure of the metadata database. Its text names tables and rows, never a document's content nor a password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no database file.
    #[error("there is no database at {}: check database.url, or start `strongroom serve` once, which makes one", .0.display())]
    Missing(PathBuf),
    /// The database holds nothing of OpenMetadata.
    #[error(
        "the database {0} has none of OpenMetadata's tables: check database.url and its schema, or start `strongroom serve` once, \
         which makes them"
    )]
    NoTables(String),
    /// The database cannot be opened.
    #[error("the database {database} cannot be opened: {reason}")]
    Open {
        /// The database.
        database: String,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// The server is older than any that we can work with.
    #[error("the database {database} runs on {found}; at least {needed} is needed")]
    TooOld {
        /// The database.
        database: String,
        /// What it runs on.
        found: String,
        /// What would do.
        needed: String,
    },
    /// A newer Strongroom has been here.
    #[error(
        "the database {database} was made by a newer Strongroom (its schema has version {version}, this program knows {known}): \
         use that program, or restore a backup made before it ran"
    )]
    FromTheFuture {
        /// The database.
        database: String,
        /// The schema version found.
        version: i64,
        /// The newest that this program knows.
        known: i64,
    },
    /// The schema differs from what its version says.
    #[error(
        "the tables of Strongroom in {database} are not as it made them (schema version {version}): restore a backup"
    )]
    Altered {
        /// The database.
        database: String,
        /// The schema version in question.
        version: i64,
    },
    /// Something with the same unique key is there already.
    #[error("the database holds such a row already")]
    AlreadyExists,
    /// A row that does not hold what its table promises.
    #[error("the row {id} of {table} is broken: {reason}")]
    BrokenRow {
        /// The table.
        table: &'static str,
        /// The row's id or hash.
        id: String,
        /// What is wrong, without content.
        reason: String,
    },
    /// Another migration is running.
    #[error("another migration is running on this database ({0}): wait for it, or stop it")]
    Locked(String),
    /// A file beside the database could not be used.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// Others were at the same rows, and the database has undone what was asked: it may go better the next time.
    #[error("the database could not do it beside what others are doing ({0}): try again")]
    Again(String),
    /// Somebody else keeps what was asked for from changing, and was waited for in vain. What was done before in the same
    /// transaction stands.
    #[error(
        "somebody else has had it locked in the database for longer than a statement waits ({0}): end that transaction, then try again"
    )]
    InUse(String),
    /// The database takes no writes.
    #[error(
        "the database takes no writes ({0}): it may be a replica, or switched to read-only; name the one that is written to in \
         database.url, or make it writable"
    )]
    ReadOnly(String),
    /// The user lacks a right.
    #[error(
        "the database does not let its user do that ({0}): grant SELECT, INSERT, UPDATE, DELETE and CREATE on the database to \
         database.user"
    )]
    Forbidden(String),
    /// There is no room left.
    #[error("the database has no room left ({0}): make room where it lies; what was committed is kept")]
    Full(String),
    /// The connection broke, or none can be made any more.
    #[error(
        "the database cannot be reached any more ({0}): look whether it runs; what was committed is kept"
    )]
    Gone(String),
    /// The database gave no answer in time or failed.
    #[error("the database failed: {0}")]
    Database(String),
}

impl StoreError {
    /// Why nothing more can be written just now, whatever it is, as the rest of a sentence; `None` if only what was asked for failed.
    pub fn stops_all(&self) -> Option<&'static str> {
        match self {
            Self::Gone(_) => Some("the connection to the database was lost"),
            Self::Full(_) => Some("the database has no room left"),
            Self::ReadOnly(_) => Some("the database takes no writes"),
            _ => None,
        }
    }

    /// Whether nothing of the transaction stands in which it happened, marks included: it was undone, or nothing can be stored.
    #[must_use]
    pub fn ends_transaction(&self) -> bool {
        matches!(self, Self::Again(_)) || self.stops_all().is_some()
    }

    /// The same once more, for whoever else it concerns.
    #[must_use]
    pub fn repeated(&self) -> Self {
        match self {
            Self::Again(why) => Self::Again(why.clone()),
            Self::InUse(why) => Self::InUse(why.clone()),
            Self::ReadOnly(why) => Self::ReadOnly(why.clone()),
            Self::Forbidden(why) => Self::Forbidden(why.clone()),
            Self::Full(why) => Self::Full(why.clone()),
            Self::Gone(why) => Self::Gone(why.clone()),
            Self::Database(why) => Self::Database(why.clone()),
            other => Self::Database(other.to_string()),
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        failure::meaning(&error)
    }
}
