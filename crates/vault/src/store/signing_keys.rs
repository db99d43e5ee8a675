//! The keys that sign tokens. Every process on a database has the same.

use sqlx::AnyConnection;

use super::writer::{Outcome, Work};
use super::{SealedSigningKey, Store, database_error};
use crate::error::{Error, ErrorKind, Result};
use crate::keys::Sealed;

impl Store {
    /// All keys that sign tokens, the newest first.
    pub(crate) async fn signing_keys(&self) -> Result<Vec<SealedSigningKey>> {
        let failed = |error| database_error("read the signing keys", error);
        let mut connection = self.readers().acquire().await.map_err(failed)?;
        let keys = all(&mut connection).await.map_err(failed)?;
        self.know(keys.iter().map(|key| key.sealed.key)).await.map_err(failed)?;
        Ok(keys)
    }

    /// Adds a key that signs tokens, unless there is one by now that was made after `newest`. False if there is.
    pub(crate) async fn add_signing_key(&self, key: SealedSigningKey, newest: Option<i64>) -> Result<bool> {
        match self.writer.submit(Work::AddSigningKey { key, newest }).await {
            Ok(Outcome::Count(count)) => Ok(count == 1),
            _ => Err(unwritten()),
        }
    }

    /// Forgets keys by which no token is good any more.
    pub(crate) async fn remove_signing_keys(&self, kids: Vec<String>) -> Result<()> {
        match self.writer.submit(Work::RemoveSigningKeys(kids)).await {
            Ok(Outcome::Count(_)) => Ok(()),
            _ => Err(unwritten()),
        }
    }
}

fn unwritten() -> Error {
    Error::new(ErrorKind::Database, "the database did not take the change of the signing keys")
        .with_hint("the log says why")
}

pub(super) async fn all(connection: &mut AnyConnection) -> sqlx::Result<Vec<SealedSigningKey>> {
    let rows: Vec<(String, i64, Vec<u8>, i64)> =
        sqlx::query_as("SELECT kid, data_key, sealed, created FROM signing_key ORDER BY created DESC, kid")
            .fetch_all(connection)
            .await?;
    let key = |(kid, key, bytes, created)| SealedSigningKey { kid, sealed: Sealed { key, bytes }, created };
    Ok(rows.into_iter().map(key).collect())
}

/// Answers how many were added: none if there is one that is newer than `newest`.
pub(super) async fn insert(
    connection: &mut AnyConnection,
    key: &SealedSigningKey,
    newest: Option<i64>,
) -> sqlx::Result<u64> {
    let added = sqlx::query(
        "INSERT INTO signing_key (kid, data_key, sealed, created)
         SELECT $1, $2, $3, $4 WHERE NOT EXISTS (SELECT 1 FROM signing_key WHERE created > $5)",
    )
    .bind(&key.kid)
    .bind(key.sealed.key)
    .bind(&key.sealed.bytes)
    .bind(key.created)
    .bind(newest.unwrap_or(i64::MAX))
    .execute(connection)
    .await?;
    Ok(added.rows_affected())
}

/// Answers how many there were.
pub(super) async fn remove(connection: &mut AnyConnection, kids: &[String]) -> sqlx::Result<u64> {
    let mut count = 0;
    for kid in kids {
        let removed =
            sqlx::query("DELETE FROM signing_key WHERE kid = $1").bind(kid).execute(&mut *connection).await?;
        count += removed.rows_affected();
    }
    Ok(count)
}
