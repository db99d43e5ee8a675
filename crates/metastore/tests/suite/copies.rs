//! Copies of documents beside the entities: they are gone through page by page, and changed one by one.

use serde_json::{Value, json};
use strongroom_entities::EntityKind;
use strongroom_metastore::testing::{Kind, TestDatabase, found_by};
use strongroom_metastore::{
    Access, CopyTable, DocumentScan, Location, Metastore, Options, Server, StoredDocument,
};
use strongroom_secrets::SecretValue;

use crate::fixtures::{id, service};
use crate::on_all;

on_all! {
    versions_of_kinds_with_secrets_are_gone_through_in_order,
    a_scan_finds_what_is_rare_and_passes_every_row_once,
    events_with_a_mark_are_gone_through_in_order_and_replaced,
    tables_that_are_not_there_hold_nothing,
    encrypted_columns_are_counted,
    room_is_given_back,
    tables_of_others_are_named_whose_room_cannot_be_given_back,
    a_setting_is_found_by_its_number_and_its_type,
}

async fn all(store: &Metastore, table: CopyTable, marks: &'static [&'static str]) -> Vec<StoredDocument> {
    found_by(DocumentScan::of_copies(table, marks, 2), store).await
}

fn number_in(copy: &StoredDocument) -> Value {
    serde_json::from_str::<Value>(&copy.text).unwrap()["n"].clone()
}

async fn versions_of_kinds_with_secrets_are_gone_through_in_order(database: &TestDatabase) {
    let store = database.open().await;
    let mut transaction = store.begin().await.unwrap();
    for number in 1..=3 {
        for version in [0.1, 0.2] {
            let mut document = service(number, "shop");
            document["version"] = json!(version);
            transaction.keep_version(EntityKind::DatabaseService, id(number), &document).await.unwrap();
            transaction.keep_version(EntityKind::Bot, id(number), &document).await.unwrap();
        }
    }
    transaction.commit().await.unwrap();
    let found = all(&store, CopyTable::Versions, &[]).await;
    let subjects: Vec<_> = found.iter().map(StoredDocument::version_of).collect();
    let expected = [1, 1, 2, 2, 3, 3].map(|number| Some((EntityKind::DatabaseService, id(number))));
    assert_eq!(subjects, expected);
    let versions: Vec<_> = found
        .iter()
        .map(|copy| serde_json::from_str::<Value>(&copy.text).unwrap()["version"].clone())
        .collect();
    assert_eq!(versions, [0.1, 0.2, 0.1, 0.2, 0.1, 0.2]);
}

/// More rows than are looked through at a time, and few of them with the mark.
async fn a_scan_finds_what_is_rare_and_passes_every_row_once(database: &TestDatabase) {
    let store = database.open().await;
    let event = |n: u32| {
        let word = if n % 2000 == 7 { "gAAAAA" } else { "nothing" };
        let event = json!({"eventType": "x", "entityType": "table", "userName": "a", "timestamp": 1, "w": word, "n": n});
        format!("('{event}')")
    };
    let events: Vec<u32> = (1..=9000).collect();
    for some in events.chunks(1500) {
        let values: Vec<_> = some.iter().map(|n| event(*n)).collect();
        database.run(&format!("INSERT INTO change_event (json) VALUES {}", values.join(", "))).await;
    }
    for limit in [2, 10] {
        let (mut found, mut passed) = (Vec::new(), 0);
        let mut scan = DocumentScan::new([CopyTable::ChangeEvents.table()], &["gAAAAA", "fernet:"], limit);
        while let Some(page) = scan.next(&store).await.unwrap() {
            assert!(page.documents.len() <= limit as usize);
            found.extend(page.documents.iter().map(number_in));
            passed += page.passed;
        }
        assert_eq!(
            (found, passed),
            (vec![json!(7), json!(2007), json!(4007), json!(6007), json!(8007)], 9000)
        );
    }
    assert_eq!(store.count_rows(&CopyTable::ChangeEvents.table()).await.unwrap(), 9000);
    assert_eq!(store.count_rows(&CopyTable::SentEvents.table()).await.unwrap(), 0);
}

/// The tables of events that OpenMetadata's own server has and ours does not.
async fn make_event_tables(database: &TestDatabase) {
    let (number, json) = match database.kind {
        Kind::Sqlite => ("INTEGER PRIMARY KEY AUTOINCREMENT", "TEXT"),
        Kind::Postgres => ("bigserial PRIMARY KEY", "jsonb"),
        Kind::Mysql | Kind::MariaDb => ("bigint AUTO_INCREMENT PRIMARY KEY", "json"),
    };
    for statement in [
        format!("CREATE TABLE audit_log_event (id {number}, event_json TEXT NOT NULL)"),
        format!("CREATE TABLE consumers_dlq (id varchar(36), extension varchar(256), json {json} NOT NULL)"),
    ] {
        database.run(&statement).await;
    }
}

