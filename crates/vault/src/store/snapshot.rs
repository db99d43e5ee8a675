//! All that the store holds, as it is at one moment, page by page, while others go on writing.

use serde::Serialize;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use super::database::{self, Database, Kind};
use super::entries::{self, SealedEntry};
use super::{SealedSigningKey, Store, data_keys, database_error, signing_keys};
use crate::error::Result;
use crate::keys::{Binding, Keyring, NotAuthentic, Sealed, WrappedKey};

/// How many versions are read at a time: 2.5 MiB of the longest values.
const PAGE: i64 = 100;

/// How many findings are told one by one; the others are only counted.
const FINDINGS: usize = 1000;

/// Something in the database that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Where: `v1/secret/version`, or a row of a table.
    pub place: String,
    /// What is wrong with it. Never a value.
    pub problem: String,
}

/// What was found, in bounded memory.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Findings {
    /// How many there are.
    pub count: u64,
    /// The first thousand of them.
    pub first: Vec<Finding>,
}

impl Findings {
    pub(super) fn add(&mut self, place: impl Into<String>, problem: impl Into<String>) {
        self.count += 1;
        if self.first.len() < FINDINGS {
            self.first.push(Finding { place: place.into(), problem: problem.into() });
        }
    }
}

/// One moment of the database. Its connection is its own, so that nobody waits for it.
#[derive(Debug)]
pub(super) struct Snapshot {
    connection: AnyConnection,
    pub(super) keys: Vec<WrappedKey>,
}

/// A version as the database holds it, with what the database says of its secret.
#[derive(Debug)]
pub(super) struct StoredVersion {
    pub(super) vault: String,
    pub(super) name_key: String,
    pub(super) name: String,
    pub(super) deleted_at: Option<i64>,
    pub(super) purge_at: Option<i64>,
    pub(super) settles_at: Option<i64>,
    pub(super) version: String,
    pub(super) content_type: Option<String>,
    /// A JSON object.
    pub(super) tags: Option<String>,
    pub(super) enabled: i64,
    pub(super) not_before: Option<i64>,
    pub(super) expires: Option<i64>,
    pub(super) created: i64,
    pub(super) updated: i64,
    pub(super) sealed: Sealed,
}

impl StoredVersion {
    pub(super) fn place(&self) -> String {
        format!("{}/{}/{}", self.vault, self.name, self.version)
    }

    pub(super) fn open(&self, keyring: &Keyring) -> Result<zeroize::Zeroizing<Vec<u8>>, NotAuthentic> {
        let binding = Binding::value(&self.vault, &self.name_key, &self.version);
        keyring.unseal(&binding, self.sealed.key, &self.sealed.bytes)
    }
}

impl Store {
    /// Takes a snapshot and opens its keys.
    pub(super) async fn snapshot(&self) -> Result<(Snapshot, Keyring)> {
        let snapshot = self.database.snapshot().await;
        let snapshot = snapshot.map_err(|error| database_error("read the whole database", error))?;
        // Another process may have changed the keys.
        let opened = match Keyring::of(self.keyring.master(), &snapshot.keys) {
            Ok(keyring) => Ok(keyring),
            Err(NotAuthentic) => self.keyring.elsewhere(&snapshot.keys, &self.database.name),
        };
        match opened {
            Ok(keyring) => Ok((snapshot, keyring)),
            Err(error) => {
                snapshot.end().await;
                Err(error)
            }
        }
    }
}

impl Database {
    async fn snapshot(&self) -> sqlx::Result<Snapshot> {
        let mut connection = self.connect_reading().await?;
        let begin = match self.kind {
            Kind::Sqlite => "BEGIN",
            Kind::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        };
        sqlx::raw_sql(begin).execute(&mut connection).await?;
        // The first reading fixes the moment.
        let keys = data_keys::all(&mut connection).await?;
        Ok(Snapshot { connection, keys })
    }
}

impl Snapshot {
    pub(super) fn connection(&mut self) -> &mut AnyConnection {
        &mut self.connection
    }

    /// The names of all vaults.
    pub(super) async fn vaults(&mut self) -> sqlx::Result<Vec<String>> {
        sqlx::query_scalar("SELECT name FROM vault ORDER BY name").fetch_all(&mut self.connection).await
    }

    /// The next versions behind `after`, in the order in which they were made, with their numbers. One that cannot even be read is
    /// answered as an error of its own.
    pub(super) async fn versions(
        &mut self,
        after: i64,
    ) -> sqlx::Result<Vec<(i64, sqlx::Result<StoredVersion>)>> {
        let rows = sqlx::query(
            "SELECT v.id, t.name AS vault, s.name_key, s.name, s.deleted_at, s.purge_at, s.settles_at, v.version,
                    v.content_type, v.tags, v.enabled, v.not_before, v.expires, v.created, v.updated, v.data_key, v.sealed
             FROM version v JOIN secret s ON s.id = v.secret JOIN vault t ON t.id = s.vault
             WHERE v.id > $1 ORDER BY v.id LIMIT $2",
        )
        .bind(after)
        .bind(PAGE)
        .fetch_all(&mut self.connection)
        .await?;
        rows.iter().map(|row| Ok((row.try_get("id")?, version(row)))).collect()
    }

    pub(super) async fn entries(&mut self) -> sqlx::Result<Vec<SealedEntry>> {
        Ok(entries::read(&mut self.connection).await?.1)
    }

    pub(super) async fn signing_keys(&mut self) -> sqlx::Result<Vec<SealedSigningKey>> {
        signing_keys::all(&mut self.connection).await
    }

    pub(super) async fn end(self) {
        database::close(self.connection).await;
    }
}

fn version(row: &AnyRow) -> sqlx::Result<StoredVersion> {
    Ok(StoredVersion {
        vault: row.try_get("vault")?,
        name_key: row.try_get("name_key")?,
        name: row.try_get("name")?,
        deleted_at: row.try_get("deleted_at")?,
        purge_at: row.try_get("purge_at")?,
        settles_at: row.try_get("settles_at")?,
        version: row.try_get("version")?,
        content_type: row.try_get("content_type")?,
        tags: row.try_get("tags")?,
        enabled: row.try_get("enabled")?,
        not_before: row.try_get("not_before")?,
        expires: row.try_get("expires")?,
        created: row.try_get("created")?,
        updated: row.try_get("updated")?,
        sealed: Sealed { key: row.try_get("data_key")?, bytes: row.try_get("sealed")? },
    })
}
