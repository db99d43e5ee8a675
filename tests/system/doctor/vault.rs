//! The way to the vault, the identity, and its rights.

use std::net::TcpListener;
use std::time::Duration;

use serde_json::{Value, json};
use strongroom_tests::vault::{OFFICER, Principal, USER, VAULT};
use strongroom_tests::{VaultServer, scratch};
use tokio::time::Instant;

use super::{PROBE, Scene};

/// May do nothing.
const NOBODY: Principal =
    Principal { name: "nobody", client_id: "33333333-3333-3333-3333-333333333333", client_secret: "n0body" };

/// May do what the test gives it.
const CUSTOM: Principal =
    Principal { name: "custom", client_id: "44444444-4444-4444-4444-444444444444", client_secret: "cust0m" };

/// Adds a principal whose role has these actions (the last parts of their names).
fn add(configuration: &mut Value, principal: &Principal, actions: &[&str]) {
    let whole = |action: &&str| format!("Microsoft.KeyVault/vaults/secrets/{action}");
    let role = format!("Role of {}", principal.name);
    if !actions.is_empty() {
        let actions: Vec<_> = actions.iter().map(whole).collect();
        configuration["roles"] = json!([{"name": role, "actions": actions}]);
    }
    let roles = if actions.is_empty() { json!([]) } else { json!([{"vault": VAULT, "role": role}]) };
    configuration["principals"].as_array_mut().unwrap().push(json!({
        "name": principal.name, "clientId": principal.client_id, "clientSecret": principal.client_secret, "roles": roles,
    }));
}

#[tokio::test]
async fn where_nothing_is_wrong_everything_is_in_order_and_nothing_is_left_behind() {
    let scene = Scene::set_up().await;
    let before = std::fs::read(scene.folder.path().join("data/metastore.db")).unwrap();
    let report = scene.report(0, &[]).await;
    assert_eq!((report.ids("failed"), report.ids("warning")), (vec![], vec![]), "{:#}", report.0);
    assert_eq!(report.ids("not-tried"), ["safety.airflow"]);
    assert_eq!(report.rights(), ["passed"; 7]);
    report.is("vault.address", "passed", "127.0.0.1");
    report.is("identity.token", "passed", OFFICER.client_id);
    report.is("rights.role", "passed", "Key Vault Secrets Officer is enough");
    assert_eq!((&report.0["ok"], &report.0["as"]), (&json!(true), &json!("server")));
    assert_eq!(scene.vault.names().await, Vec::<String>::new());
    let deleted = scene.vault.request(&OFFICER, reqwest::Method::GET, "/deletedsecrets").await;
    let deleted: Value = deleted.send().await.unwrap().json().await.unwrap();
    assert_eq!(deleted["value"], json!([]));
    assert_eq!(std::fs::read(scene.folder.path().join("data/metastore.db")).unwrap(), before);

    let table = scene.doctor(&[]).await.ended_with(0);
    assert!(
        table.stdout.starts_with("strongroom doctor: openmetadata.yaml, as server\n"),
        "{}",
        table.stdout
    );
    assert!(table.stdout.contains("\n✓ rights.set "), "{}", table.stdout);
    for secret in [OFFICER.client_secret, "eyJ"] {
        assert!(
            !format!("{}{}{:#}", table.stdout, table.stderr, report.0).contains(secret),
            "{}",
            table.stdout
        );
    }
}

#[tokio::test]
async fn the_reading_principal_is_right_for_the_ingestion_and_too_little_for_the_server() {
    let mut scene = Scene::set_up().await;
    scene.be(&USER);
    let report = scene.report(0, &["--as", "ingestion"]).await;
    assert_eq!(report.ids("warning"), Vec::<&str>::new());
    report.is("rights.set", "passed", "denied, as it should be");
    report.is("rights.role", "passed", "Key Vault Secrets User is enough");
    report.is("rights.probe", "passed", "nothing was written");

    let report = scene.report(1, &[]).await;
    assert_eq!(report.rights(), ["passed", "passed", "failed", "failed", "failed", "failed", "passed"]);
    report.is("rights.set", "failed", "ForbiddenByRbac");
    report.is("rights.set", "failed", "Microsoft.KeyVault/vaults/secrets/setSecret/action");
    report.is("rights.role", "failed", "the identity has Key Vault Secrets User");
    let role = report.check("rights.role");
    assert!(role["fix"].as_str().unwrap().contains(USER.client_id), "{role:#}");
    assert!(
        role["command"]
            .as_str()
            .unwrap()
            .contains("role assign NAME \"Key Vault Secrets Officer\" --vault v1")
    );
}

