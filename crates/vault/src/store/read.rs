//! Reading: one secret, or a page of a listing.
//!
//! Listings are keyset pages: they go on behind a name (or a version's number), so that a page costs the same wherever it
//! lies, and writes in between neither repeat nor hide an entry that stays. A secret whose deletion or recovery is under
//! way is not there, neither as a live nor as a deleted one.

use std::sync::Arc;

use sqlx::any::AnyRow;
use sqlx::{AnyPool, Row};

use super::apply::{key, parse_tags};
use super::model::{Attributes, Record, SealedRecord};
use super::{Store, VaultId};
use crate::keys::Sealed;

macro_rules! select {
    ($columns:literal, $rest:literal) => {
        select!($columns, "FROM secret s JOIN version v ON v.secret = s.id ", $rest)
    };
    ($columns:literal, $from:literal, $($rest:literal),+) => {
        concat!(
            "SELECT v.id, s.name, v.version, v.content_type, v.tags, v.enabled, v.not_before, v.expires, v.created,
                    v.updated, s.deleted_at, s.purge_at",
            $columns,
            " ",
            $from,
            $($rest),+
        )
    };
}

/// A page of secrets in order of their names, each by its latest version. The page is cut out before versions are looked for,
/// and the second limit, which no page reaches, tells PostgreSQL's planner that there are few: otherwise it reads all versions
/// of all secrets for each page. A test measures it.
macro_rules! page {
    ($which:literal) => {
        select!(
            "",
            "FROM (SELECT * FROM (SELECT id, name_key, name, deleted_at, purge_at FROM secret
                                  WHERE vault = $1 AND name_key > $2 AND ",
            $which,
            "                       AND (settles_at IS NULL OR settles_at <= $4)
                                  ORDER BY name_key LIMIT $3) page LIMIT 26) s
             JOIN version v ON v.id = (SELECT max(id) FROM version WHERE secret = s.id)
             ORDER BY s.name_key"
        )
    };
}

/// The statements that answer with whole records, for the writer too.
pub(super) struct Statements {
    pub(super) by_version_id: &'static str,
    pub(super) by_secret_id: &'static str,
}

pub(super) const RECORD: Statements = Statements {
    by_version_id: select!("", "WHERE v.id = $1"),
    by_secret_id: select!("", "WHERE s.id = $1 AND v.id = (SELECT max(id) FROM version WHERE secret = s.id)"),
};

impl Store {
    /// Reads a version of a live secret, or its latest.
    pub(crate) async fn get(
        &self,
        vault: VaultId,
        name: &str,
        version: Option<&str>,
        now: i64,
    ) -> sqlx::Result<Option<Arc<SealedRecord>>> {
        match (version, &self.known.latest) {
            (None, Some(latest)) => latest.or_read(vault, name, self.read_latest(vault, name, now)).await,
            (None, None) => Ok(self.read_latest(vault, name, now).await?.map(Arc::new)),
            (Some(version), _) => Ok(self.read_version(vault, name, version, now).await?.map(Arc::new)),
        }
    }

    async fn read_latest(&self, vault: VaultId, name: &str, now: i64) -> sqlx::Result<Option<SealedRecord>> {
        let row = sqlx::query(select!(
            ", v.data_key, v.sealed",
            "WHERE s.vault = $1 AND s.name_key = $2 AND s.deleted_at IS NULL
               AND (s.settles_at IS NULL OR s.settles_at <= $3)
               AND v.id = (SELECT max(id) FROM version WHERE secret = s.id)"
        ))
        .bind(vault.0)
        .bind(key(name))
        .bind(now)
        .fetch_optional(self.readers())
        .await?;
        let found = row.as_ref().map(sealed_record).transpose()?;
        self.know(found.iter().map(|found| found.sealed.key)).await?;
        Ok(found)
    }

    async fn read_version(
        &self,
        vault: VaultId,
        name: &str,
        version: &str,
        now: i64,
    ) -> sqlx::Result<Option<SealedRecord>> {
        let row = sqlx::query(select!(
            ", v.data_key, v.sealed",
            "WHERE s.vault = $1 AND s.name_key = $2 AND s.deleted_at IS NULL
               AND (s.settles_at IS NULL OR s.settles_at <= $3) AND v.version = $4"
        ))
        .bind(vault.0)
        .bind(key(name))
        .bind(now)
        .bind(version)
        .fetch_optional(self.readers())
        .await?;
        let found = row.as_ref().map(sealed_record).transpose()?;
        self.know(found.iter().map(|found| found.sealed.key)).await?;
        Ok(found)
    }

