//! What a vault keeps, in SQLite or PostgreSQL.
//!
//! [`Store`] opens the database and brings its schema up to date. Reads go to a small pool ([`read`]), or are answered by what
//! was read lately ([`latest`]). All writes go through one task that commits them in groups ([`writer`]), each applied by
//! [`apply`]. Values arrive here sealed: this module never sees one. [`entries`] keeps what was made at run time: vaults,
//! principals, roles. [`data_keys`] keeps the keys that all of it is sealed with, and [`rekey`] changes them.

mod apply;
mod archive;
mod backup;
mod check;
mod data_keys;
mod database;
mod entries;
mod latest;
mod location;
mod model;
mod probe;
mod read;
mod rekey;
mod restore;
mod signing_keys;
mod snapshot;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use sqlx::{AnyConnection, AnyPool};

pub use backup::BackedUp;
pub use check::Checked;
pub use location::{PostgresUrl, STORE_VARIABLE, StoreLocation};
#[cfg(test)]
pub(crate) use model::DirectoryEntry;
pub(crate) use model::{
    Attributes, Change, NewVersion, Record, Refusal, Restoration, RestoredVersion, SealedRecord,
    StoredDirectory, Tags, VersionPatch, WriteError,
};
pub use rekey::Rekeyed;
pub use restore::Restored;
pub use snapshot::{Finding, Findings};

use crate::audit::{Audit, Witness};
use crate::error::{Error, ErrorKind, Result};
use crate::keys::{Keyring, Sealed, WrappedKey};
use database::{Database, Kind};
use latest::Latest;
pub(crate) use writer::Commits;
use writer::{Link, Outcome, Work, Writer};

/// A vault's number in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct VaultId(i64);

/// A key that signs tokens, as the database holds it.
#[derive(Debug, Clone)]
pub(crate) struct SealedSigningKey {
    pub(crate) kid: String,
    pub(crate) sealed: Sealed,
    /// From when on it signs, in Unix seconds.
    pub(crate) created: i64,
}

/// The database while it is being prepared: one connection, no writer yet. On PostgreSQL no other process prepares it
/// meanwhile.
#[derive(Debug)]
pub(crate) struct Preparing {
    database: Database,
    connection: AnyConnection,
    generation: i64,
}

/// The open database.
#[derive(Debug)]
pub(crate) struct Store {
    database: Database,
    readers: AnyPool,
    writer: Writer,
    keyring: Arc<Keyring>,
    /// Held while the keys are changed.
    changing_keys: tokio::sync::Mutex<()>,
    /// Whoever writes holds it: the writer for each group, or who replaces everything.
    turn: Arc<tokio::sync::Mutex<()>>,
    known: Arc<Known>,
}

/// What is known of the database without asking it. The writer keeps it true.
#[derive(Debug)]
struct Known {
    /// The directory's generation, as the writer last saw it.
    generation: AtomicI64,
    /// Not with PostgreSQL, where other processes write too.
    latest: Option<Latest>,
}

impl Known {
    /// Everything in the database was replaced.
    fn changed_wholly(&self, generation: i64) {
        self.generation.store(generation, Ordering::Release);
        if let Some(latest) = &self.latest {
            latest.forget_all();
        }
    }
}

impl Preparing {
    /// Opens or makes the database and brings its schema up to date. `path` is the place of the data folder's own.
    ///
    /// # Errors
    /// [`FutureDatabase`](ErrorKind::FutureDatabase) if a later version of the program has worked on it; nothing is
    /// changed then.
    pub(crate) async fn open(location: &StoreLocation, path: &Path) -> Result<Self> {
        let database = Database::at(location, path)?;
        let failed = |error| database_error(&format!("open the database {}", database.name), error);
        let mut connection = database.connect().await.map_err(failed)?;
        let prepared = async {
            database.migrate(&mut connection).await?;
            database.starting(&mut connection).await.map_err(failed)?;
            entries::generation(&mut connection).await.map_err(failed)
        };
        match prepared.await {
            Ok(generation) => Ok(Self { database, connection, generation }),
            Err(error) => {
                // Closing takes SQLite's journals away again.
                database::close(connection).await;
                Err(error)
            }
        }
    }

