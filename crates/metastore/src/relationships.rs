//! Which entity belongs to which.

use uuid::Uuid;

use strongroom_entities::EntityKind;

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
        let ids: Vec<String> = sqlx::query_scalar(
            "SELECT toId FROM entity_relationship WHERE fromId = ? AND relation = ? AND toEntity = ? ORDER BY toId",
        )
        .bind(from.to_string())
        .bind(relation as u8)
        .bind(to.entity_type())
        .fetch_all(&self.readers)
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
        sqlx::query(
            "INSERT INTO entity_relationship (fromId, toId, fromEntity, toEntity, relation) VALUES (?, ?, ?, ?, ?) \
             ON CONFLICT DO NOTHING",
        )
        .bind(relationship.from.1.to_string())
        .bind(relationship.to.1.to_string())
        .bind(relationship.from.0.entity_type())
        .bind(relationship.to.0.entity_type())
        .bind(relationship.relation as u8)
        .execute(&mut *self.inner)
        .await?;
        Ok(())
    }

    /// Removes every relationship from and to an entity.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn unrelate(&mut self, id: Uuid) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM entity_relationship WHERE fromId = ?1 OR toId = ?1")
            .bind(id.to_string())
            .execute(&mut *self.inner)
            .await?;
        Ok(())
    }
}
