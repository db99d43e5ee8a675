//! Setting, getting, updating.

use serde_json::json;

use crate::harness::TestVault;

#[tokio::test]
async fn what_is_set_is_got() {
    let vault = TestVault::start().await;
    let session = vault.officer().await;
    let version = session.set("Sales-Password", "hunter2").await;
    assert!(version.len() == 32 && version.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')));
    let bundle = session.get("/secrets/sales-password").await.is(200);
    let host = format!("v1.vault.localhost:{}", vault.running.address().port());
    assert_eq!(
        bundle,
        json!({
            "value": "hunter2",
            "id": format!("https://{host}/secrets/Sales-Password/{version}"),
            "attributes": {
                "enabled": true, "created": vault.now(), "updated": vault.now(),
                "recoveryLevel": "Recoverable+Purgeable", "recoverableDays": 90,
            },
        })
    );
}
