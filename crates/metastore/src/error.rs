//! What can go wrong at the database.

use std::path::PathBuf;

/// A failure of the metadata database. Its text names tables and rows, never a document's content.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no database file.
    #[error("there is no database at {}: check database.url, or start `strongroom serve` once, which makes one", .0.display())]
    Missing(PathBuf),
    /// The file cannot be opened as a database.
    #[error("the database {} cannot be opened: {reason}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the driver said.
        reason: String,
    },
    /// A newer Strongroom has been here.
    #[error(
        "the database {} was made by a newer Strongroom (its schema has version {version}, this program knows {known}): \
         use that program, or restore a backup made before it ran",
        path.display()
    )]
    FromTheFuture {
        /// The file.
        path: PathBuf,
        /// The schema version found.
        version: i64,
        /// The newest that this program knows.
        known: i64,
    },
    /// The schema differs from what its version says.
    #[error("the tables of Strongroom in {} are not as it made them (schema version {version}): restore a backup", path.display())]
    Altered {
        /// The file.
        path: PathBuf,
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
    /// The database gave no answer in time or failed.
    #[error("the database failed: {0}")]
    Database(String),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(cause) if cause.is_unique_violation() => Self::AlreadyExists,
            // The driver's text names constraints and columns; values travel as parameters and are never in it.
            _ => Self::Database(error.to_string()),
        }
    }
}
