//! One migration at a time on one database. The lock dies with the process that holds it, or with its connection.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::{AnyConnection, AssertSqlSafe, ConnectOptions as _, Connection as _, Row as _};
use tokio::task::JoinHandle;

use crate::connecting::{CONNECT_TIMEOUT, connect_error, session};
use crate::dialect::Dialect;
use crate::insert::{Existing, Insert};
use crate::statement::limited;
use crate::{Access, Metastore, StoreError};

/// Where it is written who holds the lock of a server's database.
const HOLDER: &str = "migration_lock";
/// How often the connection that holds a lock is used. It keeps firewalls from forgetting it, and is how soon whoever migrates knows
/// that the lock is lost.
const KEEP_ALIVE: Duration = Duration::from_millis(500);
/// How long it is waited for an answer then.
const PATIENCE: Duration = Duration::from_secs(10);

/// The right to migrate this database, given back when dropped or when the process ends, however it ends.
#[derive(Debug)]
pub struct MigrationLock {
    lost: Arc<AtomicBool>,
    _held: Held,
}

#[derive(Debug)]
enum Held {
    /// A file beside the database, locked by the operating system.
    File(#[allow(dead_code, reason = "it is the lock")] File),
    /// A connection of its own, and the task that keeps it alive.
    Connection(JoinHandle<()>),
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Self::Connection(keeper) = self {
            // The connection is dropped with the task, and the lock with the connection.
            keeper.abort();
        }
    }
}

impl MigrationLock {
    /// Whether the lock was lost, since its connection was: then another may be migrating already.
    pub fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }
}

impl Metastore {
    /// Takes the migration lock. `holder` tells whoever comes second who runs, where, since when.
    ///
    /// # Errors
    /// [`StoreError::Locked`] says who holds it.
    pub async fn lock_migration(&self, holder: &str) -> Result<MigrationLock, StoreError> {
        match self.file() {
            Some(path) => lock_file(path, holder),
            None => self.lock_connection(holder).await,
        }
    }

    /// Whether a migration is running on this database now. Nothing is written, and nobody is kept from anything.
    ///
    /// # Errors
    /// If that cannot be found out.
    pub async fn migration_is_running(&self) -> Result<bool, StoreError> {
        let query = match (self.file(), self.dialect) {
            (Some(path), _) => return file_is_locked(path),
            (None, Dialect::Mysql) => {
                "SELECT count(is_used_lock(concat('strongroom.migration.', left(sha2(database(), 256), 40))))"
            }
            (None, _) => {
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 2 \
                 AND classid = 1400007533 AND CAST(objid AS bigint) = hashtext(current_schema()) & 4294967295 \
                 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            }
        };
        Ok(self.sql(query).count(&self.readers).await? > 0)
    }

    async fn lock_connection(&self, holder: &str) -> Result<MigrationLock, StoreError> {
        let connect = self.location.connect_options(Access::ReadWrite)?;
        let mut connection = tokio::time::timeout(CONNECT_TIMEOUT, connect.connect())
            .await
            .unwrap_or(Err(sqlx::Error::PoolTimedOut))
            .map_err(|error| connect_error(&self.location, &error))?;
        let settings = session(self.dialect, Access::ReadWrite);
        limited(sqlx::raw_sql(AssertSqlSafe(settings)).execute(&mut connection)).await?;
        if !take(self.dialect, &mut connection).await? {
            let other = self.setting(HOLDER).await?;
            return Err(StoreError::Locked(
                other.unwrap_or_else(|| "its holder has not said who it is".to_owned()),
            ));
        }
        let insert = Insert {
            table: "strongroom_setting",
            columns: &[("name", "?"), ("value", "?")],
            existing: Existing::BecomesNew(&["name"]),
        };
        self.repeat(|| {
            self.sql(&insert.query(self.dialect, 1)).text(HOLDER).text(holder).execute(&self.writer)
        })
        .await?;
        let lost = Arc::new(AtomicBool::new(false));
        let keeper = tokio::spawn(keep(connection, Arc::clone(&lost)));
        Ok(MigrationLock { lost, _held: Held::Connection(keeper) })
    }
}

/// Takes the lock if nobody has it.
async fn take(dialect: Dialect, connection: &mut AnyConnection) -> Result<bool, StoreError> {
    let query = match dialect {
        // Schemas of one database are databases of their own to us.
        Dialect::Postgres => {
            "SELECT CASE WHEN pg_try_advisory_lock(1400007533, hashtext(current_schema())) THEN 1 ELSE 0 END"
        }
        // The name is the server's, not the database's.
        Dialect::Mysql => {
            "SELECT get_lock(concat('strongroom.migration.', left(sha2(database(), 256), 40)), 0)"
        }
        Dialect::Sqlite => return Ok(true),
    };
    let row = limited(sqlx::query(query).fetch_one(connection)).await?;
    Ok(row.try_get::<Option<i64>, _>(0)? == Some(1))
}

/// Uses the connection until it is lost.
async fn keep(mut connection: AnyConnection, lost: Arc<AtomicBool>) {
    loop {
        tokio::time::sleep(KEEP_ALIVE).await;
        if !matches!(tokio::time::timeout(PATIENCE, connection.ping()).await, Ok(Ok(()))) {
            lost.store(true, Ordering::Relaxed);
            return;
        }
    }
}

/// The file that is locked, beside the database's own.
fn lock_path(database: &Path) -> PathBuf {
    let mut name = database.file_name().unwrap_or_default().to_owned();
    name.push(".migration-lock");
    database.with_file_name(name)
}

fn file_is_locked(database: &Path) -> Result<bool, StoreError> {
    let path = lock_path(database);
    let failed = |source| StoreError::File { path: path.clone(), source };
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(source) => return Err(failed(source)),
    };
    // A shared lock is refused while the lock is held, and gone again when the file is closed.
    match file.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

fn lock_file(database: &Path, holder: &str) -> Result<MigrationLock, StoreError> {
    let path = lock_path(database);
    let failed = |source| StoreError::File { path: path.clone(), source };
    let mut file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut other = String::new();
            (&file).take(200).read_to_string(&mut other).map_err(failed)?;
            return Err(StoreError::Locked(other.trim().to_owned()));
        }
        Err(TryLockError::Error(source)) => return Err(failed(source)),
    }
    file.set_len(0).and_then(|()| file.rewind()).map_err(failed)?;
    file.write_all(holder.as_bytes()).map_err(failed)?;
    Ok(MigrationLock { lost: Arc::new(AtomicBool::new(false)), _held: Held::File(file) })
}
