//! What is judged before what.

use serde_json::json;

use crate::harness::{OFFICER, TestVault};

#[tokio::test]
async fn a_refusal_comes_before_the_name_and_the_body_are_judged() {
    let vault = TestVault::start().await;
    let session = vault.user().await;
    for path in ["/secrets/not_legal", "/secrets/hunter_2"] {
        let message = session.put(path, json!([])).await.fails(403, "Forbidden", Some("ForbiddenByRbac"));
        assert!(!message.contains("hunter"), "{message}");
    }
}

#[tokio::test]
async fn a_token_for_another_service_or_an_old_one_is_refused() {
    let vault = TestVault::start().await;
    let mut session = vault.officer().await;
    let other = vault
        .token_for(OFFICER, crate::harness::OFFICER_SECRET, "https://management.azure.com/.default")
        .await;
    let good = std::mem::replace(&mut session.token, other);
    let message = session.get("/secrets").await.fails(401, "Unauthorized", None);
    assert!(message.starts_with("AKV10022"), "{message}");
    session.token = good;
    vault.clock.advance_millis(3_600_000);
    session.get("/secrets").await.is(200);
    vault.clock.advance_millis(60_000);
    let message = session.get("/secrets").await.fails(401, "Unauthorized", None);
    assert!(message.contains("expired"), "{message}");
}
