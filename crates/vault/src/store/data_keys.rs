//! The data keys, as the database holds them: wrapped by the master key.
//!
//! A key is never deleted, since backups of secrets that were made with it need it. Several processes on one PostgreSQL notice
//! by a number that is read at each call that another one has changed the keys.

use std::time::Duration;

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use super::database::{self, Kind};
use super::writer::{Outcome, Work};
use super::{Store, database_error, entries};
use crate::error::{Error, ErrorKind, Result};
use crate::keys::{Sealed, WrappedKey};

/// How long to wait for the end of another change in this process, or of what a crash has left to do.
const WAIT: Duration = Duration::from_secs(30);

/// Keeps others from changing the keys, or from starting, meanwhile.
#[derive(Debug)]
pub(super) struct Alone<'a> {
    here: tokio::sync::MutexGuard<'a, ()>,
    elsewhere: Option<AnyConnection>,
}

impl<'a> Alone<'a> {
    pub(super) async fn end(self) {
        drop(self.let_others_go_on().await);
    }

    /// Still keeps this process from another change.
    pub(super) async fn let_others_go_on(self) -> tokio::sync::MutexGuard<'a, ()> {
        if let Some(connection) = self.elsewhere {
            database::close(connection).await;
        }
        self.here
    }
}

/// A row whose value was sealed anew. It is replaced only if it still holds `old`.
#[derive(Debug)]
pub(super) struct Resealed {
    pub(super) row: ResealedRow,
    pub(super) old: Vec<u8>,
    pub(super) new: Sealed,
}

#[derive(Debug)]
pub(super) enum ResealedRow {
    Version(i64),
    Entry { kind: String, key: String },
    SigningKey(String),
}

impl Store {
    /// Waits until nobody else changes the keys, or starts.
    pub(super) async fn alone(&self) -> Result<Alone<'_>> {
        let here = tokio::time::timeout(WAIT, self.changing_keys.lock()).await.map_err(|_| {
            Error::new(ErrorKind::Database, "the keys of this vault are being changed already")
                .with_hint("wait for the end of that change")
        })?;
        let elsewhere = match self.database.kind {
            Kind::Sqlite => None,
            Kind::Postgres => {
                let failed = |error| database_error("keep others from changing the keys", error);
                let mut connection = self.database.connect().await.map_err(failed)?;
                self.database.starting(&mut connection).await.map_err(failed)?;
                Some(connection)
            }
        };
        Ok(Alone { here, elsewhere })
    }

    /// All data keys, oldest first.
    pub(super) async fn data_keys(&self) -> Result<Vec<WrappedKey>> {
        let failed = |error| database_error("read the data keys", error);
        let mut connection = self.readers().acquire().await.map_err(failed)?;
        all(&mut connection).await.map_err(failed)
    }

    /// Takes over the keys that another process has stored.
    ///
    /// # Errors
    /// [`MasterKey`](ErrorKind::MasterKey) if they are wrapped by a master key that is not to be found.
    pub(crate) async fn refresh_keys(&self) -> Result<()> {
        self.keyring.refresh(&self.data_keys().await?, &self.database.name)
    }

    /// Makes sure that what was read can be opened: another process may have sealed it with a key that came after ours.
    pub(super) async fn know(&self, mut keys: impl Iterator<Item = i64>) -> sqlx::Result<()> {
        if self.database.kind == Kind::Postgres && keys.any(|key| !self.keyring.knows(key)) {
            self.refresh_keys().await.map_err(|error| sqlx::Error::Configuration(Box::new(error)))?;
        }
        Ok(())
    }

    /// Stores the data keys as they are wrapped now, and one more, which comes last. False if they are no longer the ones that are
    /// stored.
    pub(super) async fn change_data_keys(&self, keys: Vec<WrappedKey>, now: i64) -> Result<bool> {
        match self.writer.submit(Work::ChangeKeys { keys, now }).await {
            Ok(Outcome::Entry(generation)) => Ok(generation.is_some()),
            _ => Err(Error::new(ErrorKind::Database, "the database did not take the new keys")
                .with_hint("the log says why")),
        }
    }
}

