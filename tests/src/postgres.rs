//! A PostgreSQL database for one test, in the cluster that `cargo xtask test` started.

use sqlx::{AnyConnection, Connection};
use uuid::Uuid;

/// Tells where the cluster is, as its superuser.
const URL: &str = "STRONGROOM_TEST_POSTGRES";

/// Makes an empty database and answers its URL, password included.
///
/// # Panics
/// If there is no cluster.
pub async fn new_database() -> String {
    let cluster = std::env::var(URL).unwrap_or_else(|_| {
        panic!("{URL} is not set: run cargo xtask test, or cargo xtask with-postgres -- cargo test")
    });
    sqlx::any::install_default_drivers();
    let mut connection = AnyConnection::connect(&cluster).await.expect("the cluster answers");
    let name = format!("system_{}", name());
    let statement = format!("CREATE DATABASE {name} TEMPLATE template0");
    sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut connection).await.expect("a new database");
    connection.close().await.expect("an end in order");
    let server = cluster.strip_suffix("/postgres").expect("a URL that ends with /postgres");
    format!("{server}/{name}")
}

#[allow(clippy::disallowed_methods, reason = "a test may draw a name of its own")]
fn name() -> String {
    Uuid::new_v4().simple().to_string()
}
