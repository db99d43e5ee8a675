//! `strongroom secrets`, with the real program, database and vault.

use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};
use strongroom_entities::{EntityKind, FernetKeys, name_hash};
use strongroom_metastore::{Access, Metastore, Options};
use strongroom_secrets::SecretValue;
use strongroom_secrets::random::SystemRandom;
use strongroom_tests::fixtures::services;
use strongroom_tests::metadata::{CONFIG, configuration, write_configuration};
use strongroom_tests::vault::OFFICER;
use strongroom_tests::{Finished, Program, VaultServer, scratch};
use tempfile::TempDir;

/// How many services there are.
const SERVICES: u32 = 12;

/// An installation whose passwords have moved to the vault.
struct Scene {
    folder: TempDir,
    vault: VaultServer,
    key: SecretValue,
}

impl Scene {
    async fn set_up() -> Self {
        let folder = scratch();
        let vault = VaultServer::start(folder.path()).await;
        let (key, _) = services::data_with_services(folder.path(), SERVICES).await;
        write_configuration(folder.path(), &configuration(&vault, key.expose()));
        let migration = Program::new(folder.path()).args(["migrate-secrets", "-c", CONFIG]);
        let _ = migration.args(["--data-dir", "data"]).run().await.ended_with(0);
        Self { folder, vault, key }
    }

    async fn run(&self, arguments: &[&str]) -> Finished {
        run(self.folder.path(), arguments).await
    }

    async fn delete(&self, name: &str) {
        let request = self.vault.request(&OFFICER, Method::DELETE, &format!("/secrets/{name}")).await;
        assert_eq!(request.send().await.unwrap().status(), 200);
    }

    async fn expire(&self, name: &str, at: i64) {
        let version = self.vault.bundle(name).await.unwrap()["id"].as_str().unwrap().to_owned();
        let version = version.rsplit('/').next().unwrap().to_owned();
        let request =
            self.vault.request(&OFFICER, Method::PATCH, &format!("/secrets/{name}/{version}")).await;
        let answer = request.json(&json!({"attributes": {"exp": at}})).send().await.unwrap();
        assert_eq!(answer.status(), 200);
    }

    /// Takes the rows of services away, but not their secrets.
    async fn lose_rows(&self, numbers: &[u32]) {
        let path = self.folder.path().join("data/metastore.db");
        let store = Metastore::open(&Options::new(path, Access::ReadWrite)).await.unwrap();
        let mut transaction = store.begin().await.unwrap();
        for number in numbers {
            let hash = name_hash(&services::name(*number));
            let row = store.get_by_hash(EntityKind::DatabaseService, &hash).await.unwrap().unwrap();
            transaction.delete(EntityKind::DatabaseService, row.id).await.unwrap();
            transaction.forget_owner(&secret(*number).parse().unwrap()).await.unwrap();
        }
        transaction.commit().await.unwrap();
        store.close().await;
    }
}

async fn run(folder: &Path, arguments: &[&str]) -> Finished {
    let finished = Program::new(folder)
        .arg("secrets")
        .args(arguments)
        .args(["-c", CONFIG, "--data-dir", "data"])
        .run()
        .await;
    let said = format!("{}{}", finished.stdout, finished.stderr);
    assert!(!said.contains("dummy-password"), "a value is shown: {said}");
    finished
}

fn secret(number: u32) -> String {
    format!("openmetadata-database-{}-authtype-password", services::name(number))
}

fn now() -> i64 {
    strongroom_secrets::Clock::now_seconds(&strongroom_secrets::clock::SystemClock)
}

fn states(listed: &Value) -> Vec<(&str, &str)> {
    let secrets = listed["secrets"].as_array().unwrap().iter();
    secrets.map(|one| (one["entity"].as_str().unwrap(), one["state"].as_str().unwrap())).collect()
}

#[tokio::test]
async fn what_there_is_is_listed_for_people_and_for_machines() {
    let scene = Scene::set_up().await;
    scene.delete(&secret(1)).await;
    scene.vault.set(&secret(2), "what somebody else has set").await;
    for exact in [&[][..], &["--exact"]] {
        let listed = scene.run(&[&["list", "--json"], exact].concat()).await.ended_with(0).json();
        assert_eq!(listed["counts"], json!({"in-vault": 10, "missing": 1, "drifted": 1}), "{listed}");
        let first = services::name(1);
        assert!(states(&listed).contains(&(first.as_str(), "missing")));
        let third =
            &listed["secrets"].as_array().unwrap().iter().find(|one| one["name"] == secret(3)).unwrap();
        assert_eq!((&third["place"], &third["kind"]), (&json!("vault"), &json!("databaseService")));
        assert_eq!(third["version"].as_str().unwrap().len(), 32);
    }
    let table = scene.run(&["list"]).await.ended_with(0).stdout;
    let lines: Vec<_> = table.lines().collect();
    assert!(lines[0].starts_with("ENTITY") && lines[0].ends_with("STATE"), "{table}");
    assert!(table.contains("can be recovered there") && table.contains("drifted"), "{table}");
    assert_eq!(*lines.last().unwrap(), "12 secrets: 10 in vault, 1 missing, 1 drifted");
    let some = scene.run(&["list", "--json", "--state", "drifted", "--only", "*:bench*"]).await.ended_with(0);
    assert_eq!(states(&some.json()), [(services::name(2).as_str(), "drifted")]);
    let none = scene.run(&["list", "--only", "workflow"]).await.ended_with(0);
    assert_eq!(none.stdout, "0 secrets\n");
}