    /// For messages: a path, or a URL without a password.
    pub(crate) fn name(&self) -> &str {
        &self.database.name
    }

    /// All data keys, oldest first.
    pub(crate) async fn data_keys(&mut self) -> Result<Vec<WrappedKey>> {
        data_keys::all(&mut self.connection)
            .await
            .map_err(|error| database_error("read the data keys", error))
    }

    /// Adds a data key.
    pub(crate) async fn add_data_key(&mut self, key: &WrappedKey, now: i64) -> Result<()> {
        data_keys::insert(&mut self.connection, key, now)
            .await
            .map_err(|error| database_error("store a data key", error))
    }

    /// All keys that sign tokens, the newest first.
    pub(crate) async fn signing_keys(&mut self) -> Result<Vec<SealedSigningKey>> {
        signing_keys::all(&mut self.connection)
            .await
            .map_err(|error| database_error("read the signing keys", error))
    }

    /// Adds a key that signs tokens.
    pub(crate) async fn add_signing_key(&mut self, key: &SealedSigningKey) -> Result<()> {
        signing_keys::insert(&mut self.connection, key, None)
            .await
            .map(drop)
            .map_err(|error| database_error("store a signing key", error))
    }

    /// Finds a vault by its name in lower case, or makes it.
    #[cfg(test)]
    pub(crate) async fn vault(&mut self, name: &str) -> Result<VaultId> {
        apply::vault(&mut self.connection, name)
            .await
            .map(VaultId)
            .map_err(|error| database_error("store the name of a vault", error))
    }

    /// Starts the writer and opens the readers.
    pub(crate) async fn start(mut self, audit: Arc<Audit>, keyring: Arc<Keyring>) -> Result<Store> {
        self.database
            .started(&mut self.connection)
            .await
            .map_err(|error| database_error("end the preparation of the database", error))?;
        let readers = self.database.readers();
        let latest = (self.database.kind == Kind::Sqlite).then(Latest::default);
        let known = Arc::new(Known { generation: AtomicI64::new(self.generation), latest });
        let turn = Arc::new(tokio::sync::Mutex::default());
        let link = Link::new(self.database.clone(), self.connection, audit, Arc::clone(&turn));
        let writer = Writer::start(link, Arc::clone(&known));
        let changing_keys = tokio::sync::Mutex::default();
        Ok(Store { database: self.database, readers, writer, keyring, changing_keys, turn, known })
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

    /// Finds a vault by its name in lower case, or makes it.
    pub(crate) async fn vault(&self, name: &str) -> Result<VaultId> {
        let known: Option<i64> = sqlx::query_scalar("SELECT id FROM vault WHERE name = $1")
            .bind(name)
            .fetch_optional(self.readers())
            .await
            .map_err(|error| database_error("look up a vault", error))?;
        if let Some(id) = known {
            return Ok(VaultId(id));
        }
        match self.writer.submit(Work::Vault(name.to_owned())).await {
            Ok(Outcome::Vault(id)) => Ok(VaultId(id)),
            _ => Err(Error::new(ErrorKind::Database, format!("cannot store the name of the vault {name:?}"))),
        }
    }

    /// Forgets every secret whose time is up and answers how many.
    pub(crate) async fn sweep(&self, now: i64) -> Result<u64, WriteError> {
        match self.writer.submit(Work::Sweep(now)).await? {
            Outcome::Count(count) => Ok(count),
            _ => Err(WriteError::Failed),
        }
    }

    /// How the writes were grouped, and how long that took.
    pub(crate) fn commits(&self) -> &Commits {
        self.writer.commits()
    }

    /// Lets the queued changes finish, then closes the database.
    pub(crate) async fn close(&self) {
        // The last connection to close cleans the journal away, and a reader may not.
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// A failure of the database. The databases' messages name tables and files, never the values that were bound.
fn database_error(what: &str, error: sqlx::Error) -> Error {
    Error::new(ErrorKind::Database, format!("cannot {what}: {error}")).with_source(error)
}

#[cfg(test)]
mod tests;
