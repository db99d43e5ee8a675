//! A Key Vault Secrets User may read and list. Everything else is refused, whether there is such a secret or not.

use azure_security_keyvault_secrets::SecretClient;
use azure_security_keyvault_secrets::models::{RestoreSecretParameters, UpdateSecretPropertiesParameters};

use crate::checks::{fails, get, names, value, versions};

pub(crate) async fn run(client: &SecretClient) {
    fails(get(client, "any", None).await, 404, "SecretNotFound", "");
    assert!(names(client).await.is_empty());
    assert!(versions(client, "any").await.is_empty());
    fails(client.get_deleted_secret("any", None).await, 404, "SecretNotFound", "");

    let changes = UpdateSecretPropertiesParameters::default().try_into().expect("JSON");
    let blob = RestoreSecretParameters { secret_backup: Some(vec![1]) }.try_into().expect("JSON");
    let refused = [
        client.set_secret("any", value("x"), None).await.map(drop),
        client.update_secret_properties("any", changes, None).await.map(drop),
        client.delete_secret("any", None).await.map(drop),
        client.recover_deleted_secret("any", None).await.map(drop),
        client.purge_deleted_secret("any", None).await.map(drop),
        client.backup_secret("any", None).await.map(drop),
        client.restore_secret(blob, None).await.map(drop),
    ];
    for answer in refused {
        fails(answer, 403, "Forbidden", "ForbiddenByRbac");
    }
}
