//! A PostgreSQL database for one test.

use sqlx::any::AnyConnectOptions;
use sqlx::{AnyConnection, Connection};
use strongroom_secrets::random::SystemRandom;
use strongroom_secrets::{Random, SecretValue};
use strongroom_vault::StoreLocation;

/// Makes an empty database in the cluster that `cargo xtask test` started.
pub(crate) async fn new_database() -> StoreLocation {
    let server = std::env::var("STRONGROOM_TEST_POSTGRES").expect(
        "STRONGROOM_TEST_POSTGRES is not set: run cargo xtask test, or cargo xtask with-postgres -- cargo test",
    );
    sqlx::any::install_default_drivers();
    let options: AnyConnectOptions = server.parse().unwrap();
    let mut connection = AnyConnection::connect_with(&options).await.unwrap();
    let name = format!("wire_{}", (&SystemRandom as &dyn Random).uuid().simple());
    // Another locale than C, as most databases have: names must be ordered as in SQLite all the same.
    let statement = format!(
        "CREATE DATABASE {name} LOCALE_PROVIDER icu ICU_LOCALE 'en-US' LOCALE 'C' TEMPLATE template0"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let url = server.strip_suffix("/postgres").expect("a URL that ends with /postgres");
    StoreLocation::resolve(None, Some(&SecretValue::new(format!("{url}/{name}"))), None).unwrap()
}
