//! The database and what its rows hold.

use std::path::PathBuf;

use serde_json::json;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};
use strongroom_secrets::SecretValue;
use strongroom_tests::metadata::CONFIG;
use strongroom_tests::vault::OFFICER;
use strongroom_tests::{Program, fixtures};

use super::{Scene, other_key};

impl Scene {
    fn database(&self) -> PathBuf {
        self.folder.path().join("data/metastore.db")
    }

    async fn execute(&self, sql: &'static str) {
        let mut connection = SqliteConnectOptions::new().filename(self.database()).connect().await.unwrap();
        sqlx::query(sql).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }

    /// Makes it look as if OpenMetadata's own server had made the database.
    async fn be_made_by_reference(&self, release: &'static str) {
        self.execute("CREATE TABLE server_change_log (version TEXT)").await;
        self.execute(match release {
            "1.6.0" => "INSERT INTO server_change_log VALUES ('1.5.9'), ('1.6.0')",
            _ => "INSERT INTO server_change_log VALUES ('9.9.9'), ('1.6.0')",
        })
        .await;
    }

    async fn migrate(&self) {
        let program = Program::new(self.folder.path());
        let arguments = ["migrate-secrets", "-c", CONFIG, "--data-dir", "data"];
        drop(program.args(arguments).run().await.ended_with(0));
    }
}

#[tokio::test]
async fn a_database_that_is_absent_or_none_is_told_and_the_vault_is_looked_at_all_the_same() {
    let scene = Scene::set_up().await;
    std::fs::remove_file(scene.database()).unwrap();
    let report = scene.report(1, &[]).await;
    report.is("database.open", "failed", "there is no database at");
    report.is("database.rows", "not-tried", "cannot be read");
    report.is("rights.role", "passed", "is enough");

    std::fs::write(scene.database(), "this is no database, but a text of some length".repeat(100)).unwrap();
    let report = scene.report(1, &[]).await;
    report.is("database.open", "failed", "not a database");
}

#[tokio::test]
async fn a_database_of_a_newer_strongroom_or_openmetadata_is_told() {
    let scene = Scene::set_up().await;
    scene.be_made_by_reference("9.9.9").await;
    let report = scene.report(0, &[]).await;
    report.is("database.version", "warning", "9.9.9");
    report.is("configuration.naming", "passed", "scheme openmetadata");

    scene
        .execute(
            "INSERT INTO strongroom_migration (version, description, success, checksum, execution_time) \
             VALUES (99999, 'later', 1, x'00', 0)",
        )
        .await;
    let report = scene.report(1, &[]).await;
    report.is("database.version", "failed", "newer Strongroom");
}

#[tokio::test]
async fn rows_that_no_key_opens_are_counted_and_named_and_each_key_is_told() {
    let mut scene = Scene::set_up().await;
    let foreign = other_key();
    let lost = |number: u32| (format!("lost{number:02}"), foreign.encrypt(&SecretValue::new("dummy-lost")));
    let lost: Vec<_> = (0..12).map(lost).collect();
    let lost: Vec<_> = lost.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    scene.add(&lost).await;
    scene.add(&[("kept", &scene.encrypted("dummy-kept")), ("clear", "dummy-clear")]).await;
    let report = scene.report(1, &[]).await;
    report.is("fernet.rows", "failed", "12 values are opened by no configured key");
    report.is("fernet.rows", "failed", "lost");
    report.is("fernet.rows", "failed", "and 2 more");
    report.is("fernet.rows", "failed", "fernetConfiguration.fernetKey stands in openmetadata.yaml");
    report.is("secrets.values", "warning", "2 passwords are in the database still (1 in clear text)");
    assert!(!report.0.to_string().contains("dummy-"), "{:#}", report.0);

    // A key that opens nothing is worth a word.
    let own = scene.configuration["fernetConfiguration"]["fernetKey"].as_str().unwrap().to_owned();
    let idle = strongroom_entities::FernetKeys::generate(&strongroom_secrets::random::SystemRandom);
    scene.configuration["fernetConfiguration"]["fernetKey"] = json!(format!("{own},{}", idle.expose()));
    scene.write();
    let report = scene.report(1, &[]).await;
    report.is("fernet.old-keys", "warning", "key 2 opens nothing");
    assert!(!report.0.to_string().contains(idle.expose()));

    scene.configuration["fernetConfiguration"]["fernetKey"] = json!("short");
    scene.write();
    let report = scene.report(2, &[]).await;
    report.is("configuration.fernet", "failed", "Fernet key number 1");
}

