//! Runs of the migration, and the journal of what each of them moved.

use strongroom_entities::EntityKind;
use strongroom_secrets::{SecretName, SecretVersion};
use uuid::Uuid;

use crate::{Metastore, StoreError, Transaction};

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
}

impl Metastore {
    /// Notes that a run began. `now` is in milliseconds since the Unix epoch.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn start_run(&self, run: Uuid, now: i64) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO strongroom_run (id, started_at) VALUES (?, ?)")
            .bind(run.to_string())
            .bind(now)
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// Notes that a run ended, and how.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn end_run(&self, run: Uuid, now: i64, outcome: &str) -> Result<(), StoreError> {
        sqlx::query("UPDATE strongroom_run SET ended_at = ?, outcome = ? WHERE id = ?")
            .bind(now)
            .bind(outcome)
            .bind(run.to_string())
            .execute(&self.writer)
            .await?;
        Ok(())
    }
}

impl Transaction {
    /// Writes down what a run moved.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn journal(&mut self, run: Uuid, entries: &[JournalEntry]) -> Result<(), StoreError> {
        for entry in entries {
            sqlx::query(
                "INSERT INTO strongroom_journal (run, entity_type, entity_id, field, name, version) VALUES (?, ?, ?, ?, ?, ?) \
                 ON CONFLICT (run, entity_id, field) DO UPDATE SET name = excluded.name, version = excluded.version",
            )
            .bind(run.to_string())
            .bind(entry.kind.entity_type())
            .bind(entry.entity.to_string())
            .bind(&entry.field)
            .bind(entry.name.as_str())
            .bind(entry.version.as_str())
            .execute(&mut *self.inner)
            .await?;
        }
        Ok(())
    }
}
