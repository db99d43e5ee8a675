//! Restoring the whole store from a backup, all of it or nothing.
//!
//! One transaction replaces what is there. Each value is opened with the backup's keys and sealed with the store's own, so that
//! keys, master key and the keys that sign tokens stay as they are. The backup's data keys are kept too, for the backups of secrets
//! that were made with them.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Serialize;
use sqlx::{AnyConnection, Connection};
use tokio::io::AsyncRead;

use super::archive::{ArchiveReader, Entry, Item, Key, Version};
use super::database::Kind;
use super::{Store, apply, data_keys, database_error, entries};
use crate::error::{Error, ErrorKind, Result};
use crate::keys::{Binding, Keyring, MasterKey, NotAuthentic, WrappedKey};

/// A restoration takes its time, and waits for the file it reads.
const SETTINGS: &str =
    "SET LOCAL statement_timeout = '10min'; SET LOCAL idle_in_transaction_session_timeout = '2min'";

/// What was restored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Restored {
    /// How many vaults.
    pub vaults: u64,
    /// How many versions of secrets, deleted ones too.
    pub versions: u64,
    /// How many vaults, principals and roles that had been made at run time.
    pub entries: u64,
}

impl Store {
    /// Puts what a backup holds in the place of everything that is there. Others read what was there until all is done; who writes
    /// waits. `master` is the master key that the backup was made with, if it is another one than now.
    ///
    /// # Errors
    /// [`Backup`](ErrorKind::Backup) if it was altered or made with another master key, [`NotEmpty`](ErrorKind::NotEmpty) if something
    /// is there already and must not be overwritten. Everything is as it was then.
    pub(crate) async fn restore(
        &self,
        input: &mut (dyn AsyncRead + Send + Unpin),
        overwrite: bool,
        master: Option<MasterKey>,
        now: i64,
    ) -> Result<Restored> {
        let alone = self.alone().await?;
        let restored = self.restore_alone(input, overwrite, master, now).await;
        alone.end().await;
        let restored = restored?;
        self.refresh_keys().await?;
        tracing::info!(restored.versions, "the vault was restored from a backup");
        Ok(restored)
    }

    async fn restore_alone(
        &self,
        input: &mut (dyn AsyncRead + Send + Unpin),
        overwrite: bool,
        master: Option<MasterKey>,
        now: i64,
    ) -> Result<Restored> {
        self.refresh_keys().await?;
        let master = master.map_or_else(|| self.keyring.master(), Arc::new);
        let mut archive = ArchiveReader::begin(input, &master).await?;
        let failed = |error| database_error("write what the backup holds", error);
        let _turn = self.turn.lock().await;
        let mut connection = self.database.connect().await.map_err(failed)?;
        let mut transaction = connection.begin_with(self.database.begin()).await.map_err(failed)?;
        self.database.lock_writing(&mut transaction).await.map_err(failed)?;
        if self.database.kind == Kind::Postgres {
            sqlx::raw_sql(SETTINGS).execute(&mut *transaction).await.map_err(failed)?;
        }
        clear(&mut transaction, overwrite).await?;
        let stored = data_keys::all(&mut transaction).await.map_err(failed)?;
        let mut restoration = Restoration {
            own: &self.keyring,
            master,
            keys: Vec::new(),
            foreign: None,
            stored,
            vaults: HashMap::new(),
            now,
            done: Restored::default(),
        };
        while let Some(items) = archive.next().await? {
            for item in items {
                restoration.put(&mut transaction, item).await?;
            }
        }
        let generation = entries::raise(&mut transaction).await.map_err(failed)?;
        let done = restoration.done;
        transaction.commit().await.map_err(failed)?;
        self.known.changed_wholly(generation);
        super::database::close(connection).await;
        Ok(done)
    }
}

async fn clear(transaction: &mut AnyConnection, overwrite: bool) -> Result<()> {
    let failed = |error| database_error("clear the database", error);
    if !overwrite {
        let there: i64 = sqlx::query_scalar(
            "SELECT (SELECT count(*) FROM (SELECT 1 FROM secret LIMIT 1) s)
                  + (SELECT count(*) FROM (SELECT 1 FROM directory_entry LIMIT 1) e)",
        )
        .fetch_one(&mut *transaction)
        .await
        .map_err(failed)?;
        if there > 0 {
            return Err(Error::new(ErrorKind::NotEmpty, "the vault is not empty; nothing was restored")
                .with_hint(
                    "restore into an empty vault, or say that everything in it is to be overwritten",
                ));
        }
    }
    for statement in ["DELETE FROM secret", "DELETE FROM directory_entry"] {
        sqlx::query(statement).execute(&mut *transaction).await.map_err(failed)?;
    }
    Ok(())
}

