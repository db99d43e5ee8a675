//! Vaults, principals and roles that are made at run time, with and without a running vault.

use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};
use strongroom_vault::{
    Administration, ConfigSource, ErrorKind, NewPrincipal, NewSecret, Options, Order, PrincipalSettings,
    RoleAssignment, RoleSettings, Vault, VaultConfig, VaultSettings,
};

use crate::harness::{OFFICER, Session, TestVault, config};

const DAY: i64 = 24 * 60 * 60;

fn options(folder: &Path, config: VaultConfig) -> Options {
    let mut options = Options::new(folder.join("vault"));
    options.config = ConfigSource::Given(Box::new(config));
    options
}

/// Reaches the vault of a folder, running or not.
pub(crate) async fn reach(folder: &Path) -> Administration {
    Administration::reach(options(folder, config())).await.unwrap()
}

pub(crate) async fn order(administration: &Administration, order: Order) -> Value {
    administration.carry_out(order).await.unwrap()
}

async fn refused(administration: &Administration, order: Order) -> String {
    let error = administration.carry_out(order).await.unwrap_err();
    assert!(error.is_usage(), "{error}");
    error.to_string()
}

fn named(name: &str) -> NewPrincipal {
    NewPrincipal { name: name.into(), secret: Some(NewSecret::default()), ..NewPrincipal::default() }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// Makes a principal with a role at `v1`, and answers its id and secret.
pub(crate) async fn make(administration: &Administration, name: &str, role: &str) -> (String, String) {
    let made = order(administration, Order::AddPrincipal(named(name))).await;
    let role = RoleAssignment::new("v1", role);
    order(administration, Order::AssignRole { principal: name.into(), role }).await;
    (text(&made["clientId"]).to_owned(), text(&made["secret"]["value"]).to_owned())
}

pub(crate) async fn sign_in<'a>(vault: &'a TestVault, id: &str, secret: &str) -> Session<'a> {
    Session { vault, base: vault.running.url("v1"), token: vault.token(id, secret).await }
}

pub(crate) async fn sign_in_fails(vault: &TestVault, id: &str, secret: &str) -> i64 {
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", id),
        ("client_secret", secret),
        ("scope", "https://vault.azure.net/.default"),
    ];
    let answer = vault.post_form("/adfs/oauth2/v2.0/token", &form).await;
    assert!(!answer.status.is_success());
    answer.body["error_codes"][0].as_i64().unwrap()
}

#[tokio::test]
async fn a_principal_made_at_run_time_signs_in_and_is_refused_once_it_is_removed() {
    let vault = TestVault::start().await;
    let administration = reach(vault.folder.path()).await;
    assert!(administration.is_running());
    let (id, secret) = make(&administration, "Made", "Key Vault Secrets Officer").await;
    assert_eq!(secret.len(), 43, "256 bits in base64url");
    let session = sign_in(&vault, &id, &secret).await;
    session.set("a", "x").await;
    let role = RoleAssignment::new("V1", "b86a8fe4-44ce-4948-aee5-eccb2c155cd7");
    order(&administration, Order::UnassignRole { principal: "made".into(), role }).await;
    session.get("/secrets/a").await.fails(403, "Forbidden", Some("ForbiddenByRbac"));
    let role = RoleAssignment::new("v1", "Key Vault Secrets User");
    order(&administration, Order::AssignRole { principal: "MADE".into(), role }).await;
    session.get("/secrets/a").await.is(200);
    order(&administration, Order::RemovePrincipal { name: "made".into() }).await;
    session.get("/secrets/a").await.fails(403, "Forbidden", Some("ForbiddenByRbac"));
    assert_eq!(sign_in_fails(&vault, &id, &secret).await, 700_016);
}

#[tokio::test]
async fn a_vault_made_at_run_time_is_used_at_once_and_after_a_restart() {
    let vault = TestVault::start().await;
    let administration = reach(vault.folder.path()).await;
    let settings = VaultSettings {
        soft_delete_retention_in_days: 7,
        enable_purge_protection: true,
        ..VaultSettings::named("New-1")
    };
    order(&administration, Order::CreateVault(settings)).await;
    let (id, secret) = make(&administration, "made", "Key Vault Reader").await;
    let role = RoleAssignment::new("new-1", "Key Vault Administrator");
    order(&administration, Order::AssignRole { principal: "made".into(), role }).await;
    sign_in(&vault, &id, &secret).await.at("new-1").set("a", "x").await;
    let vault = vault.restart().await;
    let session = sign_in(&vault, &id, &secret).await.at("new-1");
    assert_eq!(session.get("/secrets/a").await.is(200)["value"], "x");
    let deleted = session.delete("/secrets/a").await.is(200);
    assert_eq!(deleted["attributes"]["recoveryLevel"], "CustomizedRecoverable");
    session.delete("/deletedsecrets/a").await.fails(400, "NotSupported", None);
    let listed = order(&reach(vault.folder.path()).await, Order::ListVaults).await;
    let names: Vec<_> = listed.as_array().unwrap().iter().map(|vault| text(&vault["name"])).collect();
    assert_eq!(names, ["New-1", "protected", "v1", "v2"]);
}

