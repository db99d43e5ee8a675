//! Copies of entities' documents beside the entities' own tables: the version history, and events that tell what was.
//!
//! OpenMetadata's server writes them and reads them to people. A migration takes the passwords out of them, page by page.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row as _};
use strongroom_entities::EntityKind;
use uuid::Uuid;

use crate::dialect::Dialect;
use crate::statement::Statement;
use crate::{Metastore, StoreError, Transaction};

/// The longest that giving room back may take for one table.
const RECLAIM_LIMIT: Duration = Duration::from_secs(3600);

/// A table of copies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CopyTable {
    /// Earlier documents of entities.
    Versions,
    /// What changed.
    ChangeEvents,
    /// Who changed it.
    AuditLog,
    /// Events that a subscriber did not take.
    FailedEvents,
    /// Events that a subscriber took.
    SentEvents,
}

/// A copy as it is stored. Its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredCopy {
    /// What it is found by.
    pub key: CopyKey,
    /// The text, JSON as it was written.
    pub text: String,
}

/// What a copy is found by, in the order in which a table is gone through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CopyKey {
    /// A number.
    Number(i64),
    /// Two texts.
    Pair(String, String),
}

impl CopyTable {
    /// All of them.
    pub const ALL: &[Self] =
        &[Self::Versions, Self::ChangeEvents, Self::AuditLog, Self::FailedEvents, Self::SentEvents];

    /// The table's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Versions => "entity_extension",
            Self::ChangeEvents => "change_event",
            Self::AuditLog => "audit_log_event",
            Self::FailedEvents => "consumers_dlq",
            Self::SentEvents => "successful_sent_change_events",
        }
    }

    /// The columns of the key.
    fn key(self, dialect: Dialect) -> &'static [&'static str] {
        match self {
            Self::Versions | Self::FailedEvents => &["id", "extension"],
            Self::ChangeEvents if dialect == Dialect::Mysql => &["`offset`"],
            Self::ChangeEvents => &["\"offset\""],
            Self::AuditLog => &["id"],
            Self::SentEvents => &["change_event_id", "event_subscription_id"],
        }
    }

    /// The column of the document, as text.
    fn document(self) -> &'static str {
        match self {
            Self::AuditLog => "event_json",
            _ => "{json}",
        }
    }

    /// What sets it.
    fn assignment(self) -> &'static str {
        match self {
            Self::AuditLog => "event_json = ?",
            _ => "json = {document}",
        }
    }

    fn is_numbered(self) -> bool {
        matches!(self, Self::ChangeEvents | Self::AuditLog)
    }

    /// The condition that finds a copy by its key.
    fn found_by(self, dialect: Dialect) -> String {
        self.key(dialect).iter().map(|column| format!("{column} = ?")).collect::<Vec<_>>().join(" AND ")
    }
}

impl StoredCopy {
    /// The entity that a version is of, if it is of a kind that is known.
    pub fn version_of(&self) -> Option<(EntityKind, Uuid)> {
        let CopyKey::Pair(id, extension) = &self.key else { return None };
        let (entity_type, _) = extension.split_once('.')?;
        Some((EntityKind::from_entity_type(entity_type)?, Uuid::parse_str(id).ok()?))
    }
}

