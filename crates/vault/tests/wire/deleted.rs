//! Deleting, recovering, purging.

use serde_json::json;

use crate::harness::TestVault;

const DAY: i64 = 24 * 60 * 60;

#[tokio::test]
async fn a_delete_answers_with_the_deleted_bundle_and_hides_the_secret() {
    let vault = TestVault::start().await;
    let session = vault.officer().await;
    session.set("Name", "one").await;
    let version = session.set("Name", "two").await;
    let deleted = session.delete("/secrets/name").await.is(200);
    let base = &session.base;
    assert_eq!(
        deleted,
        json!({
            "recoveryId": format!("{base}/deletedsecrets/Name"),
            "deletedDate": vault.now(),
            "scheduledPurgeDate": vault.now() + 90 * DAY,
            "id": format!("{base}/secrets/Name/{version}"),
            "attributes": {
                "enabled": true, "created": vault.now(), "updated": vault.now(),
                "recoveryLevel": "Recoverable+Purgeable", "recoverableDays": 90,
            },
        })
    );
    assert_eq!(session.get("/deletedsecrets/NAME").await.is(200), deleted);
    session.get("/secrets/name").await.fails(404, "SecretNotFound", None);
    session.get(&format!("/secrets/name/{version}")).await.fails(404, "SecretNotFound", None);
    session.patch("/secrets/name", json!({})).await.fails(404, "SecretNotFound", None);
    session.delete("/secrets/name").await.fails(404, "SecretNotFound", None);
    assert_eq!(session.get("/secrets").await.is(200)["value"], json!([]));
    assert_eq!(session.get("/secrets/name/versions").await.is(200)["value"], json!([]));
}

#[tokio::test]
async fn a_soft_deleted_name_cannot_be_set() {
    let vault = TestVault::start().await;
    let session = vault.officer().await;
    session.set("a", "x").await;
    session.delete("/secrets/a").await.is(200);
    let refused = session.put("/secrets/A", json!({"value": "y"})).await;
    refused.fails(409, "Conflict", Some("ObjectIsDeletedButRecoverable"));
}

#[tokio::test]
async fn a_recovered_secret_is_as_it_was() {
    let vault = TestVault::start().await;
    let session = vault.officer().await;
    let first = session.set("a", "one").await;
    session.set("a", "two").await;
    let before = session.get("/secrets/a").await.is(200);
    session.delete("/secrets/a").await.is(200);
    let recovered = session.post("/deletedsecrets/A/recover").await.is(200);
    assert_eq!(recovered["id"], before["id"]);
    assert_eq!(recovered.get("value"), None);
    assert_eq!(session.get("/secrets/a").await.is(200), before);
    assert_eq!(session.get(&format!("/secrets/a/{first}")).await.is(200)["value"], "one");
    session.get("/deletedsecrets/a").await.fails(404, "SecretNotFound", None);
    assert_eq!(session.get("/deletedsecrets").await.is(200)["value"], json!([]));
}

#[tokio::test]
async fn a_purged_secret_is_gone_and_its_name_free() {
    let vault = TestVault::start().await;
    let session = vault.officer().await;
    let old = session.set("a", "one").await;
    session.delete("/deletedsecrets/a").await.fails(404, "SecretNotFound", None);
    session.delete("/secrets/a").await.is(200);
    let purged = session.delete("/deletedsecrets/A").await;
    assert_eq!(purged.status, 204);
    session.get("/deletedsecrets/a").await.fails(404, "SecretNotFound", None);
    session.post("/deletedsecrets/a/recover").await.fails(404, "SecretNotFound", None);
    session.delete("/deletedsecrets/a").await.fails(404, "SecretNotFound", None);
    session.set("a", "two").await;
    session.get(&format!("/secrets/a/{old}")).await.fails(404, "SecretNotFound", None);
    let versions = session.get("/secrets/a/versions").await.is(200);
    assert_eq!(versions["value"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn purge_protection_refuses_and_shows_in_the_recovery_level() {
    let vault = TestVault::start().await;
    let session = vault.officer().await.at("protected");
    session.set("a", "x").await;
    let attributes = session.get("/secrets/a").await.is(200)["attributes"].clone();
    assert_eq!(attributes["recoveryLevel"], "CustomizedRecoverable");
    assert_eq!(attributes["recoverableDays"], 7);
    session.delete("/secrets/a").await.is(200);
    let message = session.delete("/deletedsecrets/a").await.fails(400, "NotSupported", None);
    assert_eq!(message, "Operation \"purge\" is not enabled for this vault.");
    session.get("/deletedsecrets/a").await.is(200);
}

#[tokio::test]
async fn after_the_retention_a_deleted_secret_is_gone_and_its_name_free() {
    let vault = TestVault::start().await;
    let session = vault.officer().await.at("protected");
    session.set("a", "x").await;
    session.delete("/secrets/a").await.is(200);
    vault.clock.advance_millis(7 * DAY * 1000 - 1000);
    let session = vault.officer().await.at("protected");
    session.get("/deletedsecrets/a").await.is(200);
    vault.clock.advance_millis(1000);
    session.get("/deletedsecrets/a").await.fails(404, "SecretNotFound", None);
    assert_eq!(session.get("/deletedsecrets").await.is(200)["value"], json!([]));
    session.post("/deletedsecrets/a/recover").await.fails(404, "SecretNotFound", None);
    session.set("a", "y").await;
    assert_eq!(session.get("/secrets/a/versions").await.is(200)["value"].as_array().unwrap().len(), 1);
}
