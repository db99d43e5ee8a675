//! What the parts share: the client of the vault that the environment names, and how a failure is insisted upon.

use std::collections::HashMap;
use std::env;
use std::sync::Arc;

use azure_core::credentials::{Secret, TokenCredential};
use azure_core::error::ErrorKind;
use azure_core::http::{Pager, RequestContent};
use azure_identity::ClientSecretCredential;
use azure_security_keyvault_secrets::models::{
    ListDeletedSecretPropertiesResult, ListSecretPropertiesResult, Secret as Bundle,
    SecretClientGetSecretOptions, SetSecretParameters,
};
use azure_security_keyvault_secrets::{ResourceExt as _, SecretClient};
use futures::TryStreamExt as _;
use serde_json::Value;

/// A variable of the environment.
pub(crate) fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A client that signs in with the client secret of the environment.
pub(crate) fn client_secret() -> SecretClient {
    client(secret_credential(&variable("AZURE_CLIENT_ID"), variable("AZURE_CLIENT_SECRET")))
}

/// A credential with a client secret, in the environment's tenant.
pub(crate) fn secret_credential(client_id: &str, secret: String) -> Arc<dyn TokenCredential> {
    let tenant = variable("AZURE_TENANT_ID");
    ClientSecretCredential::new(&tenant, client_id.to_owned(), Secret::new(secret), None)
        .expect("a credential")
}

/// A client of the environment's vault, with nothing but its defaults.
pub(crate) fn client(credential: Arc<dyn TokenCredential>) -> SecretClient {
    SecretClient::new(&variable("AZURE_KEY_VAULT_URL"), credential, None).expect("a client")
}

/// What a set sends, with nothing but a value.
pub(crate) fn value(value: &str) -> RequestContent<SetSecretParameters> {
    let parameters = SetSecretParameters { value: Some(value.to_owned()), ..Default::default() };
    parameters.try_into().expect("JSON")
}

/// Sets a secret and answers its bundle.
pub(crate) async fn set(client: &SecretClient, name: &str, text: &str) -> Bundle {
    client.set_secret(name, value(text), None).await.expect("a set").into_model().expect("a bundle")
}

/// Reads the latest version of a secret, or the one that is named.
pub(crate) async fn get(
    client: &SecretClient,
    name: &str,
    version: Option<&str>,
) -> azure_core::Result<Bundle> {
    let options =
        SecretClientGetSecretOptions { secret_version: version.map(str::to_owned), ..Default::default() };
    client.get_secret(name, Some(options)).await?.into_model()
}

/// Deletes a secret and purges it.
pub(crate) async fn purge(client: &SecretClient, name: &str) {
    client.delete_secret(name, None).await.expect("a deletion");
    client.purge_deleted_secret(name, None).await.expect("a purge");
}

/// The version in a bundle's id.
pub(crate) fn version(bundle: &Bundle) -> String {
    bundle.resource_id().expect("an id").version.expect("a version in the id")
}

/// The names of all secrets, sorted.
pub(crate) async fn names(client: &SecretClient) -> Vec<String> {
    items(client.list_secret_properties(None)).await
}

/// The names of all deleted secrets, sorted.
pub(crate) async fn deleted_names(client: &SecretClient) -> Vec<String> {
    let pager: Pager<ListDeletedSecretPropertiesResult> =
        client.list_deleted_secret_properties(None).expect("a pager");
    let items: Vec<_> = pager.try_collect().await.expect("all pages");
    let mut names: Vec<_> = items.iter().map(|item| item.resource_id().expect("an id").name).collect();
    names.sort();
    names
}

/// All versions of a secret, sorted.
pub(crate) async fn versions(client: &SecretClient, name: &str) -> Vec<String> {
    items(client.list_secret_properties_versions(name, None)).await
}

/// What the ids of all items of a listing end with, sorted.
async fn items(pager: azure_core::Result<Pager<ListSecretPropertiesResult>>) -> Vec<String> {
    let items: Vec<_> = pager.expect("a pager").try_collect().await.expect("all pages");
    let ids = items.iter().map(|item| item.resource_id().expect("an id"));
    let mut found: Vec<_> = ids.map(|id| id.version.unwrap_or(id.name)).collect();
    found.sort();
    found
}

/// Tags as the models hold them.
pub(crate) fn tags<const N: usize>(tags: [(&str, &str); N]) -> HashMap<String, String> {
    tags.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

/// Insists that a call failed with this status, code and inner code; an empty inner code means that there is none.
#[track_caller]
pub(crate) fn fails<T>(answer: azure_core::Result<T>, status: u16, code: &str, inner: &str) {
    let Err(error) = answer else { panic!("no {status} {code} was raised") };
    let ErrorKind::HttpResponse { status: found, error_code, raw_response } = error.kind() else {
        panic!("no answer of the vault but {error}");
    };
    assert_eq!((u16::from(*found), error_code.as_deref()), (status, Some(code)), "{error}");
    let body = raw_response.as_ref().expect("the answer's body").body();
    let body: Value = serde_json::from_slice(body.as_ref()).expect("a JSON body");
    assert_eq!(body["error"]["innererror"]["code"].as_str().unwrap_or_default(), inner, "{body}");
}
