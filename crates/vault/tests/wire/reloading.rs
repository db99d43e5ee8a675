//! `vault.yaml` read again while the vault runs.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Value, json};
use strongroom_secrets::Clock;
use strongroom_secrets::clock::{ManualClock, SystemClock};
use strongroom_vault::{ConfigSource, Options, Vault};

use crate::harness::{OFFICER, Session, TestVault, client};

/// A file with one vault and an officer in it. JSON is YAML, too.
fn file() -> Value {
    json!({
        "listen": "127.0.0.1:0",
        "vaults": [{"name": "v1"}],
        "principals": [{
            "name": "server", "clientId": OFFICER, "clientSecret": "s3cret",
            "roles": [{"vault": "v1", "role": "Key Vault Secrets Officer"}],
        }],
    })
}

async fn start(file: &Value) -> (TestVault, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vault.yaml");
    std::fs::write(&path, file.to_string()).unwrap();
    let clock = Arc::new(ManualClock::at_millis(SystemClock.now_millis()));
    let mut options = Options::new(folder.path().join("vault"));
    options.config = ConfigSource::File(path.clone());
    options.clock = clock.clone();
    let running = Vault::open(options).await.unwrap().start(None).await.unwrap();
    let client = client(&running);
    (TestVault { folder, clock, running, client }, path)
}

async fn officer(vault: &TestVault) -> Session<'_> {
    Session { vault, base: vault.running.url("v1"), token: vault.token(OFFICER, "s3cret").await }
}

#[tokio::test]
async fn vaults_principals_and_roles_are_then_as_the_file_says() {
    let mut file = file();
    let (vault, path) = start(&file).await;
    let session = officer(&vault).await;
    session.set("a", "x").await;
    file["vaults"] = json!([{"name": "v2", "softDeleteRetentionInDays": 7}]);
    file["principals"][0]["roles"] = json!([{"vault": "v2", "role": "Key Vault Secrets Officer"}]);
    std::fs::write(&path, file.to_string()).unwrap();
    assert!(vault.running.reload().await.unwrap().is_empty());
    assert_eq!(vault.running.vaults(), ["v2"]);
    session.get("/secrets/a").await.fails(400, "VaultNotFound", None);
    session.at("v2").set("b", "y").await;

    file["vaults"] = json!([{"name": "v1"}, {"name": "v2"}]);
    file["principals"][0]["roles"] = json!([{"vault": "v1", "role": "Key Vault Reader"}]);
    std::fs::write(&path, file.to_string()).unwrap();
    vault.running.reload().await.unwrap();
    session.get("/secrets/a").await.fails(403, "Forbidden", Some("ForbiddenByRbac"));
    let names = session.get("/secrets").await.is(200);
    assert!(
        names["value"][0]["id"].as_str().unwrap().ends_with("/secrets/a"),
        "it kept its secrets: {names}"
    );
}

#[tokio::test]
async fn a_bad_file_changes_nothing_and_the_error_says_where_it_is() {
    let (vault, path) = start(&file()).await;
    let session = officer(&vault).await;
    for (bad, part) in [
        ("vaults:\n  - {name: v1}\nprincipal: []\n", "vault.yaml, line 3: there is no key \"principal\""),
        ("vaults: [{name: 1v}]\n", "does not start with a letter"),
        ("vaults: [\n", "vault.yaml, line"),
    ] {
        std::fs::write(&path, bad).unwrap();
        let error = vault.running.reload().await.unwrap_err();
        assert!(error.is_usage() && error.to_string().contains(part), "{error}");
        session.set("a", "x").await;
    }
    std::fs::remove_file(&path).unwrap();
    vault.running.reload().await.unwrap_err();
    session.set("a", "x").await;
}

#[tokio::test]
async fn what_cannot_change_while_the_vault_runs_is_told_and_the_rest_is_done() {
    let mut file = file();
    let (vault, path) = start(&file).await;
    file["listen"] = json!("127.0.0.1:1");
    file["domain"] = json!("Vault.Localhost");
    file["tenant"] = json!("contoso.example");
    file["vaults"] = json!([{"name": "v1"}, {"name": "v2"}]);
    std::fs::write(&path, file.to_string()).unwrap();
    assert_eq!(vault.running.reload().await.unwrap(), ["listen", "tenant"]);
    assert_eq!(vault.running.vaults(), ["v1", "v2"]);
    officer(&vault).await.set("a", "x").await;
}

#[tokio::test]
async fn purge_protection_cannot_be_switched_off_again() {
    let mut file = file();
    file["vaults"] = json!([{"name": "v1", "enablePurgeProtection": true}]);
    let (vault, path) = start(&file).await;
    file["vaults"] = json!([{"name": "v1", "enablePurgeProtection": false}]);
    std::fs::write(&path, file.to_string()).unwrap();
    vault.running.reload().await.unwrap();
    let session = officer(&vault).await;
    session.set("a", "x").await;
    session.delete("/secrets/a").await.is(200);
    session.delete("/deletedsecrets/a").await.fails(400, "NotSupported", None);

    let TestVault { folder, running, .. } = vault;
    running.stop().await.unwrap();
    let mut options = Options::new(folder.path().join("vault"));
    options.config = ConfigSource::File(path);
    let running = Vault::open(options).await.unwrap().start(None).await.unwrap();
    let clock = Arc::new(ManualClock::at_millis(SystemClock.now_millis()));
    let client = client(&running);
    let vault = TestVault { folder, clock, running, client };
    officer(&vault).await.delete("/deletedsecrets/a").await.fails(400, "NotSupported", None);
}
