//! Applying one change inside the writer's transaction. A refusal changes nothing.

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use super::VaultId;
use super::model::{
    Attributes, Change, NewVersion, Record, Refusal, Restoration, RestoredVersion, VersionPatch,
};
use super::read::{RECORD, record};
use crate::keys::Sealed;

/// The inner result is the answer to the client, the outer one tells whether the database works.
pub(super) type Applied = sqlx::Result<Result<Record, Refusal>>;

pub(super) async fn apply(connection: &mut AnyConnection, change: &Change) -> Applied {
    match change {
        Change::Set(new) => set(connection, new).await,
        Change::Update(patch) => update(connection, patch).await,
        Change::Delete { vault, name, now, purge_at, settles_at } => {
            let deleted: Option<i64> = sqlx::query_scalar(
                "UPDATE secret SET deleted_at = $3, purge_at = $4, settles_at = $5
                 WHERE vault = $1 AND name_key = $2 AND deleted_at IS NULL
                   AND (settles_at IS NULL OR settles_at <= $3) RETURNING id",
            )
            .bind(vault.0)
            .bind(key(name))
            .bind(now)
            .bind(purge_at)
            .bind(settles_at)
            .fetch_optional(&mut *connection)
            .await?;
            match deleted {
                Some(id) => latest(connection, id).await,
                None => refused(connection, *vault, name, *now).await,
            }
        }
        Change::Recover { vault, name, now, settles_at } => {
            let recovered: Option<i64> = sqlx::query_scalar(
                "UPDATE secret SET deleted_at = NULL, purge_at = NULL, settles_at = $4
                 WHERE vault = $1 AND name_key = $2 AND purge_at > $3
                   AND (settles_at IS NULL OR settles_at <= $3) RETURNING id",
            )
            .bind(vault.0)
            .bind(key(name))
            .bind(now)
            .bind(settles_at)
            .fetch_optional(&mut *connection)
            .await?;
            match recovered {
                Some(id) => latest(connection, id).await,
                None => refused(connection, *vault, name, *now).await,
            }
        }
        Change::Purge { vault, name, now } => {
            let doomed: Option<i64> = sqlx::query_scalar(
                "SELECT id FROM secret WHERE vault = $1 AND name_key = $2 AND purge_at > $3
                   AND (settles_at IS NULL OR settles_at <= $3)",
            )
            .bind(vault.0)
            .bind(key(name))
            .bind(now)
            .fetch_optional(&mut *connection)
            .await?;
            let Some(id) = doomed else { return refused(connection, *vault, name, *now).await };
            let answer = latest(connection, id).await?;
            sqlx::query("DELETE FROM secret WHERE id = $1").bind(id).execute(connection).await?;
            Ok(answer)
        }
        Change::Restore(restoration) => restore(connection, restoration).await,
    }
}

/// Finds a vault by its name in lower case, or makes it.
pub(super) async fn vault(connection: &mut AnyConnection, name: &str) -> sqlx::Result<i64> {
    sqlx::query_scalar(
        "INSERT INTO vault (name) VALUES ($1) ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING id",
    )
    .bind(name)
    .fetch_one(connection)
    .await
}

/// Forgets every secret whose time is up.
pub(super) async fn sweep(connection: &mut AnyConnection, now: i64) -> sqlx::Result<u64> {
    let swept =
        sqlx::query("DELETE FROM secret WHERE purge_at <= $1").bind(now).execute(&mut *connection).await?;
    Ok(swept.rows_affected())
}

async fn set(connection: &mut AnyConnection, new: &NewVersion) -> Applied {
    let mut secret = secret_for(connection, new).await?;
    if secret.is_none() && forget_expired(connection, new.vault, &new.name, new.now).await? {
        secret = secret_for(connection, new).await?;
    }
    let Some((secret, name)) = secret else {
        return Ok(Err(match state(connection, new.vault, &new.name, new.now).await? {
            State::BeingDeleted => Refusal::BeingDeleted,
            State::BeingRecovered => Refusal::BeingRecovered,
            State::Absent | State::Live | State::Deleted => Refusal::Deleted,
        }));
    };
    let row = VersionRow {
        version: &new.version,
        attributes: &new.attributes,
        enabled: new.enabled,
        created: new.now,
        updated: new.now,
        sealed: &new.sealed,
    };
    insert(connection, secret, &name, &row).await.map(Ok)
}