#[tokio::test]
async fn a_writing_principal_is_wider_than_the_ingestion_needs() {
    let scene = Scene::set_up().await;
    let report = scene.report(0, &["--as", "ingestion"]).await;
    assert_eq!(report.rights()[2..], ["warning"; 5]);
    report.is("rights.role", "warning", "wider than needed");
    report.is("rights.role", "warning", "set, update, delete, recover, purge");
    assert_eq!(scene.vault.names().await, Vec::<String>::new());
}

#[tokio::test]
async fn under_azure_kv_the_server_writes_nothing_either() {
    let mut scene = Scene::set_up().await;
    scene.configuration["secretsManagerConfiguration"]["secretsManager"] = json!("azure-kv");
    scene.be(&USER);
    let report = scene.report(0, &[]).await;
    report.is("rights.role", "passed", "as server, Key Vault Secrets User is enough");
}

#[tokio::test]
async fn an_identity_without_any_role_is_told_which_one_it_needs() {
    let mut scene = Scene::with(|configuration| add(configuration, &NOBODY, &[])).await;
    scene.be(&NOBODY);
    let report = scene.report(1, &[]).await;
    report.is("rights.get", "failed", "ForbiddenByRbac");
    report.is("rights.role", "failed", "the identity has no right at all");
    report.is("references.resolve", "passed", "no row holds a reference");
}

#[tokio::test]
async fn a_list_of_actions_of_ones_own_is_measured_action_by_action() {
    let actions = ["getSecret/action", "setSecret/action", "delete"];
    let mut scene = Scene::with(|configuration| add(configuration, &CUSTOM, &actions)).await;
    scene.be(&CUSTOM);
    let report = scene.report(1, &[]).await;
    assert_eq!(report.rights(), ["passed", "failed", "passed", "failed", "passed", "failed", "passed"]);
    report.is("rights.role", "failed", "the rights to get, set, delete, so it cannot list, update, recover");
    report.is("rights.probe", "passed", "stays soft-deleted");
    // What it left soft-deleted it cannot recover; who may everything does, and takes it away.
    let again = scene.report(1, &[]).await;
    assert_eq!(again.rights()[2..4], ["passed", "failed"]);
    scene.be(&OFFICER);
    scene.report(0, &[]).await.is("rights.probe", "passed", "nothing is left");
}

