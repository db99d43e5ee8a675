//! Every document of the database that can hold what is encrypted or refers to a secret, as the text that is stored: the
//! entities, and what lies beside them (settings, event subscriptions, applications, the version history, events).
//!
//! Here nothing is parsed, so that what is written back differs in nothing but what was meant to change. Whoever looks at all of
//! them takes a [`DocumentScan`](crate::DocumentScan).

use std::borrow::Cow;
use std::fmt;

use sqlx::Row as _;
use sqlx::any::AnyRow;
use strongroom_entities::EntityKind;
use uuid::Uuid;

use crate::dialect::Dialect;
use crate::statement::{self, Statement};
use crate::{CopyTable, Metastore, StoreError, Transaction};

/// A table of documents; or a column that holds texts which are none, each of which stands for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentTable {
    /// The table's name.
    pub name: Cow<'static, str>,
    /// Whether its documents tell what was, not what is.
    pub is_history: bool,
    /// What a document is found by, and in whose order the table is gone through.
    key: Key,
    /// The column of the document.
    column: Cow<'static, str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    /// Columns that hold texts.
    Texts(&'static [&'static str]),
    /// A column that holds a number.
    Number(&'static str),
    /// The text itself, in a column that holds JSON or any text.
    Itself { is_json: bool },
}

/// A document as it is stored. Its `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredDocument {
    /// What it is found by: the values of the key's columns. In a column of texts that is the text itself.
    pub key: Vec<String>,
    /// The text, JSON as it was written.
    pub text: String,
}

/// Which documents are meant.
#[derive(Debug, Clone)]
pub(crate) struct Filter {
    condition: String,
    values: Vec<String>,
}

/// A part of a table: what comes after one key, and not after another.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Part<'a> {
    pub(crate) after: Option<&'a [String]>,
    pub(crate) until: Option<&'a [String]>,
}

impl DocumentTable {
    pub(crate) const fn new(name: &'static str, is_history: bool, key: &'static [&'static str]) -> Self {
        let (name, column) = (Cow::Borrowed(name), Cow::Borrowed("json"));
        Self { name, is_history, key: Key::Texts(key), column }
    }

    /// A table of what was, whose documents are numbered.
    pub(crate) const fn numbered(name: &'static str, key: &'static str, column: &'static str) -> Self {
        let (name, column) = (Cow::Borrowed(name), Cow::Borrowed(column));
        Self { name, is_history: true, key: Key::Number(key), column }
    }

    /// A column of texts each of which is found by itself, for want of a key that is known. The names are put into SQL.
    pub(crate) fn of_texts(table: String, column: String, is_json: bool) -> Self {
        let (name, column, key) = (Cow::Owned(table), Cow::Owned(column), Key::Itself { is_json });
        Self { name, is_history: false, key, column }
    }

    /// All tables of documents.
    pub fn all() -> impl Iterator<Item = Self> {
        let kinds = EntityKind::ALL.iter().chain(EntityKind::SETTINGS);
        let entities = kinds.map(|kind| {
            let key: &[&str] = if *kind == EntityKind::Setting { &["configType"] } else { &["id"] };
            Self::new(kind.table(), false, key)
        });
        entities.chain(CopyTable::ALL.iter().map(|table| table.table()))
    }

    /// Its name, for people; of a column of texts with that of the column.
    pub fn label(&self) -> Cow<'static, str> {
        match self.key {
            Key::Itself { .. } => Cow::Owned(format!("{}.{}", self.name, self.column)),
            Key::Texts(_) | Key::Number(_) => self.name.clone(),
        }
    }

    /// What people find one of its documents by; nothing, if it is found by itself.
    pub fn key_label(&self, document: &StoredDocument) -> String {
        match self.key {
            Key::Itself { .. } => String::new(),
            Key::Texts(_) | Key::Number(_) => document.key.join(" "),
        }
    }

    /// Whether it is a column of texts that are no documents.
    pub fn is_column(&self) -> bool {
        matches!(self.key, Key::Itself { .. })
    }

    /// Whether it holds the texts of another.
    pub fn is_place_of(&self, other: &Self) -> bool {
        self.name == other.name && self.column == other.column
    }

    /// The column of the document.
    pub(crate) fn column(&self) -> &str {
        &self.column
    }

