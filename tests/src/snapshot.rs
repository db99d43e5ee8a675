//! What the vault and the database hold, so that a test can say that both are as they were.

use std::collections::BTreeMap;
use std::path::Path;

use reqwest::Method;
use serde_json::Value;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};

use crate::VaultServer;
use crate::vault::OFFICER;

/// Tables that say what was tried, not what is: an attempt that failed may leave its trace there.
const LOG_BOOKS: &[&str] =
    &["strongroom_intent", "strongroom_refresh_token", "strongroom_run", "strongroom_setting"];

/// The rows of all tables but those that only say what was tried, each as its values in SQL's notation.
pub type Rows = BTreeMap<String, Vec<String>>;

/// What the vault holds by name: every version's properties, and the latest with its value. Soft-deleted names are marked.
pub type Secrets = BTreeMap<String, Value>;

/// The content of a database. One that does not exist has no tables.
///
/// # Panics
/// If it cannot be read.
pub async fn rows(database: &Path) -> Rows {
    let mut rows = Rows::new();
    if !database.exists() {
        return rows;
    }
    let options = SqliteConnectOptions::new().filename(database).read_only(true);
    let mut connection = options.connect().await.expect("the database");
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name",
    )
    .fetch_all(&mut connection)
    .await
    .expect("the list of tables");
    for table in tables.into_iter().filter(|table| !LOG_BOOKS.contains(&table.as_str())) {
        let columns: Vec<String> =
            sqlx::query_scalar("SELECT 'quote(\"' || name || '\")' FROM pragma_table_info(?)")
                .bind(&table)
                .fetch_all(&mut connection)
                .await
                .expect("the list of columns");
        // Tables and columns come from the database itself.
        let sql = format!("SELECT {} FROM \"{table}\" ORDER BY 1", columns.join(" || ', ' || "));
        let content: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql))
            .fetch_all(&mut connection)
            .await
            .expect("the rows of a table");
        rows.insert(table, content);
    }
    connection.close().await.expect("a close");
    rows
}

/// The content of a vault.
///
/// # Panics
/// If the vault does not answer.
pub async fn secrets(vault: &VaultServer) -> Secrets {
    let mut secrets = Secrets::new();
    for name in vault.names().await {
        let versions = read(vault, &format!("/secrets/{name}/versions")).await;
        let latest = vault.bundle(&name).await;
        secrets.insert(name, serde_json::json!([versions, latest]));
    }
    let deleted = read(vault, "/deletedsecrets").await;
    secrets.insert("(deleted)".to_owned(), deleted);
    secrets
}

async fn read(vault: &VaultServer, path: &str) -> Value {
    let answer =
        vault.request(&OFFICER, Method::GET, path).await.send().await.expect("an answer of the vault");
    assert_eq!(answer.status(), 200, "reading {path}");
    let page: Value = answer.json().await.expect("a JSON body");
    assert!(page["nextLink"].is_null(), "a test holds no more than one page of {path}");
    page["value"].clone()
}