async fn restore(connection: &mut AnyConnection, restoration: &Restoration) -> Applied {
    let Restoration { vault, name, versions, now } = restoration;
    match state(connection, *vault, name, *now).await? {
        State::Absent => {}
        State::Live => return Ok(Err(Refusal::Exists)),
        State::Deleted => return Ok(Err(Refusal::Deleted)),
        State::BeingDeleted => return Ok(Err(Refusal::BeingDeleted)),
        State::BeingRecovered => return Ok(Err(Refusal::BeingRecovered)),
    }
    if versions.is_empty() {
        return Ok(Err(Refusal::NotFound));
    }
    forget_expired(connection, *vault, name, *now).await?;
    let secret =
        sqlx::query_scalar("INSERT INTO secret (vault, name_key, name) VALUES ($1, $2, $3) RETURNING id")
            .bind(vault.0)
            .bind(key(name))
            .bind(name)
            .fetch_one(&mut *connection)
            .await?;
    let mut latest = Err(Refusal::NotFound);
    for RestoredVersion { version, attributes, enabled, created, updated, sealed } in versions {
        let (enabled, created, updated) = (*enabled, *created, *updated);
        let row = VersionRow { version, attributes, enabled, created, updated, sealed };
        latest = Ok(insert(connection, secret, name, &row).await?);
    }
    Ok(latest)
}

/// What a row of a version says.
struct VersionRow<'a> {
    version: &'a str,
    attributes: &'a Attributes,
    enabled: bool,
    created: i64,
    updated: i64,
    sealed: &'a Sealed,
}

/// Adds the latest version of a secret.
async fn insert(
    connection: &mut AnyConnection,
    secret: i64,
    name: &str,
    row: &VersionRow<'_>,
) -> sqlx::Result<Record> {
    let Attributes { content_type, tags, not_before, expires } = row.attributes;
    let id = sqlx::query_scalar(
        "INSERT INTO version (secret, version, content_type, tags, enabled, not_before, expires, created, updated,
                              data_key, sealed)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING id",
    )
    .bind(secret)
    .bind(row.version)
    .bind(content_type)
    .bind(tags.as_ref().map(tags_text))
    .bind(i64::from(row.enabled))
    .bind(not_before)
    .bind(expires)
    .bind(row.created)
    .bind(row.updated)
    .bind(row.sealed.key)
    .bind(&row.sealed.bytes)
    .fetch_one(connection)
    .await?;
    Ok(Record {
        id,
        name: name.to_owned(),
        version: row.version.to_owned(),
        attributes: row.attributes.clone(),
        enabled: row.enabled,
        created: row.created,
        updated: row.updated,
        deleted_at: None,
        purge_at: None,
    })
}

/// Finds the live secret of that name or makes it; `None` if the name is not to be had.
async fn secret_for(connection: &mut AnyConnection, new: &NewVersion) -> sqlx::Result<Option<(i64, String)>> {
    sqlx::query_as(
        "INSERT INTO secret (vault, name_key, name) VALUES ($1, $2, $3)
         ON CONFLICT (vault, name_key) DO UPDATE SET name_key = excluded.name_key
         WHERE secret.deleted_at IS NULL AND (secret.settles_at IS NULL OR secret.settles_at <= $4)
         RETURNING id, name",
    )
    .bind(new.vault.0)
    .bind(key(&new.name))
    .bind(&new.name)
    .bind(new.now)
    .fetch_optional(connection)
    .await
}