    /// The table in a statement.
    fn place(&self) -> Cow<'_, str> {
        match self.key {
            Key::Itself { .. } => Cow::Owned(format!("{{name {}}}", self.name)),
            Key::Texts(_) | Key::Number(_) => Cow::Borrowed(&self.name),
        }
    }

    /// The columns of the key.
    fn columns(&self) -> Vec<Cow<'static, str>> {
        match &self.key {
            Key::Texts(columns) => columns.iter().copied().map(Cow::Borrowed).collect(),
            Key::Number(column) => vec![Cow::Borrowed(column)],
            Key::Itself { .. } => vec![Cow::Owned(format!("{{exact {}}}", self.column))],
        }
    }

    /// What reads the key: texts, whatever its columns hold.
    fn selected(&self) -> String {
        match &self.key {
            Key::Texts(columns) => columns.join(", "),
            Key::Number(column) => format!("{{text {column}}} AS number"),
            Key::Itself { .. } => format!("{{exact {}}} AS itself", self.column),
        }
    }

    /// What reads the document.
    fn document(&self) -> String {
        match self.key {
            Key::Itself { .. } => format!("{{exact {}}}", self.column),
            Key::Texts(_) | Key::Number(_) => format!("{{text {}}}", self.column),
        }
    }

    /// The condition that a document contains one of some texts.
    pub(crate) fn containing(&self, dialect: Dialect, marks: &[&str]) -> Filter {
        let document = self.document();
        let condition = match dialect {
            // It makes a text of the document for each `LIKE`, which takes longer than all else.
            Dialect::Postgres => format!("{document} LIKE ANY (ARRAY[{}])", statement::marks(marks.len())),
            Dialect::Sqlite | Dialect::Mysql => vec![format!("{document} LIKE ?"); marks.len()].join(" OR "),
        };
        Filter { condition, values: marks.iter().map(|mark| format!("%{mark}%")).collect() }
    }

    /// The condition that a column begins with one of some texts.
    pub(crate) fn beginning(column: &str, with: impl Iterator<Item = String>) -> Filter {
        let values: Vec<String> = with.map(|text| format!("{text}%")).collect();
        Filter { condition: vec![format!("{column} LIKE ?"); values.len()].join(" OR "), values }
    }

    /// The condition that a document lies in a part of the table, written so that each database goes right there in its index; and
    /// the values to bind.
    fn within<'a>(&self, dialect: Dialect, part: Part<'a>) -> (String, Vec<&'a str>) {
        let columns = self.columns();
        let (mut conditions, mut values) = (Vec::new(), Vec::new());
        for (bound, strictly, or_equal) in [(part.after, ">", ">"), (part.until, "<", "<=")] {
            let Some(bound) = bound else { continue };
            match (&columns[..], bound) {
                ([one, other], [first, second]) if dialect == Dialect::Mysql => {
                    conditions.push(format!("({one} {strictly} ? OR ({one} = ? AND {other} {or_equal} ?))"));
                    values.extend([first, first, second].map(String::as_str));
                }
                ([one, other], [first, second]) => {
                    conditions.push(format!("({one}, {other}) {or_equal} (?, ?)"));
                    values.extend([first, second].map(String::as_str));
                }
                _ => {
                    conditions.push(format!("{} {or_equal} ?", columns[0]));
                    values.extend(bound.first().map(String::as_str));
                }
            }
        }
        (conditions.join(" AND "), values)
    }

    /// Binds values of the key's columns.
    fn bind<'a>(&self, statement: Statement, values: impl IntoIterator<Item = &'a str>) -> Statement {
        values.into_iter().fold(statement, |statement, value| match self.key {
            // It was read from there.
            Key::Number(_) => statement.bind(value.parse::<i64>().unwrap_or_default()),
            Key::Texts(_) | Key::Itself { .. } => statement.text(value),
        })
    }

    fn found_by(&self) -> String {
        self.columns().iter().map(|column| format!("{column} = ?")).collect::<Vec<_>>().join(" AND ")
    }

    /// What sets the document.
    fn assignment(&self) -> String {
        match (self.key, self.column.as_ref()) {
            (Key::Itself { is_json: true }, column) => format!("{{name {column}}} = {{document}}"),
            (Key::Itself { is_json: false }, column) => format!("{{name {column}}} = ?"),
            (_, "json") => "json = {document}".to_owned(),
            (_, column) => format!("{column} = ?"),
        }
    }

    fn decode(&self, row: &AnyRow) -> Result<StoredDocument, StoreError> {
        // By their places: databases differ in the case of names.
        let key = (1..=self.columns().len()).map(|place| row.try_get(place)).collect::<Result<_, _>>()?;
        Ok(StoredDocument { key, text: row.try_get("document")? })
    }
}

impl StoredDocument {
    /// The entity that a version in the history is of, if it is of a kind that is known.
    pub fn version_of(&self) -> Option<(EntityKind, Uuid)> {
        let [id, extension] = &self.key[..] else { return None };
        let (entity_type, _) = extension.split_once('.')?;
        Some((EntityKind::from_entity_type(entity_type)?, Uuid::parse_str(id).ok()?))
    }
}

impl Metastore {
    /// The first documents in a part of a table that are meant.
    pub(crate) async fn documents_in(
        &self,
        table: &DocumentTable,
        filter: &Filter,
        part: Part<'_>,
        limit: u32,
    ) -> Result<Vec<StoredDocument>, StoreError> {
        let (within, bounds) = table.within(self.dialect, part);
        let and = if within.is_empty() { "" } else { " AND " };
        let sql = format!(
            "SELECT {} AS document, {} FROM {} WHERE ({}){and}{within} ORDER BY {} LIMIT ?",
            table.document(),
            table.selected(),
            table.place(),
            filter.condition,
            table.columns().join(", "),
        );
        let statement = table.bind(self.sql(&sql).texts(&filter.values), bounds);
        let rows = statement.bind(i64::from(limit)).rows(&self.readers).await?;
        rows.iter().map(|row| table.decode(row)).collect()
    }

