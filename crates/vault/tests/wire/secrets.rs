//! Setting, getting, updating.

use reqwest::Method;
use serde_json::{Value, json};

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
async fn a_set_answers_with_all_that_was_said() {
    let vault = TestVault::start().await;
    let session = vault.officer().await;
    let bundle = session
        .put(
            "/secrets/a",
            json!({
                "value": "", "contentType": "text/plain", "tags": {"b": "2", "a": "1"},
                "attributes": {"enabled": true, "nbf": -2_147_483_648_i64, "exp": 4_102_444_800_i64, "created": 5},
            }),
        )
        .await
        .is(200);
    assert_eq!(bundle["value"], "");
    assert_eq!(bundle["contentType"], "text/plain");
    assert_eq!(bundle["tags"], json!({"a": "1", "b": "2"}));
    assert_eq!(bundle["attributes"]["nbf"], -2_147_483_648_i64);
    assert_eq!(bundle["attributes"]["exp"], 4_102_444_800_i64);
    assert_eq!(bundle["attributes"]["created"], vault.now());
    assert_eq!(session.get("/secrets/a").await.is(200), bundle, "neither nbf nor exp blocks a get");
}

#[tokio::test]
async fn every_value_comes_back_byte_for_byte() {
    let vault = TestVault::start().await;
    let session = vault.officer().await;
    for value in [
        "x".repeat(25_600),
        "ä".repeat(12_800),
        "\u{0}\n\t\"\\\u{1f512}".into(),
        "secret:a".into(),
        "\u{1}".repeat(25_600),
    ] {
        session.set("a", &value).await;
        assert_eq!(session.get("/secrets/a").await.is(200)["value"], value);
    }
}

#[tokio::test]
async fn each_set_is_a_version_of_its_own_and_the_last_is_the_latest() {
    let vault = TestVault::start().await;
    let session = vault.officer().await;
    let (first, second) = (session.set("Name", "one").await, session.set("nAME", "two").await);
    assert_ne!(first, second);
    assert_eq!(session.get("/secrets/name").await.is(200)["value"], "two");
    let old = session.get(&format!("/secrets/name/{first}")).await.is(200);
    assert_eq!(old["value"], "one");
    assert!(old["id"].as_str().unwrap().contains("/secrets/Name/"), "the first case is kept: {old}");
}

#[tokio::test]
async fn an_update_changes_what_it_names_and_answers_without_the_value() {
    let vault = TestVault::start().await;
    let session = vault.officer().await;
    let bundle = session
        .put("/secrets/a", json!({"value": "one", "contentType": "c", "tags": {"t": "1"}}))
        .await
        .is(200);
    let first = bundle["id"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    session.set("a", "two").await;
    vault.clock.advance_millis(5_000);
    let updated = session
        .patch(&format!("/secrets/a/{first}"), json!({"attributes": {"exp": 9}, "value": "ignored"}))
        .await
        .is(200);
    assert_eq!(updated.get("value"), None);
    assert_eq!(updated["contentType"], "c");
    assert_eq!(updated["tags"], json!({"t": "1"}));
    assert_eq!(updated["attributes"]["exp"], 9);
    assert_eq!(updated["attributes"]["updated"], vault.now());
    assert_eq!(updated["attributes"]["created"], vault.now() - 5);
    assert_eq!(session.get(&format!("/secrets/a/{first}")).await.is(200)["value"], "one");

    for path in ["/secrets/a/", "/secrets/A"] {
        let latest = session.patch(path, json!({"attributes": {}, "tags": {}})).await.is(200);
        assert_eq!(latest["tags"], json!({}), "the latest version is meant");
        assert_eq!(latest.get("contentType"), None);
    }
}

#[tokio::test]
async fn a_disabled_secret_refuses_a_get_but_can_be_updated_and_listed() {
    let vault = TestVault::start().await;
    let session = vault.officer().await;
    session.put("/secrets/a", json!({"value": "x", "attributes": {"enabled": false}})).await.is(200);
    let message = session.get("/secrets/a").await.fails(403, "Forbidden", Some("SecretDisabled"));
    assert_eq!(message, "Operation get is not allowed on a disabled secret.");
    assert_eq!(session.get("/secrets").await.is(200)["value"][0]["attributes"]["enabled"], false);
    session.patch("/secrets/a", json!({"attributes": {"enabled": true}})).await.is(200);
    session.get("/secrets/a").await.is(200);
}

#[tokio::test]
async fn what_is_not_there_is_a_404_that_mentions_recovery() {
    let vault = TestVault::start().await;
    let session = vault.officer().await;
    session.set("a", "x").await;
    let unknown = "0".repeat(32);
    for (method, path) in [
        (Method::GET, "/secrets/b".to_owned()),
        (Method::GET, format!("/secrets/a/{unknown}")),
        (Method::GET, "/secrets/a/not-a-version".to_owned()),
        (Method::PATCH, format!("/secrets/a/{unknown}")),
        (Method::PATCH, "/secrets/b".to_owned()),
        (Method::DELETE, "/secrets/b".to_owned()),
    ] {
        let answer = session.send(method.clone(), &path, Some(json!({}))).await;
        let message = answer.fails(404, "SecretNotFound", None);
        assert!(message.contains("recover"), "{method} {path}: {message}");
    }
}

#[tokio::test]
async fn what_key_vault_refuses_is_a_400_and_changes_nothing() {
    let vault = TestVault::start().await;
    let session = vault.officer().await;
    let tags = |count: usize| {
        (0..count).map(|n| (n.to_string(), Value::from(""))).collect::<serde_json::Map<_, _>>()
    };
    let long = "a".repeat(128);
    for (path, body) in [
        ("/secrets/a", json!({"value": "x".repeat(25_601)})),
        ("/secrets/a", json!({"value": "ä".repeat(12_801)})),
        ("/secrets/a", json!({"value": "x", "tags": tags(16)})),
        ("/secrets/a", json!({"value": "x", "tags": {"a".repeat(513): ""}})),
        ("/secrets/a", json!({"value": "x", "tags": {"a": 1}})),
        ("/secrets/a", json!({"value": "x", "contentType": "a".repeat(256)})),
        ("/secrets/a", json!({"value": "x", "attributes": {"nbf": "soon"}})),
        ("/secrets/a", json!({"value": 1})),
        ("/secrets/a", json!({"value": null})),
        ("/secrets/a", json!({"tags": {}})),
        ("/secrets/a", json!([])),
        ("/secrets/a", json!("x")),
        ("/secrets/a_b", json!({"value": "x"})),
        ("/secrets/%C3%A4", json!({"value": "x"})),
        ("/secrets/a%2Fb", json!({"value": "x"})),
        ("/secrets/a.b", json!({"value": "x"})),
        (&format!("/secrets/{long}"), json!({"value": "x"})),
    ] {
        let message = session.put(path, body).await.fails(400, "BadParameter", None);
        assert!(!message.is_empty());
    }
    assert_eq!(session.get("/secrets").await.is(200)["value"], json!([]));
    session.set(&"a".repeat(127), "x").await;
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
