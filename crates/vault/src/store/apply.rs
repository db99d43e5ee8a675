//! Applying one change inside the writer's transaction. A refusal changes nothing.

use sqlx::{Row, SqliteConnection};

use super::VaultId;
use super::model::{Attributes, Change, NewVersion, Record, Refusal, VersionPatch};
use super::read::{RECORD, record};

/// The inner result is the answer to the client, the outer one tells whether the database works.
pub(super) type Applied = sqlx::Result<Result<Record, Refusal>>;

pub(super) async fn apply(connection: &mut SqliteConnection, change: &Change) -> Applied {
    match change {
        Change::Set(new) => set(connection, new).await,
        Change::Update(patch) => update(connection, patch).await,
        Change::Delete { vault, name, now, purge_at } => {
            let deleted: Option<i64> = sqlx::query_scalar(
                "UPDATE secret SET deleted_at = ?3, purge_at = ?4
                 WHERE vault = ?1 AND name_key = ?2 AND deleted_at IS NULL RETURNING id",
            )
            .bind(vault.0)
            .bind(key(name))
            .bind(now)
            .bind(purge_at)
            .fetch_optional(&mut *connection)
            .await?;
            latest(connection, deleted).await
        }
        Change::Recover { vault, name, now } => {
            let recovered: Option<i64> = sqlx::query_scalar(
                "UPDATE secret SET deleted_at = NULL, purge_at = NULL
                 WHERE vault = ?1 AND name_key = ?2 AND purge_at > ?3 RETURNING id",
            )
            .bind(vault.0)
            .bind(key(name))
            .bind(now)
            .fetch_optional(&mut *connection)
            .await?;
            latest(connection, recovered).await
        }
        Change::Purge { vault, name, now } => {
            let doomed: Option<i64> = sqlx::query_scalar(
                "SELECT id FROM secret WHERE vault = ?1 AND name_key = ?2 AND purge_at > ?3",
            )
            .bind(vault.0)
            .bind(key(name))
            .bind(now)
            .fetch_optional(&mut *connection)
            .await?;
            let answer = latest(connection, doomed).await?;
            if let Some(id) = doomed {
                sqlx::query("DELETE FROM secret WHERE id = ?1").bind(id).execute(&mut *connection).await?;
            }
            Ok(answer)
        }
    }
}

/// Forgets every secret whose time is up.
pub(super) async fn sweep(connection: &mut SqliteConnection, now: i64) -> sqlx::Result<u64> {
    let swept =
        sqlx::query("DELETE FROM secret WHERE purge_at <= ?1").bind(now).execute(&mut *connection).await?;
    Ok(swept.rows_affected())
}

async fn set(connection: &mut SqliteConnection, new: &NewVersion) -> Applied {
    let mut secret = secret_for(connection, new).await?;
    if secret.is_none() && forget_expired(connection, new.vault, &new.name, new.now).await? {
        secret = secret_for(connection, new).await?;
    }
    let Some((secret, name)) = secret else { return Ok(Err(Refusal::Deleted)) };
    let Attributes { content_type, tags, not_before, expires } = &new.attributes;
    let id = sqlx::query_scalar(
        "INSERT INTO version (secret, version, content_type, tags, enabled, not_before, expires, created, updated,
                              data_key, sealed)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8, ?9, ?10) RETURNING id",
    )
    .bind(secret)
    .bind(&new.version)
    .bind(content_type)
    .bind(tags.as_ref().map(tags_text))
    .bind(new.enabled)
    .bind(not_before)
    .bind(expires)
    .bind(new.now)
    .bind(new.sealed.key)
    .bind(&new.sealed.bytes)
    .fetch_one(&mut *connection)
    .await?;
    Ok(Ok(Record {
        id,
        name,
        version: new.version.clone(),
        attributes: new.attributes.clone(),
        enabled: new.enabled,
        created: new.now,
        updated: new.now,
        deleted_at: None,
        purge_at: None,
    }))
}

