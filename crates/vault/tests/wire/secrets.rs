//! What the table of `conformance` cannot say.

use serde_json::json;

use crate::harness::TestVault;

#[tokio::test]
async fn what_is_set_is_got_with_and_without_version_and_slash() {
    let vault = TestVault::start().await;
    let session = vault.officer().await;
    let version = session.set("Sales-Password", "hunter2").await;
    assert!(version.len() == 32 && version.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')));
    let host = format!("v1.vault.localhost:{}", vault.running.address().port());
    let expected = json!({
        "value": "hunter2",
        "id": format!("https://{host}/secrets/Sales-Password/{version}"),
        "attributes": {
            "enabled": true, "created": vault.now(), "updated": vault.now(),
            "recoveryLevel": "Recoverable+Purgeable", "recoverableDays": 90,
        },
    });
    for path in [
        "/secrets/Sales-Password".to_owned(),
        "/secrets/sales-password/".to_owned(),
        "//secrets//SALES-PASSWORD".to_owned(),
        format!("/secrets/sales-password/{version}"),
        format!("/secrets/sales-password/{}/", version.to_uppercase()),
    ] {
        assert_eq!(session.get(&path).await.is(200), expected, "{path}");
    }
}

#[tokio::test]
async fn a_body_beyond_any_legal_one_is_cut_off() {
    let vault = TestVault::start().await;
    let session = vault.officer().await;
    let answer = session.put("/secrets/a", json!({"value": "x".repeat(300_000)})).await;
    answer.fails(413, "BadParameter", None);
    // The largest legal body: each character escaped with six.
    let value: String = "\\u0078".repeat(25_600);
    let body = format!("{{\"value\": \"{value}\"}}");
    let url = format!("{}/secrets/a?api-version=7.6", session.base);
    let answer = vault.client.put(url).bearer_auth(&session.token).body(body).send().await.unwrap();
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn vaults_know_nothing_of_each_other() {
    let vault = TestVault::start().await;
    let session = vault.officer().await;
    session.set("a", "x").await;
    let other = session.at("protected");
    other.get("/secrets/a").await.fails(404, "SecretNotFound", None);
    other.set("a", "y").await;
    assert_eq!(session.get("/secrets/a").await.is(200)["value"], "x");
}
