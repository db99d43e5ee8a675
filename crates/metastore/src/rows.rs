//! Entities: one row each, a JSON document and a hash of its name.

use serde_json::Value;
use sqlx::Row as _;
use sqlx::any::AnyRow;
use strongroom_entities::{EntityKind, text};
use uuid::Uuid;

use crate::{Metastore, StoreError, Transaction};

/// An entity as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// What it is.
    pub kind: EntityKind,
    /// Its id.
    pub id: Uuid,
    /// The hash of its fully qualified name.
    pub hash: String,
    /// The document.
    pub json: Value,
    /// The document as it is written, which can say more than a [`Value`].
    pub text: String,
}

/// Whether soft-deleted entities are meant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Include {
    /// Only those that are not deleted.
    #[default]
    NonDeleted,
    /// Only those that are soft-deleted.
    Deleted,
    /// Both.
    All,
}

/// Where a page of a listing begins or ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cursor {
    /// The page after this entity.
    After {
        /// Its name.
        name: String,
        /// Its id.
        id: Uuid,
    },
    /// The page before this entity.
    Before {
        /// Its name.
        name: String,
        /// Its id.
        id: Uuid,
    },
}

/// A page of a listing by name.
#[derive(Debug, Clone, Default)]
pub struct ListQuery {
    /// Whether soft-deleted entities are meant.
    pub include: Include,
    /// The most rows to answer with.
    pub limit: u32,
    /// Where the page begins or ends; `None` is the first page.
    pub from: Option<Cursor>,
}

impl Include {
    fn condition(self) -> &'static str {
        match self {
            Self::NonDeleted => "deleted IS NOT TRUE",
            Self::Deleted => "deleted IS TRUE",
            Self::All => "1 = 1",
        }
    }
}

impl Metastore {
    /// Whether this database has a table for entities of a kind: those of newer kinds are missing in older ones.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn has_kind(&self, kind: EntityKind) -> Result<bool, StoreError> {
        self.has_table(kind.table()).await
    }

    /// Reads an entity by its id, soft-deleted or not.
    ///
    /// # Errors
    /// If the database fails or the row is broken.
    pub async fn get(&self, kind: EntityKind, id: Uuid) -> Result<Option<Row>, StoreError> {
        let query = select(kind, &format!("{} = ?", id_column(kind)));
        let row = self.sql(&query).bind(id_text(kind, id)).row(&self.readers).await?;
        row.map(|row| decode(kind, &row)).transpose()
    }

    /// Reads an entity by the hash of its fully qualified name, soft-deleted or not.
    ///
    /// # Errors
    /// If the database fails or the row is broken.
    pub async fn get_by_hash(&self, kind: EntityKind, hash: &str) -> Result<Option<Row>, StoreError> {
        let query = select(kind, &format!("{} = ?", kind.hash_column()));
        let row = self.sql(&query).text(hash).row(&self.readers).await?;
        row.map(|row| decode(kind, &row)).transpose()
    }

    /// A page of a listing, ordered by name and id, whichever way the cursor looks.
    ///
    /// # Errors
    /// If the database fails or a row is broken.
    pub async fn list(&self, kind: EntityKind, query: &ListQuery) -> Result<Vec<Row>, StoreError> {
        let include = query.include.condition();
        let (condition, order, bounds) = match &query.from {
            None => (include.to_owned(), "ASC", None),
            Some(Cursor::After { name, id }) => {
                (format!("{include} AND (name, id) > (?, ?)"), "ASC", Some((name, id)))
            }
            Some(Cursor::Before { name, id }) => {
                (format!("{include} AND (name, id) < (?, ?)"), "DESC", Some((name, id)))
            }
        };
        let sql = format!("{} ORDER BY name {order}, id {order} LIMIT ?", select(kind, &condition));
        let mut statement = self.sql(&sql);
        if let Some((name, id)) = bounds {
            statement = statement.text(name).bind(id.to_string());
        }
        let rows = statement.bind(i64::from(query.limit)).rows(&self.readers).await?;
        let mut rows = rows.iter().map(|row| decode(kind, row)).collect::<Result<Vec<_>, _>>()?;
        if order == "DESC" {
            rows.reverse();
        }
        Ok(rows)
    }

    /// How many entities there are.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn count(&self, kind: EntityKind, include: Include) -> Result<u64, StoreError> {
        let query = format!("SELECT count(*) FROM {} WHERE {}", kind.table(), include.condition());
        self.sql(&query).count(&self.readers).await
    }

    /// A page of an inventory: the entities after `after` in the order of their ids, soft-deleted ones too. A table that
    /// this database does not have holds none.
    ///
    /// # Errors
    /// If the database fails. A broken row does not end the inventory: it is an `Err` in the page.
    pub async fn inventory(
        &self,
        kind: EntityKind,
        after: Option<&str>,
        limit: u32,
    ) -> Result<InventoryPage, StoreError> {
        if after.is_none() && !self.has_table(kind.table()).await? {
            return Ok(InventoryPage::default());
        }
        let id = id_column(kind);
        let query = format!("{} ORDER BY {id} LIMIT ?", select(kind, &format!("{id} > ?")));
        let rows = self
            .sql(&query)
            .text(after.unwrap_or_default())
            .bind(i64::from(limit))
            .rows(&self.readers)
            .await?;
        let next = if rows.len() == limit as usize {
            rows.last().map(|row| row.try_get::<String, _>("id")).transpose()?
        } else {
            None
        };
        Ok(InventoryPage { rows: rows.iter().map(|row| decode(kind, row)).collect(), next })
    }
}

