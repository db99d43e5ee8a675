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

impl Store {
    /// Reads all entries.
    ///
    /// # Errors
    /// [`Database`](ErrorKind::Database) if the database cannot be read, or an entry does not open.
    pub(crate) async fn directory(&self, keyring: &Keyring) -> Result<StoredDirectory> {
        // Both in one transaction: the generation is that of these entries.
        let mut transaction =
            self.readers().begin().await.map_err(|error| database_error("read the directory", error))?;
        let directory = read(&mut transaction, keyring).await;
        let _ = transaction.rollback().await;
        directory
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
        let sealed = keyring.seal(&binding(kind, key), document.as_bytes());
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
    /// changed it.
    pub(crate) async fn generation(&self) -> sqlx::Result<i64> {
        match self.database.kind {
            Kind::Sqlite => Ok(self.known.generation.load(Ordering::Acquire)),
            Kind::Postgres => sqlx::query_scalar(GENERATION).fetch_one(self.readers()).await,
        }
    }
}

/// What the generation is in the database.
pub(super) async fn generation(connection: &mut AnyConnection) -> sqlx::Result<i64> {
    sqlx::query_scalar(GENERATION).fetch_one(connection).await
}

/// The caller holds a transaction, so that the parts belong together.
async fn read(connection: &mut AnyConnection, keyring: &Keyring) -> Result<StoredDirectory> {
    let failed = |error| database_error("read the directory", error);
    let generation = generation(connection).await.map_err(failed)?;
    let rows = sqlx::query("SELECT kind, key, data_key, sealed FROM directory_entry ORDER BY kind, key")
        .fetch_all(connection)
        .await
        .map_err(failed)?;
    let mut entries = Vec::with_capacity(rows.len());
    for row in rows {
        let kind: String = row.try_get("kind").map_err(failed)?;
        let key: String = row.try_get("key").map_err(failed)?;
        let data_key: i64 = row.try_get("data_key").map_err(failed)?;
        let sealed: Vec<u8> = row.try_get("sealed").map_err(failed)?;
        let document = keyring
            .unseal(&binding(&kind, &key), data_key, &sealed)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes.to_vec()).ok())
            .ok_or_else(|| {
                Error::new(ErrorKind::Database, format!("the {kind} {key} of the database is damaged"))
                    .with_hint("restore the database from a backup")
            })?;
        entries.push(DirectoryEntry { kind, key, document });
    }
    Ok(StoredDirectory { generation, entries })
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

async fn raise(connection: &mut AnyConnection) -> sqlx::Result<i64> {
    sqlx::query_scalar("UPDATE directory_generation SET generation = generation + 1 RETURNING generation")
        .fetch_one(connection)
        .await
}

fn binding(kind: &str, key: &str) -> Binding {
    Binding::new("directory entry", &[kind, key])
}

#[cfg(test)]
mod tests {
    use super::super::WriteError;
    use super::super::tests::{Scene, on_both_databases};
    use super::*;
    use crate::audit::Audit;
    use crate::keys::MasterKey;
    use strongroom_secrets::random::SystemRandom;

    fn keyring() -> Keyring {
        let master = MasterKey::generate(&SystemRandom);
        Keyring::open(&master, &[Keyring::generate(1, &master, &SystemRandom)]).unwrap()
    }

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
        let store = preparing.start(Audit::off()).await.unwrap();
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
