//! Runs of the migration: who runs what, where, and how far it has come; and the journal of what each of them moved.

use sqlx::Row as _;
use sqlx::any::AnyRow;
use strongroom_entities::EntityKind;
use strongroom_secrets::{SecretName, SecretVersion};
use uuid::Uuid;

use crate::insert::{BATCH, Existing, Insert};
use crate::statement::marks;
use crate::{Metastore, StoreError, Transaction};

const COLUMNS: &str =
    "id, action, target, process, started_at, ended_at, outcome, total, done, changed, updated_at";

/// A run that begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRun {
    /// Its id.
    pub id: Uuid,
    /// What it does, in a word.
    pub action: String,
    /// Where values go, for people.
    pub target: String,
    /// Which process runs it, on which machine.
    pub process: String,
}

/// A run, as it is known. Times are in milliseconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRecord {
    /// Its id.
    pub id: Uuid,
    /// What it does, in a word.
    pub action: String,
    /// Where values go, for people.
    pub target: String,
    /// Which process runs it, on which machine.
    pub process: String,
    /// When it began.
    pub started_at: i64,
    /// When it ended, if it has.
    pub ended_at: Option<i64>,
    /// How it ended, in a word.
    pub outcome: Option<String>,
    /// How many entities it has to look at, as far as that is known.
    pub total: Option<i64>,
    /// How many it has looked at.
    pub done: Option<i64>,
    /// How many it has changed.
    pub changed: Option<i64>,
    /// When it last said so.
    pub updated_at: Option<i64>,
}

/// How far a run has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// How many entities it has to look at.
    pub total: u64,
    /// How many it has looked at.
    pub done: u64,
    /// How many it has changed.
    pub changed: u64,
}

/// One field that a run moved. No value, no token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalEntry {
    /// What the entity is.
    pub kind: EntityKind,
    /// The entity.
    pub entity: Uuid,
    /// The field, as text.
    pub field: String,
    /// Where its value went.
    pub name: SecretName,
    /// The version that was verified.
    pub version: SecretVersion,
    /// The vault that it went to.
    pub vault: Option<String>,
}

impl Metastore {
    /// Notes that a run begins. `now` is in milliseconds since the Unix epoch. The caller holds the migration lock, so that
    /// whatever run has not ended by then never will: it is noted as interrupted.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn start_run(&self, run: &NewRun, now: i64) -> Result<(), StoreError> {
        self.repeat(|| async {
            let mut transaction = self.begin().await?;
            transaction
                .sql("UPDATE strongroom_run SET ended_at = ?, outcome = 'interrupted' WHERE ended_at IS NULL")
                .bind(now)
                .execute(&mut *transaction.inner)
                .await?;
            transaction
                .sql("INSERT INTO strongroom_run (id, action, target, process, started_at) VALUES (?, ?, ?, ?, ?)")
                .bind(run.id.to_string())
                .text(&run.action)
                .text(&run.target)
                .text(&run.process)
                .bind(now)
                .execute(&mut *transaction.inner)
                .await?;
            transaction.commit().await
        })
        .await
    }

    /// Notes how far a run has come.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn note_progress(&self, run: Uuid, progress: Progress, now: i64) -> Result<(), StoreError> {
        let query = "UPDATE strongroom_run SET total = ?, done = ?, changed = ?, updated_at = ? WHERE id = ?";
        self.repeat(|| {
            self.sql(query)
                .bind(signed(progress.total))
                .bind(signed(progress.done))
                .bind(signed(progress.changed))
                .bind(now)
                .bind(run.to_string())
                .execute(&self.writer)
        })
        .await?;
        Ok(())
    }

    /// Notes that a run ended, and how.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn end_run(&self, run: Uuid, now: i64, outcome: &str) -> Result<(), StoreError> {
        self.repeat(|| {
            self.sql("UPDATE strongroom_run SET ended_at = ?, outcome = ? WHERE id = ?")
                .bind(now)
                .text(outcome)
                .bind(run.to_string())
                .execute(&self.writer)
        })
        .await?;
        Ok(())
    }

    /// The runs whose id begins with `id`, the newest first.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn runs(&self, id: &str, limit: u32) -> Result<Vec<RunRecord>, StoreError> {
        if !self.has_own_tables {
            return Ok(Vec::new());
        }
        let sql = format!(
            "SELECT {COLUMNS} FROM strongroom_run WHERE id LIKE ? ORDER BY started_at DESC, id LIMIT ?"
        );
        // An id has no wildcards in it; what has is no id.
        let begins: String = id.chars().filter(|c| c.is_ascii_hexdigit() || *c == '-').collect();
        let rows = self.sql(&sql).bind(format!("{begins}%")).bind(i64::from(limit));
        rows.rows(&self.readers).await?.iter().map(decode).collect()
    }

    /// What a run moved of these entities: as many as a page of an inventory has, not more.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn journal_of(&self, run: Uuid, entities: &[Uuid]) -> Result<Vec<JournalEntry>, StoreError> {
        if !self.has_own_tables || entities.is_empty() {
            return Ok(Vec::new());
        }
        let sql = format!(
            "SELECT entity_type, entity_id, field, name, version, vault FROM strongroom_journal \
             WHERE run = ? AND entity_id IN ({})",
            marks(entities.len())
        );
        let rows = self.sql(&sql).bind(run.to_string()).texts(entities).rows(&self.readers).await?;
        rows.iter().map(decode_entry).collect()
    }

    /// The vaults that a run wrote to, and how many fields it moved there.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn vaults_of_run(&self, run: Uuid) -> Result<Vec<(Option<String>, u64)>, StoreError> {
        if !self.has_own_tables {
            return Ok(Vec::new());
        }
        let query = "SELECT vault, count(*) AS fields FROM strongroom_journal WHERE run = ? GROUP BY vault ORDER BY vault";
        let rows = self.sql(query).bind(run.to_string()).rows(&self.readers).await?;
        let of_row = |row: &AnyRow| -> Result<_, StoreError> {
            let fields: i64 = row.try_get("fields")?;
            Ok((row.try_get("vault")?, u64::try_from(fields).unwrap_or_default()))
        };
        rows.iter().map(of_row).collect()
    }
}