pub(super) async fn all(connection: &mut AnyConnection) -> sqlx::Result<Vec<WrappedKey>> {
    let rows = sqlx::query("SELECT id, wrapped, retired, formerly FROM data_key ORDER BY id")
        .fetch_all(connection)
        .await?;
    let key = |row: AnyRow| {
        Ok(WrappedKey {
            id: row.try_get("id")?,
            wrapped: row.try_get("wrapped")?,
            retired: row.try_get::<Option<i64>, _>("retired")?.is_some(),
            formerly: row.try_get("formerly")?,
        })
    };
    rows.into_iter().map(key).collect()
}

pub(super) async fn insert(connection: &mut AnyConnection, key: &WrappedKey, now: i64) -> sqlx::Result<()> {
    sqlx::query("INSERT INTO data_key (id, wrapped, created, retired, formerly) VALUES ($1, $2, $3, $4, $5)")
        .bind(key.id)
        .bind(&key.wrapped)
        .bind(now)
        .bind(key.retired.then_some(now))
        .bind(key.formerly)
        .execute(connection)
        .await?;
    Ok(())
}

/// Answers the directory's generation afterwards: who has a copy of that, has one of the keys. `None` if others have changed the
/// keys meanwhile.
pub(super) async fn change(
    connection: &mut AnyConnection,
    keys: &[WrappedKey],
    now: i64,
) -> sqlx::Result<Option<i64>> {
    let stored: Vec<i64> =
        sqlx::query_scalar("SELECT id FROM data_key ORDER BY id").fetch_all(&mut *connection).await?;
    let Some((last, old)) = keys.split_last() else { return Ok(None) };
    if !old.iter().map(|key| key.id).eq(stored) {
        return Ok(None);
    }
    for key in old {
        sqlx::query("UPDATE data_key SET wrapped = $2 WHERE id = $1")
            .bind(key.id)
            .bind(&key.wrapped)
            .execute(&mut *connection)
            .await?;
    }
    insert(connection, last, now).await?;
    entries::raise(connection).await.map(Some)
}

/// Answers how many rows still held what was sealed anew.
pub(super) async fn reseal(connection: &mut AnyConnection, rows: &[Resealed]) -> sqlx::Result<u64> {
    let mut count = 0;
    for Resealed { row, old, new } in rows {
        let query = match row {
            ResealedRow::Version(id) => {
                sqlx::query("UPDATE version SET data_key = $1, sealed = $2 WHERE sealed = $3 AND id = $4")
                    .bind(new.key)
                    .bind(&new.bytes)
                    .bind(old)
                    .bind(id)
            }
            ResealedRow::Entry { kind, key } => sqlx::query(
                "UPDATE directory_entry SET data_key = $1, sealed = $2 WHERE sealed = $3 AND kind = $4 AND key = $5",
            )
            .bind(new.key)
            .bind(&new.bytes)
            .bind(old)
            .bind(kind)
            .bind(key),
            ResealedRow::SigningKey(kid) => {
                sqlx::query("UPDATE signing_key SET data_key = $1, sealed = $2 WHERE sealed = $3 AND kid = $4")
                    .bind(new.key)
                    .bind(&new.bytes)
                    .bind(old)
                    .bind(kid)
            }
        };
        count += query.execute(&mut *connection).await?.rows_affected();
    }
    Ok(count)
}

/// Marks all keys that came before one, with which all that they had sealed was sealed anew. Answers how many.
pub(super) async fn retire(connection: &mut AnyConnection, current: i64, now: i64) -> sqlx::Result<u64> {
    let retired = sqlx::query("UPDATE data_key SET retired = $2 WHERE id < $1 AND retired IS NULL")
        .bind(current)
        .bind(now)
        .execute(connection)
        .await?;
    Ok(retired.rows_affected())
}
