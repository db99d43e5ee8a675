//! A backup brings a secret back with all its versions, under the name that it had, and only if that is free.

use azure_core::http::Response;
use azure_security_keyvault_secrets::SecretClient;
use azure_security_keyvault_secrets::models::{RestoreSecretParameters, Secret};

use crate::checks::{fails, get, purge, set, version, versions};

pub(crate) async fn run(client: &SecretClient) {
    let mut made = Vec::new();
    for number in 0..3 {
        made.push(set(client, "kept", &format!("value {number} ü")).await);
    }
    let backup = client.backup_secret("kept", None).await.expect("a backup").into_model().expect("a backup");
    let blob = backup.value.expect("a blob");
    assert!(!String::from_utf8_lossy(&blob).contains("value"), "a backup shows no value");
    fails(restore(client, &blob).await, 409, "Conflict", "");
    purge(client, "kept").await;

    let restored = restore(client, &blob).await.expect("a restoration").into_model().expect("a bundle");
    assert_eq!(restored.id, made[2].id);
    for bundle in &made {
        let read = get(client, "kept", Some(&version(bundle))).await.expect("a get");
        assert_eq!(read.value, bundle.value);
        let created = |bundle: &Secret| bundle.attributes.as_ref().expect("attributes").created;
        assert_eq!(created(&read), created(bundle));
    }
    assert_eq!(versions(client, "kept").await.len(), made.len());

    purge(client, "kept").await;
    let mut altered = blob.clone();
    let middle = altered.len() / 2;
    altered[middle] ^= 1;
    for wrong in [&altered, &blob[1..], b"no backup at all"] {
        fails(restore(client, wrong).await, 400, "BadParameter", "");
    }
    fails(client.backup_secret("kept", None).await, 404, "SecretNotFound", "");
}

async fn restore(client: &SecretClient, blob: &[u8]) -> azure_core::Result<Response<Secret>> {
    let parameters = RestoreSecretParameters { secret_backup: Some(blob.to_vec()) };
    client.restore_secret(parameters.try_into().expect("JSON"), None).await
}
