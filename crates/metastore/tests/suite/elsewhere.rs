//! Secrets in tables that nothing works on are found, whatever the tables are called.

use strongroom_metastore::Elsewhere;
use strongroom_metastore::testing::{Kind, TestDatabase};

use crate::on_all;

on_all! {
    tokens_are_found_in_tables_and_columns_that_nobody_knows,
    what_is_worked_on_is_not_looked_at_again,
    passwords_in_clear_text_are_found_where_settings_are_copied,
}

const TOKEN: &str = "fernet:gAAAAABrBGSYGn-0OjP_OwI6tl01tmOe-ApkkdtNiPp1IzIU7hCS2G8YYDrgD8gqTUjmcEZtYTTbHWRHHAmp1R3aWwC34sef6g==";

/// What was found, as `table.column rows form`.
async fn found(database: &TestDatabase, aside: &[&str]) -> Vec<String> {
    let search = database.open().await.secrets_elsewhere(aside).await.unwrap();
    assert_eq!(search.unread, []);
    let told =
        |Elsewhere { table, column, rows, form, .. }: Elsewhere| format!("{table}.{column} {rows} {form:?}");
    search.found.into_iter().map(told).collect()
}

/// The type of a column of bytes.
fn bytes(database: &TestDatabase) -> &'static str {
    if database.kind == Kind::Postgres { "bytea" } else { "blob" }
}

async fn tokens_are_found_in_tables_and_columns_that_nobody_knows(database: &TestDatabase) {
    database.open().await.close().await;
    let bytes = bytes(database);
    database.run(&format!("CREATE TABLE jobs (id varchar(190), small varchar(20), data {bytes})")).await;
    database.run(&format!("INSERT INTO jobs VALUES ('a', 'x', '{TOKEN}'), ('b', '', NULL)")).await;
    database.run("CREATE TABLE task_entity (id varchar(36), json json)").await;
    let row =
        |id: &str, value: &str| format!(r#"('{id}', '{{"id": "{id}", "payload": {{"x": "{value}"}}}}')"#);
    let rows = [row("1", TOKEN), row("2", &format!("see {TOKEN} there")), row("3", &TOKEN.to_lowercase())];
    database.run(&format!("INSERT INTO task_entity VALUES {}", rows.join(", "))).await;
    database.run("CREATE TABLE audit_log_event (id bigint, event_json text, search_text text)").await;
    database.run(&format!("INSERT INTO audit_log_event VALUES (1, '{TOKEN}', '{TOKEN}')")).await;
    assert_eq!(
        found(database, &[]).await,
        ["audit_log_event.search_text 1 Encrypted", "jobs.data 1 Encrypted", "task_entity.json 2 Encrypted"]
    );
    assert_eq!(found(database, &["jobs", "task_entity", "audit_log_event"]).await, [] as [&str; 0]);
}

async fn what_is_worked_on_is_not_looked_at_again(database: &TestDatabase) {
    database.open().await.close().await;
    let service = format!(
        r#"{{"id": "7f2bec95-1c40-4334-bda0-f5999159cbde", "name": "a", "serviceType": "Postgres", "updatedAt": 1, "updatedBy": "a", "x": "{TOKEN}"}}"#
    );
    database.run(&format!("INSERT INTO dbservice_entity (json, nameHash) VALUES ('{service}', 'a')")).await;
    for (id, extension) in [("1", "databaseService.version.0.1"), ("2", "table.version.0.1")] {
        let insert = format!(
            r#"INSERT INTO entity_extension (id, extension, jsonSchema, json) VALUES ('{id}', '{extension}', 's', '{{"x": "{TOKEN}"}}')"#
        );
        database.run(&insert).await;
    }
    // Nobody goes through the versions of tables.
    assert_eq!(found(database, &[]).await, ["entity_extension.json 1 Encrypted"]);
}

async fn passwords_in_clear_text_are_found_where_settings_are_copied(database: &TestDatabase) {
    database.open().await.close().await;
    database.run("CREATE TABLE apps_extension_time_series (extension varchar(255), json json)").await;
    for value in ["typed", "", "*********", "secret:mine"] {
        let json = format!(r#"{{"config": {{"botToken": "{value}", "type": "Slack"}}}}"#);
        database.run(&format!("INSERT INTO apps_extension_time_series VALUES ('status', '{json}')")).await;
    }
    let json =
        r#"{"sampleDataStorageConfig": {"config": {"storageConfig": {"awsSecretAccessKey": "typed"}}}}"#;
    for extension in ["database.databaseProfilerConfig", "database.version.0.1"] {
        let insert = format!(
            "INSERT INTO entity_extension (id, extension, jsonSchema, json) VALUES ('1', '{extension}', 's', '{json}')"
        );
        database.run(&insert).await;
    }
    let expected: &[&str] = match database.kind {
        // Which has none of OpenMetadata's own.
        Kind::Sqlite => &[],
        _ => &["apps_extension_time_series.json 1 ClearText", "entity_extension.json 1 ClearText"],
    };
    assert_eq!(found(database, &[]).await, expected);
}
