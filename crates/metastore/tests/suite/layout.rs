//! OpenMetadata's layout: only the document and the hash are written, every other column follows.

use strongroom_metastore::testing::{Kind, TestDatabase};
use strongroom_secrets::Clock as _;
use strongroom_secrets::clock::SystemClock;

use crate::fixtures::{id, put};
use crate::on_all;

on_all! {
    a_database_of_openmetadatas_own_server_keeps_its_tables,
    columns_follow_the_document,
    who_made_a_database_and_of_which_release_is_told,
    a_database_tells_the_time,
}

async fn a_database_of_openmetadatas_own_server_keeps_its_tables(database: &TestDatabase) {
    let store = database.open().await;
    put(&store, 1, "shop").await;
    store.close().await;
    // As an older server of theirs leaves it: with its change log, and without tables that came later.
    let name = change_log(database);
    database.run(&format!("CREATE TABLE {name} (version varchar(256)); DROP TABLE llm_service_entity")).await;
    let store = database.open().await;
    assert!(store.made_by_reference().await.unwrap());
    let kind = strongroom_entities::EntityKind::from_entity_type("llmService").unwrap();
    assert_eq!(store.inventory(kind, None, 10).await.unwrap().rows.len(), 0);
    assert!(
        store.count(kind, strongroom_metastore::Include::All).await.is_err(),
        "the table is not ours to make"
    );
}

async fn columns_follow_the_document(database: &TestDatabase) {
    put(&database.open().await, 1, "shop").await;
    // Refused if one of them does not hold.
    let deleted = if database.kind == Kind::Postgres { "NOT deleted" } else { "deleted = 0" };
    let check = format!(
        "CREATE TABLE checked AS SELECT 1 AS one FROM dbservice_entity WHERE id = '{}' AND name = 'shop' AND \
         serviceType = 'Postgres' AND updatedAt = 1700000000001 AND updatedBy = 'admin' AND {deleted}",
        id(1)
    );
    database.run(&check).await;
    let count =
        "CREATE TABLE proof (n integer CHECK (n = 1)); INSERT INTO proof SELECT count(*) FROM checked";
    database.run(count).await;
}

async fn who_made_a_database_and_of_which_release_is_told(database: &TestDatabase) {
    let store = database.open().await;
    let ours = store.layout().await.unwrap();
    assert_eq!((ours.reference, ours.own), (None, Some(ours.newest)));
    let name = change_log(database);
    let insert = format!("INSERT INTO {name} VALUES ('1.9.9'), ('1.10.2'), (NULL), ('1.10.1')");
    database.run(&format!("CREATE TABLE {name} (version varchar(256))")).await;
    assert_eq!(store.layout().await.unwrap().reference, Some(String::new()));
    database.run(&insert).await;
    assert_eq!(store.layout().await.unwrap().reference.as_deref(), Some("1.10.2"));
}

async fn a_database_tells_the_time(database: &TestDatabase) {
    let ours = SystemClock.now_millis();
    let theirs = database.open().await.now_millis().await.unwrap();
    assert!((theirs - ours).abs() < 60_000, "{theirs} and {ours}");
}

/// How the log of changes is called there.
fn change_log(database: &TestDatabase) -> &'static str {
    match database.kind {
        Kind::Mysql | Kind::MariaDb => "SERVER_CHANGE_LOG",
        Kind::Sqlite | Kind::Postgres => "server_change_log",
    }
}
