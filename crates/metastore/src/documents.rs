//! Every document of the database that can hold what is encrypted or refers to a secret, as the text that is stored: the
//! entities, and what lies beside them (settings, event subscriptions, applications, the version history, events).
//!
//! Here nothing is parsed, so that what is written back differs in nothing but what was meant to change.

use std::fmt;

use sqlx::Row as _;
use sqlx::any::AnyRow;
use strongroom_entities::EntityKind;

use crate::{Metastore, StoreError, Transaction};

/// A table of documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DocumentTable {
    /// Its name.
    pub name: &'static str,
    /// Whether its documents tell what was, not what is.
    pub is_history: bool,
    /// The columns by which a document is found, and in whose order the table is gone through.
    key: &'static [&'static str],
}

/// The tables beside the entities'.
const OTHERS: &[DocumentTable] = &[
    DocumentTable { name: "openmetadata_settings", is_history: false, key: &["configType"] },
    DocumentTable { name: "event_subscription_entity", is_history: false, key: &["id"] },
    DocumentTable { name: "installed_apps", is_history: false, key: &["id"] },
    DocumentTable { name: "apps_marketplace", is_history: false, key: &["id"] },
    DocumentTable { name: "entity_extension", is_history: true, key: &["id", "extension"] },
];

/// A document as it is stored. Its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredDocument {
    /// The values of the key's columns.
    pub key: Vec<String>,
    /// The text, JSON as it was written.
    pub text: String,
}

impl DocumentTable {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        let entities =
            EntityKind::ALL.iter().map(|kind| Self { name: kind.table(), is_history: false, key: &["id"] });
        entities.chain(OTHERS.iter().copied())
    }

    /// The condition that a document contains one of some texts, each of which is to be bound.
    fn containing(count: usize) -> String {
        vec!["{json} LIKE ?"; count].join(" OR ")
    }

    /// The condition that a key comes after another, and the values to bind.
    fn after<'a>(&self, after: &'a [String]) -> (String, Vec<&'a str>) {
        let (mut alternatives, mut values) = (Vec::new(), Vec::new());
        for last in 0..self.key.len().min(after.len()) {
            let equal = self.key[..last].iter().map(|column| format!("{column} = ?"));
            let parts: Vec<String> = equal.chain([format!("{} > ?", self.key[last])]).collect();
            alternatives.push(format!("({})", parts.join(" AND ")));
            values.extend(after[..=last].iter().map(String::as_str));
        }
        (alternatives.join(" OR "), values)
    }
}

impl Metastore {
    /// A page of a table: the documents after `after` in the order of their keys that contain one of `marks`. A table that this
    /// database does not have holds none.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn documents(
        &self,
        table: &DocumentTable,
        marks: &[&str],
        after: Option<&[String]>,
        limit: u32,
    ) -> Result<Vec<StoredDocument>, StoreError> {
        if after.is_none() && !self.has_table(table.name).await? {
            return Ok(Vec::new());
        }
        let (later, bounds) = table.after(after.unwrap_or_default());
        let later = if later.is_empty() { String::new() } else { format!(" AND ({later})") };
        let (columns, containing) = (table.key.join(", "), DocumentTable::containing(marks.len()));
        let sql = format!(
            "SELECT {{json}} AS document, {columns} FROM {} WHERE ({containing}){later} ORDER BY {columns} LIMIT ?",
            table.name
        );
        let statement = self.sql(&sql).texts(marks.iter().map(|mark| format!("%{mark}%"))).texts(bounds);
        let rows = statement.bind(i64::from(limit)).rows(&self.readers).await?;
        rows.iter().map(|row| decode(table, row)).collect()
    }

    /// How many documents of a table contain one of `marks`.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn count_documents(&self, table: &DocumentTable, marks: &[&str]) -> Result<u64, StoreError> {
        if !self.has_table(table.name).await? {
            return Ok(0);
        }
        let sql =
            format!("SELECT count(*) FROM {} WHERE {}", table.name, DocumentTable::containing(marks.len()));
        let marks = marks.iter().map(|mark| format!("%{mark}%"));
        self.sql(&sql).texts(marks).count(&self.readers).await
    }
}

impl Transaction {
    /// Reads a document and keeps it from changing until the transaction ends; `None` if it is gone.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn lock_document(
        &mut self,
        table: &DocumentTable,
        key: &[String],
    ) -> Result<Option<String>, StoreError> {
        let sql =
            format!("SELECT {{json}} AS document FROM {} WHERE {} {{lock}}", table.name, found_by(table));
        self.sql(&sql).texts(key).value(&mut *self.inner).await
    }

    /// Replaces a document, and nothing else of its row.
    ///
    /// # Errors
    /// If the database fails, or the document is gone.
    pub async fn replace_document(
        &mut self,
        table: &DocumentTable,
        key: &[String],
        text: &str,
    ) -> Result<(), StoreError> {
        let sql = format!("UPDATE {} SET json = {{document}} WHERE {}", table.name, found_by(table));
        if self.sql(&sql).text(text).texts(key).execute(&mut *self.inner).await? == 1 {
            return Ok(());
        }
        let reason = "the row to update is gone".to_owned();
        Err(StoreError::BrokenRow { table: table.name, id: key.join(" "), reason })
    }
}

fn found_by(table: &DocumentTable) -> String {
    table.key.iter().map(|column| format!("{column} = ?")).collect::<Vec<_>>().join(" AND ")
}

fn decode(table: &DocumentTable, row: &AnyRow) -> Result<StoredDocument, StoreError> {
    // By their places: databases differ in the case of names.
    let key = (1..=table.key.len()).map(|place| row.try_get(place)).collect::<Result<_, _>>()?;
    Ok(StoredDocument { key, text: row.try_get("document")? })
}

impl fmt::Debug for StoredDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredDocument").field("key", &self.key).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_goes_on_behind_a_key_of_any_number_of_columns() {
        let table = |name| DocumentTable::all().find(|table| table.name == name).unwrap();
        let key = ["a".to_owned(), "b".to_owned()];
        assert_eq!(table("dbservice_entity").after(&key[..1]), ("(id > ?)".to_owned(), vec!["a"]));
        let (condition, values) = table("entity_extension").after(&key);
        assert_eq!(condition, "(id > ?) OR (id = ? AND extension > ?)");
        assert_eq!(values, ["a", "a", "b"]);
        assert_eq!(table("entity_extension").after(&[]).0, "");
    }
}
