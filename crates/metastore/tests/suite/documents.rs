//! Documents as their texts, of all tables, and columns of encrypted texts.

use serde_json::{Value, json};
use strongroom_entities::EntityKind;
use strongroom_metastore::testing::{Kind, TestDatabase, found_by};
use strongroom_metastore::{DocumentScan, DocumentTable, Metastore};

use crate::fixtures::{id, put, service};
use crate::on_all;

on_all! {
    documents_that_contain_a_text_are_met_once_each,
    a_document_is_replaced_and_nothing_else_of_its_row,
    the_version_history_is_gone_through_by_both_columns_of_its_key,
    encrypted_columns_are_found_by_their_names_and_changed_by_their_texts,
}

fn table(name: &str) -> DocumentTable {
    DocumentTable::all().find(|table| table.name == name).unwrap()
}

/// All documents of a table, in pages of two.
async fn all(
    store: &Metastore,
    table: &DocumentTable,
    marks: &'static [&'static str],
) -> Vec<(Vec<String>, Value)> {
    let found = found_by(DocumentScan::new([table.clone()], marks, 2), store).await;
    found.into_iter().map(|one| (one.key, serde_json::from_str(&one.text).unwrap())).collect()
}

async fn documents_that_contain_a_text_are_met_once_each(database: &TestDatabase) {
    let store = database.open().await;
    let mut documents = Vec::new();
    for number in 1..=5 {
        documents.push(put(&store, number, &format!("shop{number}")).await);
    }
    let services = table("dbservice_entity");
    let found = all(&store, &services, &["fernet:"]).await;
    assert_eq!(found.iter().map(|(_, document)| document.clone()).collect::<Vec<_>>(), documents);
    assert_eq!(found[0].0, [id(1).to_string()]);
    assert_eq!(store.count_rows(&services).await.unwrap(), 5);
    assert_eq!(all(&store, &services, &["secret:", "shop3"]).await.len(), 1);
    for table in DocumentTable::all() {
        let expected = if table == services { 5 } else { 0 };
        assert_eq!(all(&store, &table, &["fernet:"]).await.len(), expected, "{table:?}");
    }
}

async fn a_document_is_replaced_and_nothing_else_of_its_row(database: &TestDatabase) {
    let store = database.open().await;
    let document = put(&store, 1, "shop").await;
    let services = table("dbservice_entity");
    let key = [id(1).to_string()];
    let mut transaction = store.begin().await.unwrap();
    let text = transaction.lock_document(&services, &key).await.unwrap().unwrap();
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), document);
    transaction.replace_document(&services, &key, &text.replace("fernet:x", "fernet:y")).await.unwrap();
    assert_eq!(transaction.lock_document(&services, &[id(2).to_string()]).await.unwrap(), None);
    transaction.commit().await.unwrap();
    let row = store.get(EntityKind::DatabaseService, id(1)).await.unwrap().unwrap();
    let mut expected = document;
    expected["connection"]["config"]["authType"]["password"] = json!("fernet:y");
    assert_eq!(row.json, expected);
    // In a pipeline's table the document is of another type.
    let pipelines = table("ingestion_pipeline_entity");
    let mut transaction = store.begin().await.unwrap();
    let pipeline = service(3, "pipe");
    transaction.insert(EntityKind::IngestionPipeline, "a.b", &pipeline).await.unwrap();
    let key = [id(3).to_string()];
    let text = transaction.lock_document(&pipelines, &key).await.unwrap().unwrap();
    transaction.replace_document(&pipelines, &key, &text.replace("fernet:x", "fernet:y")).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(all(&store, &pipelines, &["fernet:y"]).await.len(), 1);
}

async fn the_version_history_is_gone_through_by_both_columns_of_its_key(database: &TestDatabase) {
    let store = database.open().await;
    let mut transaction = store.begin().await.unwrap();
    for number in 1..=3 {
        for version in [0.1, 0.2, 0.3] {
            let mut document = service(number, "shop");
            document["version"] = json!(version);
            transaction.keep_version(EntityKind::DatabaseService, id(number), &document).await.unwrap();
        }
    }
    transaction.commit().await.unwrap();
    let history = table("entity_extension");
    let keys: Vec<_> = all(&store, &history, &["fernet:"]).await.into_iter().map(|(key, _)| key).collect();
    let expected: Vec<_> = (1..=3)
        .flat_map(|number| ["0.1", "0.2", "0.3"].map(|version| (number, version)))
        .map(|(number, version)| vec![id(number).to_string(), format!("databaseService.version.{version}")])
        .collect();
    assert_eq!(keys, expected);
}

async fn encrypted_columns_are_found_by_their_names_and_changed_by_their_texts(database: &TestDatabase) {
    let store = database.open().await;
    assert_eq!(store.encrypted_columns().await.unwrap(), []);
    let number = if database.kind == Kind::Postgres { "boolean" } else { "int" };
    database
        .run(&format!(
            "CREATE TABLE oauth_clients (client varchar(20), client_secret_encrypted varchar(200), is_encrypted {number}); \
             INSERT INTO oauth_clients (client, client_secret_encrypted) VALUES ('a', 'fernet:1'), ('b', 'fernet:2'), \
             ('c', 'fernet:2'), ('d', 'clear'), ('e', NULL), ('f', 'fernet:3')"
        ))
        .await;
    let columns = store.encrypted_columns().await.unwrap();
    // SQLite's columns have types that say nothing.
    let column =
        columns.iter().find(|column| column.label() == "oauth_clients.client_secret_encrypted").unwrap();
    assert_eq!(columns.len(), if database.kind == Kind::Sqlite { 2 } else { 1 }, "{columns:?}");
    let found = async || {
        let mut found = Vec::new();
        let mut scan = DocumentScan::new(columns.clone(), &["fernet:"], 2);
        while let Some(page) = scan.next(&store).await.unwrap() {
            for document in page.documents {
                assert_eq!(document.key.join(""), document.text);
                found.push(document.text);
            }
        }
        found.dedup();
        found
    };
    assert_eq!(found().await, ["fernet:1", "fernet:2", "fernet:3"]);
    let key = |text: &str| [text.to_owned()];
    let mut transaction = store.begin().await.unwrap();
    let stands = transaction.lock_document(column, &key("fernet:2")).await.unwrap();
    assert_eq!(stands.as_deref(), Some("fernet:2"));
    transaction.replace_document(column, &key("fernet:2"), "fernet:9").await.unwrap();
    assert_eq!(transaction.lock_document(column, &key("fernet:2")).await.unwrap(), None);
    transaction.commit().await.unwrap();
    assert_eq!(found().await, ["fernet:1", "fernet:3", "fernet:9"]);
}