#[tokio::test]
async fn client_secrets_are_changed_without_a_gap_and_end_when_they_should() {
    let vault = TestVault::start().await;
    let administration = reach(vault.folder.path()).await;
    let (id, first) = make(&administration, "made", "Key Vault Secrets User").await;
    let chosen = NewSecret { chosen: Some("correct horse".into()), expires: Some(vault.now() + DAY) };
    let added = order(&administration, Order::AddSecret { principal: "made".into(), secret: chosen }).await;
    assert!(added["secret"].get("value").is_none(), "who chose it knows it: {added}");
    for secret in [first.as_str(), "correct horse"] {
        sign_in(&vault, &id, secret).await;
    }
    assert_eq!(sign_in_fails(&vault, &id, "correct hors").await, 7_000_215);
    assert_eq!(sign_in_fails(&vault, "99999999-9999-9999-9999-999999999999", "correct horse").await, 700_016);
    let known = order(&administration, Order::ShowPrincipal { name: "made".into() }).await;
    assert_eq!(known["secrets"].as_array().unwrap().len(), 2);
    assert!(!known.to_string().contains(&first), "it is shown once");
    let old = text(&known["secrets"][0]["id"]).to_owned();
    order(&administration, Order::RemoveSecret { principal: "made".into(), id: old.clone() }).await;
    assert_eq!(sign_in_fails(&vault, &id, &first).await, 7_000_215);
    sign_in(&vault, &id, "correct horse").await;
    vault.clock.advance_millis(DAY * 1000);
    assert_eq!(sign_in_fails(&vault, &id, "correct horse").await, 7_000_222);
    let gone = Order::RemoveSecret { principal: "made".into(), id: old };
    assert!(refused(&administration, gone).await.contains("no client secret with the id"));
}

#[tokio::test]
async fn neither_the_database_nor_the_folder_holds_a_client_secret() {
    let vault = TestVault::start().await;
    let administration = reach(vault.folder.path()).await;
    let (_, drawn) = make(&administration, "made", "Key Vault Secrets User").await;
    let chosen = NewSecret { chosen: Some("hunter2-hunter2".into()), expires: None };
    order(&administration, Order::AddSecret { principal: "made".into(), secret: chosen }).await;
    let folder = vault.folder.path().to_owned();
    let TestVault { folder: _keep, running, .. } = vault;
    running.stop().await.unwrap();
    for entry in std::fs::read_dir(folder.join("vault")).unwrap() {
        let path = entry.unwrap().path();
        let Ok(content) = std::fs::read(&path) else { continue };
        for secret in [drawn.as_bytes(), b"hunter2-hunter2"] {
            assert!(!content.windows(secret.len()).any(|part| part == secret), "{}", path.display());
        }
    }
}

/// What takes all orders in turn; ids, times and secrets that differ from run to run are left out.
async fn everything(administration: &Administration) -> Vec<Value> {
    let role =
        || RoleAssignment { secret: Some("one".into()), ..RoleAssignment::new("made-vault", "made role") };
    let definition = RoleSettings {
        name: "Made Role".into(),
        actions: vec!["Microsoft.KeyVault/vaults/secrets/getSecret/action".into()],
    };
    let chosen = || NewSecret { chosen: Some("correct horse".into()), expires: Some(4_000_000_000) };
    let new = NewPrincipal { client_id: Some("made-id".into()), ..named("Made") };
    let orders = vec![
        Order::CreateVault(VaultSettings::named("made-vault")),
        Order::CreateVault(VaultSettings::named("MADE-vault")),
        Order::CreateVault(VaultSettings::named("1")),
        Order::DefineRole(definition.clone()),
        Order::DefineRole(definition),
        Order::AddPrincipal(new),
        Order::AddPrincipal(named("made")),
        Order::AddPrincipal(NewPrincipal { client_id: Some("MADE-ID".into()), ..named("other") }),
        Order::AddPrincipal(NewPrincipal { name: "bare".into(), ..NewPrincipal::default() }),
        Order::AddSecret { principal: "made".into(), secret: chosen() },
        Order::AssignRole { principal: "made".into(), role: role() },
        Order::AssignRole { principal: "made".into(), role: RoleAssignment::new("v9", "made role") },
        Order::AssignRole { principal: "made".into(), role: RoleAssignment::new("v1", "no role") },
        Order::RemoveRole { name: "made role".into() },
        Order::RemoveRole { name: "Key Vault Reader".into() },
        Order::RemovePrincipal { name: "server".into() },
        Order::AddSecret { principal: "server".into(), secret: chosen() },
        Order::ListVaults,
        Order::ListPrincipals,
        Order::ListRoles,
        Order::ShowPrincipal { name: "server".into() },
        Order::ShowPrincipal { name: "mad".into() },
        Order::UnassignRole { principal: "made".into(), role: role() },
        Order::UnassignRole { principal: "made".into(), role: role() },
        Order::RemoveRole { name: "MADE ROLE".into() },
        Order::RemovePrincipal { name: "Made".into() },
    ];
    let mut answers = Vec::new();
    for order in orders {
        let asked = serde_json::to_value(&order).unwrap();
        let answer = match administration.carry_out(order).await {
            Ok(mut done) => {
                strip(&mut done);
                done
            }
            Err(error) => json!({"error": error.to_string(), "usage": error.is_usage()}),
        };
        answers.push(json!({"asked": asked, "answer": answer}));
    }
    answers
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for volatile in ["id", "created", "value"] {
                members.remove(volatile);
            }
            members.values_mut().for_each(strip);
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}

