//! Whose secret a name is, and which names users typed themselves.

use sqlx::Row as _;
use sqlx::any::AnyRow;
use strongroom_entities::EntityKind;
use strongroom_secrets::{SecretName, SecretVersion};
use uuid::Uuid;

use crate::insert::{BATCH, Existing, Insert};
use crate::statement::marks;
use crate::{Metastore, StoreError, Transaction};

pub(crate) const SELECT: &str = "SELECT name, entity_type, entity_id, field, version FROM strongroom_owner";

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
        let row =
            self.sql(&format!("{SELECT} WHERE name_key = ?")).bind(name.key()).row(&self.readers).await?;
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
        let rows = self
            .sql("SELECT entity_id, field FROM strongroom_own_reference WHERE name_key = ? LIMIT 100")
            .bind(name.key())
            .rows(&self.readers)
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
        let query = format!("{SELECT} WHERE entity_id IN ({})", marks(entities.len()));
        self.sql(&query).texts(entities).rows(&self.readers).await?.iter().map(decode).collect()
    }
}

impl Transaction {
    /// The secrets that are kept for an entity.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn owned_by(&mut self, entity: Uuid) -> Result<Vec<Owner>, StoreError> {
        let query = format!("{SELECT} WHERE entity_id = ? ORDER BY field");
        let rows = self.sql(&query).bind(entity.to_string()).rows(&mut *self.inner).await?;
        rows.iter().map(decode).collect()
    }

    /// Writes down whose secret a name is, in place of what stood there.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn put_owner(&mut self, owner: &Owner) -> Result<(), StoreError> {
        self.put_owners(std::slice::from_ref(owner)).await
    }

    /// The same for several names, none of them twice.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn put_owners(&mut self, owners: &[Owner]) -> Result<(), StoreError> {
        let insert = Insert {
            table: "strongroom_owner",
            columns: &[
                ("name_key", "?"),
                ("name", "?"),
                ("entity_type", "?"),
                ("entity_id", "?"),
                ("field", "?"),
                ("version", "?"),
            ],
            existing: Existing::BecomesNew(&["name_key"]),
        };
        for batch in owners.chunks(BATCH) {
            let mut statement = self.sql(&insert.query(self.dialect, batch.len()));
            for owner in batch {
                statement = statement
                    .bind(owner.name.key())
                    .text(owner.name.as_str())
                    .text(owner.kind.entity_type())
                    .bind(owner.entity.to_string())
                    .text(&owner.field)
                    .text(owner.version.as_str());
            }
            statement.execute(&mut *self.inner).await?;
        }
        Ok(())
    }

    /// Forgets whose secret a name was.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn forget_owner(&mut self, name: &SecretName) -> Result<(), StoreError> {
        self.sql("DELETE FROM strongroom_owner WHERE name_key = ?")
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
        self.sql("DELETE FROM strongroom_own_reference WHERE entity_id = ?")
            .bind(entity.to_string())
            .execute(&mut *self.inner)
            .await?;
        self.add_own_references(references).await
    }

    pub(crate) async fn add_own_references(&mut self, references: &[OwnReference]) -> Result<(), StoreError> {
        let insert = Insert {
            table: "strongroom_own_reference",
            columns: &[("name_key", "?"), ("entity_id", "?"), ("field", "?"), ("entity_type", "?")],
            existing: Existing::Refuses,
        };
        for batch in references.chunks(BATCH) {
            let mut statement = self.sql(&insert.query(self.dialect, batch.len()));
            for reference in batch {
                statement = statement
                    .bind(reference.name.key())
                    .bind(reference.entity.to_string())
                    .text(&reference.field)
                    .text(reference.kind.entity_type());
            }
            statement.execute(&mut *self.inner).await?;
        }
        Ok(())
    }

    /// Whether any row that was committed refers to a name: a field that it is kept for, or a reference of a user's own.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn is_referred_to(&mut self, name: &SecretName) -> Result<bool, StoreError> {
        let query = "SELECT count(*) FROM (SELECT name_key FROM strongroom_owner WHERE name_key = ? \
                     UNION ALL SELECT name_key FROM strongroom_own_reference WHERE name_key = ?) AS found";
        Ok(self.sql(query).texts([name.key(), name.key()]).count(&mut *self.inner).await? > 0)
    }
}

pub(crate) fn decode(row: &AnyRow) -> Result<Owner, StoreError> {
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

fn uuid(text: String) -> Result<Uuid, StoreError> {
    Uuid::parse_str(&text).map_err(|_| StoreError::BrokenRow {
        table: "strongroom_owner",
        id: text,
        reason: "its entity is not a UUID".to_owned(),
    })
}
