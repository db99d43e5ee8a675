//! What can go wrong at the database.

use std::path::PathBuf;

use sqlx::mysql::MySqlDatabaseError;

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
    /// The database gave no answer in time or failed.
    #[error("the database failed: {0}")]
    Database(String),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(cause) if cause.is_unique_violation() => Self::AlreadyExists,
            sqlx::Error::Database(cause) => {
                let mysql = cause.try_downcast_ref::<MySqlDatabaseError>();
                let code = cause.code().unwrap_or_default();
                match (&*code, mysql.map(MySqlDatabaseError::number)) {
                    // Serialization, deadlock, a lock that was not to be had.
                    ("40001" | "40P01" | "55P03", _) | (_, Some(1205 | 1213)) => {
                        Self::Again(format!("error {code}"))
                    }
                    // MySQL's messages about values quote them.
                    (_, Some(number))
                        if code.starts_with("22")
                            || matches!(number, 1292 | 1364 | 1366 | 1406 | 3140..=3159) =>
                    {
                        Self::Database(format!("it does not take a value (error {number}, {code})"))
                    }
                    // Others' name constraints and columns; values travel as parameters and are never in them.
                    _ => Self::Database(error.to_string()),
                }
            }
            _ => Self::Database(error.to_string()),
        }
    }
}