#[tokio::test]
async fn a_running_vault_and_a_folder_alone_give_the_same_answers() {
    let running = TestVault::start().await;
    let by_socket = reach(running.folder.path()).await;
    let alone = tempfile::tempdir().unwrap();
    let here = reach(alone.path()).await;
    assert!(by_socket.is_running() && !here.is_running());
    let (by_socket, here) = (everything(&by_socket).await, everything(&here).await);
    for (by_socket, here) in by_socket.iter().zip(&here) {
        assert_eq!(by_socket, here);
    }
    let failed = here.iter().filter(|answer| answer["answer"].get("error").is_some()).count();
    assert_eq!(failed, 14, "{here:#?}");
}

#[tokio::test]
async fn what_was_made_without_a_running_vault_is_there_when_it_runs() {
    let folder = tempfile::tempdir().unwrap();
    let administration = reach(folder.path()).await;
    let pointless = refused(&administration, Order::Reload).await;
    assert!(pointless.contains("no vault runs on"), "{pointless}");
    let (id, secret) = make(&administration, "made", "Key Vault Secrets Officer").await;
    administration.close().await;
    let vault = TestVault::start_with(folder, config()).await;
    sign_in(&vault, &id, &secret).await.set("a", "x").await;
}

#[tokio::test]
async fn a_name_that_the_file_takes_later_keeps_the_vault_from_opening() {
    let folder = tempfile::tempdir().unwrap();
    let administration = reach(folder.path()).await;
    make(&administration, "made", "Key Vault Secrets Officer").await;
    administration.close().await;
    let mut config = config();
    config.principals.push(PrincipalSettings {
        name: "made".into(),
        client_id: "x".into(),
        client_secret: Some("y".into()),
        ..PrincipalSettings::default()
    });
    let error = Vault::open(options(folder.path(), config)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("take it out of vault.yaml"), "{error}");
}

#[tokio::test]
async fn the_socket_is_its_owners_alone_and_goes_with_the_vault() {
    let vault = TestVault::start().await;
    let socket = vault.folder.path().join("vault/admin.sock");
    let metadata = std::fs::metadata(&socket).unwrap();
    assert!(metadata.file_type().is_socket());
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    assert_eq!(socket.parent().unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o700);
    let TestVault { folder, clock, running, client } = vault;
    drop(client);
    running.stop().await.unwrap();
    assert!(!socket.exists());
    // One that a crash left is in nobody's way.
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    assert!(!reach(folder.path()).await.is_running());
    let vault = TestVault::start_in(folder, clock).await;
    assert!(reach(vault.folder.path()).await.is_running());
}

#[tokio::test]
async fn a_data_folder_with_a_long_path_can_be_administered_too() {
    let parent = tempfile::tempdir().unwrap();
    let deep = parent.path().join("d".repeat(120));
    std::fs::create_dir(&deep).unwrap();
    let running = Vault::open(options(&deep, config())).await.unwrap().start(None).await.unwrap();
    let administration = reach(&deep).await;
    assert!(administration.is_running());
    order(&administration, Order::CreateVault(VaultSettings::named("made"))).await;
    assert!(running.vaults().contains(&"made".to_owned()));
    running.stop().await.unwrap();
    assert!(!deep.join("vault/admin.sock").exists());
}

#[tokio::test]
async fn under_a_bare_domain_a_vault_made_at_run_time_gets_into_the_certificate() {
    let config = VaultConfig { domain: "localhost".into(), ..config() };
    let vault = TestVault::start_with(tempfile::tempdir().unwrap(), config).await;
    let pem = vault.folder.path().join("vault/pki/server.pem");
    let before = std::fs::read(&pem).unwrap();
    let administration = reach(vault.folder.path()).await;
    order(&administration, Order::CreateVault(VaultSettings::named("made"))).await;
    let end = tokio::time::Instant::now() + std::time::Duration::from_secs(30);
    while std::fs::read(&pem).unwrap() == before {
        assert!(tokio::time::Instant::now() < end, "the certificate is not renewed");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let session = sign_in(&vault, OFFICER, crate::harness::OFFICER_SECRET).await.at("made");
    let answer = session.send(Method::GET, "/secrets", None).await;
    answer.fails(403, "Forbidden", Some("ForbiddenByRbac"));
}
