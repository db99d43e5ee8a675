//! Signing in otherwise than with a client secret at the tenant `adfs`.

use std::sync::Arc;

use azure_core::credentials::TokenCredential;
use azure_identity::{
    ManagedIdentityCredential, ManagedIdentityCredentialOptions, UserAssignedId, WorkloadIdentityCredential,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::checks::{client, client_secret, get, names, set, variable};

/// A tenant with an id: this client asks nobody about the authority.
pub(crate) async fn own_tenant() {
    assert_ne!(variable("AZURE_TENANT_ID"), "adfs");
    assert!(names(&client_secret()).await.is_empty());
}

/// A Kubernetes service account, by what the environment says.
pub(crate) async fn workload_identity() {
    keeps(WorkloadIdentityCredential::new(None).expect("a credential"), &variable("AZURE_CLIENT_ID")).await;
}

/// A managed identity of App Service, named in each way that these crates know there: who asks is who the token says.
pub(crate) async fn app_service() {
    let (machine, worker) = (variable("MACHINE"), variable("WORKER"));
    let managed = |id| {
        let options = ManagedIdentityCredentialOptions { user_assigned_id: id, ..Default::default() };
        ManagedIdentityCredential::new(Some(options)).expect("a credential")
    };
    keeps(managed(None), &machine).await;
    let by_client = managed(Some(UserAssignedId::ClientId(worker.clone())));
    let object = claims(&*by_client).await["oid"].as_str().expect("an object id").to_owned();
    keeps(by_client, &worker).await;
    keeps(managed(Some(UserAssignedId::ObjectId(object))), &worker).await;
    let nobody = managed(Some(UserAssignedId::ClientId("99999999-9999-9999-9999-999999999999".to_owned())));
    nobody.get_token(&[SCOPE], None).await.expect_err("nobody gets no token");
}

const SCOPE: &str = "https://vault.azure.net/.default";

/// Insists that a credential's token is the client's, and that it writes and reads.
async fn keeps(credential: Arc<dyn TokenCredential>, client_id: &str) {
    assert!(std::env::var_os("AZURE_CLIENT_SECRET").is_none(), "a client secret is in the environment");
    assert_eq!(claims(&*credential).await["appid"], client_id);
    let client = client(credential);
    set(&client, "kept", client_id).await;
    assert_eq!(get(&client, "kept", None).await.expect("a get").value.as_deref(), Some(client_id));
}

async fn claims(credential: &dyn TokenCredential) -> Value {
    let token = credential.get_token(&[SCOPE], None).await.expect("a token");
    let payload = token.token.secret().split('.').nth(1).expect("a JSON Web Token").to_owned();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).expect("base64")).expect("claims")
}
