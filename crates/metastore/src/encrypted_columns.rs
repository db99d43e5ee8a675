//! Columns that hold an encrypted text and nothing else: OpenMetadata's tables for OAuth have some. They are not documents, and
//! what their rows are found by differs from release to release: so a text is found by itself.

use sqlx::Row as _;

use crate::dialect::Dialect;
use crate::{DocumentTable, Metastore, StoreError};

/// How the names of such columns end.
const ENDING: &str = "_encrypted";

impl Metastore {
    /// Everything that can hold what is encrypted: all tables of documents, and those columns.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn tables_with_encrypted(&self) -> Result<Vec<DocumentTable>, StoreError> {
        Ok(DocumentTable::all().chain(self.encrypted_columns().await?).collect())
    }

    /// The columns of this database that hold encrypted texts, by their names and types, in whatever table.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn encrypted_columns(&self) -> Result<Vec<DocumentTable>, StoreError> {
        let query = match self.dialect {
            Dialect::Sqlite => {
                "SELECT m.name AS t, c.name AS c FROM sqlite_schema m JOIN pragma_table_info(m.name) c \
                 WHERE m.type = 'table' AND c.name LIKE ? ORDER BY 1, 2"
            }
            Dialect::Postgres => {
                "SELECT {text c.table_name}, {text c.column_name} FROM information_schema.columns c \
                 JOIN information_schema.tables t ON t.table_schema = c.table_schema AND t.table_name = c.table_name \
                 WHERE c.table_schema = current_schema() AND t.table_type = 'BASE TABLE' AND c.is_generated = 'NEVER' \
                 AND c.data_type IN ('text', 'character varying') AND c.column_name LIKE ? ORDER BY 1, 2"
            }
            Dialect::Mysql => {
                "SELECT {text c.table_name}, {text c.column_name} FROM information_schema.columns c \
                 JOIN information_schema.tables t ON t.table_schema = c.table_schema AND t.table_name = c.table_name \
                 WHERE c.table_schema = database() AND t.table_type = 'BASE TABLE' AND c.extra NOT LIKE '%GENERATED%' \
                 AND c.data_type IN ('varchar', 'text', 'mediumtext', 'longtext') AND c.column_name LIKE ? ORDER BY 1, 2"
            }
        };
        let rows = self.sql(query).bind(format!("%{ENDING}")).rows(&self.readers).await?;
        let mut found = Vec::new();
        for row in rows {
            let (table, column): (String, String) = (row.try_get(0)?, row.try_get(1)?);
            // They become part of statements. To LIKE an underscore is any character.
            let is_plain = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            if column.ends_with(ENDING) && is_plain(&table) && is_plain(&column) {
                found.push(DocumentTable::of_texts(table, column, false));
            }
        }
        Ok(found)
    }

    /// How many rows of a table have something in one of its columns of encrypted texts; all of its rows if it has no such
    /// column. `None` if this database has no such table.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn count_encrypted(&self, table: &'static str) -> Result<Option<u64>, StoreError> {
        if !self.has_table(table).await? {
            return Ok(None);
        }
        let columns = self.encrypted_columns().await?;
        let columns = columns.iter().filter(|column| column.name == table).map(DocumentTable::column);
        let filled: Vec<String> = columns.map(|column| format!("{{name {column}}} IS NOT NULL")).collect();
        let condition = if filled.is_empty() { "1 = 1".to_owned() } else { filled.join(" OR ") };
        let query = format!("SELECT count(*) FROM {table} WHERE {condition}");
        Ok(Some(self.sql(&query).count(&self.readers).await?))
    }
}
