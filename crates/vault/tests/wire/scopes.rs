//! Roles as assigned: Azure's own, those of a configuration, for a whole vault and for one secret.

use reqwest::Method;
use serde_json::json;
use strongroom_vault::{PrincipalSettings, RoleAssignment, RoleSettings, VaultConfig};

use crate::harness::{Session, TestVault, config};

const ONE: &str = "44444444-4444-4444-4444-444444444444";

/// A vault in which a further principal has these roles; its session at `v1`.
async fn vault_with(roles: Vec<RoleAssignment>, custom: Vec<RoleSettings>) -> TestVault {
    let mut config: VaultConfig = config();
    config.roles = custom;
    config.principals.push(PrincipalSettings {
        name: "one".into(),
        client_id: ONE.into(),
        client_secret: Some("0ne".into()),
        roles,
        ..PrincipalSettings::default()
    });
    TestVault::start_with(tempfile::tempdir().unwrap(), config).await
}

async fn one(vault: &TestVault) -> Session<'_> {
    Session { vault, base: vault.running.url("v1"), token: vault.token(ONE, "0ne").await }
}

async fn refused(session: &Session<'_>, method: Method, path: &str) -> String {
    let answer = session.send(method, path, Some(json!({"value": "x"}))).await;
    answer.fails(403, "Forbidden", Some("ForbiddenByRbac"))
}

fn secret(name: &str, role: &str) -> RoleAssignment {
    RoleAssignment { secret: Some(name.into()), ..RoleAssignment::new("v1", role) }
}

#[tokio::test]
async fn a_reader_sees_what_there_is_and_no_value() {
    let vault = vault_with(vec![RoleAssignment::new("v1", "Key Vault Reader")], vec![]).await;
    vault.officer().await.set("a", "x").await;
    let reader = one(&vault).await;
    for path in ["/secrets", "/secrets/a/versions", "/deletedsecrets"] {
        reader.get(path).await.is(200);
    }
    refused(&reader, Method::GET, "/secrets/a").await;
    refused(&reader, Method::PUT, "/secrets/a").await;
    refused(&reader, Method::DELETE, "/secrets/a").await;
}

#[tokio::test]
async fn an_administrator_known_by_its_roles_id_may_do_everything() {
    let role = RoleAssignment::new("v1", "00482a5a-887f-4fb3-b363-3b7fe8e74483");
    let vault = vault_with(vec![role], vec![]).await;
    let administrator = one(&vault).await;
    administrator.set("a", "x").await;
    administrator.get("/secrets").await.is(200);
    administrator.delete("/secrets/a").await.is(200);
    administrator.delete("/deletedsecrets/a").await.is(204);
}

#[tokio::test]
async fn a_role_for_one_secret_reaches_its_versions_and_its_deleted_form() {
    let vault = vault_with(vec![secret("Mine", "Key Vault Secrets Officer")], vec![]).await;
    let one = one(&vault).await;
    let version = one.set("mine", "x").await;
    one.get(&format!("/secrets/MINE/{version}")).await.is(200);
    one.get("/secrets/mine/versions").await.is(200);
    one.patch("/secrets/mine", json!({"contentType": "text"})).await.is(200);
    one.delete("/secrets/mine").await.is(200);
    one.get("/deletedsecrets/mine").await.is(200);
    one.post("/deletedsecrets/mine/recover").await.is(200);
    one.delete("/secrets/mine").await.is(200);
    one.delete("/deletedsecrets/mine").await.is(204);
}

#[tokio::test]
async fn a_role_for_one_secret_reaches_no_other_and_no_listing() {
    let vault = vault_with(vec![secret("mine", "Key Vault Secrets Officer")], vec![]).await;
    vault.officer().await.set("mine2", "x").await;
    let one = one(&vault).await;
    for name in ["mine2", "min", "mine_", "m%69ne2"] {
        for method in [Method::GET, Method::PUT, Method::PATCH, Method::DELETE] {
            refused(&one, method, &format!("/secrets/{name}")).await;
        }
        refused(&one, Method::GET, &format!("/secrets/{name}/versions")).await;
        refused(&one, Method::GET, &format!("/deletedsecrets/{name}")).await;
        refused(&one, Method::DELETE, &format!("/deletedsecrets/{name}")).await;
        refused(&one, Method::POST, &format!("/deletedsecrets/{name}/recover")).await;
    }
    // Who may not read every secret may not list them all either.
    for listing in ["/secrets", "//secrets/", "/secrets?maxresults=1", "/deletedsecrets"] {
        let message = refused(&one, Method::GET, listing).await;
        assert!(message.contains("readMetadata") && message.contains("Resource: '/secrets'"), "{message}");
    }
    refused(&one.at("v2"), Method::GET, "/secrets/mine").await;
}

#[tokio::test]
async fn reading_values_does_not_let_one_list_them() {
    let reads = RoleSettings {
        name: "Reads".into(),
        actions: vec!["Microsoft.KeyVault/vaults/secrets/getSecret/action".into()],
    };
    let vault = vault_with(vec![RoleAssignment::new("v1", "READS")], vec![reads]).await;
    vault.officer().await.set("a", "x").await;
    let one = one(&vault).await;
    one.get("/secrets/a").await.is(200);
    for listing in ["/secrets", "/secrets/a/versions", "/deletedsecrets", "/deletedsecrets/a"] {
        refused(&one, Method::GET, listing).await;
    }
}

#[tokio::test]
async fn a_role_of_ones_own_grants_what_its_asterisks_mean() {
    let all_but_delete = RoleSettings {
        name: "Keeps".into(),
        actions: vec!["microsoft.keyvault/vaults/secrets/*/action".into()],
    };
    let vault = vault_with(vec![RoleAssignment::new("v1", "Keeps")], vec![all_but_delete]).await;
    let one = one(&vault).await;
    one.set("a", "x").await;
    one.get("/secrets").await.is(200);
    refused(&one, Method::DELETE, "/secrets/a").await;
}