#[tokio::test]
async fn a_verification_fails_where_something_is_wrong_and_only_there() {
    let scene = Scene::set_up().await;
    let good = scene.run(&["verify"]).await.ended_with(0);
    assert!(
        good.stdout.contains("12 references of 12 entities read") && good.stdout.contains("as it should be")
    );
    scene.delete(&secret(1)).await;
    scene.vault.set(&secret(2), "what somebody else has set").await;
    scene.expire(&secret(3), now() - 60).await;
    let bad = scene.run(&["verify", "--json"]).await.ended_with(1).json();
    let faults: Vec<_> =
        bad["findings"].as_array().unwrap().iter().map(|one| (&one["name"], &one["fault"])).collect();
    let expected = [
        (json!(secret(1)), json!("missing")),
        (json!(secret(2)), json!("drifted")),
        (json!(secret(3)), json!("expired")),
    ];
    assert_eq!(faults.len(), 3, "{bad}");
    for (name, fault) in &expected {
        assert!(faults.contains(&(name, fault)), "{bad}");
    }
    assert_eq!(bad["verified"]["findings"], 3);
    let told = scene.run(&["verify"]).await.ended_with(1).stdout;
    assert!(told.contains("✗ databaseService bench000001") && told.contains("3 findings"), "{told}");
    let chosen = scene.run(&["verify", "--only", "database:bench000004"]).await.ended_with(0);
    assert!(chosen.stdout.contains("1 reference of"), "{}", chosen.stdout);
}

#[tokio::test]
async fn a_newer_version_is_accepted_on_demand() {
    let scene = Scene::set_up().await;
    for number in [1, 2] {
        scene.vault.set(&secret(number), "what a rotation in the vault has set").await;
    }
    let one = scene.run(&["verify", "--accept", "--only", "*:bench000001"]).await.ended_with(0);
    assert!(one.stdout.contains("1 newer version accepted"), "{}", one.stdout);
    let left = scene.run(&["verify", "--json"]).await.ended_with(1).json();
    assert_eq!(left["findings"][0]["name"], secret(2), "{left}");
    let _ = scene.run(&["verify", "--accept", "--json"]).await.ended_with(0);
    let _ = scene.run(&["verify"]).await.ended_with(0);
    let listed = scene.run(&["list", "--json"]).await.ended_with(0).json();
    assert_eq!(listed["counts"], json!({"in-vault": SERVICES}));
}

#[tokio::test]
async fn orphans_are_found_and_deleted_on_demand() {
    let scene = Scene::set_up().await;
    assert!(scene.run(&["orphans"]).await.ended_with(0).stdout.starts_with("0 orphans with our tag"));
    scene.lose_rows(&[1, 2]).await;
    scene.vault.set("openmetadata-database-by-hand-password", "x").await;
    let found = scene.run(&["orphans", "--json"]).await.ended_with(1).json();
    let names: Vec<_> = found["orphans"].as_array().unwrap().iter().map(|one| one["name"].clone()).collect();
    assert_eq!(names, [json!(secret(1)), json!(secret(2)), json!("openmetadata-database-by-hand-password")]);
    assert!(scene.vault.secret(&secret(1)).await.is_some(), "nothing is deleted without being asked to");
    let deleted = scene.run(&["orphans", "--delete"]).await.ended_with(0);
    assert!(deleted.stdout.contains("2 of 2 orphans deleted"), "{}", deleted.stdout);
    assert_eq!(scene.vault.secret(&secret(1)).await, None);
    assert!(scene.vault.secret("openmetadata-database-by-hand-password").await.is_some());
    assert!(scene.vault.secret(&secret(3)).await.is_some());
    let _ = scene.run(&["orphans"]).await.ended_with(0);
}

#[tokio::test]
async fn what_ends_soon_ends_a_cron_job_with_1() {
    let scene = Scene::set_up().await;
    assert!(scene.run(&["expiring"]).await.ended_with(0).stdout.starts_with("0 secrets expire within 30 d"));
    scene.expire(&secret(5), now() + 10 * 86_400 + 600).await;
    let soon = scene.run(&["expiring", "--within", "2weeks", "--json"]).await.ended_with(1).json();
    assert_eq!(soon["secrets"][0]["name"], secret(5));
    assert_eq!(soon["secrets"][0]["users"][0]["entity"], services::name(5));
    let table = scene.run(&["expiring", "--within", "30d"]).await.ended_with(1).stdout;
    assert!(table.contains("in 10 d") && table.contains("databaseService bench000005"), "{table}");
    let _ = scene.run(&["expiring", "--within", "9d"]).await.ended_with(0);
}