    /// The key of the `nth` row after `after`, whatever it holds; `None` if there are not so many.
    pub(crate) async fn nth_key(
        &self,
        table: &DocumentTable,
        after: Option<&[String]>,
        nth: u32,
    ) -> Result<Option<Vec<String>>, StoreError> {
        let (within, bounds) = table.within(self.dialect, Part { after, until: None });
        let sql = format!(
            "SELECT {} FROM {}{} ORDER BY {} LIMIT 1 OFFSET ?",
            table.selected(),
            table.place(),
            if within.is_empty() { String::new() } else { format!(" WHERE {within}") },
            table.columns().join(", "),
        );
        let row = table.bind(self.sql(&sql), bounds).bind(i64::from(nth) - 1).row(&self.readers).await?;
        let key = |row: AnyRow| (0..table.columns().len()).map(|place| Ok(row.try_get(place)?)).collect();
        row.map(key).transpose()
    }

    /// How many rows come after `after`.
    pub(crate) async fn rows_after(
        &self,
        table: &DocumentTable,
        after: Option<&[String]>,
    ) -> Result<u64, StoreError> {
        let (within, bounds) = table.within(self.dialect, Part { after, until: None });
        let condition = if within.is_empty() { String::new() } else { format!(" WHERE {within}") };
        let sql = format!("SELECT count(*) FROM {}{condition}", table.place());
        table.bind(self.sql(&sql), bounds).count(&self.readers).await
    }

    /// How many rows a table has; none if this database has no such table.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn count_rows(&self, table: &DocumentTable) -> Result<u64, StoreError> {
        match self.has_table(&table.name).await? {
            true => self.rows_after(table, None).await,
            false => Ok(0),
        }
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
        let (document, found_by) = (table.document(), table.found_by());
        let sql = format!("SELECT {document} AS document FROM {} WHERE {found_by} {{lock}}", table.place());
        table.bind(self.sql(&sql), key.iter().map(String::as_str)).value(&mut *self.inner).await
    }

    /// Replaces a document, and nothing else of its row. A text that is found by itself is replaced wherever it stands in its column.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn replace_document(
        &mut self,
        table: &DocumentTable,
        key: &[String],
        text: &str,
    ) -> Result<(), StoreError> {
        let (assignment, found_by) = (table.assignment(), table.found_by());
        let sql = format!("UPDATE {} SET {assignment} WHERE {found_by}", table.place());
        let statement = table.bind(self.sql(&sql).text(text), key.iter().map(String::as_str));
        statement.execute(&mut *self.inner).await?;
        Ok(())
    }
}

impl fmt::Debug for StoredDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredDocument").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_table_is_told_by_keys_of_one_column_or_two() {
        let table = |name| DocumentTable::all().find(|table| table.name == name).unwrap();
        let (one, two) = (["a".to_owned(), "b".to_owned()], ["c".to_owned(), "d".to_owned()]);
        let after = |key| Part { after: Some(key), until: None };
        let (services, versions) = (table("dbservice_entity"), table("entity_extension"));
        assert_eq!(services.within(Dialect::Sqlite, after(&one[..1])), ("id > ?".to_owned(), vec!["a"]));
        assert_eq!(versions.within(Dialect::Sqlite, Part::default()).0, "");
        let part = Part { after: Some(&one), until: Some(&two) };
        let (condition, values) = versions.within(Dialect::Postgres, part);
        assert_eq!(condition, "(id, extension) > (?, ?) AND (id, extension) <= (?, ?)");
        assert_eq!(values, ["a", "b", "c", "d"]);
        let (condition, values) = versions.within(Dialect::Mysql, part);
        assert_eq!(
            condition,
            "(id > ? OR (id = ? AND extension > ?)) AND (id < ? OR (id = ? AND extension <= ?))"
        );
        assert_eq!(values, ["a", "a", "b", "c", "c", "d"]);
    }

    #[test]
    fn what_a_text_is_found_by_is_not_shown_if_it_is_the_text_itself() {
        let (table, column) = ("oauth_clients".to_owned(), "client_secret_encrypted".to_owned());
        let column = DocumentTable::of_texts(table, column, false);
        let document = StoredDocument { key: vec!["fernet:x".to_owned()], text: "fernet:x".to_owned() };
        assert_eq!(
            (column.label().as_ref(), column.key_label(&document)),
            ("oauth_clients.client_secret_encrypted", String::new())
        );
        assert_eq!(format!("{document:?}"), "StoredDocument { .. }");
    }
}