/// A page of [`Metastore::inventory`].
#[derive(Debug, Default)]
pub struct InventoryPage {
    /// The rows; an `Err` is a broken one.
    pub rows: Vec<Result<Row, StoreError>>,
    /// The id to go on after, if there may be more.
    pub next: Option<String>,
}

impl Metastore {
    /// Makes sure that rows of a kind can be changed, by a change of none. A table that this database does not have is none to change.
    ///
    /// # Errors
    /// [`StoreError::ReadOnly`], [`StoreError::Forbidden`], or if the database fails.
    pub async fn check_writable(&self, kind: EntityKind) -> Result<(), StoreError> {
        if !self.has_kind(kind).await? {
            return Ok(());
        }
        let query = format!("UPDATE {} SET json = json WHERE 1 = 0", kind.table());
        self.sql(&query).execute(&self.writer).await?;
        Ok(())
    }
}

impl Transaction {
    /// Reads an entity and keeps it from changing until the transaction ends.
    ///
    /// # Errors
    /// If the database fails or the row is broken.
    pub async fn lock(&mut self, kind: EntityKind, id: Uuid) -> Result<Option<Row>, StoreError> {
        self.lock_as("{lock}", kind, id).await
    }

    /// The same without waiting for whoever has it.
    ///
    /// # Errors
    /// [`StoreError::InUse`] if somebody has; else as [`Transaction::lock`].
    pub async fn lock_now(&mut self, kind: EntityKind, id: Uuid) -> Result<Option<Row>, StoreError> {
        self.lock_as("{lock now}", kind, id).await
    }

    async fn lock_as(&mut self, lock: &str, kind: EntityKind, id: Uuid) -> Result<Option<Row>, StoreError> {
        let query = format!("{} {lock}", select(kind, &format!("{} = ?", id_column(kind))));
        let row = self.sql(&query).bind(id_text(kind, id)).row(&mut *self.inner).await?;
        row.map(|row| decode(kind, &row)).transpose()
    }

    /// Stores a new entity.
    ///
    /// # Errors
    /// [`StoreError::AlreadyExists`] if its id or its name is taken.
    pub async fn insert(&mut self, kind: EntityKind, hash: &str, json: &Value) -> Result<(), StoreError> {
        let query =
            format!("INSERT INTO {} (json, {}) VALUES ({{document}}, ?)", kind.table(), kind.hash_column());
        self.sql(&query).bind(json.to_string()).text(hash).execute(&mut *self.inner).await?;
        Ok(())
    }

    /// Replaces the document of a row, which is the one that [`Transaction::lock`] gave, and nothing else of it. What does not change
    /// in the document stays as it is written.
    ///
    /// # Errors
    /// If the database fails or the document lacks what a computed column needs.
    pub async fn update(&mut self, row: &Row, json: &Value) -> Result<(), StoreError> {
        let Row { kind, id, .. } = *row;
        let broken =
            |reason: String| StoreError::BrokenRow { table: kind.table(), id: id_text(kind, id), reason };
        let text = text::rewrite(&row.text, json).map_err(|error| broken(error.to_string()))?;
        let query = format!("UPDATE {} SET json = {{document}} WHERE {} = ?", kind.table(), id_column(kind));
        let updated = self.sql(&query).bind(text).bind(id_text(kind, id)).execute(&mut *self.inner).await?;
        match updated {
            1 => Ok(()),
            _ => Err(broken("the row to update is gone".to_owned())),
        }
    }

    /// Deletes an entity's row.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn delete(&mut self, kind: EntityKind, id: Uuid) -> Result<(), StoreError> {
        let query = format!("DELETE FROM {} WHERE id = ?", kind.table());
        self.sql(&query).bind(id.to_string()).execute(&mut *self.inner).await?;
        Ok(())
    }
}

/// The column that a row is found by, as text. Settings are numbered.
pub(crate) fn id_column(kind: EntityKind) -> &'static str {
    match kind {
        EntityKind::Setting => "{text id}",
        _ => "id",
    }
}

/// What stands in that column. The number of a setting is the number in its id.
pub(crate) fn id_text(kind: EntityKind, id: Uuid) -> String {
    match kind {
        EntityKind::Setting => id.as_u128().to_string(),
        _ => id.to_string(),
    }
}

pub(crate) fn select(kind: EntityKind, condition: &str) -> String {
    let (id, hash, table) = (id_column(kind), kind.hash_column(), kind.table());
    format!("SELECT {id} AS id, {hash} AS hash, {{json}} AS document FROM {table} WHERE {condition}")
}

pub(crate) fn decode(kind: EntityKind, row: &AnyRow) -> Result<Row, StoreError> {
    let id: String = row.try_get("id")?;
    let broken = |reason: String| StoreError::BrokenRow { table: kind.table(), id: id.clone(), reason };
    let document: String = row.try_get("document")?;
    let json = text::read(&document).map_err(|error| broken(error.to_string()))?;
    let uuid = match kind {
        EntityKind::Setting => id.parse().map(Uuid::from_u128).ok(),
        _ => Uuid::parse_str(&id).ok(),
    };
    let uuid = uuid.ok_or_else(|| broken("its id is not a UUID".to_owned()))?;
    Ok(Row { kind, id: uuid, hash: row.try_get("hash")?, json, text: document })
}
