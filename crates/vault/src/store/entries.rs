//! The directory's entries: vaults, principals and roles that were made at run time.
//!
//! Each document is sealed and bound to its kind and key, so that whoever can write to the database can neither make up
//! an entry nor give one another name. Each change raises a number, the generation, in the same transaction: who holds a
//! copy of the directory knows by it whether the copy is still good.

use std::sync::atomic::Ordering;

use sqlx::{AnyConnection, Row};

use super::database::Kind;
use super::model::{DirectoryEntry, StoredDirectory, WriteError};
use super::writer::{Outcome, Work};
use super::{Store, database_error};
use crate::error::{Error, ErrorKind, Result};
use crate::keys::{Binding, Keyring, Sealed};

const GENERATION: &str = "SELECT generation FROM directory_generation";
const GENERATION_AND_KEY: &str =
    "SELECT generation, (SELECT max(id) FROM data_key) FROM directory_generation";

impl Store {
    /// Reads all entries.
    ///
    /// # Errors
    /// [`Database`](ErrorKind::Database) if the database cannot be read, or an entry does not open.
    pub(crate) async fn directory(&self, keyring: &Keyring) -> Result<StoredDirectory> {
        let failed = |error| database_error("read the directory", error);
        // Both in one transaction: the generation is that of these entries.
        let mut transaction = self.readers().begin().await.map_err(failed)?;
        let read = read(&mut transaction).await;
        let _ = transaction.rollback().await;
        let (generation, sealed) = read.map_err(failed)?;
        self.know(sealed.iter().map(|entry| entry.sealed.key)).await.map_err(failed)?;
        let entries = sealed.into_iter().map(|entry| entry.open(keyring)).collect::<Result<_>>()?;
        Ok(StoredDirectory { generation, entries })
    }

    /// Adds an entry or replaces it, and answers the generation that has it; `None` if the generation before was not the one
    /// that `after` names.
    pub(crate) async fn put_entry(
        &self,
        keyring: &Keyring,
        kind: &str,
        key: &str,
        document: &str,
        after: Option<i64>,
    ) -> Result<Option<i64>, WriteError> {
        let sealed = keyring.seal(&Binding::directory_entry(kind, key), document.as_bytes());
        let work = Work::PutEntry { kind: kind.to_owned(), key: key.to_owned(), sealed, after };
        match self.writer.submit(work).await? {
            Outcome::Entry(generation) => Ok(generation),
            _ => Err(WriteError::Failed),
        }
    }

    /// Takes an entry away and answers the generation that lacks it; `None` if there was no such entry, or if the generation
    /// before was not the one that `after` names.
    pub(crate) async fn delete_entry(
        &self,
        kind: &str,
        key: &str,
        after: Option<i64>,
    ) -> Result<Option<i64>, WriteError> {
        let work = Work::DeleteEntry { kind: kind.to_owned(), key: key.to_owned(), after };
        match self.writer.submit(work).await? {
            Outcome::Entry(generation) => Ok(generation),
            _ => Err(WriteError::Failed),
        }
    }

    /// How often the directory has changed. One process owns a SQLite file and knows; on PostgreSQL another may have
    /// changed it, and the keys too: then they are taken over.
    ///
    /// # Errors
    /// If the database does not answer, or if the master key was changed and the new one is not to be found.
    pub(crate) async fn generation(&self) -> sqlx::Result<i64> {
        match self.database.kind {
            Kind::Sqlite => Ok(self.known.generation.load(Ordering::Acquire)),
            Kind::Postgres => {
                let (generation, key): (i64, i64) =
                    sqlx::query_as(GENERATION_AND_KEY).fetch_one(self.readers()).await?;
                if key != self.keyring.newest() {
                    self.refresh_keys().await.map_err(|error| sqlx::Error::Configuration(Box::new(error)))?;
                }
                Ok(generation)
            }
        }
    }
}

/// What the generation is in the database.
pub(super) async fn generation(connection: &mut AnyConnection) -> sqlx::Result<i64> {
    sqlx::query_scalar(GENERATION).fetch_one(connection).await
}

/// An entry as the database holds it.
pub(super) struct SealedEntry {
    pub(super) kind: String,
    pub(super) key: String,
    pub(super) sealed: Sealed,
}

impl SealedEntry {
    fn open(self, keyring: &Keyring) -> Result<DirectoryEntry> {
        let Self { kind, key, sealed } = self;
        let document = keyring
            .unseal(&Binding::directory_entry(&kind, &key), sealed.key, &sealed.bytes)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes.to_vec()).ok())
            .ok_or_else(|| {
                Error::new(ErrorKind::Database, format!("the {kind} {key} of the database is damaged"))
                    .with_hint("restore the database from a backup")
            })?;
        Ok(DirectoryEntry { kind, key, document })
    }
}

/// The caller holds a transaction, so that the parts belong together.
pub(super) async fn read(connection: &mut AnyConnection) -> sqlx::Result<(i64, Vec<SealedEntry>)> {
    let generation = generation(connection).await?;
    let rows = sqlx::query("SELECT kind, key, data_key, sealed FROM directory_entry ORDER BY kind, key")
        .fetch_all(connection)
        .await?;
    let entry = |row: sqlx::any::AnyRow| {
        let sealed = Sealed { key: row.try_get("data_key")?, bytes: row.try_get("sealed")? };
        Ok(SealedEntry { kind: row.try_get("kind")?, key: row.try_get("key")?, sealed })
    };
    Ok((generation, rows.into_iter().map(entry).collect::<sqlx::Result<_>>()?))
}