#[tokio::test]
async fn names_that_collide_or_are_too_long_under_openmetadatas_scheme_are_told_with_all_who_claim_them() {
    let scene = Scene::set_up().await;
    let long = "x".repeat(120);
    let password = scene.encrypted("dummy");
    let services = ["my_svc", "mysvc", "My Svc", "alone", &long].map(|name| (name, password.as_str()));
    scene.add(&services).await;
    // Names of our own never collide.
    let report = scene.report(0, &[]).await;
    report.is("names.collisions", "passed", "scheme guide");

    scene.be_made_by_reference("1.6.0").await;
    let report = scene.report(1, &[]).await;
    report.is("database.version", "passed", "1.6.0");
    report.is("names.collisions", "failed", "1 name is claimed by more than one field");
    for service in ["my_svc", "mysvc", "My Svc", "openmetadata-database-mysvc-authtype-password"] {
        report.is("names.collisions", "failed", service);
    }
    assert!(!report.check("names.collisions").to_string().contains("alone"));
    report.is("names.legal", "failed", "1 field has no name");
    report.is("names.legal", "failed", "127 at most");
}

#[tokio::test]
async fn references_to_nothing_and_to_another_fields_secret_are_told() {
    let scene = Scene::set_up().await;
    scene.add(&[("sales", &scene.encrypted("dummy-sales"))]).await;
    scene.migrate().await;
    scene.report(0, &[]).await.is("references.resolve", "passed", "1 reference leads to a secret");
    scene.vault.set("shared", "dummy").await;
    scene.vault.set("gone", "dummy").await;
    let gone = scene.vault.request(&OFFICER, reqwest::Method::DELETE, "/secrets/gone").await;
    assert_eq!(gone.send().await.unwrap().status(), 200);
    scene
        .add(&[
            ("thief", "secret:openmetadata-database-sales-authtype-password"),
            ("lost", "secret:nothing-there"),
            ("deleted", "secret:gone"),
            ("one", "secret:shared"),
            ("two", "secret:Shared"),
            ("odd", "secret:not a name"),
        ])
        .await;
    let report = scene.report(1, &[]).await;
    report.is("references.resolve", "failed", "2 of 6 references lead nowhere");
    report.is("references.resolve", "failed", "lost: connection.config.authType.password → nothing-there");
    report.is("references.resolve", "failed", "1 to one that is soft-deleted");
    report.is("references.owner", "failed", "1 reference leads to a secret that is kept for another field");
    report.is("references.owner", "failed", "thief");
    report.is("references.owner", "failed", "kept for databaseService sales");
    report.is("references.form", "warning", "odd");
}

#[tokio::test]
async fn where_no_table_says_whose_a_secret_is_the_computed_names_do() {
    let scene = Scene::set_up().await;
    scene.be_made_by_reference("1.6.0").await;
    let name = "secret:openmetadata-database-sales-authtype-password";
    scene.vault.set(name.trim_start_matches("secret:"), "dummy").await;
    scene.add(&[("sales", name), ("thief", name)]).await;
    let report = scene.report(1, &[]).await;
    report.is("references.owner", "failed", "thief");
    report.is("references.owner", "failed", "kept for databaseService sales");
}

#[tokio::test]
async fn rows_of_a_real_server_are_understood() {
    let mut scene = Scene::set_up().await;
    std::fs::remove_file(scene.database()).unwrap();
    let recording = fixtures::recorded::Recording::read();
    recording.load(&scene.database(), fixtures::recorded::State::Before).await;
    scene.configuration["fernetConfiguration"]["fernetKey"] = json!(recording.fernet_key());
    scene.write();
    scene.be_made_by_reference("1.6.0").await;
    let report = scene.report(1, &[]).await;
    report.is("fernet.rows", "passed", "every encrypted value is opened");
    report.is("safety.fernet-key", "failed", "the one that OpenMetadata publishes");
    report.is("database.rows", "passed", "13 entities");
    report.is("secrets.values", "warning", "in the database still");
}