/// A restoration under way.
struct Restoration<'a> {
    own: &'a Keyring,
    /// The backup's.
    master: Arc<MasterKey>,
    /// The backup's, until something needs them.
    keys: Vec<WrappedKey>,
    foreign: Option<Keyring>,
    /// The data keys that are in the database.
    stored: Vec<WrappedKey>,
    /// Numbers of vaults, by name.
    vaults: HashMap<String, i64>,
    now: i64,
    done: Restored,
}

impl Restoration<'_> {
    async fn put(&mut self, transaction: &mut AnyConnection, item: Item) -> Result<()> {
        match item {
            Item::Key(Key { id, wrapped, retired, formerly }) => {
                self.keys.push(WrappedKey { id, wrapped, retired, formerly });
            }
            Item::Vault(name) => {
                self.vault(transaction, &name).await?;
                self.done.vaults += 1;
            }
            Item::Version(version) => {
                self.open_keys(transaction).await?;
                self.version(transaction, *version).await?;
                self.done.versions += 1;
            }
            Item::Entry(entry) => {
                self.open_keys(transaction).await?;
                self.entry(transaction, entry).await?;
                self.done.entries += 1;
            }
        }
        Ok(())
    }

    /// Opens the backup's keys, and keeps those that are not there yet.
    async fn open_keys(&mut self, transaction: &mut AnyConnection) -> Result<()> {
        if self.foreign.is_some() {
            return Ok(());
        }
        let damaged = |NotAuthentic| Error::new(ErrorKind::Backup, "the backup's keys do not open");
        self.foreign = Some(Keyring::of(Arc::clone(&self.master), &self.keys).map_err(damaged)?);
        let own = self.own.master();
        let mut next = self.stored.iter().map(|key| key.id).max().unwrap_or(0) + 1;
        for key in &self.keys {
            let number = key.formerly.unwrap_or(key.id);
            let mut like =
                self.stored.iter().filter(|known| known.id == number || known.formerly == Some(number));
            if like.any(|known| own.holds_the_same(known, &self.master, key)) {
                continue;
            }
            let moved = own.take_over(next, &self.master, key).map_err(damaged)?;
            let moved = WrappedKey { retired: true, formerly: Some(number), ..moved };
            data_keys::insert(transaction, &moved, self.now)
                .await
                .map_err(|error| database_error("store a data key", error))?;
            next += 1;
        }
        Ok(())
    }

    fn resealed(&self, binding: &Binding, key: i64, sealed: &[u8]) -> Result<crate::keys::Sealed> {
        let plain = self.foreign.as_ref().and_then(|foreign| foreign.unseal(binding, key, sealed).ok());
        let plain =
            plain.ok_or_else(|| Error::new(ErrorKind::Backup, "a value of the backup does not open"))?;
        Ok(self.own.seal(binding, &plain))
    }

    async fn vault(&mut self, transaction: &mut AnyConnection, name: &str) -> Result<i64> {
        if let Some(id) = self.vaults.get(name) {
            return Ok(*id);
        }
        let id = apply::vault(transaction, name)
            .await
            .map_err(|error| database_error("store the name of a vault", error))?;
        self.vaults.insert(name.to_owned(), id);
        Ok(id)
    }

    async fn version(&mut self, transaction: &mut AnyConnection, version: Version) -> Result<()> {
        let failed = |error| database_error("store a version", error);
        let name_key = apply::key(&version.name);
        let binding = Binding::value(&version.vault, &name_key, &version.version);
        let sealed = self.resealed(&binding, version.key, &version.sealed)?;
        let vault = self.vault(transaction, &version.vault).await?;
        let secret: i64 = sqlx::query_scalar(
            "INSERT INTO secret (vault, name_key, name, deleted_at, purge_at, settles_at) VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (vault, name_key) DO UPDATE SET name_key = excluded.name_key RETURNING id",
        )
        .bind(vault)
        .bind(name_key)
        .bind(version.name)
        .bind(version.deleted_at)
        .bind(version.purge_at)
        .bind(version.settles_at)
        .fetch_one(&mut *transaction)
        .await
        .map_err(failed)?;
        sqlx::query(
            "INSERT INTO version (secret, version, content_type, tags, enabled, not_before, expires, created, updated,
                                  data_key, sealed)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        )
        .bind(secret)
        .bind(version.version)
        .bind(version.content_type)
        .bind(version.tags)
        .bind(version.enabled)
        .bind(version.not_before)
        .bind(version.expires)
        .bind(version.created)
        .bind(version.updated)
        .bind(sealed.key)
        .bind(sealed.bytes)
        .execute(&mut *transaction)
        .await
        .map_err(failed)?;
        Ok(())
    }

    async fn entry(&mut self, transaction: &mut AnyConnection, entry: Entry) -> Result<()> {
        let binding = Binding::directory_entry(&entry.kind, &entry.name);
        let sealed = self.resealed(&binding, entry.key, &entry.sealed)?;
        entries::put(transaction, &entry.kind, &entry.name, &sealed, None)
            .await
            .map(|_| ())
            .map_err(|error| database_error("store an entry of the directory", error))
    }
}
