//! Which entity belongs to which.

use uuid::Uuid;

use strongroom_entities::EntityKind;

use crate::insert::{Existing, Insert};
use crate::{Metastore, StoreError, Transaction};

/// What one entity is to another. The numbers are OpenMetadata's: positions in its enumeration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Relation {
    /// A bot contains its user, a service its pipelines.
    Contains = 0,
}

/// A row of `entity_relationship`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relationship {
    /// The entity that the relation starts from.
    pub from: (EntityKind, Uuid),
    /// The entity that it leads to.
    pub to: (EntityKind, Uuid),
    /// What the first is to the second.
    pub relation: Relation,
}

impl Metastore {
    /// The ids of the entities of one kind that `from` leads to.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn related(
        &self,
        from: Uuid,
        relation: Relation,
        to: EntityKind,
    ) -> Result<Vec<Uuid>, StoreError> {
        let query = "SELECT toId FROM entity_relationship WHERE fromId = ? AND relation = ? AND toEntity = ? \
                     ORDER BY toId";
        let ids: Vec<String> = self
            .sql(query)
            .bind(from.to_string())
            .bind(relation as i32)
            .text(to.entity_type())
            .column(&self.readers)
            .await?;
        Ok(ids.iter().filter_map(|id| Uuid::parse_str(id).ok()).collect())
    }
}

impl Transaction {
    /// Stores a relationship; one that is there already stays as it is.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn relate(&mut self, relationship: &Relationship) -> Result<(), StoreError> {
        let insert = Insert {
            table: "entity_relationship",
            columns: &[
                ("fromId", "?"),
                ("toId", "?"),
                ("fromEntity", "?"),
                ("toEntity", "?"),
                ("relation", "?"),
            ],
            existing: Existing::Stays,
        };
        self.sql(&insert.query(self.dialect, 1))
            .bind(relationship.from.1.to_string())
            .bind(relationship.to.1.to_string())
            .text(relationship.from.0.entity_type())
            .text(relationship.to.0.entity_type())
            .bind(relationship.relation as i32)
            .execute(&mut *self.inner)
            .await?;
        Ok(())
    }

    /// Removes every relationship from and to an entity.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn unrelate(&mut self, id: Uuid) -> Result<(), StoreError> {
        self.sql("DELETE FROM entity_relationship WHERE fromId = ? OR toId = ?")
            .texts([id, id])
            .execute(&mut *self.inner)
            .await?;
        Ok(())
    }
}
