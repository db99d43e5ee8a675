//! What the table of `conformance` cannot say.

use std::time::Duration;

use serde_json::json;
use sqlx::Connection;

use crate::durability::connect;
use crate::harness::{TestVault, config};

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
    let too_long = session.put("/secrets/a", json!({"value": "x".repeat(500_000)})).await;
    too_long.fails(400, "BadParameter", None);
    let answer = session.put("/secrets/a", json!({"value": "x".repeat(530_000)})).await;
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

#[tokio::test]
async fn a_deleted_secret_is_forgotten_when_its_time_is_up_though_nobody_asks() {
    const DAY: i64 = 24 * 60 * 60 * 1000;
    let vault = TestVault::start_as(config(), |options| {
        options.purge_interval = Duration::from_millis(20);
    })
    .await;
    // Seven days in one vault, ninety in the other.
    let session = vault.officer().await;
    let soon = session.at("protected");
    for session in [&session, &soon] {
        session.set("gone", "x").await;
        session.set("gone", "y").await;
        session.delete("/secrets/gone").await.is(200);
        session.set("kept", "x").await;
    }
    let mut database = connect(&vault.folder.path().join("vault/vault.db")).await;
    let mut left = async || -> (i64, i64) {
        sqlx::query_as("SELECT (SELECT count(*) FROM secret), (SELECT count(*) FROM version)")
            .fetch_one(&mut database)
            .await
            .unwrap()
    };
    assert_eq!(left().await, (4, 6));
    for (wait, expected) in [
        (7 * DAY - 1000, (4, 6)),
        (1000, (3, 4)),
        (83 * DAY - 1000, (3, 4)),
        (1000, (2, 2)),
        (1000 * DAY, (2, 2)),
    ] {
        vault.clock.advance_millis(wait);
        // Long enough for what must not happen, as long as it takes for what must.
        tokio::time::sleep(Duration::from_millis(100)).await;
        let mut tries = 0;
        while left().await != expected {
            tries += 1;
            assert!(tries < 500, "{:?} are left, and not {expected:?}", left().await);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    database.close().await.unwrap();
}
