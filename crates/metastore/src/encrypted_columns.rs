//! Columns that hold an encrypted text and nothing else: OpenMetadata's tables for OAuth have some. They are not documents, and
//! what their rows are found by differs from release to release: so a text is found by itself.

use strongroom_entities::fernet;

use crate::dialect::Dialect;
use crate::{Metastore, StoreError, Transaction};

/// The tables that have such columns.
const TABLES: &[&str] = &["oauth_clients", "oauth_access_tokens", "oauth_refresh_tokens"];

/// A column that holds encrypted texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncryptedColumn {
    /// Its table.
    pub table: &'static str,
    /// Its name.
    pub name: String,
}

impl Metastore {
    /// The columns of this database that hold encrypted texts, by their names.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn encrypted_columns(&self) -> Result<Vec<EncryptedColumn>, StoreError> {
        let query = match self.dialect {
            Dialect::Sqlite => "SELECT name FROM pragma_table_info(?)",
            Dialect::Postgres => {
                "SELECT {text column_name} AS name FROM information_schema.columns \
                 WHERE table_schema = current_schema() AND table_name = ?"
            }
            Dialect::Mysql => {
                "SELECT {text column_name} AS name FROM information_schema.columns \
                 WHERE table_schema = database() AND table_name = ?"
            }
        };
        let mut found = Vec::new();
        for table in TABLES {
            let columns: Vec<String> = self.sql(query).text(table).column(&self.readers).await?;
            let is_plain = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            let columns = columns.into_iter().filter(|name| name.ends_with("_encrypted") && is_plain(name));
            found.extend(columns.map(|name| EncryptedColumn { table, name }));
        }
        Ok(found)
    }

    /// A page of the encrypted texts of a column, each once: those that come after `after` in their own order.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn encrypted_texts(
        &self,
        column: &EncryptedColumn,
        after: &str,
        limit: u32,
    ) -> Result<Vec<String>, StoreError> {
        let EncryptedColumn { table, name } = column;
        let query = format!(
            "SELECT DISTINCT {{text {name}}} AS encrypted FROM {table} WHERE {name} LIKE ? AND {name} > ? \
             ORDER BY encrypted LIMIT ?"
        );
        let like = format!("{}%", fernet::PREFIX);
        self.sql(&query).text(&like).text(after).bind(i64::from(limit)).column(&self.readers).await
    }
}

impl Transaction {
    /// Puts another text in the place of one, wherever that stands in a column. What another has changed meanwhile is no longer that
    /// text, and stays.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn replace_encrypted_text(
        &mut self,
        column: &EncryptedColumn,
        old: &str,
        new: &str,
    ) -> Result<u64, StoreError> {
        let EncryptedColumn { table, name } = column;
        let query = format!("UPDATE {table} SET {name} = ? WHERE {name} = ?");
        self.sql(&query).text(new).text(old).execute(&mut *self.inner).await
    }
}