    /// Reads the newest versions of a live secret, `limit` at most, the oldest of them first. `None` if there is no such
    /// secret.
    pub(crate) async fn all_versions(
        &self,
        vault: VaultId,
        name: &str,
        limit: u32,
        now: i64,
    ) -> sqlx::Result<Option<Vec<SealedRecord>>> {
        let rows = sqlx::query(select!(
            ", v.data_key, v.sealed",
            "WHERE s.vault = $1 AND s.name_key = $2 AND s.deleted_at IS NULL
               AND (s.settles_at IS NULL OR s.settles_at <= $3)
             ORDER BY v.id DESC LIMIT $4"
        ))
        .bind(vault.0)
        .bind(key(name))
        .bind(now)
        .bind(i64::from(limit))
        .fetch_all(self.readers())
        .await?;
        let versions = rows.iter().rev().map(sealed_record).collect::<sqlx::Result<Vec<_>>>()?;
        self.know(versions.iter().map(|version| version.sealed.key)).await?;
        Ok(Some(versions).filter(|versions| !versions.is_empty()))
    }

    /// Lists live secrets behind `after` (a name in lower case), each by its latest version. No page is longer than 26.
    pub(crate) async fn list(
        &self,
        vault: VaultId,
        after: &str,
        limit: u32,
        now: i64,
    ) -> sqlx::Result<Vec<Record>> {
        self.page(page!("deleted_at IS NULL"), vault, after, limit, now).await
    }

    /// Lists the versions of a live secret behind `after` (a version's number), in the order in which they were made.
    pub(crate) async fn list_versions(
        &self,
        vault: VaultId,
        name: &str,
        after: i64,
        limit: u32,
        now: i64,
    ) -> sqlx::Result<Vec<Record>> {
        let rows = sqlx::query(select!(
            "",
            // The secret first: PostgreSQL would sort all its versions for each page.
            "WHERE v.secret = (SELECT id FROM secret WHERE vault = $1 AND name_key = $2 AND deleted_at IS NULL
                                 AND (settles_at IS NULL OR settles_at <= $5))
               AND v.id > $3 ORDER BY v.id LIMIT $4"
        ))
        .bind(vault.0)
        .bind(key(name))
        .bind(after)
        .bind(i64::from(limit))
        .bind(now)
        .fetch_all(self.readers())
        .await?;
        rows.iter().map(record).collect()
    }

    /// Reads what is left of a soft-deleted secret whose time is not up.
    pub(crate) async fn get_deleted(
        &self,
        vault: VaultId,
        name: &str,
        now: i64,
    ) -> sqlx::Result<Option<Record>> {
        let row = sqlx::query(select!(
            "",
            "WHERE s.vault = $1 AND s.name_key = $2 AND s.deleted_at IS NOT NULL AND s.purge_at > $3
               AND (s.settles_at IS NULL OR s.settles_at <= $3)
               AND v.id = (SELECT max(id) FROM version WHERE secret = s.id)"
        ))
        .bind(vault.0)
        .bind(key(name))
        .bind(now)
        .fetch_optional(self.readers())
        .await?;
        row.as_ref().map(record).transpose()
    }

    /// Lists soft-deleted secrets behind `after` (a name in lower case).
    pub(crate) async fn list_deleted(
        &self,
        vault: VaultId,
        after: &str,
        limit: u32,
        now: i64,
    ) -> sqlx::Result<Vec<Record>> {
        self.page(page!("deleted_at IS NOT NULL AND purge_at > $4"), vault, after, limit, now).await
    }

    async fn page(
        &self,
        query: &'static str,
        vault: VaultId,
        after: &str,
        limit: u32,
        now: i64,
    ) -> sqlx::Result<Vec<Record>> {
        let query = sqlx::query(query).bind(vault.0).bind(after).bind(i64::from(limit)).bind(now);
        query.fetch_all(self.readers()).await?.iter().map(record).collect()
    }

    pub(super) fn readers(&self) -> &AnyPool {
        &self.readers
    }
}

/// Reads the columns of a record with its value.
fn sealed_record(row: &AnyRow) -> sqlx::Result<SealedRecord> {
    let sealed = Sealed { key: row.try_get("data_key")?, bytes: row.try_get("sealed")? };
    Ok(SealedRecord { record: record(row)?, sealed })
}

/// Reads the columns of a record.
pub(super) fn record(row: &AnyRow) -> sqlx::Result<Record> {
    Ok(Record {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        version: row.try_get("version")?,
        attributes: Attributes {
            content_type: row.try_get("content_type")?,
            tags: parse_tags(row, "tags")?,
            not_before: row.try_get("not_before")?,
            expires: row.try_get("expires")?,
        },
        enabled: row.try_get::<i64, _>("enabled")? != 0,
        created: row.try_get("created")?,
        updated: row.try_get("updated")?,
        deleted_at: row.try_get("deleted_at")?,
        purge_at: row.try_get("purge_at")?,
    })
}
