//! Whose secret a name is, and which names users typed themselves.

use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row as _};
use strongroom_entities::EntityKind;
use strongroom_secrets::{SecretName, SecretVersion};
use uuid::Uuid;

use crate::{Metastore, StoreError, Transaction};

const OWNED_BY: &str = "SELECT name, entity_type, entity_id, field, version FROM strongroom_owner WHERE entity_id = ? ORDER BY field";

/// The field that a secret of ours is kept for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The secret's name.
    pub name: SecretName,
    /// What the entity is.
    pub kind: EntityKind,
    /// The entity.
    pub entity: Uuid,
    /// The field, as text.
    pub field: String,
    /// The version that was committed last.
    pub version: SecretVersion,
}

/// A reference that a user typed into a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnReference {
    /// The name that it refers to.
    pub name: SecretName,
    /// What the entity is.
    pub kind: EntityKind,
    /// The entity.
    pub entity: Uuid,
    /// The field, as text.
    pub field: String,
}

impl Metastore {
    /// Whose secret a name is.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn owner(&self, name: &SecretName) -> Result<Option<Owner>, StoreError> {
        if !self.has_own_tables {
            return Ok(None);
        }
        let row = sqlx::query(
            "SELECT name, entity_type, entity_id, field, version FROM strongroom_owner WHERE name_key = ?",
        )
        .bind(name.key())
        .fetch_optional(&self.readers)
        .await?;
        row.map(|row| decode(&row)).transpose()
    }

    /// The fields of other entities, or other fields, that refer to a name of the users' own.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn own_references(&self, name: &SecretName) -> Result<Vec<(Uuid, String)>, StoreError> {
        if !self.has_own_tables {
            return Ok(Vec::new());
        }
        let rows =
            sqlx::query("SELECT entity_id, field FROM strongroom_own_reference WHERE name_key = ? LIMIT 100")
                .bind(name.key())
                .fetch_all(&self.readers)
                .await?;
        rows.iter().map(|row| Ok((uuid(row.try_get("entity_id")?)?, row.try_get("field")?))).collect()
    }
}

impl Metastore {
    /// The secrets that are kept for any of these entities: as many as a page of an inventory has, not more.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn owned_by_any(&self, entities: &[Uuid]) -> Result<Vec<Owner>, StoreError> {
        if !self.has_own_tables || entities.is_empty() {
            return Ok(Vec::new());
        }
        let sql = format!(
            "SELECT name, entity_type, entity_id, field, version FROM strongroom_owner WHERE entity_id IN ({})",
            placeholders(entities.len())
        );
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for entity in entities {
            query = query.bind(entity.to_string());
        }
        query.fetch_all(&self.readers).await?.iter().map(decode).collect()
    }
}

impl Transaction {
    /// The secrets that are kept for an entity.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn owned_by(&mut self, entity: Uuid) -> Result<Vec<Owner>, StoreError> {
        let rows = sqlx::query(OWNED_BY).bind(entity.to_string()).fetch_all(&mut *self.inner).await?;
        rows.iter().map(decode).collect()
    }

    /// Writes down whose secret a name is, in place of what stood there.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn put_owner(&mut self, owner: &Owner) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO strongroom_owner (name_key, name, entity_type, entity_id, field, version) VALUES (?, ?, ?, ?, ?, ?) \
             ON CONFLICT (name_key) DO UPDATE SET name = excluded.name, entity_type = excluded.entity_type, \
             entity_id = excluded.entity_id, field = excluded.field, version = excluded.version",
        )
        .bind(owner.name.key())
        .bind(owner.name.as_str())
        .bind(owner.kind.entity_type())
        .bind(owner.entity.to_string())
        .bind(&owner.field)
        .bind(owner.version.as_str())
        .execute(&mut *self.inner)
        .await?;
        Ok(())
    }

    /// Forgets whose secret a name was.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn forget_owner(&mut self, name: &SecretName) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM strongroom_owner WHERE name_key = ?")
            .bind(name.key())
            .execute(&mut *self.inner)
            .await?;
        Ok(())
    }

    /// Replaces what is known of the references that users typed into an entity.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn put_own_references(
        &mut self,
        entity: Uuid,
        references: &[OwnReference],
    ) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM strongroom_own_reference WHERE entity_id = ?")
            .bind(entity.to_string())
            .execute(&mut *self.inner)
            .await?;
        for reference in references {
            sqlx::query(
                "INSERT INTO strongroom_own_reference (name_key, entity_id, field, entity_type) VALUES (?, ?, ?, ?)",
            )
            .bind(reference.name.key())
            .bind(reference.entity.to_string())
            .bind(&reference.field)
            .bind(reference.kind.entity_type())
            .execute(&mut *self.inner)
            .await?;
        }
        Ok(())
    }

    /// Whether any row that was committed refers to a name: a field that it is kept for, or a reference of a user's own.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn is_referred_to(&mut self, name: &SecretName) -> Result<bool, StoreError> {
        let found: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM strongroom_owner WHERE name_key = ?1) \
             OR EXISTS (SELECT 1 FROM strongroom_own_reference WHERE name_key = ?1)",
        )
        .bind(name.key())
        .fetch_one(&mut *self.inner)
        .await?;
        Ok(found)
    }
}

fn decode(row: &SqliteRow) -> Result<Owner, StoreError> {
    let name: String = row.try_get("name")?;
    let broken = |reason: &str| StoreError::BrokenRow {
        table: "strongroom_owner",
        id: name.clone(),
        reason: reason.to_owned(),
    };
    Ok(Owner {
        kind: EntityKind::from_entity_type(row.try_get("entity_type")?)
            .ok_or_else(|| broken("its entity type is unknown"))?,
        entity: uuid(row.try_get("entity_id")?)?,
        field: row.try_get("field")?,
        version: SecretVersion::new(row.try_get::<String, _>("version")?),
        name: SecretName::new(name.clone()).map_err(|_| broken("its name is not legal"))?,
    })
}

/// As many question marks as there are values.
pub(crate) fn placeholders(count: usize) -> String {
    vec!["?"; count].join(", ")
}

fn uuid(text: String) -> Result<Uuid, StoreError> {
    Uuid::parse_str(&text).map_err(|_| StoreError::BrokenRow {
        table: "strongroom_owner",
        id: text,
        reason: "its entity is not a UUID".to_owned(),
    })
}
