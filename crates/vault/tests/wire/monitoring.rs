//! What the port for whoever runs the vault says.

use serde_json::json;
use strongroom_vault::VaultConfig;

use crate::durability;
use crate::harness::{OFFICER, TestVault, config};

async fn ask(vault: &TestVault, path: &str) -> (u16, String) {
    let address = vault.running.admin_address().unwrap();
    let answer = vault.client.get(format!("http://{address}{path}")).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// The value behind a series in what `/metrics` says.
fn number(metrics: &str, series: &str) -> Option<f64> {
    let line = metrics.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))?;
    line.parse().ok()
}

#[tokio::test]
async fn a_vault_that_serves_says_so_on_both_ports() {
    let vault = TestVault::start().await;
    assert_eq!(ask(&vault, "/healthz").await, (200, "ok\n".into()));
    assert_eq!(ask(&vault, "/readyz").await, (200, "ready\n".into()));
    let url = format!("{}/healthz", vault.running.url("v1"));
    assert_eq!(vault.client.get(url).send().await.unwrap().text().await.unwrap(), "ok\n");
    for hidden in ["/readyz", "/metrics"] {
        let url = format!("{}{hidden}", vault.running.url("v1"));
        assert_eq!(vault.client.get(url).send().await.unwrap().status(), 401, "{hidden} is not for clients");
    }
    assert_eq!(ask(&vault, "/secrets").await.0, 404);
}

#[tokio::test]
async fn requests_tokens_and_commits_are_counted_without_names_or_values() {
    let vault = TestVault::start().await;
    let officer = vault.officer().await;
    officer.set("hunter-name", "hunter2-value").await;
    officer.get("/secrets/hunter-name").await.is(200);
    officer.get("/secrets/nothing").await.is(404);
    vault.client.get(format!("{}/secrets/a", vault.running.url("v1"))).send().await.unwrap();
    vault.client.get(format!("{}/x", vault.running.url("hunter-vault"))).send().await.unwrap();
    let (status, metrics) = ask(&vault, "/metrics").await;
    assert_eq!(status, 200);
    for (series, least) in [
        (r#"strongroom_vault_requests_total{operation="SetSecret",status="200",vault="v1"}"#, 1.0),
        (r#"strongroom_vault_requests_total{operation="GetSecret",status="200",vault="v1"}"#, 1.0),
        (r#"strongroom_vault_requests_total{operation="GetSecret",status="404",vault="v1"}"#, 1.0),
        (r#"strongroom_vault_requests_total{operation="Unknown",status="401",vault="v1"}"#, 1.0),
        (r#"strongroom_vault_requests_total{operation="Unknown",status="400",vault=""}"#, 1.0),
        (r#"strongroom_vault_requests_total{operation="Token",status="200",vault=""}"#, 1.0),
        (r#"strongroom_vault_token_requests_total{endpoint="entra",result="issued"}"#, 1.0),
        (r#"strongroom_vault_request_duration_seconds_count{operation="SetSecret"}"#, 1.0),
        ("strongroom_vault_commit_writes_count", 1.0),
        ("strongroom_vault_connections_open", 1.0),
        ("strongroom_vault_ready", 1.0),
        ("strongroom_vault_certificate_expiry_timestamp_seconds", 1_000_000.0),
        ("process_resident_memory_bytes", 1_000_000.0),
    ] {
        let found = number(&metrics, series).unwrap_or_else(|| panic!("no {series} in\n{metrics}"));
        assert!(found >= least, "{series} is {found}");
    }
    assert!(!metrics.contains("hunter") && !metrics.contains(OFFICER), "{metrics}");
}

#[tokio::test]
async fn an_audit_trail_that_cannot_be_written_is_named_until_it_can() {
    let mut config = config();
    config.audit.file = "/dev/full".into();
    let vault = TestVault::start_with(tempfile::tempdir().unwrap(), config).await;
    let officer = vault.officer().await;
    officer.put("/secrets/a", json!({"value": "x"})).await.is(503);
    let (status, text) = ask(&vault, "/readyz").await;
    assert_eq!(status, 503);
    assert!(text.starts_with("audit: ") && text.contains("No space left"), "{text}");
    let (_, metrics) = ask(&vault, "/metrics").await;
    assert_eq!(number(&metrics, "strongroom_vault_ready"), Some(0.0));
    assert!(number(&metrics, "strongroom_vault_audit_unrecorded_total").unwrap() >= 1.0);
}

#[tokio::test]
async fn a_database_that_a_later_program_has_changed_is_named() {
    let vault = TestVault::start().await;
    let path = vault.folder.path().join("vault/vault.db");
    let mut connection = durability::connect(&path).await;
    let later = "UPDATE _sqlx_migrations SET version = 9999 WHERE version = 1";
    sqlx::raw_sql(later).execute(&mut connection).await.unwrap();
    let (status, text) = ask(&vault, "/readyz").await;
    assert_eq!(status, 503);
    assert!(text.contains("store: ") && text.contains("schema version 9999"), "{text}");
}

#[tokio::test]
async fn it_can_be_switched_off_and_a_named_address_has_to_be_free() {
    let off = VaultConfig { admin_listen: Some("off".into()), ..config() };
    let vault = TestVault::start_with(tempfile::tempdir().unwrap(), off).await;
    assert_eq!(vault.running.admin_address(), None);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut options = strongroom_vault::Options::new(vault.folder.path().join("other"));
    let config = VaultConfig { admin_listen: Some(address.clone()), ..config() };
    options.config = strongroom_vault::ConfigSource::Given(Box::new(config));
    let error = strongroom_vault::Vault::open(options).await.unwrap().start(None).await.unwrap_err();
    assert!(error.to_string().contains(&address), "{error}");
}
