//! Tokens for managed identities, as the metadata service and App Service give them, and that the vault believes them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::Value;
use strongroom_vault::{
    Environment, ManagedIdentitySettings, PrincipalSettings, UserAssignedSettings, VaultConfig,
};

use crate::harness::{Answer, OFFICER, Session, TestVault, USER, config, read};

const HEADER: &str = "a-header-that-nobody-guesses";
const RESOURCE: &str = "resource=https%3A%2F%2Fvault.azure.net";
const IMDS: &str = "/metadata/identity/oauth2/token?api-version=2018-02-01";

/// The officer is the machine's own identity and has no secret, the reader is one to be named.
fn with_identities() -> VaultConfig {
    let mut config = config();
    config.principals[0] = PrincipalSettings { client_secret: None, ..config.principals[0].clone() };
    config.managed_identity = Some(ManagedIdentitySettings {
        header: Some(HEADER.into()),
        system_assigned: Some("server".into()),
        user_assigned: vec![UserAssignedSettings {
            principal: "ingestion".into(),
            resource_id: Some("/subscriptions/s/Reader".into()),
        }],
        ..ManagedIdentitySettings::default()
    });
    config
}

async fn start() -> TestVault {
    TestVault::start_with(tempfile::tempdir().unwrap(), with_identities()).await
}