#[tokio::test]
async fn with_purge_protection_one_name_stays_soft_deleted_and_is_recovered_by_the_next_run() {
    let protect = |configuration: &mut Value| {
        configuration["vaults"][0]["enablePurgeProtection"] = json!(true);
    };
    let scene = Scene::with(protect).await;
    for _ in 0..2 {
        let report = scene.report(0, &[]).await;
        report.is("rights.purge", "not-tried", "protected");
        report.is("rights.recover", "passed", "allowed");
        report.is("rights.role", "passed", "Officer is enough");
        report.is("rights.probe", "passed", PROBE);
    }
    assert_eq!(scene.vault.names().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_wrong_client_secret_is_told_with_its_number_and_the_line_where_it_stands() {
    let mut scene = Scene::set_up().await;
    scene.parameter("clientSecret", "wrong-one");
    let report = scene.report(1, &[]).await;
    report.is("identity.token", "failed", "AADSTS7000215");
    report.is("identity.token", "failed", "clientSecret stands in openmetadata.yaml, line 1");
    report.is("rights.get", "not-tried", "identity.token");
    // What does not need a token was looked at.
    report.is("vault.tls", "passed", "answers");
    report.is("database.rows", "passed", "0 entities");
    assert!(!report.0.to_string().contains("wrong-one"));
}

#[tokio::test]
async fn a_host_without_an_address_is_told_apart_from_one_that_does_not_answer() {
    let mut scene = Scene::set_up().await;
    scene.parameter("vaultUrl", "https://v1.vault.nowhere.invalid");
    let report = scene.report(1, &[]).await;
    report.is("vault.address", "failed", "v1.vault.nowhere.invalid");
    report.is("vault.tls", "not-tried", "no address");
    report.is("token.tls", "passed", "answers");
    report.is("rights.get", "not-tried", "not reached");

    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    scene.parameter("vaultUrl", &format!("https://v1.vault.localhost:{port}"));
    let begin = Instant::now();
    let report = scene.report(1, &["--timeout", "3"]).await;
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
    report.is("vault.address", "passed", "127.0.0.1");
    report.is("vault.tls", "failed", "in time");
    report.is("identity.token", "passed", "client secret");
    report.is("clock.vault", "not-tried", "not reached");

    scene.parameter("vaultUrl", "https://v1.vault.localhost:1");
    scene.report(1, &[]).await.is("vault.tls", "failed", "refused");
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_names_the_setting_for_it() {
    let (mut scene, elsewhere) = (Scene::set_up().await, scratch());
    let other = VaultServer::start(elsewhere.path()).await;
    scene.parameter("caFile", other.ca().to_str().unwrap());
    let report = scene.report(1, &[]).await;
    for id in ["vault.tls", "token.tls"] {
        report.is(id, "failed", "not trusted");
        report.is(id, "failed", "OM_SM_CA_FILE");
    }
    report.is("vault.address", "passed", "127.0.0.1");
}

#[tokio::test]
async fn a_folder_of_files_has_rights_and_no_roles_and_is_not_made_by_looking() {
    let mut scene = Scene::set_up().await;
    scene.configuration["secretsManagerConfiguration"]["secretsManager"] = json!("managed-file");
    scene.write();
    let folder = scene.folder.path().join("data/secrets");
    let report = scene.report(0, &[]).await;
    report.is("rights.set", "not-tried", "is not there yet");
    assert!(!folder.exists() && !folder.with_extension("key").exists());

    scene.add(&[("sales", &scene.encrypted("dummy"))]).await;
    let migrate = strongroom_tests::Program::new(scene.folder.path());
    let migrate =
        migrate.args(["migrate-secrets", "-c", "openmetadata.yaml", "--data-dir", "data"]).run().await;
    drop(migrate.ended_with(0));
    let report = scene.report(0, &[]).await;
    assert_eq!(report.rights(), ["passed"; 7]);
    report.is("rights.role", "not-tried", "knows no roles");
    report.is("references.resolve", "passed", "1 reference leads to a secret");
}

#[tokio::test]
async fn without_a_vault_nothing_of_one_is_tried_and_memory_is_worth_a_word() {
    let mut scene = Scene::set_up().await;
    scene.configuration["secretsManagerConfiguration"]["secretsManager"] = json!("db");
    scene.write();
    let report = scene.report(0, &[]).await;
    report.is("vault.address", "not-tried", "there is no vault");
    report.is("names.collisions", "not-tried", "under db");

    scene.configuration["secretsManagerConfiguration"]["secretsManager"] = json!("in-memory");
    scene.write();
    let report = scene.report(0, &[]).await;
    report.is("configuration.vault", "warning", "gone with the process");
    assert_eq!(report.rights(), ["passed"; 7]);
}

#[tokio::test]
async fn a_vault_that_takes_its_time_to_delete_and_recover_is_waited_for() {
    let slow = |configuration: &mut Value| {
        configuration["deleteDelaySeconds"] = json!(2);
        configuration["recoverDelaySeconds"] = json!(2);
    };
    let scene = Scene::with(slow).await;
    let report = scene.report(0, &[]).await;
    assert_eq!(report.rights(), ["passed"; 7]);
    report.is("rights.probe", "passed", "nothing is left");
}
