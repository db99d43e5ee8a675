//! What `az` asks of Resource Manager before it comes to a vault.

use serde_json::Value;

use crate::harness::{Answer, OFFICER, OFFICER_SECRET, TENANT, TestVault, read};

async fn get(vault: &TestVault, host: &str, path: &str, token: Option<&str>) -> Answer {
    let mut request = vault.client.get(format!("{}{path}", vault.running.url(host)));
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    read(request.send().await.unwrap()).await
}

async fn token(vault: &TestVault, tenant: &str, audience: &str) -> String {
    let scope = format!("{audience}/.default");
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", OFFICER),
        ("client_secret", OFFICER_SECRET),
        ("scope", &scope),
    ];
    let body = vault.post_form(&format!("/{tenant}/oauth2/v2.0/token"), &form).await.is(200);
    body["access_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_clouds_endpoints_are_ours_with_their_port_and_without_a_token() {
    let vault = TestVault::start().await;
    let path = "/metadata/endpoints?api-version=";
    let cloud = get(&vault, "management", &format!("{path}2022-09-01"), None).await.is(200);
    let port = vault.running.address().port();
    assert_eq!(cloud["authentication"]["loginEndpoint"], vault.running.authority());
    assert_eq!(cloud["authentication"]["audiences"][0], "https://management.core.windows.net/");
    assert_eq!(cloud["resourceManager"], format!("{}/", vault.running.url("management")));
    assert_eq!(cloud["suffixes"]["keyVaultDns"], format!("vault.localhost:{port}"));
    let list = get(&vault, "management", &format!("{path}2019-05-01"), None).await.is(200);
    assert_eq!(list[0], cloud);
    let oldest = get(&vault, "management", &format!("{path}2015-01-01"), None).await.is(200);
    assert_eq!(oldest["authentication"], cloud["authentication"]);
}

#[tokio::test]
async fn a_caller_finds_its_tenant_and_one_subscription() {
    let vault = TestVault::start().await;
    for (tenant, audience) in
        [("adfs", "https://management.core.windows.net"), (TENANT, "https://management.azure.com")]
    {
        let token = token(&vault, tenant, audience).await;
        let ask = async |path: &str| {
            get(&vault, "management", &format!("{path}?api-version=2022-12-01"), Some(&token)).await
        };
        let tenants = ask("/tenants").await.is(200);
        assert_eq!(tenants["value"][0]["tenantId"], tenant);
        let subscriptions = ask("/subscriptions").await.is(200);
        let [only] = subscriptions["value"].as_array().unwrap().as_slice() else { panic!("{subscriptions}") };
        assert_eq!((&only["tenantId"], &only["state"]), (&Value::from(tenant), &Value::from("Enabled")));
        let id = only["subscriptionId"].as_str().unwrap();
        assert_eq!(ask(&format!("/subscriptions/{id}")).await.is(200), *only);
        assert_eq!(
            ask(&format!("/subscriptions/{id}/resourcegroups")).await.is(200)["value"],
            Value::Array(vec![])
        );
        assert_eq!(ask(&format!("/subscriptions/{id}/locations")).await.is(200)["value"][0]["name"], "local");
        let other = "/subscriptions/00000000-0000-0000-0000-000000000000";
        ask(other).await.fails(404, "SubscriptionNotFound", None);
    }
}

#[tokio::test]
async fn only_a_token_for_resource_manager_is_taken_and_the_vaults_do_not_take_it() {
    let vault = TestVault::start().await;
    for path in ["/tenants", "/subscriptions", "/subscriptions/x", "/subscriptions/x/resources"] {
        let missing = get(&vault, "management", path, None).await;
        let challenge = missing.headers["www-authenticate"].to_str().unwrap().to_owned();
        assert!(
            challenge.starts_with(&format!("Bearer authorization_uri=\"{}/", vault.running.authority())),
            "{challenge}"
        );
        missing.fails(401, "AuthenticationFailed", None);
        let vaults = vault.officer().await.token;
        for wrong in ["a.b.c", &vaults] {
            get(&vault, "management", path, Some(wrong)).await.fails(401, "AuthenticationFailed", None);
        }
    }
    let manager = token(&vault, "adfs", "https://management.azure.com").await;
    get(&vault, "v1", "/secrets?api-version=7.6", Some(&manager)).await.fails(401, "Unauthorized", None);
}

#[tokio::test]
async fn at_other_hosts_these_paths_are_a_vaults() {
    let vault = TestVault::start().await;
    for path in ["/metadata/endpoints", "/tenants", "/subscriptions", "/subscriptions/x"] {
        let answer = get(&vault, "v1", path, None).await;
        assert!(answer.headers["www-authenticate"].to_str().unwrap().contains("resource="), "{path}");
        answer.fails(401, "Unauthorized", None);
    }
}