async fn ask(vault: &TestVault, path: &str, headers: &[(&'static str, &str)]) -> Answer {
    let address = vault.running.managed_identity_address().unwrap();
    let mut request = vault.client.get(format!("http://{address}{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    read(request.send().await.unwrap()).await
}

async fn imds(vault: &TestVault, rest: &str) -> Answer {
    ask(vault, &format!("{IMDS}&{rest}"), &[("Metadata", "true")]).await
}

async fn app_service(vault: &TestVault, rest: &str) -> Answer {
    let path = format!("/msi/token?api-version=2019-08-01&{RESOURCE}{rest}");
    ask(vault, &path, &[("X-IDENTITY-HEADER", HEADER)]).await
}

fn claims(answer: &Value) -> Value {
    let token = answer["access_token"].as_str().unwrap();
    let claims = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap()
}

#[tokio::test]
async fn the_metadata_services_token_opens_the_vault_and_all_its_fields_are_texts() {
    let vault = start().await;
    let body = imds(&vault, RESOURCE).await.is(200);
    for field in [
        "access_token",
        "client_id",
        "expires_in",
        "expires_on",
        "ext_expires_in",
        "not_before",
        "resource",
        "token_type",
    ] {
        assert!(body[field].is_string(), "{field}");
    }
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body["resource"], "https://vault.azure.net");
    assert_eq!(body["client_id"], OFFICER);
    assert_eq!(body["expires_in"], "86399");
    assert_eq!(body["expires_on"], (vault.now() + 86_400).to_string());
    let claims = claims(&body);
    assert_eq!(claims["appid"], OFFICER);
    assert_eq!(claims["tid"], "adfs");
    assert_eq!(claims["idtyp"], "app");
    assert!(claims["oid"].is_string());
    assert!(claims["xms_mirid"].as_str().unwrap().contains("/virtualMachines/"), "{claims}");
    let token = body["access_token"].as_str().unwrap().to_owned();
    let officer = Session { vault: &vault, base: vault.running.url("v1"), token };
    officer.set("a", "one").await;
}

#[tokio::test]
async fn an_identity_is_named_by_client_object_or_resource_and_has_its_own_roles() {
    let vault = start().await;
    let by_client = imds(&vault, &format!("{RESOURCE}&client_id={USER}")).await.is(200);
    assert_eq!(by_client["client_id"], USER);
    let by_client = claims(&by_client);
    assert_eq!(by_client["xms_mirid"], "/subscriptions/s/Reader");
    let object = by_client["oid"].as_str().unwrap();
    for id in [
        format!("object_id={object}"),
        format!("principal_id={object}"),
        "msi_res_id=%2Fsubscriptions%2Fs%2Freader".to_owned(),
        "mi_res_id=/subscriptions/s/Reader".to_owned(),
    ] {
        let body = imds(&vault, &format!("{RESOURCE}&{id}")).await.is(200);
        assert_eq!(body["client_id"], USER, "{id}");
        assert_eq!(app_service(&vault, &format!("&{id}")).await.is(200)["client_id"], USER, "{id}");
    }
    let token = imds(&vault, &format!("{RESOURCE}&client_id={USER}")).await.is(200)["access_token"].clone();
    let reader =
        Session { vault: &vault, base: vault.running.url("v1"), token: token.as_str().unwrap().into() };
    reader.get("/secrets").await.is(200);
    let refused = reader.send(Method::DELETE, "/secrets/a", None).await;
    refused.fails(403, "Forbidden", Some("ForbiddenByRbac"));
}

#[tokio::test]
async fn the_metadata_service_says_what_a_request_lacks() {
    let vault = start().await;
    let metadata: &[_] = &[("Metadata", "true")];
    let version = "api-version=2018-02-01";
    let path = "/metadata/identity/oauth2/token";
    for (query, headers, word, part) in [
        (format!("{version}&{RESOURCE}"), &[][..], "invalid_request", "metadata header"),
        (format!("{version}&{RESOURCE}"), &[("Metadata", "false")][..], "invalid_request", "metadata header"),
        (
            format!("{version}&{RESOURCE}"),
            &[("Metadata", "true"), ("X-Forwarded-For", "192.0.2.1")][..],
            "invalid_request",
            "X-Forwarded-For",
        ),
        (RESOURCE.to_owned(), metadata, "invalid_request", "api-version"),
        (format!("api-version=1.0&{RESOURCE}"), metadata, "invalid_request", "api-version"),
        (version.to_owned(), metadata, "invalid_request", "resource"),
        (format!("{version}&resource=https://vault.azure.com"), metadata, "invalid_resource", "AADSTS500011"),
        (format!("{version}&{RESOURCE}&client_id=nobody"), metadata, "invalid_request", "Identity not found"),
        (
            format!("{version}&{RESOURCE}&client_id={USER}&object_id=x"),
            metadata,
            "invalid_request",
            "not by several",
        ),
    ] {
        let body = ask(&vault, &format!("{path}?{query}"), headers).await.is(400);
        assert_eq!(body["error"], word, "{query}");
        assert!(body["error_description"].as_str().unwrap().contains(part), "{query}: {body}");
    }
    for unknown in ["/metadata/identity/getplatformmetadata?cred-api-version=2.0", "/metadata/instance", "/"]
    {
        ask(&vault, unknown, metadata).await.is(404);
    }
}

#[tokio::test]
async fn app_service_wants_its_header_in_both_versions() {
    let vault = start().await;
    let body = app_service(&vault, "").await.is(200);
    assert_eq!(body["client_id"], OFFICER);
    assert_eq!(body["expires_on"], (vault.now() + 86_400).to_string());
    let old = format!("/msi/token?api-version=2017-09-01&{RESOURCE}");
    let body = ask(&vault, &format!("{old}&clientid={USER}"), &[("secret", HEADER)]).await.is(200);
    assert_eq!(body["client_id"], USER);
    assert!(body["expires_on"].as_str().unwrap().ends_with(" +00:00"), "{body}");
    let new = format!("/msi/token?api-version=2019-08-01&{RESOURCE}");
    for (path, headers) in [
        (&new, &[][..]),
        (&new, &[("X-IDENTITY-HEADER", "wrong")][..]),
        (&new, &[("secret", HEADER)][..]),
        (&new, &[("Metadata", "true")][..]),
        (&old, &[("X-IDENTITY-HEADER", HEADER)][..]),
    ] {
        let body = ask(&vault, path, headers).await.is(401);
        assert_eq!(body["statusCode"], 401);
    }
    let unknown = app_service(&vault, "&client_id=nobody").await.is(400);
    assert!(unknown["message"].as_str().unwrap().starts_with("No User Assigned"), "{unknown}");
}

#[tokio::test]
async fn a_web_pages_own_name_for_this_machine_is_not_answered() {
    let vault = start().await;
    let address = vault.running.managed_identity_address().unwrap();
    for (host, status) in [("evil.example", 403), ("169.254.169.254", 200), ("v1.vault.localhost:1", 200)] {
        let url = format!("http://{address}{IMDS}&{RESOURCE}");
        let request = vault.client.get(url).header("Metadata", "true").header("Host", host);
        assert_eq!(request.send().await.unwrap().status(), status, "{host}");
    }
}

#[tokio::test]
async fn without_the_section_there_is_no_listener_and_the_port_with_tls_has_no_such_path() {
    let vault = TestVault::start().await;
    assert_eq!(vault.running.managed_identity_address(), None);
    let url = format!("{}{IMDS}&{RESOURCE}", vault.running.url("v1"));
    let answer = read(vault.client.get(url).header("Metadata", "true").send().await.unwrap()).await;
    assert_eq!(answer.status, 401, "a vault's challenge");
}

#[tokio::test]
async fn the_variables_of_a_managed_identity_lead_to_its_token() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("given.yaml");
    std::fs::write(
        &path,
        "listen: 127.0.0.1:0\nvaults: [{name: v1}]\nprincipals:\n  - {name: app, clientId: a-1, roles: [{vault: v1, role: Key Vault Reader}]}\n\
         managedIdentity: {userAssigned: [{principal: app}]}\n"
            .replace("Key Vault Reader", "Key Vault Secrets User"),
    )
    .unwrap();
    let mut options = strongroom_vault::Options::new(folder.path().join("vault"));
    options.config = strongroom_vault::ConfigSource::File(path);
    let running = strongroom_vault::Vault::open(options).await.unwrap().start(None).await.unwrap();
    let environment = Environment::collect(&folder.path().join("vault"), None, "app", None).unwrap();
    let value = |name: &str| {
        let found = environment.variables().iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value.expose().to_owned())
    };
    let address = running.managed_identity_address().unwrap();
    assert_eq!(value("IDENTITY_ENDPOINT").unwrap(), format!("http://{address}/msi/token"));
    assert_eq!(value("AZURE_POD_IDENTITY_AUTHORITY_HOST").unwrap(), format!("http://{address}"));
    assert_eq!(value("AZURE_CLIENT_SECRET"), None);
    let url = format!("{}?api-version=2019-08-01&{RESOURCE}", value("IDENTITY_ENDPOINT").unwrap());
    let client = crate::harness::client(&running);
    let request = client.get(url).header("X-IDENTITY-HEADER", value("IDENTITY_HEADER").unwrap());
    assert_eq!(read(request.send().await.unwrap()).await.is(200)["client_id"], "a-1");
}
