//! The two databases: how each is connected to, locked and brought up to date. All other statements are the same for both.

use std::path::Path;
use std::time::Duration;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::{AnyConnection, AnyPool, ConnectOptions, Connection};

use super::location::StoreLocation;
use crate::error::{Error, ErrorKind, Result};
use crate::folder::{self, Readers};

pub(super) static SQLITE: Migrator = sqlx::migrate!("./migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("./migrations/postgres");

/// Two readers keep two cores busy; each costs memory.
const SQLITE_READERS: u32 = 2;

/// PostgreSQL answers from elsewhere: more may wait for it at once.
const POSTGRES_READERS: u32 = 8;

/// The longest that a connection may take to be made, or to become free.
const CONNECT: Duration = Duration::from_secs(10);

/// The keys of the advisory locks. The first is held by a process that starts, until it is ready; the second by each
/// transaction that writes, so that versions are numbered in the order in which they are committed.
const STARTING: i64 = 0x5372_6f6f_6d01;
const WRITING: i64 = 0x5372_6f6f_6d02;

/// The orphan of a lost connection must not keep the others waiting for long.
const WRITER_SETTINGS: &str = "SET statement_timeout = '10s'; SET lock_timeout = '10s';
                               SET idle_in_transaction_session_timeout = '10s'";
const READER_SETTINGS: &str = "SET statement_timeout = '10s'; SET default_transaction_read_only = on";

/// Characters of a path that mean something in a URL.
const PATH: &AsciiSet = &CONTROLS.add(b' ').add(b'%').add(b'?').add(b'#');

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Sqlite,
    Postgres,
}

/// A database that can be connected to.
#[derive(Debug, Clone)]
pub(super) struct Database {
    pub(super) kind: Kind,
    /// For messages: a path, or a URL without a password.
    pub(super) name: String,
    writing: AnyConnectOptions,
    reading: AnyConnectOptions,
}

impl Database {
    /// The database at `location`; `path` is the place of the data folder's own.
    pub(super) fn at(location: &StoreLocation, path: &Path) -> Result<Self> {
        sqlx::any::install_default_drivers();
        match location {
            StoreLocation::Folder => Self::in_file(path),
            StoreLocation::Postgres(url) => {
                let options = url.options().disable_statement_logging();
                Ok(Self {
                    kind: Kind::Postgres,
                    name: url.to_string(),
                    writing: options.clone(),
                    reading: options,
                })
            }
        }
    }

    fn in_file(path: &Path) -> Result<Self> {
        let unusable = || {
            Error::new(ErrorKind::File, format!("the path {} of the database is not UTF-8", path.display()))
        };
        let text = path.to_str().ok_or_else(unusable)?;
        let options = |mode: &str| {
            let url = format!("sqlite://{}?mode={mode}", utf8_percent_encode(text, PATH));
            url.parse::<AnyConnectOptions>()
                .map(ConnectOptions::disable_statement_logging)
                .map_err(|error| unusable().with_source(error))
        };
        if !path.exists() {
            // SQLite gives its journals the mode of the database file.
            folder::write(path, b"", Readers::Owner)?;
        }
        Ok(Self {
            kind: Kind::Sqlite,
            name: text.to_owned(),
            writing: options("rw")?,
            reading: options("ro")?,
        })
    }

    /// Connects for writing.
    pub(super) async fn connect(&self) -> sqlx::Result<AnyConnection> {
        let connected = async {
            let mut connection = self.writing.connect().await?;
            let settings = match self.kind {
                Kind::Sqlite => "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL",
                Kind::Postgres => WRITER_SETTINGS,
            };
            sqlx::raw_sql(settings).execute(&mut connection).await?;
            Ok(connection)
        };
        tokio::time::timeout(CONNECT, connected).await.map_err(|_| sqlx::Error::PoolTimedOut)?
    }

    /// Connects for reading, besides the pool.
    pub(super) async fn connect_reading(&self) -> sqlx::Result<AnyConnection> {
        let kind = self.kind;
        let connected = async {
            let mut connection = self.reading.connect().await?;
            sqlx::raw_sql(reader_settings(kind)).execute(&mut connection).await?;
            Ok(connection)
        };
        tokio::time::timeout(CONNECT, connected).await.map_err(|_| sqlx::Error::PoolTimedOut)?
    }

    /// Connections for reading, made when they are needed.
    pub(super) fn readers(&self) -> AnyPool {
        let kind = self.kind;
        let options = AnyPoolOptions::new().min_connections(0).acquire_timeout(CONNECT).after_connect(
            move |connection, _| {
                Box::pin(async move {
                    sqlx::raw_sql(reader_settings(kind)).execute(connection).await?;
                    Ok(())
                })
            },
        );
        let options = match self.kind {
            Kind::Sqlite => options
                .max_connections(SQLITE_READERS)
                .test_before_acquire(false)
                .idle_timeout(None)
                .max_lifetime(None),
            // A connection that was lost meanwhile is found by the test, and replaced.
            Kind::Postgres => options.max_connections(POSTGRES_READERS).test_before_acquire(true),
        };
        options.connect_lazy_with(self.reading.clone())
    }

