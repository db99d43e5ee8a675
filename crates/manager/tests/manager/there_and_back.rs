//! To the vault and back: what a real server wrote, on each database; and documents of any form.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};
use strongroom_entities::{EntityKind, walk};
use strongroom_manager::migrate::{MigrateOptions, Report, StopFlag};
use strongroom_manager::naming::{Naming, NamingScheme};
use strongroom_manager::{Keeping, Manager};
use strongroom_metastore::testing::{Kind, TestDatabase, found_by};
use strongroom_metastore::{CopyTable, DocumentScan, Metastore};
use strongroom_secrets::memory::MemoryProvider;
use strongroom_secrets::{NewSecret, Provider, SecretValue};
use uuid::Uuid;

use crate::harness::{KIND, World, fernet, name, service};

async fn migrate(manager: &Manager, options: &MigrateOptions) -> Report {
    let plan = manager.plan_migration(options, &StopFlag::default()).await.unwrap();
    let report = manager.apply_migration(&plan, options, &StopFlag::default()).await.unwrap();
    assert!(report.conflicts.is_empty() && report.failures.is_empty(), "{report:?}");
    report
}

fn all_kinds() -> impl Iterator<Item = EntityKind> {
    EntityKind::WITH_SECRETS.iter().chain(EntityKind::SETTINGS).copied()
}

/// Puts the rows that a real server wrote before its migration into a database.
async fn plant_recorded(store: &Metastore) {
    let recorded: Value =
        serde_json::from_str(include_str!("../../../../tests/fixtures/openmetadata-rows.json")).unwrap();
    let mut transaction = store.begin().await.unwrap();
    for row in recorded["rows"].as_array().unwrap().iter().filter(|row| row["state"] == "before") {
        let json = &row["json"];
        if row["table"] == "entity_extension" {
            let id = row["id"].as_str().unwrap().parse().unwrap();
            transaction.keep_version(EntityKind::DatabaseService, id, json).await.unwrap();
        }
        let Some(kind) = all_kinds().find(|kind| kind.table() == row["table"]) else { continue };
        let hash =
            ["namehash", "fqnhash", "configtype"].iter().find_map(|column| row[*column].as_str()).unwrap();
        transaction.insert(kind, hash, json).await.unwrap();
    }
    transaction.commit().await.unwrap();
}

/// All documents, as they are written, with the decrypted values of their secret fields.
async fn documents(store: &Metastore) -> Vec<(EntityKind, Value, Vec<String>)> {
    let mut documents = Vec::new();
    for kind in all_kinds() {
        for row in store.inventory(kind, None, 100).await.unwrap().rows {
            let mut json = row.unwrap().json;
            let mut values = Vec::new();
            for field in walk(kind, &json).fields {
                let text = field.get(&json).unwrap().as_str().unwrap().to_owned();
                values.push(fernet().decrypt(&text).map_or(text, |opened| opened.expose().to_owned()));
                field.set(&mut json, Value::Null);
            }
            documents.push((kind, json, values));
        }
    }
    documents
}

/// Whether a document or a copy in the database holds a token that the key opens.
async fn holds_tokens(store: &Metastore) -> bool {
    let mut texts = Vec::new();
    for kind in all_kinds() {
        texts.extend(
            store.inventory(kind, None, 100).await.unwrap().rows.into_iter().map(|row| row.unwrap().text),
        );
    }
    for table in CopyTable::ALL {
        let copies = found_by(DocumentScan::of_copies(*table, &["gAAAAA"], 100), store).await;
        texts.extend(copies.into_iter().map(|copy| copy.text));
    }
    let is_of_token = |c: &char| c.is_ascii_alphanumeric() || "-_=".contains(*c);
    texts.iter().any(|text| {
        text.match_indices("gAAAAA").any(|(at, _)| {
            fernet().decrypt(&text[at..].chars().take_while(is_of_token).collect::<String>()).is_ok()
        })
    })
}

async fn recorded_rows_go_there_and_back(kind: Kind) {
    let database = TestDatabase::new(kind).await;
    let store = database.open().await;
    plant_recorded(&store).await;
    let before = documents(&store).await;
    assert!(holds_tokens(&store).await);
    let vault = MemoryProvider::new();
    // The one that a user refers to himself.
    let own = name("users-own-secret-name");
    vault.set(&own, NewSecret { value: "own".into(), ..NewSecret::default() }).await.unwrap();
    let manager = async |keeping: Keeping, provider: &str| {
        let naming = Naming::new("", "openmetadata", NamingScheme::Guide).unwrap();
        Manager::new(World::parts(store.clone(), naming, "migration:test", keeping, provider)).await.unwrap()
    };
    let managed = manager(Keeping::Managed(Arc::new(vault.clone())), "managed-azure-kv").await;
    let options = MigrateOptions { include_settings: true, ..MigrateOptions::default() };
    let report = migrate(&managed, &options).await;
    assert_eq!((report.history.scrubbed(), report.history.reclaimed), (1, Some(true)), "{report:?}");
    assert!(!holds_tokens(&store).await);
    assert_eq!(report.secrets.written, 11);

    let own_vault: Arc<dyn Provider> = Arc::new(vault.clone());
    let back = manager(Keeping::InDatabase(Some(own_vault)), "azure-kv").await;
    let report = migrate(&back, &MigrateOptions::default()).await;
    assert_eq!(report.secrets.returned, 11);
    assert_eq!(documents(&store).await, before);
}

#[tokio::test]
async fn recorded_rows_go_there_and_back_on_sqlite() {
    recorded_rows_go_there_and_back(Kind::Sqlite).await;
}

