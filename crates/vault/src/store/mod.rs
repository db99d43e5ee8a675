//! What a vault keeps, in SQLite.
//!
//! [`Store`] opens the database and brings its schema up to date. Reads go to a small pool ([`read`]); all writes go
//! through one task that commits them in groups ([`writer`]), each applied by [`apply`]. Values arrive here sealed: this
//! module never sees one. [`entries`] keeps what was made at run time: vaults, principals, roles.

mod apply;
mod entries;
mod model;
mod read;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection, SqlitePool};

#[allow(unused_imports, reason = "words of the callers of `directory`")]
pub(crate) use model::{
    Attributes, Change, DirectoryEntry, NewVersion, Record, Refusal, Restoration, RestoredVersion,
    SealedRecord, StoredDirectory, Tags, VersionPatch, WriteError,
};

use crate::audit::{Audit, Witness};
use crate::error::{Error, ErrorKind, Result};
use crate::folder::{self, Readers};
use crate::keys::{Sealed, WrappedKey};
use writer::{Outcome, Work, Writer};

static SCHEMA: Migrator = sqlx::migrate!("./migrations");

/// Two readers keep two cores busy; each costs memory.
const READERS: u32 = 2;

/// A vault's number in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct VaultId(i64);

/// A key that signs tokens, as the database holds it.
#[derive(Debug, Clone)]
pub(crate) struct SealedSigningKey {
    pub(crate) kid: String,
    pub(crate) sealed: Sealed,
}

/// The database while it is being prepared: one connection, no writer yet.
#[derive(Debug)]
pub(crate) struct Preparing {
    connection: SqliteConnection,
    options: SqliteConnectOptions,
    generation: i64,
}

/// The open database.
#[derive(Debug)]
pub(crate) struct Store {
    readers: SqlitePool,
    writer: Writer,
    /// The directory's generation, as the writer last saw it.
    generation: Arc<AtomicI64>,
}

impl Preparing {
    /// Opens or makes the database and brings its schema up to date.
    ///
    /// # Errors
    /// [`FutureDatabase`](ErrorKind::FutureDatabase) if a later version of the program has worked on it; nothing is
    /// changed then.
    pub(crate) async fn open(path: &Path) -> Result<Self> {
        if !path.exists() {
            // SQLite gives its journals the mode of the database file.
            folder::write(path, b"", Readers::Owner)?;
        }
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(5))
            .disable_statement_logging();
        let mut connection = SqliteConnection::connect_with(&options)
            .await
            .map_err(|error| database_error(&format!("open the database {}", path.display()), error))?;
        if let Err(error) = SCHEMA.run(&mut connection).await {
            // Closing takes the journals away again; that it may fail too is of no interest any more.
            let _ = connection.close().await;
            return Err(schema_error(path, error));
        }
        let generation = entries::generation(&mut connection)
            .await
            .map_err(|error| database_error("read the directory", error))?;
        Ok(Self { connection, options, generation })
    }

    /// All data keys, oldest first.
    pub(crate) async fn data_keys(&mut self) -> Result<Vec<WrappedKey>> {
        let rows: Vec<(i64, Vec<u8>)> = sqlx::query_as("SELECT id, wrapped FROM data_key ORDER BY id")
            .fetch_all(&mut self.connection)
            .await
            .map_err(|error| database_error("read the data keys", error))?;
        Ok(rows.into_iter().map(|(id, wrapped)| WrappedKey { id, wrapped }).collect())
    }

    /// Adds a data key.
    pub(crate) async fn add_data_key(&mut self, key: &WrappedKey, now: i64) -> Result<()> {
        sqlx::query("INSERT INTO data_key (id, wrapped, created) VALUES ($1, $2, $3)")
            .bind(key.id)
            .bind(&key.wrapped)
            .bind(now)
            .execute(&mut self.connection)
            .await
            .map_err(|error| database_error("store a data key", error))?;
        Ok(())
    }

    /// All keys that sign tokens, the newest first.
    pub(crate) async fn signing_keys(&mut self) -> Result<Vec<SealedSigningKey>> {
        let rows: Vec<(String, i64, Vec<u8>)> =
            sqlx::query_as("SELECT kid, data_key, sealed FROM signing_key ORDER BY created DESC, kid")
                .fetch_all(&mut self.connection)
                .await
                .map_err(|error| database_error("read the signing keys", error))?;
        Ok(rows
            .into_iter()
            .map(|(kid, key, bytes)| SealedSigningKey { kid, sealed: Sealed { key, bytes } })
            .collect())
    }

    /// Adds a key that signs tokens.
    pub(crate) async fn add_signing_key(&mut self, key: &SealedSigningKey, now: i64) -> Result<()> {
        sqlx::query("INSERT INTO signing_key (kid, data_key, sealed, created) VALUES ($1, $2, $3, $4)")
            .bind(&key.kid)
            .bind(key.sealed.key)
            .bind(&key.sealed.bytes)
            .bind(now)
            .execute(&mut self.connection)
            .await
            .map_err(|error| database_error("store a signing key", error))?;
        Ok(())
    }

    /// Finds a vault by its name in lower case, or makes it.
    pub(crate) async fn vault(&mut self, name: &str) -> Result<VaultId> {
        sqlx::query_scalar(
            "INSERT INTO vault (name) VALUES ($1) ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING id",
        )
        .bind(name)
        .fetch_one(&mut self.connection)
        .await
        .map(VaultId)
        .map_err(|error| database_error("store the name of a vault", error))
    }

    /// Starts the writer and opens the readers.
    pub(crate) fn start(self, audit: Arc<Audit>) -> Store {
        let options = self.options.read_only(true).pragma("cache_size", "-1024");
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .min_connections(0)
            .acquire_timeout(Duration::from_secs(10))
            .test_before_acquire(false)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_lazy_with(options);
        let generation = Arc::new(AtomicI64::new(self.generation));
        Store { readers, writer: Writer::start(self.connection, Arc::clone(&generation), audit), generation }
    }
}