/// Finds the live secret of that name or makes it; `None` if the name is soft-deleted.
async fn secret_for(
    connection: &mut SqliteConnection,
    new: &NewVersion,
) -> sqlx::Result<Option<(i64, String)>> {
    sqlx::query_as(
        "INSERT INTO secret (vault, name_key, name) VALUES (?1, ?2, ?3)
         ON CONFLICT (vault, name_key) DO UPDATE SET name_key = excluded.name_key WHERE deleted_at IS NULL
         RETURNING id, name",
    )
    .bind(new.vault.0)
    .bind(key(&new.name))
    .bind(&new.name)
    .fetch_optional(connection)
    .await
}

/// A soft-deleted secret whose time is up no longer holds its name, swept or not.
async fn forget_expired(
    connection: &mut SqliteConnection,
    vault: VaultId,
    name: &str,
    now: i64,
) -> sqlx::Result<bool> {
    let gone = sqlx::query("DELETE FROM secret WHERE vault = ?1 AND name_key = ?2 AND purge_at <= ?3")
        .bind(vault.0)
        .bind(key(name))
        .bind(now)
        .execute(connection)
        .await?;
    Ok(gone.rows_affected() > 0)
}

async fn update(connection: &mut SqliteConnection, patch: &VersionPatch) -> Applied {
    let Attributes { content_type, tags, not_before, expires } = &patch.attributes;
    let updated: Option<i64> = sqlx::query_scalar(
        "UPDATE version SET
             content_type = coalesce(?4, content_type),
             tags = coalesce(?5, tags),
             enabled = coalesce(?6, enabled),
             not_before = coalesce(?7, not_before),
             expires = coalesce(?8, expires),
             updated = ?9
         WHERE id = (
             SELECT CASE WHEN ?3 IS NULL THEN (SELECT max(id) FROM version WHERE secret = s.id)
                         ELSE (SELECT id FROM version WHERE secret = s.id AND version = ?3) END
             FROM secret s WHERE s.vault = ?1 AND s.name_key = ?2 AND s.deleted_at IS NULL)
         RETURNING id",
    )
    .bind(patch.vault.0)
    .bind(key(&patch.name))
    .bind(patch.version.as_ref())
    .bind(content_type)
    .bind(tags.as_ref().map(tags_text))
    .bind(patch.enabled)
    .bind(not_before)
    .bind(expires)
    .bind(patch.now)
    .fetch_optional(&mut *connection)
    .await?;
    let Some(id) = updated else { return Ok(Err(Refusal::NotFound)) };
    let row = sqlx::query(RECORD.by_version_id).bind(id).fetch_one(connection).await?;
    record(&row).map(Ok)
}

/// The record that answers a change of a whole secret: its latest version.
async fn latest(connection: &mut SqliteConnection, secret: Option<i64>) -> Applied {
    let Some(id) = secret else { return Ok(Err(Refusal::NotFound)) };
    let row = sqlx::query(RECORD.by_secret_id).bind(id).fetch_one(connection).await?;
    record(&row).map(Ok)
}

/// What names are compared by.
pub(super) fn key(name: &str) -> String {
    name.to_ascii_lowercase()
}

fn tags_text(tags: &super::model::Tags) -> String {
    serde_json::Value::from_iter(tags.iter().map(|(name, value)| (name.as_str(), value.as_str()))).to_string()
}

/// Reads the text that [`tags_text`] wrote.
pub(super) fn parse_tags(
    row: &sqlx::sqlite::SqliteRow,
    column: &str,
) -> sqlx::Result<Option<super::model::Tags>> {
    let text: Option<String> = row.try_get(column)?;
    text.map(|text| serde_json::from_str(&text))
        .transpose()
        // The text itself stays out of the error.
        .map_err(|_| sqlx::Error::ColumnDecode {
            index: column.to_owned(),
            source: "not a JSON object of texts".into(),
        })
}