/// A soft-deleted secret whose time is up no longer holds its name, swept or not.
async fn forget_expired(
    connection: &mut AnyConnection,
    vault: VaultId,
    name: &str,
    now: i64,
) -> sqlx::Result<bool> {
    let gone = sqlx::query("DELETE FROM secret WHERE vault = $1 AND name_key = $2 AND purge_at <= $3")
        .bind(vault.0)
        .bind(key(name))
        .bind(now)
        .execute(connection)
        .await?;
    Ok(gone.rows_affected() > 0)
}

async fn update(connection: &mut AnyConnection, patch: &VersionPatch) -> Applied {
    let Attributes { content_type, tags, not_before, expires } = &patch.attributes;
    let updated: Option<i64> = sqlx::query_scalar(
        "UPDATE version SET
             content_type = coalesce($4, content_type),
             tags = coalesce($5, tags),
             enabled = coalesce($6, enabled),
             not_before = coalesce($7, not_before),
             expires = coalesce($8, expires),
             updated = $9
         WHERE id = (
             SELECT CASE WHEN $3 IS NULL THEN (SELECT max(id) FROM version WHERE secret = s.id)
                         ELSE (SELECT id FROM version WHERE secret = s.id AND version = $3) END
             FROM secret s WHERE s.vault = $1 AND s.name_key = $2 AND s.deleted_at IS NULL
               AND (s.settles_at IS NULL OR s.settles_at <= $9))
         RETURNING id",
    )
    .bind(patch.vault.0)
    .bind(key(&patch.name))
    .bind(patch.version.as_ref())
    .bind(content_type)
    .bind(tags.as_ref().map(tags_text))
    .bind(patch.enabled.map(i64::from))
    .bind(not_before)
    .bind(expires)
    .bind(patch.now)
    .fetch_optional(&mut *connection)
    .await?;
    let Some(id) = updated else { return refused(connection, patch.vault, &patch.name, patch.now).await };
    let row = sqlx::query(RECORD.by_version_id).bind(id).fetch_one(connection).await?;
    record(&row).map(Ok)
}

/// What has become of a name.
enum State {
    /// Nothing holds it; the row of a secret whose time is up may still be there.
    Absent,
    Live,
    Deleted,
    BeingDeleted,
    BeingRecovered,
}

async fn state(connection: &mut AnyConnection, vault: VaultId, name: &str, now: i64) -> sqlx::Result<State> {
    let found: Option<(Option<i64>, Option<i64>)> =
        sqlx::query_as("SELECT purge_at, settles_at FROM secret WHERE vault = $1 AND name_key = $2")
            .bind(vault.0)
            .bind(key(name))
            .fetch_optional(connection)
            .await?;
    let Some((purge_at, settles_at)) = found else { return Ok(State::Absent) };
    Ok(match (purge_at, settles_at.is_some_and(|time| time > now)) {
        (Some(purge_at), _) if purge_at <= now => State::Absent,
        (Some(_), true) => State::BeingDeleted,
        (Some(_), false) => State::Deleted,
        (None, true) => State::BeingRecovered,
        (None, false) => State::Live,
    })
}

/// Why a change found nothing that it could change.
async fn refused(connection: &mut AnyConnection, vault: VaultId, name: &str, now: i64) -> Applied {
    Ok(Err(match state(connection, vault, name, now).await? {
        State::BeingDeleted => Refusal::BeingDeleted,
        State::BeingRecovered => Refusal::BeingRecovered,
        State::Absent | State::Live | State::Deleted => Refusal::NotFound,
    }))
}

/// The record that answers a change of a whole secret: its latest version.
async fn latest(connection: &mut AnyConnection, secret: i64) -> Applied {
    let row = sqlx::query(RECORD.by_secret_id).bind(secret).fetch_one(connection).await?;
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
pub(super) fn parse_tags(row: &AnyRow, column: &str) -> sqlx::Result<Option<super::model::Tags>> {
    let text: Option<String> = row.try_get(column)?;
    text.map(|text| serde_json::from_str(&text))
        .transpose()
        // The text itself stays out of the error.
        .map_err(|_| sqlx::Error::ColumnDecode {
            index: column.to_owned(),
            source: "not a JSON object of texts".into(),
        })
}