impl Store {
    /// Queues a change and waits until it is on disk. `witness` tells the audit trail of it before the commit.
    ///
    /// # Errors
    /// A [`Refusal`] if the state of the secret does not allow it; nothing is changed then.
    pub(crate) async fn apply(&self, change: Change, witness: Option<Witness>) -> Result<Record, WriteError> {
        match self.writer.submit(Work::Change(change, witness.map(Box::new))).await? {
            Outcome::Change(result) => result.map_err(WriteError::Refused),
            _ => Err(WriteError::Failed),
        }
    }

    /// Forgets every secret whose time is up and answers how many.
    pub(crate) async fn sweep(&self, now: i64) -> Result<u64, WriteError> {
        match self.writer.submit(Work::Sweep(now)).await? {
            Outcome::Sweep(count) => Ok(count),
            _ => Err(WriteError::Failed),
        }
    }

    /// Lets the queued changes finish, then closes the database.
    pub(crate) async fn close(&self) {
        self.writer.close().await;
        self.readers.close().await;
    }
}

fn schema_error(path: &Path, error: MigrateError) -> Error {
    let ours = SCHEMA.iter().map(|migration| migration.version).max().unwrap_or_default();
    match error {
        MigrateError::VersionMissing(version) => Error::new(
            ErrorKind::FutureDatabase,
            format!(
                "the database {} has schema version {version}; this program knows versions up to {ours}",
                path.display()
            ),
        )
        .with_hint("use the program that wrote it, or a later one; nothing was changed"),
        other => Error::new(
            ErrorKind::Database,
            format!("the database {} cannot be brought up to date: {other}", path.display()),
        )
        .with_source(other),
    }
}

/// A failure of the database. SQLite's messages name tables and files, never the values that were bound.
fn database_error(what: &str, error: sqlx::Error) -> Error {
    Error::new(ErrorKind::Database, format!("cannot {what}: {error}")).with_source(error)
}

#[cfg(test)]
mod tests;
