//! The connections: many that read, and those that write. On SQLite there is one that writes, and the file is in WAL mode with
//! `synchronous=FULL`.

use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use sqlx::any::AnyPoolOptions;
use sqlx::{Any, AnyPool};

use crate::connecting::{CONNECT_TIMEOUT, connect_error, session};
use crate::dialect::Dialect;
use crate::location::Location;
use crate::statement::{Statement, limited};
use crate::{StoreError, Transaction};
use crate::{opening, schema};

/// Readers beside the one writer of SQLite.
const SQLITE_READERS: u32 = 4;
/// How often work is done again that the database could not do just now.
const ATTEMPTS: u32 = 5;
/// How long the first of them waits; each further one twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(20);

/// What may be done to the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Nothing is written, not even tables of ours: for plans. The database must exist.
    ReadOnly,
    /// The database must exist; our tables are made or brought up to date.
    ReadWrite,
    /// The tables are made, OpenMetadata's and ours, unless OpenMetadata's own server made its own. A missing SQLite file is
    /// made too.
    Create,
}

/// Which database, and how to open it.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where it lies.
    pub location: Location,
    /// What may be done to it.
    pub access: Access,
}

impl Options {
    /// A database that may be used so.
    pub fn new(location: impl Into<Location>, access: Access) -> Self {
        Self { location: location.into(), access }
    }
}

/// The metadata database. Cheap to clone: clones share their connections.
#[derive(Debug, Clone)]
pub struct Metastore {
    pub(crate) dialect: Dialect,
    pub(crate) readers: AnyPool,
    pub(crate) writer: AnyPool,
    pub(crate) location: Location,
    /// Whether Strongroom's own tables are there (a plan may meet a database without them).
    pub(crate) has_own_tables: bool,
    /// Whether nothing may be written.
    pub(crate) is_read_only: bool,
}

impl Metastore {
    /// Opens the database.
    ///
    /// # Errors
    /// [`StoreError::Missing`], [`StoreError::FromTheFuture`], what is wrong with the way there, or what the driver says.
    pub async fn open(options: &Options) -> Result<Self, StoreError> {
        let Options { location, access } = options;
        if let Location::Sqlite(path) = location
            && *access != Access::Create
            && !path.exists()
        {
            return Err(StoreError::Missing(path.clone()));
        }
        let dialect = Dialect::of(location);
        let connect = match location {
            Location::Sqlite(path) => opening::sqlite(path, *access).await?,
            Location::Server(_) => location.connect_options(*access)?,
        };
        let pool = |connections: u32| {
            let settings = session(dialect, *access);
            AnyPoolOptions::new()
                .max_connections(connections.max(1))
                .min_connections(0)
                .acquire_timeout(CONNECT_TIMEOUT)
                .after_connect(move |connection, _| {
                    let settings = settings.clone();
                    Box::pin(async move {
                        sqlx::raw_sql(sqlx::AssertSqlSafe(settings)).execute(connection).await?;
                        Ok(())
                    })
                })
        };
        // Readers and writers have pools of their own: whoever writes can always read besides.
        let (readers, writers) = match location {
            Location::Sqlite(_) => (SQLITE_READERS, 1),
            Location::Server(server) => (server.connections / 2, server.connections - server.connections / 2),
        };
        let writer = tokio::time::timeout(CONNECT_TIMEOUT, pool(writers).connect_with(connect.clone()))
            .await
            .unwrap_or(Err(sqlx::Error::PoolTimedOut))
            .map_err(|error| connect_error(location, &error))?;
        let mut store = Self {
            dialect,
            readers: pool(readers).connect_lazy_with(connect),
            writer,
            location: location.clone(),
            has_own_tables: true,
            is_read_only: *access == Access::ReadOnly,
        };
        schema::check_version(&store).await?;
        if *access == Access::ReadOnly {
            schema::refuse_none(&store).await?;
            store.has_own_tables = store.has_table(schema::MIGRATIONS).await?;
            if store.has_own_tables {
                schema::refuse_the_future(&store).await?;
            }
        } else {
            schema::prepare(&store, *access).await?;
        }
        Ok(store)
    }

    /// Where the database lies.
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// Whether several machines can use this database at once.
    pub fn is_shared(&self) -> bool {
        matches!(self.location, Location::Server(_))
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    /// If it gives none.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.sql("SELECT 1").execute(&self.readers).await?;
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

    /// Starts a transaction. On SQLite it holds the writer from its first moment, so that what it reads cannot change under it;
    /// elsewhere what it has to rely on is read with a lock.
    ///
    /// # Errors
    /// If another writer does not finish in time.
    pub async fn begin(&self) -> Result<Transaction, StoreError> {
        let begin = match self.dialect {
            Dialect::Sqlite => "BEGIN IMMEDIATE",
            Dialect::Postgres | Dialect::Mysql => "BEGIN",
        };
        let begun = limited(async { Ok(self.writer.begin_with(begin).await) }).await?;
        let inner: sqlx::Transaction<'static, Any> = match begun {
            // SQLite undoes a transaction by itself when it has no room, which the driver does not see: that connection is of no use.
            Err(sqlx::Error::InvalidSavePointStatement) => {
                limited(async { self.writer.acquire().await?.close().await }).await?;
                limited(self.writer.begin_with(begin)).await?
            }
            begun => begun?,
        };
        Ok(Transaction { dialect: self.dialect, inner })
    }

    /// Closes all connections. SQLite then folds its write-ahead log into the file.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    /// A statement, written as the crate's documentation says.
    pub(crate) fn sql(&self, query: &str) -> Statement {
        Statement::new(self.dialect, query)
    }

    /// Does `work` again, a few times, if the database could not do it just now and has undone what there was of it: for work that
    /// is a statement or a transaction of its own.
    ///
    /// # Errors
    /// [`StoreError::Again`] if it never could; any other at once.
    pub async fn repeat<T, F>(&self, work: impl Fn() -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let mut pause = FIRST_PAUSE;
        for _ in 1..ATTEMPTS {
            match Box::pin(work()).await {
                Err(StoreError::Again(_)) => tokio::time::sleep(pause).await,
                done => return done,
            }
            pause *= 2;
        }
        Box::pin(work()).await
    }

    pub(crate) async fn has_table(&self, name: &str) -> Result<bool, StoreError> {
        let query = match self.dialect {
            Dialect::Sqlite => "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = ?",
            Dialect::Postgres => "SELECT count(*) FROM pg_class WHERE oid = to_regclass(?)",
            Dialect::Mysql => {
                "SELECT count(*) FROM information_schema.tables WHERE table_schema = database() AND table_name = ?"
            }
        };
        Ok(self.sql(query).text(name).count(&self.readers).await? > 0)
    }

    /// The file that holds the database, if one does.
    pub(crate) fn file(&self) -> Option<&PathBuf> {
        match &self.location {
            Location::Sqlite(path) => Some(path),
            Location::Server(_) => None,
        }
    }
}