impl Transaction {
    /// Writes down what a run moved.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn journal(&mut self, run: Uuid, entries: &[JournalEntry]) -> Result<(), StoreError> {
        let insert = Insert {
            table: "strongroom_journal",
            columns: &[
                ("run", "?"),
                ("entity_type", "?"),
                ("entity_id", "?"),
                ("field", "?"),
                ("name", "?"),
                ("version", "?"),
                ("vault", "?"),
            ],
            existing: Existing::BecomesNew(&["run", "entity_id", "field"]),
        };
        for batch in entries.chunks(BATCH) {
            let mut statement = self.sql(&insert.query(self.dialect, batch.len()));
            for entry in batch {
                statement = statement
                    .bind(run.to_string())
                    .text(entry.kind.entity_type())
                    .bind(entry.entity.to_string())
                    .text(&entry.field)
                    .text(entry.name.as_str())
                    .text(entry.version.as_str())
                    .bind(entry.vault.clone());
            }
            statement.execute(&mut *self.inner).await?;
        }
        Ok(())
    }
}

fn decode(row: &AnyRow) -> Result<RunRecord, StoreError> {
    let id: String = row.try_get("id")?;
    let text = |column| -> Result<String, StoreError> {
        Ok(row.try_get::<Option<String>, _>(column)?.unwrap_or_default())
    };
    Ok(RunRecord {
        id: Uuid::parse_str(&id).map_err(|_| broken("strongroom_run", &id, "its id is not a UUID"))?,
        action: text("action")?,
        target: text("target")?,
        process: text("process")?,
        started_at: row.try_get("started_at")?,
        ended_at: row.try_get("ended_at")?,
        outcome: row.try_get("outcome")?,
        total: row.try_get("total")?,
        done: row.try_get("done")?,
        changed: row.try_get("changed")?,
        updated_at: row.try_get("updated_at")?,
    })
}

fn decode_entry(row: &AnyRow) -> Result<JournalEntry, StoreError> {
    let entity: String = row.try_get("entity_id")?;
    let broken = |reason: &str| broken("strongroom_journal", &entity, reason);
    Ok(JournalEntry {
        kind: EntityKind::from_entity_type(row.try_get("entity_type")?)
            .ok_or_else(|| broken("its entity type is unknown"))?,
        entity: Uuid::parse_str(&entity).map_err(|_| broken("its entity is not a UUID"))?,
        field: row.try_get("field")?,
        name: SecretName::new(row.try_get::<String, _>("name")?)
            .map_err(|_| broken("its name is not legal"))?,
        version: SecretVersion::new(row.try_get::<String, _>("version")?),
        vault: row.try_get("vault")?,
    })
}

fn broken(table: &'static str, id: &str, reason: &str) -> StoreError {
    StoreError::BrokenRow { table, id: id.to_owned(), reason: reason.to_owned() }
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
