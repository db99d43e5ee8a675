//! Copies of entities' documents beside the entities' own tables: the version history, and events that tell what was.
//!
//! OpenMetadata's server writes them and reads them to people. A migration takes the passwords out of them, page by page.

use std::future::Future;
use std::time::Duration;

use sqlx::{AssertSqlSafe, Row as _};
use strongroom_entities::EntityKind;

use crate::dialect::Dialect;
use crate::documents::Filter;
use crate::{DocumentTable, Metastore, StoreError};

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

    /// The table as one of documents.
    pub fn table(self) -> DocumentTable {
        match self {
            Self::Versions | Self::FailedEvents => {
                DocumentTable::new(self.name(), true, &["id", "extension"])
            }
            // A word of SQL, and yet a name behind the point.
            Self::ChangeEvents => DocumentTable::numbered(self.name(), "change_event.offset", "json"),
            Self::AuditLog => DocumentTable::numbered(self.name(), "id", "event_json"),
            Self::SentEvents => {
                DocumentTable::new(self.name(), true, &["change_event_id", "event_subscription_id"])
            }
        }
    }

    /// The copies that can hold a password: those that contain one of `marks`; of the version history all of kinds that can hold
    /// secrets, since what stands there in clear text has no mark.
    pub(crate) fn filter(self, dialect: Dialect, marks: &[&str]) -> Filter {
        match self {
            Self::Versions => {
                let kinds = EntityKind::WITH_SECRETS.iter().chain(EntityKind::SETTINGS);
                DocumentTable::beginning("extension", kinds.map(|kind| format!("{}.", kind.entity_type())))
            }
            _ => self.table().containing(dialect, marks),
        }
    }
}

impl Metastore {
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
            Dialect::Mysql => {
                // Everybody else who wants the table waits behind it, until whoever has it is done.
                long(sqlx::raw_sql("SET SESSION lock_wait_timeout = 5").execute(&mut *connection)).await?;
                "OPTIMIZE TABLE"
            }
        };
        let mut complete = true;
        let mut tables: Vec<_> =
            self.tables_with_encrypted().await?.into_iter().map(|table| table.name).collect();
        tables.dedup();
        let mut of_others = Vec::new();
        for table in tables {
            if !self.has_table(&table).await? {
                continue;
            }
            if self.dialect == Dialect::Postgres && !self.may_vacuum(&table).await? {
                of_others.push(table);
                continue;
            }
            let query = format!("{verb} {table}");
            let told = long(sqlx::raw_sql(AssertSqlSafe(query)).fetch_all(&mut *connection)).await?;
            // MySQL tells of a failure in a row of its answer.
            complete &= !told.iter().any(|row| row.try_get::<String, _>(2).is_ok_and(|kind| kind == "Error"));
        }
        // It was told to wait for as long as it takes: others shall not get it so.
        connection.close().await?;
        if of_others.is_empty() {
            return Ok(complete);
        }
        let reason = format!(
            "its user does not own {}, and VACUUM passes over what others own: run VACUUM on these tables as their owner",
            of_others.join(", ")
        );
        Err(StoreError::Database(reason))
    }

    /// Whether PostgreSQL vacuums a table for us: it only warns if it does not.
    async fn may_vacuum(&self, table: &str) -> Result<bool, StoreError> {
        let query = "SELECT count(*) FROM pg_class r JOIN pg_database d ON d.datname = current_database() \
                     WHERE r.oid = to_regclass(?) AND (pg_has_role(r.relowner, 'USAGE') OR pg_has_role(d.datdba, 'USAGE') \
                     OR CASE WHEN current_setting('server_version_num')::int >= 170000 \
                     THEN has_table_privilege(r.oid, 'MAINTAIN') ELSE false END)";
        Ok(self.sql(query).text(table).count(&self.readers).await? > 0)
    }
}

/// What may take long, and yet not for ever.
async fn long<T>(work: impl Future<Output = sqlx::Result<T>>) -> Result<T, StoreError> {
    match tokio::time::timeout(RECLAIM_LIMIT, work).await {
        Ok(done) => Ok(done?),
        Err(_) => Err(StoreError::Database("it did not give room back within an hour".to_owned())),
    }
}
