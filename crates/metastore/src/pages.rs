//! A page of entities in one statement each, for whoever stores many: a server answers from elsewhere, and each answer takes its time.

use std::collections::HashMap;

use serde_json::Value;
use strongroom_entities::{EntityKind, text};
use strongroom_secrets::SecretName;
use uuid::Uuid;

use crate::insert::BATCH;
use crate::owners::{self, OwnReference, Owner};
use crate::rows::{Row, decode, id_column, id_text, select};
use crate::statement::marks;
use crate::{Metastore, StoreError, Transaction};

impl Metastore {
    /// Whose secrets these names are. Names that are nobody's are left out.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn owners(&self, names: &[SecretName]) -> Result<Vec<Owner>, StoreError> {
        let mut found = Vec::new();
        if !self.has_own_tables {
            return Ok(found);
        }
        for batch in names.chunks(BATCH) {
            let query = format!("{} WHERE name_key IN ({})", owners::SELECT, marks(batch.len()));
            let rows = self.sql(&query).texts(batch.iter().map(SecretName::key)).rows(&self.readers).await?;
            for row in &rows {
                found.push(owners::decode(row)?);
            }
        }
        Ok(found)
    }

    /// Which of these names users typed themselves, in whatever case.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn names_that_users_typed(&self, names: &[SecretName]) -> Result<Vec<String>, StoreError> {
        let mut found = Vec::new();
        if !self.has_own_tables {
            return Ok(found);
        }
        for batch in names.chunks(BATCH) {
            let query = format!(
                "SELECT DISTINCT name_key FROM strongroom_own_reference WHERE name_key IN ({})",
                marks(batch.len())
            );
            let keys = self.sql(&query).texts(batch.iter().map(SecretName::key));
            found.extend(keys.column::<String>(&self.readers).await?);
        }
        Ok(found)
    }
}

impl Transaction {
    /// Reads entities of one kind and keeps them from changing until the transaction ends. What is not there is left out.
    ///
    /// # Errors
    /// If the database fails or a row is broken.
    pub async fn lock_all(
        &mut self,
        kind: EntityKind,
        ids: &[Uuid],
    ) -> Result<HashMap<Uuid, Row>, StoreError> {
        let mut found = HashMap::with_capacity(ids.len());
        for batch in ids.chunks(BATCH) {
            let id = id_column(kind);
            // One order for all, so that no two wait for each other.
            let query = format!(
                "{} ORDER BY {id} {{lock}}",
                select(kind, &format!("{id} IN ({})", marks(batch.len())))
            );
            let ids = batch.iter().map(|id| id_text(kind, *id));
            for row in self.sql(&query).texts(ids).rows(&mut *self.inner).await? {
                let row = decode(kind, &row)?;
                found.insert(row.id, row);
            }
        }
        Ok(found)
    }

    /// Replaces the documents of rows of one kind, as [`Transaction::update`] does. Answers `false` if one of the rows is gone: the
    /// transaction must then be dropped, or go back to its mark.
    ///
    /// # Errors
    /// If the database fails or a document lacks what a computed column needs.
    pub async fn update_all(&mut self, rows: &[(&Row, &Value)]) -> Result<bool, StoreError> {
        for batch in rows.chunks(BATCH) {
            let Some((Row { kind, .. }, _)) = batch.first() else { continue };
            let (kind, id) = (*kind, id_column(*kind));
            let query = format!(
                "UPDATE {} SET json = CASE {id} {}END WHERE {id} IN ({})",
                kind.table(),
                "WHEN ? THEN {document} ".repeat(batch.len()),
                marks(batch.len())
            );
            let mut statement = self.sql(&query);
            for (row, json) in batch {
                let id = id_text(kind, row.id);
                let document = text::rewrite(&row.text, json).map_err(|error| StoreError::BrokenRow {
                    table: kind.table(),
                    id: id.clone(),
                    reason: error.to_string(),
                })?;
                statement = statement.bind(id).bind(document);
            }
            let ids = batch.iter().map(|(row, _)| id_text(kind, row.id));
            if statement.texts(ids).execute(&mut *self.inner).await? != batch.len() as u64 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The secrets that are kept for any of these entities.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn owned_by_all(&mut self, entities: &[Uuid]) -> Result<Vec<Owner>, StoreError> {
        let mut found = Vec::new();
        for batch in entities.chunks(BATCH) {
            let query = format!("{} WHERE entity_id IN ({})", owners::SELECT, marks(batch.len()));
            for row in self.sql(&query).texts(batch).rows(&mut *self.inner).await? {
                found.push(owners::decode(&row)?);
            }
        }
        Ok(found)
    }

    /// Replaces what is known of the references that users typed into any of these entities.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn put_all_own_references(
        &mut self,
        entities: &[Uuid],
        references: &[OwnReference],
    ) -> Result<(), StoreError> {
        for batch in entities.chunks(BATCH) {
            let query =
                format!("DELETE FROM strongroom_own_reference WHERE entity_id IN ({})", marks(batch.len()));
            self.sql(&query).texts(batch).execute(&mut *self.inner).await?;
        }
        self.add_own_references(references).await
    }
}
