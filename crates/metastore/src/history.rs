//! The version history: earlier documents of an entity, in `entity_extension`.

use serde_json::Value;
use strongroom_entities::EntityKind;
use uuid::Uuid;

use crate::insert::{Existing, Insert};
use crate::{Metastore, StoreError, Transaction};

impl Metastore {
    /// The earlier documents of an entity, in no particular order.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn history(&self, kind: EntityKind, id: Uuid) -> Result<Vec<Value>, StoreError> {
        let documents: Vec<String> = self
            .sql("SELECT {json} FROM entity_extension WHERE id = ? AND extension LIKE ?")
            .bind(id.to_string())
            .bind(format!("{}.version.%", kind.entity_type()))
            .column(&self.readers)
            .await?;
        Ok(documents.iter().filter_map(|text| serde_json::from_str(text).ok()).collect())
    }
}

impl Transaction {
    /// Keeps `document` as the version that it says it is (`databaseService.version.0.1`). A version that is kept already
    /// stays as it is: it is what readers have seen.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn keep_version(
        &mut self,
        kind: EntityKind,
        id: Uuid,
        document: &Value,
    ) -> Result<(), StoreError> {
        let version = document.get("version").and_then(Value::as_f64).unwrap_or(0.1);
        let insert = Insert {
            table: "entity_extension",
            columns: &[("id", "?"), ("extension", "?"), ("jsonSchema", "?"), ("json", "{document}")],
            existing: Existing::Stays,
        };
        self.sql(&insert.query(self.dialect, 1))
            .bind(id.to_string())
            .bind(format!("{}.version.{version:.1}", kind.entity_type()))
            .text(kind.entity_type())
            .bind(document.to_string())
            .execute(&mut *self.inner)
            .await?;
        Ok(())
    }

    /// Forgets every earlier document of an entity.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn forget_history(&mut self, id: Uuid) -> Result<(), StoreError> {
        self.sql("DELETE FROM entity_extension WHERE id = ?")
            .bind(id.to_string())
            .execute(&mut *self.inner)
            .await?;
        Ok(())
    }
}