async fn events_with_a_mark_are_gone_through_in_order_and_replaced(database: &TestDatabase) {
    let store = database.open().await;
    make_event_tables(database).await;
    for number in 1..=12 {
        let word = if number % 2 == 0 { "connection" } else { "description" };
        let event = json!({
            "eventType": "entityUpdated", "entityType": "table", "userName": "admin", "timestamp": 1, word: "x", "n": number,
        });
        for insert in [
            format!("INSERT INTO change_event (json) VALUES ('{event}')"),
            format!("INSERT INTO audit_log_event (event_json) VALUES ('{event}')"),
            format!(
                "INSERT INTO consumers_dlq (id, extension, json) VALUES ('s', 'e{number:02}', '{event}')"
            ),
        ] {
            database.run(&insert).await;
        }
    }
    for table in [CopyTable::ChangeEvents, CopyTable::AuditLog, CopyTable::FailedEvents] {
        let found = all(&store, table, &["connection", "gAAAAA"]).await;
        let numbers: Vec<_> = found.iter().map(number_in).collect();
        assert_eq!(numbers, [2, 4, 6, 8, 10, 12], "{}", table.name());
        let mut transaction = store.begin().await.unwrap();
        let text = transaction.lock_document(&table.table(), &found[1].key).await.unwrap().unwrap();
        assert_eq!(text, found[1].text);
        let after = text.replace("connection", "description");
        transaction.replace_document(&table.table(), &found[1].key, &after).await.unwrap();
        transaction.commit().await.unwrap();
        let numbers: Vec<_> = all(&store, table, &["connection"]).await.iter().map(number_in).collect();
        assert_eq!(numbers, [2, 6, 8, 10, 12], "{}", table.name());
    }
}

async fn tables_that_are_not_there_hold_nothing(database: &TestDatabase) {
    let store = database.open().await;
    let mut scan = DocumentScan::of_copies(CopyTable::SentEvents, &["x"], 10);
    assert!(scan.next(&store).await.unwrap().unwrap().documents.is_empty());
    assert!(scan.next(&store).await.unwrap().is_none());
    assert_eq!(store.count_encrypted("oauth_clients").await.unwrap(), None);
}

async fn encrypted_columns_are_counted(database: &TestDatabase) {
    let store = database.open().await;
    database.run("CREATE TABLE oauth_clients (id varchar(36), client_secret_encrypted text)").await;
    database.run("INSERT INTO oauth_clients VALUES ('a', 'x'), ('b', NULL)").await;
    database.run("CREATE TABLE user_tokens (id varchar(36))").await;
    database.run("INSERT INTO user_tokens VALUES ('a'), ('b')").await;
    assert_eq!(store.count_encrypted("oauth_clients").await.unwrap(), Some(1));
    assert_eq!(store.count_encrypted("user_tokens").await.unwrap(), Some(2));
}

async fn room_is_given_back(database: &TestDatabase) {
    let store = database.open().await;
    assert!(store.reclaim().await.unwrap());
    // The connection that did it is no longer there; others are as they were.
    store.ping().await.unwrap();
    store.set_setting("a", "b").await.unwrap();
    store.set_setting("a", "c").await.unwrap();
    assert_eq!(store.setting("a").await.unwrap().as_deref(), Some("c"));
}

async fn a_setting_is_found_by_its_number_and_its_type(database: &TestDatabase) {
    let store = database.open().await;
    let kind = EntityKind::Setting;
    let mut transaction = store.begin().await.unwrap();
    for config_type in ["emailConfiguration", "theme"] {
        transaction.insert(kind, config_type, &json!({"password": config_type})).await.unwrap();
    }
    transaction.commit().await.unwrap();
    let page = store.inventory(kind, None, 10).await.unwrap();
    let rows: Vec<_> = page.rows.into_iter().map(Result::unwrap).collect();
    assert_eq!(rows.iter().map(|row| row.hash.as_str()).collect::<Vec<_>>(), ["emailConfiguration", "theme"]);
    let mut transaction = store.begin().await.unwrap();
    let row = transaction.lock(kind, rows[0].id).await.unwrap().unwrap();
    transaction.update(&row, &json!({"password": "new"})).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(store.get_by_hash(kind, "emailConfiguration").await.unwrap().unwrap().json["password"], "new");
}

async fn tables_of_others_are_named_whose_room_cannot_be_given_back(database: &TestDatabase) {
    database.open().await.close().await;
    // Elsewhere it takes no more than what a migration may do anyway.
    let (Kind::Postgres, Location::Server(server)) = (database.kind, &database.location) else { return };
    // Users are the server's: there is one for each database.
    let user = format!("user_of_{}", server.database);
    let grants = format!(
        "CREATE USER {user} PASSWORD 'dummy'; GRANT ALL ON SCHEMA public TO {user};
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {user}"
    );
    database.run(&grants).await;
    let password = Some(SecretValue::new("dummy"));
    let location = Location::Server(Server { user, password, ..server.clone() });
    let store = Metastore::open(&Options::new(location, Access::ReadWrite)).await.unwrap();
    let error = store.reclaim().await.unwrap_err().to_string();
    assert!(error.contains("does not own dbservice_entity") && error.contains("as their owner"), "{error}");
}
