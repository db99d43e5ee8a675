//! How many calls a vault takes in a window of ten seconds.

use serde_json::json;
use strongroom_secrets::Clock;
use strongroom_vault::Quota;

use crate::harness::{TestVault, config};

async fn start(quota: Quota) -> TestVault {
    let vault = TestVault::start_as(config(), |options| options.quota = Some(quota)).await;
    // To the beginning of a window.
    vault.clock.advance_millis(10_000 - vault.clock.now_millis().rem_euclid(10_000));
    vault
}

const SMALL: Quota = Quota { creations: 2, others: 4, retry_after: false };

#[tokio::test]
async fn creations_and_other_calls_are_counted_apart_and_per_vault() {
    let vault = start(SMALL).await;
    let session = vault.officer().await;
    session.set("a", "1").await;
    session.set("a", "2").await;
    let refused = session.put("/secrets/a", json!({"value": "3"})).await;
    assert!(!refused.headers.contains_key("retry-after"));
    let message = refused.fails(429, "Throttled", None);
    assert_eq!(
        message,
        "Request was not processed because too many requests were received. Reason: VaultRequestTypeLimitReached"
    );
    session.get("/secrets/a").await.is(200);
    session.get("/secrets/unknown").await.is(404);
    session.patch("/secrets/a", json!({})).await.is(200);
    session.delete("/secrets/a").await.is(200);
    session.get("/deletedsecrets").await.fails(429, "Throttled", None);
    session.at("protected").set("a", "another vault has a window of its own").await;
}

#[tokio::test]
async fn the_next_window_takes_calls_again_however_many_were_refused() {
    let vault = start(Quota { retry_after: true, ..SMALL }).await;
    let session = vault.officer().await;
    vault.clock.advance_millis(2_500);
    for _ in 0..4 {
        session.get("/secrets").await.is(200);
    }
    for _ in 0..6 {
        let refused = session.get("/secrets").await;
        assert_eq!(refused.headers["retry-after"], "8");
        refused.fails(429, "Throttled", None);
    }
    vault.clock.advance_millis(8_000);
    for _ in 0..4 {
        session.get("/secrets").await.is(200);
    }
    session.get("/secrets").await.fails(429, "Throttled", None);
}

#[tokio::test]
async fn who_is_not_allowed_a_call_uses_up_nothing() {
    let vault = start(SMALL).await;
    let (officer, user) = (vault.officer().await, vault.user().await);
    let mut stranger = vault.user().await;
    stranger.token = "a.b.c".into();
    for _ in 0..6 {
        user.put("/secrets/a", json!({"value": "x"})).await.fails(403, "Forbidden", Some("ForbiddenByRbac"));
        stranger.get("/secrets").await.fails(401, "Unauthorized", None);
        officer.send_raw(reqwest::Method::GET, &format!("{}/secrets", officer.base), None).await.is(400);
    }
    officer.set("a", "1").await;
    officer.set("a", "2").await;
    user.put("/secrets/a", json!({"value": "x"})).await.fails(403, "Forbidden", Some("ForbiddenByRbac"));
}

#[tokio::test]
async fn azures_limit_is_300_creations() {
    let vault = start(Quota::AZURE).await;
    let session = vault.officer().await;
    for n in 0..300 {
        session.set("a", &n.to_string()).await;
    }
    session.put("/secrets/a", json!({"value": "x"})).await.fails(429, "Throttled", None);
    session.get("/secrets/a").await.is(200);
}
