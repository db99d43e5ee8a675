//! What goes wrong reaches the caller with the status and the codes of Azure's vault.

use azure_security_keyvault_secrets::SecretClient;
use azure_security_keyvault_secrets::models::SetSecretParameters;

use crate::checks::{client, fails, get, secret_credential, set, value, variable};

pub(crate) async fn run(officer: &SecretClient) {
    set(officer, "one", "1").await;
    fails(get(officer, "no-such-secret", None).await, 404, "SecretNotFound", "");
    let no_such_version = "0123456789abcdef0123456789abcdef";
    fails(get(officer, "one", Some(no_such_version)).await, 404, "SecretNotFound", "");
    fails(officer.get_deleted_secret("one", None).await, 404, "SecretNotFound", "");
    fails(officer.delete_secret("no-such-secret", None).await, 404, "SecretNotFound", "");

    let set = async |name: &str, text: &str| officer.set_secret(name, value(text), None).await;
    fails(set("under_score", "x").await, 400, "BadParameter", "");
    fails(set(&"a".repeat(128), "x").await, 400, "BadParameter", "");
    fails(set("long", &"x".repeat(25_601)).await, 400, "BadParameter", "");
    set("long", &"x".repeat(25_600)).await.expect("a value of the greatest length");
    let tags = (0..16).map(|number| (format!("tag{number}"), "x".to_owned())).collect();
    let parameters =
        SetSecretParameters { value: Some("x".to_owned()), tags: Some(tags), ..Default::default() };
    let too_many = officer.set_secret("tags", parameters.try_into().expect("JSON"), None).await;
    fails(too_many, 400, "BadParameter", "");

    let no_such_client = "33333333-3333-3333-3333-333333333333";
    for (id, number) in [(variable("AZURE_CLIENT_ID"), "7000215"), (no_such_client.to_owned(), "700016")] {
        let stranger = client(secret_credential(&id, "wrong".to_owned()));
        let error = get(&stranger, "one", None).await.expect_err("a refusal of the sign-in");
        let text = format!("{error} {error:?}");
        assert!(text.contains(number), "{number} is not in: {text}");
    }
}
