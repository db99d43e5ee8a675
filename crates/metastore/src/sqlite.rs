//! The connection: SQLite in WAL mode with `synchronous=FULL`, many readers and one writer.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Sqlite, SqlitePool};

use crate::StoreError;

/// How long a statement waits for another writer before it fails.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a caller waits for a free connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(15);
/// Readers beside the one writer.
const READERS: u32 = 4;

/// What may be done to the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Nothing is written, not even tables of ours: for plans. The database must exist.
    ReadOnly,
    /// The database must exist; our tables are made or brought up to date.
    ReadWrite,
    /// A missing database is made, with OpenMetadata's tables and ours.
    Create,
}

/// Which database, and how to open it.
#[derive(Debug, Clone)]
pub struct Options {
    /// The SQLite file.
    pub path: PathBuf,
    /// What may be done to it.
    pub access: Access,
}

/// The metadata database. Cheap to clone: clones share their connections.
#[derive(Debug, Clone)]
pub struct Metastore {
    pub(crate) readers: SqlitePool,
    pub(crate) writer: SqlitePool,
    path: PathBuf,
    /// Whether Strongroom's own tables are there (a plan may meet a database without them).
    pub(crate) has_own_tables: bool,
    /// Whether nothing may be written.
    pub(crate) is_read_only: bool,
}

/// A transaction that writes. Dropped without [`Transaction::commit`], it changes nothing.
#[derive(Debug)]
pub struct Transaction {
    pub(crate) inner: sqlx::Transaction<'static, Sqlite>,
}

impl Metastore {
    /// Opens the database.
    ///
    /// # Errors
    /// [`StoreError::Missing`], [`StoreError::FromTheFuture`] or what the driver says.
    pub async fn open(options: &Options) -> Result<Self, StoreError> {
        let path = options.path.clone();
        if options.access != Access::Create && !path.exists() {
            return Err(StoreError::Missing(path));
        }
        let connect = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(options.access == Access::Create)
            .busy_timeout(BUSY_TIMEOUT)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(false);
        // A plan must not touch the file: it neither changes the journal mode nor may any statement write.
        let connect = match options.access {
            Access::ReadOnly => connect.pragma("query_only", "ON"),
            Access::ReadWrite | Access::Create => connect.journal_mode(SqliteJournalMode::Wal),
        };
        let open_error =
            |error: sqlx::Error| StoreError::Open { path: path.clone(), reason: error.to_string() };
        let pool = |connections| {
            SqlitePoolOptions::new().max_connections(connections).acquire_timeout(ACQUIRE_TIMEOUT)
        };
        let writer = pool(1).connect_with(connect.clone()).await.map_err(open_error)?;
        let mut store = Self {
            readers: pool(READERS).connect_lazy_with(connect),
            writer,
            path: path.clone(),
            has_own_tables: true,
            is_read_only: options.access == Access::ReadOnly,
        };
        if options.access == Access::ReadOnly {
            store.has_own_tables = store.has_table("strongroom_migration").await.map_err(open_error)?;
            if store.has_own_tables {
                store.refuse_the_future().await?;
            }
        } else {
            store.prepare(options.access).await?;
        }
        Ok(store)
    }

    /// The file that holds the database.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    /// If it gives none.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1").execute(&self.readers).await?;
        Ok(())
    }

    /// Whether OpenMetadata's own server made this database: then it also deletes and updates secrets by the names that it
    /// computes, and the naming scheme has to follow it.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn made_by_reference(&self) -> Result<bool, StoreError> {
        Ok(self.has_table("server_change_log").await? || self.has_table("SERVER_CHANGE_LOG").await?)
    }

    /// Starts a transaction that holds the writer from its first moment, so that what it reads cannot change under it.
    ///
    /// # Errors
    /// If another writer does not finish in time.
    pub async fn begin(&self) -> Result<Transaction, StoreError> {
        Ok(Transaction { inner: self.writer.begin_with("BEGIN IMMEDIATE").await? })
    }

    /// Closes all connections and folds the write-ahead log into the file.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    pub(crate) async fn has_table(&self, name: &str) -> Result<bool, sqlx::Error> {
        let found: i64 =
            sqlx::query_scalar("SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = ?")
                .bind(name)
                .fetch_one(&self.readers)
                .await?;
        Ok(found > 0)
    }

    async fn prepare(&self, access: Access) -> Result<(), StoreError> {
        if access == Access::Create {
            sqlx::raw_sql(include_str!("../schema/openmetadata.sql")).execute(&self.writer).await?;
        }
        own_migrations().run(&self.writer).await.map_err(|error| self.migrate_error(error))
    }

    async fn refuse_the_future(&self) -> Result<(), StoreError> {
        let version: i64 = sqlx::query_scalar("SELECT coalesce(max(version), 0) FROM strongroom_migration")
            .fetch_one(&self.readers)
            .await?;
        let known = newest_migration();
        if version > known {
            return Err(StoreError::FromTheFuture { path: self.path.clone(), version, known });
        }
        Ok(())
    }

    fn migrate_error(&self, error: MigrateError) -> StoreError {
        let path = self.path.clone();
        match error {
            MigrateError::VersionMissing(version) | MigrateError::VersionTooNew(version, _) => {
                StoreError::FromTheFuture { path, version, known: newest_migration() }
            }
            MigrateError::VersionMismatch(version) | MigrateError::Dirty(version) => {
                StoreError::Altered { path, version }
            }
            other => StoreError::Open { path, reason: other.to_string() },
        }
    }
}

impl Transaction {
    /// Marks a point that [`Transaction::return_to_mark`] undoes everything after. A later mark takes its place.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn mark(&mut self) -> Result<(), StoreError> {
        sqlx::query("SAVEPOINT mark").execute(&mut *self.inner).await?;
        Ok(())
    }

    /// Undoes what was done since the last mark, and nothing before it.
    ///
    /// # Errors
    /// If the database fails; then the transaction must be dropped.
    pub async fn return_to_mark(&mut self) -> Result<(), StoreError> {
        sqlx::query("ROLLBACK TO mark").execute(&mut *self.inner).await?;
        Ok(())
    }

    /// Makes everything that the transaction did permanent.
    ///
    /// # Errors
    /// If the database fails; whether the transaction took effect is then unknown.
    pub async fn commit(self) -> Result<(), StoreError> {
        self.inner.commit().await?;
        Ok(())
    }
}

fn own_migrations() -> Migrator {
    let mut migrator = sqlx::migrate!("./migrations");
    migrator.dangerous_set_table_name("strongroom_migration");
    migrator
}

fn newest_migration() -> i64 {
    own_migrations().iter().map(|migration| migration.version).max().unwrap_or_default()
}
