//! OpenMetadata's layout: only the document and the hash are written, every other column follows.

use strongroom_metastore::testing::{Kind, TestDatabase};

use crate::fixtures::{id, put};
use crate::on_all;

on_all! {
    a_database_of_openmetadatas_own_server_keeps_its_tables,
    columns_follow_the_document,
}

async fn a_database_of_openmetadatas_own_server_keeps_its_tables(database: &TestDatabase) {
    let store = database.open().await;
    put(&store, 1, "shop").await;
    store.close().await;
    // As an older server of theirs leaves it: with its change log, and without tables that came later.
    let name = if matches!(database.kind, Kind::Mysql | Kind::MariaDb) {
        "SERVER_CHANGE_LOG"
    } else {
        "server_change_log"
    };
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