/// `None` if something else came in between.
pub(super) async fn put(
    connection: &mut AnyConnection,
    kind: &str,
    key: &str,
    sealed: &Sealed,
    after: Option<i64>,
) -> sqlx::Result<Option<i64>> {
    if !is_after(connection, after).await? {
        return Ok(None);
    }
    sqlx::query(
        "INSERT INTO directory_entry (kind, key, data_key, sealed) VALUES ($1, $2, $3, $4)
         ON CONFLICT (kind, key) DO UPDATE SET data_key = excluded.data_key, sealed = excluded.sealed",
    )
    .bind(kind)
    .bind(key)
    .bind(sealed.key)
    .bind(&sealed.bytes)
    .execute(&mut *connection)
    .await?;
    raise(connection).await.map(Some)
}

/// `None` if there was no such entry, or something else came in between.
pub(super) async fn delete(
    connection: &mut AnyConnection,
    kind: &str,
    key: &str,
    after: Option<i64>,
) -> sqlx::Result<Option<i64>> {
    if !is_after(connection, after).await? {
        return Ok(None);
    }
    let gone = sqlx::query("DELETE FROM directory_entry WHERE kind = $1 AND key = $2")
        .bind(kind)
        .bind(key)
        .execute(&mut *connection)
        .await?;
    if gone.rows_affected() == 0 { Ok(None) } else { raise(connection).await.map(Some) }
}

/// Whether the directory is as who asks knows it. Writers hold a lock, so that it stays so until the commit.
async fn is_after(connection: &mut AnyConnection, after: Option<i64>) -> sqlx::Result<bool> {
    match after {
        Some(known) => Ok(generation(connection).await? == known),
        None => Ok(true),
    }
}

pub(super) async fn raise(connection: &mut AnyConnection) -> sqlx::Result<i64> {
    sqlx::query_scalar("UPDATE directory_generation SET generation = generation + 1 RETURNING generation")
        .fetch_one(connection)
        .await
}

#[cfg(test)]
mod tests {
    use super::super::WriteError;
    use super::super::tests::{Scene, keyring, on_both_databases};
    use super::*;
    use crate::audit::Audit;

    fn entry(kind: &str, key: &str, document: &str) -> DirectoryEntry {
        DirectoryEntry { kind: kind.into(), key: key.into(), document: document.into() }
    }

    async fn each_change_of_the_directory_raises_its_generation_and_survives_a_restart(scene: &Scene) {
        let keyring = keyring();
        let (store, _) = scene.store().await;
        assert_eq!(store.generation().await.unwrap(), 0);
        assert_eq!(store.put_entry(&keyring, "vault", "b", "{}", None).await.unwrap(), Some(1));
        assert_eq!(store.put_entry(&keyring, "vault", "a", "{\"n\":1}", None).await.unwrap(), Some(2));
        assert_eq!(store.put_entry(&keyring, "principal", "b", "{}", None).await.unwrap(), Some(3));
        assert_eq!(store.put_entry(&keyring, "vault", "b", "{\"n\":2}", None).await.unwrap(), Some(4));
        assert_eq!(store.delete_entry("principal", "b", None).await.unwrap(), Some(5));
        assert_eq!(store.delete_entry("principal", "b", None).await.unwrap(), None);
        assert_eq!(store.generation().await.unwrap(), 5);
        store.close().await;

        let again = scene.open().await;
        assert_eq!(again.generation().await.unwrap(), 5);
        let directory = again.directory(&keyring).await.unwrap();
        assert_eq!(directory.generation, 5);
        assert_eq!(directory.entries, [entry("vault", "a", "{\"n\":1}"), entry("vault", "b", "{\"n\":2}")]);
    }

    async fn a_change_of_what_has_changed_meanwhile_is_not_made(scene: &Scene) {
        let keyring = keyring();
        let (store, _) = scene.store().await;
        assert_eq!(store.put_entry(&keyring, "vault", "a", "{}", Some(0)).await.unwrap(), Some(1));
        assert_eq!(store.put_entry(&keyring, "vault", "a", "{\"late\":1}", Some(0)).await.unwrap(), None);
        assert_eq!(store.delete_entry("vault", "a", Some(0)).await.unwrap(), None);
        assert_eq!(store.directory(&keyring).await.unwrap().entries, [entry("vault", "a", "{}")]);
        assert_eq!(store.delete_entry("vault", "a", Some(1)).await.unwrap(), Some(2));
    }

    async fn an_entry_that_was_given_another_name_is_not_believed(scene: &Scene) {
        let keyring = keyring();
        let (store, _) = scene.store().await;
        store.put_entry(&keyring, "principal", "reader", "{}", None).await.unwrap();
        store.close().await;
        let mut preparing = scene.prepare().await;
        sqlx::query("UPDATE directory_entry SET key = 'officer'")
            .execute(&mut preparing.connection)
            .await
            .unwrap();
        let keyring = std::sync::Arc::new(keyring);
        let store = preparing.start(Audit::off(), std::sync::Arc::clone(&keyring)).await.unwrap();
        let error = store.directory(&keyring).await.unwrap_err();
        assert!(error.kind() == ErrorKind::Database && error.to_string().contains("principal officer"));
    }

    async fn a_closed_store_takes_no_entry(scene: &Scene) {
        let (store, _) = scene.store().await;
        store.close().await;
        assert!(matches!(
            store.put_entry(&keyring(), "vault", "a", "{}", None).await,
            Err(WriteError::Failed)
        ));
        assert!(matches!(store.delete_entry("vault", "a", None).await, Err(WriteError::Failed)));
    }

    on_both_databases!(
        each_change_of_the_directory_raises_its_generation_and_survives_a_restart,
        a_change_of_what_has_changed_meanwhile_is_not_made,
        an_entry_that_was_given_another_name_is_not_believed,
        a_closed_store_takes_no_entry
    );
}