    /// Brings the schema up to date. Of several processes that start on one PostgreSQL, one does it.
    pub(super) async fn migrate(&self, connection: &mut AnyConnection) -> Result<()> {
        self.schema().run(connection).await.map_err(|error| self.schema_error(error))
    }

    fn schema(&self) -> &'static Migrator {
        match self.kind {
            Kind::Sqlite => &SQLITE,
            Kind::Postgres => &POSTGRES,
        }
    }

    /// The schema's version that this program works with.
    pub(super) fn schema_version(&self) -> i64 {
        self.schema().iter().map(|migration| migration.version).max().unwrap_or_default()
    }

    fn schema_error(&self, error: MigrateError) -> Error {
        let ours = self.schema_version();
        match error {
            MigrateError::VersionMissing(version) => Error::new(
                ErrorKind::FutureDatabase,
                format!(
                    "the database {} has schema version {version}; this program knows versions up to {ours}",
                    self.name
                ),
            )
            .with_hint("use the program that wrote it, or a later one; nothing was changed"),
            other => Error::new(
                ErrorKind::Database,
                format!("the database {} cannot be brought up to date: {other}", self.name),
            )
            .with_source(other),
        }
    }

    /// Keeps other processes from starting on the same database until [`Self::started`], or until the connection ends.
    pub(super) async fn starting(&self, connection: &mut AnyConnection) -> sqlx::Result<()> {
        self.advise("SELECT pg_advisory_lock($1)", STARTING, connection).await
    }

    /// Lets the next process start.
    pub(super) async fn started(&self, connection: &mut AnyConnection) -> sqlx::Result<()> {
        self.advise("SELECT pg_advisory_unlock($1)", STARTING, connection).await
    }

    /// The statement that begins a transaction that writes.
    pub(super) fn begin(&self) -> &'static str {
        match self.kind {
            Kind::Sqlite => "BEGIN IMMEDIATE",
            Kind::Postgres => "BEGIN",
        }
    }

    /// Makes the open transaction the only one that writes, until it ends.
    pub(super) async fn lock_writing(&self, transaction: &mut AnyConnection) -> sqlx::Result<()> {
        self.advise("SELECT pg_advisory_xact_lock($1)", WRITING, transaction).await
    }

    /// One process owns a SQLite file; there it takes no lock.
    async fn advise(
        &self,
        statement: &'static str,
        lock: i64,
        connection: &mut AnyConnection,
    ) -> sqlx::Result<()> {
        if self.kind == Kind::Postgres {
            sqlx::query(statement).bind(lock).execute(connection).await?;
        }
        Ok(())
    }
}

fn reader_settings(kind: Kind) -> &'static str {
    match kind {
        Kind::Sqlite => "PRAGMA cache_size = -1024",
        Kind::Postgres => READER_SETTINGS,
    }
}

/// What a failed commit means.
#[derive(Debug)]
pub(super) enum Failure {
    /// Nothing was committed. `again` tells whether it may go better the next time.
    Nothing { error: sqlx::Error, again: bool },
    /// The connection was lost while the database was committing: nobody knows.
    Unknown(sqlx::Error),
    /// The audit trail took no line about it: nothing was committed.
    Unrecorded,
}

impl Failure {
    /// Something failed before the commit was sent.
    pub(super) fn before_commit(error: sqlx::Error) -> Self {
        let again = match &error {
            sqlx::Error::Database(error) => error.code().is_some_and(|code| {
                // Serialization, deadlock, a lock that was not to be had; the server is ending, starting or full.
                ["40001", "40P01", "55P03", "57P01", "57P02", "57P03", "53300"].contains(&&*code)
                    || code.starts_with("08")
            }),
            error => is_lost(error),
        };
        Self::Nothing { error, again }
    }

    /// The commit itself failed.
    pub(super) fn of_commit(kind: Kind, error: sqlx::Error) -> Self {
        match (&error, kind) {
            (_, Kind::Sqlite) => Self::Nothing { error, again: false },
            (sqlx::Error::Database(refusal), Kind::Postgres) => {
                let code = refusal.code().unwrap_or_default();
                // A violated constraint and a rolled-back transaction are certain; a server that is going down is not.
                if code.starts_with("23") || (code.starts_with("40") && code != "40003") {
                    Self::before_commit(error)
                } else {
                    Self::Unknown(error)
                }
            }
            (_, Kind::Postgres) => Self::Unknown(error),
        }
    }

    /// Whether the connection is good for another transaction.
    pub(super) fn spares_connection(&self) -> bool {
        match self {
            Self::Nothing { error: sqlx::Error::Database(error), .. } => {
                !error.code().is_some_and(|code| code.starts_with("57P") || code.starts_with("08"))
            }
            Self::Nothing { error, .. } => !is_lost(error),
            Self::Unknown(_) => false,
            Self::Unrecorded => true,
        }
    }
}

fn is_lost(error: &sqlx::Error) -> bool {
    matches!(
        error,
        sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::WorkerCrashed
    )
}

/// Ends a connection in order if it can be done.
pub(super) async fn close(connection: AnyConnection) {
    if let Err(error) = connection.close().await {
        tracing::error!(%error, "the vault's database did not close in order");
    }
}