#[tokio::test]
async fn recorded_rows_go_there_and_back_on_postgresql() {
    recorded_rows_go_there_and_back(Kind::Postgres).await;
}

#[tokio::test]
async fn recorded_rows_go_there_and_back_on_mysql() {
    recorded_rows_go_there_and_back(Kind::Mysql).await;
}

#[tokio::test]
async fn recorded_rows_go_there_and_back_on_mariadb() {
    recorded_rows_go_there_and_back(Kind::MariaDb).await;
}

#[tokio::test]
async fn a_database_without_the_tables_of_newer_kinds_is_migrated() {
    let database = TestDatabase::new(Kind::Sqlite).await;
    let store = database.open().await;
    let vault = MemoryProvider::new();
    let manager = async || {
        let naming = Naming::new("", "openmetadata", NamingScheme::Guide).unwrap();
        let keeping = Keeping::Managed(Arc::new(vault.clone()));
        let parts = World::parts(store.clone(), naming, "migration:test", keeping, "managed-azure-kv");
        Manager::new(parts).await.unwrap()
    };
    let plant = async |number: u128| {
        let mut transaction = store.begin().await.unwrap();
        transaction
            .insert(KIND, "hash", &service(number, "sales", &fernet().encrypt(&SecretValue::new("p"))))
            .await
            .unwrap();
        transaction.commit().await.unwrap();
    };
    plant(1).await;
    migrate(&manager().await, &MigrateOptions::default()).await;
    // What the tags name is gone, which takes a look at all tables.
    database
        .run("DELETE FROM dbservice_entity; DELETE FROM strongroom_owner; DROP TABLE mcp_service_entity")
        .await;
    database
        .run("DROP TABLE llm_service_entity; DROP TABLE event_subscription_entity; DROP TABLE change_event")
        .await;
    plant(2).await;
    let report = migrate(&manager().await, &MigrateOptions::default()).await;
    assert_eq!(report.entities.changed, 1, "{report:?}");
}

/// Any JSON as a text, with white space and numbers of any length in it.
fn any_json() -> impl Strategy<Value = String> {
    let number = "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?";
    let string = "[ -~äß\\n]{0,8}".prop_map(|text| Value::from(text).to_string());
    let leaf = prop_oneof![number, string, Just("null".to_owned()), Just("\"\\u00e9\\/\"".to_owned())];
    leaf.prop_recursive(3, 20, 4, |inner| {
        let list =
            prop::collection::vec(inner.clone(), 0..4).prop_map(|parts| format!("[ {}]", parts.join(" ,")));
        let object = prop::collection::btree_map("[a-z]{1,3}", inner, 0..4).prop_map(|members| {
            let members: Vec<String> =
                members.iter().map(|(key, value)| format!("\"{key}\" :{value}")).collect();
            format!("{{{}\n}}", members.join(","))
        });
        prop_oneof![list, object]
    })
}

/// The members of a service in any order, with others that nobody knows.
fn any_members() -> impl Strategy<Value = Vec<(String, String)>> {
    let member = |key: &str, value: Value| (key.to_owned(), value.to_string());
    let known = vec![
        member("serviceType", json!("Postgres")),
        member("updatedAt", json!(1)),
        member("updatedBy", json!("admin")),
    ];
    (prop::collection::vec(any_json(), 0..4), any_json()).prop_flat_map(move |(extra, inner)| {
        let config = format!(
            "{{\"config\":{{ \"inner\":{inner},\"authType\" :{{ \"password\" :\"PASSWORD\"}},\"type\":\"Postgres\"}} }}"
        );
        let mut members = known.clone();
        members.push(("connection".to_owned(), config));
        members.extend(extra.into_iter().enumerate().map(|(index, value)| (format!("unknown{index}"), value)));
        Just(members).prop_shuffle()
    })
}

fn written(number: usize, members: &[(String, String)], password: &str) -> String {
    let id = Uuid::from_u128(number as u128 + 1);
    let members: Vec<String> = members.iter().map(|(key, value)| format!("\"{key}\": {value}")).collect();
    let text = format!("{{{},\"id\":\"{id}\",\"name\":\"n{number}\"}}", members.join(",\n"));
    text.replace("PASSWORD", password)
}

async fn bytes_go_there_and_back(documents: &[Vec<(String, String)>]) {
    let world = World::new().await;
    if !world.keeps_bytes() {
        return;
    }
    for (number, members) in documents.iter().enumerate() {
        world.plant_text(KIND, &written(number, members, "dummy"), &number.to_string()).await;
    }
    migrate(&world.manager, &MigrateOptions::default()).await;
    for (number, text) in world.stored_texts(KIND).await.iter().enumerate() {
        let reference = format!("secret:openmetadata-database-n{number}-authtype-password");
        assert_eq!(text, &written(number, &documents[number], &reference));
    }
    let back = world.under("db", Keeping::InDatabase(None), &[&world.vault]).await;
    migrate(&back.manager, &MigrateOptions::default()).await;
    for (number, text) in back.stored_texts(KIND).await.iter().enumerate() {
        let at = text.find("fernet:").expect("an encrypted password");
        let token: String = text[at..].chars().take_while(|c| *c != '"').collect();
        assert_eq!(fernet().decrypt(&token).unwrap().expose(), "dummy");
        assert_eq!(text, &written(number, &documents[number], &token));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4))]

    #[test]
    fn any_document_goes_there_and_back_with_every_byte_but_those_of_its_passwords(
        documents in prop::collection::vec(any_members(), 40)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(bytes_go_there_and_back(&documents));
    }
}