impl Metastore {
    /// A page of a table: the copies after `after` in the order of their keys that contain one of `marks`; of the version history
    /// only those of kinds that can hold secrets. A table that this database does not have holds none.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn copies(
        &self,
        table: CopyTable,
        marks: &[&str],
        after: Option<&CopyKey>,
        limit: u32,
    ) -> Result<Vec<StoredCopy>, StoreError> {
        if after.is_none() && !self.has_table(table.name()).await? {
            return Ok(Vec::new());
        }
        let (key, document) = (table.key(self.dialect), table.document());
        let (column, values) = match table {
            CopyTable::Versions => {
                let kinds = EntityKind::WITH_SECRETS.iter().chain(EntityKind::SETTINGS);
                ("extension", kinds.map(|kind| format!("{}.%", kind.entity_type())).collect::<Vec<_>>())
            }
            _ => (document, marks.iter().map(|mark| format!("%{mark}%")).collect()),
        };
        let wanted = vec![format!("{column} LIKE ?"); values.len()].join(" OR ");
        let later = match (after, key) {
            (None, _) => String::new(),
            (Some(_), [one, other]) => format!(" AND ({one} > ? OR ({one} = ? AND {other} > ?))"),
            (Some(_), key) => format!(" AND {} > ?", key[0]),
        };
        let columns = key.join(", ");
        let query = format!(
            "SELECT {columns}, {document} AS document FROM {} WHERE ({wanted}){later} ORDER BY {columns} LIMIT ?",
            table.name()
        );
        let statement = self.sql(&query).texts(values);
        let statement = match after {
            None => statement,
            Some(CopyKey::Number(number)) => statement.bind(*number),
            Some(CopyKey::Pair(one, other)) => statement.text(one).text(one).text(other),
        };
        let rows = statement.bind(i64::from(limit)).rows(&self.readers).await?;
        rows.iter().map(|row| decode(table, row)).collect()
    }

    /// Gives the room of rows that were changed or deleted back, so that what stood there is no longer in the database's files,
    /// as far as the database can do that. It can take long. Answers `false` if others keep it from finishing.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn reclaim(&self) -> Result<bool, StoreError> {
        let mut connection = self.writer.acquire().await?;
        let verb = match self.dialect {
            Dialect::Sqlite => {
                long(sqlx::raw_sql("VACUUM").execute(&mut *connection)).await?;
                // The log holds the pages as they were; only a reader that looks at an old state keeps it from being emptied.
                let folded = sqlx::raw_sql("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&mut *connection);
                return Ok(long(folded).await?.try_get::<i64, _>(0)? == 0);
            }
            Dialect::Postgres => {
                long(sqlx::raw_sql("SET statement_timeout = 0").execute(&mut *connection)).await?;
                "VACUUM"
            }
            Dialect::Mysql => "OPTIMIZE TABLE",
        };
        let kinds = EntityKind::WITH_SECRETS.iter().chain(EntityKind::SETTINGS).map(|kind| kind.table());
        for table in kinds.chain(CopyTable::ALL.iter().map(|table| table.name())) {
            if self.has_table(table).await? {
                let query = format!("{verb} {table}");
                long(sqlx::raw_sql(AssertSqlSafe(query)).fetch_all(&mut *connection)).await?;
            }
        }
        // It was told to wait for as long as it takes: others shall not get it so.
        connection.close().await?;
        Ok(true)
    }

    /// How many rows of a table have something in one of its columns whose names end with `_encrypted`; all of its rows if
    /// it has no such column. `None` if this database has no such table.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn count_encrypted(&self, table: &'static str) -> Result<Option<u64>, StoreError> {
        if !self.has_table(table).await? {
            return Ok(None);
        }
        let columns = match self.dialect {
            Dialect::Sqlite => "SELECT name FROM pragma_table_info(?)",
            Dialect::Postgres => {
                "SELECT {text column_name} FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = ?"
            }
            Dialect::Mysql => {
                "SELECT {text column_name} FROM information_schema.columns WHERE table_schema = database() AND table_name = ?"
            }
        };
        let columns: Vec<String> = self.sql(columns).text(table).column(&self.readers).await?;
        let encrypted: Vec<String> = columns
            .iter()
            .filter(|column| column.ends_with("_encrypted"))
            .map(|column| format!("{column} IS NOT NULL"))
            .collect();
        let condition = if encrypted.is_empty() { "1 = 1".to_owned() } else { encrypted.join(" OR ") };
        let query = format!("SELECT count(*) FROM {table} WHERE {condition}");
        Ok(Some(self.sql(&query).count(&self.readers).await?))
    }
}

impl Transaction {
    /// Reads a copy and keeps it from changing until the transaction ends; `None` if it is gone.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn lock_copy(&mut self, table: CopyTable, key: &CopyKey) -> Result<Option<String>, StoreError> {
        let (document, found_by) = (table.document(), table.found_by(self.dialect));
        let query = format!("SELECT {document} AS document FROM {} WHERE {found_by} {{lock}}", table.name());
        with_key(self.sql(&query), key).value(&mut *self.inner).await
    }

    /// Replaces a copy, and nothing else of its row.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn replace_copy(
        &mut self,
        table: CopyTable,
        key: &CopyKey,
        text: &str,
    ) -> Result<(), StoreError> {
        let (assignment, found_by) = (table.assignment(), table.found_by(self.dialect));
        let query = format!("UPDATE {} SET {assignment} WHERE {found_by}", table.name());
        with_key(self.sql(&query).text(text), key).execute(&mut *self.inner).await?;
        Ok(())
    }
}

fn with_key(statement: Statement, key: &CopyKey) -> Statement {
    match key {
        CopyKey::Number(number) => statement.bind(*number),
        CopyKey::Pair(one, other) => statement.text(one).text(other),
    }
}

fn decode(table: CopyTable, row: &AnyRow) -> Result<StoredCopy, StoreError> {
    let key = match table.is_numbered() {
        true => CopyKey::Number(row.try_get(0)?),
        false => CopyKey::Pair(row.try_get(0)?, row.try_get(1)?),
    };
    Ok(StoredCopy { key, text: row.try_get("document")? })
}

/// What may take long, and yet not for ever.
async fn long<T>(work: impl Future<Output = sqlx::Result<T>>) -> Result<T, StoreError> {
    match tokio::time::timeout(RECLAIM_LIMIT, work).await {
        Ok(done) => Ok(done?),
        Err(_) => Err(StoreError::Database("it did not give room back within an hour".to_owned())),
    }
}

impl fmt::Debug for StoredCopy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredCopy").field("key", &self.key).finish_non_exhaustive()
    }
}