#[tokio::test]
async fn the_fernet_key_is_rotated_from_the_list_to_the_new_one_alone() {
    let folder = scratch();
    let (old, _) = services::data_with_services(folder.path(), SERVICES).await;
    let new = FernetKeys::generate(&SystemRandom);
    let configure = |keys: String| {
        write_configuration(folder.path(), &json!({"fernetConfiguration": {"fernetKey": keys}}));
    };
    configure(format!("{},{}", new.expose(), old.expose()));
    let plan = run(folder.path(), &["rotate-fernet-key", "--plan"]).await.ended_with(0).stdout;
    assert!(plan.contains("12 of 12 encrypted values would be") && plan.contains("without --plan"), "{plan}");
    let before = strongroom_tests::snapshot::rows(&folder.path().join("data/metastore.db")).await;
    let done = run(folder.path(), &["rotate-fernet-key"]).await.ended_with(0).stdout;
    assert!(
        done.contains("12 of 12 encrypted values encrypted with the first key")
            && done.contains("1. Every server")
    );
    let after = strongroom_tests::snapshot::rows(&folder.path().join("data/metastore.db")).await;
    let changed: Vec<_> = before.keys().filter(|table| before[*table] != after[*table]).collect();
    assert_eq!(changed, ["dbservice_entity"]);

    configure(new.expose().to_owned());
    let _ = run(folder.path(), &["verify"]).await.ended_with(0);
    assert!(
        run(folder.path(), &["rotate-fernet-key"])
            .await
            .ended_with(0)
            .stdout
            .contains("The only key opens everything")
    );
    configure(old.expose().to_owned());
    let closed = run(folder.path(), &["rotate-fernet-key", "--json"]).await.ended_with(1).json();
    assert_eq!((&closed["failed"], &closed["complete"]), (&json!(12), &json!(false)));
    assert_eq!(closed["failures"][0]["field"], "connection.config.authType.password");
    assert_eq!(
        run(folder.path(), &["verify", "--json"]).await.ended_with(1).json()["verified"]["findings"],
        12
    );
}

#[tokio::test]
async fn wrong_usage_is_named_and_ends_with_2() {
    let folder = scratch();
    let (key, _) = services::data_with_services(folder.path(), 1).await;
    write_configuration(folder.path(), &json!({"fernetConfiguration": {"fernetKey": key.expose()}}));
    for (arguments, named) in [
        (&["list", "--state", "gone"][..], "in-vault"),
        (&["list", "--only", "databases"], "KIND"),
        (&["expiring", "--within", "soon"], "--within"),
        (&["orphan"], "orphans"),
        (&["orphans"], "under the secrets manager db nothing is kept in a vault"),
        (&["expiring"], "under the secrets manager db"),
    ] {
        let finished = run(folder.path(), arguments).await.ended_with(2);
        assert!(finished.stderr.contains(named), "{arguments:?}: {}", finished.stderr);
        assert_eq!(finished.stdout, "");
    }
    write_configuration(
        folder.path(),
        &json!({"fernetConfiguration": {"fernetKey": "no_encryption_at_rest"}}),
    );
    let refused = run(folder.path(), &["rotate-fernet-key"]).await.ended_with(2);
    assert!(refused.stderr.contains("no Fernet key"), "{}", refused.stderr);
    let help = Program::new(folder.path()).args(["secrets", "--help"]).run().await.ended_with(0).stdout;
    assert!(help.contains("vault list") && help.contains("rotate-fernet-key"), "{help}");
}

#[tokio::test]
async fn every_secrets_manager_is_looked_after() {
    let scene = Scene::set_up().await;
    for (manager, place) in [("managed-file", "vault"), ("azure-kv", "database"), ("db", "database")] {
        let mut configuration = configuration(&scene.vault, scene.key.expose());
        configuration["secretsManagerConfiguration"]["secretsManager"] = json!(manager);
        write_configuration(scene.folder.path(), &configuration);
        let migration = Program::new(scene.folder.path()).args(["migrate-secrets", "-c", CONFIG]);
        let _ = migration.args(["--data-dir", "data"]).run().await.ended_with(0);
        let listed = scene.run(&["list", "--json"]).await.ended_with(0).json();
        let secrets = listed["secrets"].as_array().unwrap();
        assert!(
            secrets.len() == SERVICES as usize && secrets.iter().all(|one| one["place"] == place),
            "{listed}"
        );
        let _ = scene.run(&["verify"]).await.ended_with(0);
    }
}
