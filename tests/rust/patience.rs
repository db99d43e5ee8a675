//! Where deletions and recoveries take their time, who asks again gets there, and who does not wait is refused.

use std::time::Duration;

use azure_core::http::StatusCode;
use azure_security_keyvault_secrets::SecretClient;

use crate::checks::{fails, get, set, value};

/// How often is looked, with a pause before each time: 30 seconds in all.
const LOOKS: u32 = 300;
const PAUSE: Duration = Duration::from_millis(100);

pub(crate) async fn run(client: &SecretClient) {
    set(client, "slow", "x").await;
    client.delete_secret("slow", None).await.expect("a deletion");
    fails(get(client, "slow", None).await, 404, "SecretNotFound", "");
    fails(client.get_deleted_secret("slow", None).await, 404, "SecretNotFound", "");
    let early = client.set_secret("slow", value("y"), None).await;
    fails(early, 409, "Conflict", "ObjectIsBeingDeleted");
    until_found(async || client.get_deleted_secret("slow", None).await.map(drop)).await;

    client.recover_deleted_secret("slow", None).await.expect("a recovery");
    fails(get(client, "slow", None).await, 404, "SecretNotFound", "");
    fails(client.purge_deleted_secret("slow", None).await, 409, "Conflict", "ObjectIsBeingRecovered");
    until_found(async || get(client, "slow", None).await.map(drop)).await;
    assert_eq!(get(client, "slow", None).await.expect("a get").value.as_deref(), Some("x"));
}

async fn until_found(look: impl AsyncFn() -> azure_core::Result<()>) {
    for _ in 0..LOOKS {
        tokio::time::sleep(PAUSE).await;
        match look().await {
            Ok(()) => return,
            Err(error) => assert_eq!(error.http_status(), Some(StatusCode::NotFound), "{error}"),
        }
    }
    panic!("not there after {:?}", PAUSE * LOOKS);
}
