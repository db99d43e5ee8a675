//! The token endpoints and the documents around them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::harness::{OFFICER, OFFICER_SECRET, TENANT, TestVault, read};

const SCOPE: &str = "https://vault.azure.net/.default";

fn form<'a>(client: &'a str, secret: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("grant_type", "client_credentials"),
        ("client_id", client),
        ("client_secret", secret),
        ("scope", SCOPE),
        ("client_info", "1"),
    ]
}

fn claims(token: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

#[tokio::test]
async fn every_configured_tenant_issues_tokens_that_the_vault_believes() {
    let vault = TestVault::start().await;
    for path in [
        "/adfs/oauth2/token".to_owned(),
        "/adfs/oauth2/v2.0/token".to_owned(),
        format!("/{TENANT}/oauth2/v2.0/token"),
        "/contoso.onmicrosoft.com/oauth2/v2.0/token".to_owned(),
    ] {
        let path = path.as_str();
        let answer = vault.post_form(path, &form(OFFICER, OFFICER_SECRET)).await.is(200);
        assert_eq!(answer["token_type"], "Bearer");
        assert!(answer["expires_in"].is_i64() && answer["ext_expires_in"].is_i64());
        let token = answer["access_token"].as_str().unwrap();
        let claims = claims(token);
        let tenant = path.split('/').nth(1).unwrap();
        assert_eq!(claims["tid"], tenant);
        assert_eq!(claims["iss"], format!("https://login.vault.localhost/{tenant}/v2.0"));
        assert_eq!(claims["aud"], "https://vault.azure.net");
        assert_eq!(claims["appid"], OFFICER);
        assert_eq!(claims["oid"], claims["sub"]);
        assert_eq!(claims["iat"], vault.now());
        assert_eq!(claims["nbf"], vault.now());
        assert_eq!(claims["exp"], vault.now() + 3600);
        assert_eq!(claims["idp"], claims["iss"]);
        assert_eq!(
            (&claims["appidacr"], &claims["idtyp"], &claims["ver"]),
            (&json!("1"), &json!("app"), &json!("1.0"))
        );
        let mut session = vault.officer().await;
        session.token = token.to_owned();
        session.get("/secrets").await.is(200);
    }
}

#[tokio::test]
async fn the_scopes_that_msal_for_go_adds_are_let_through() {
    let vault = TestVault::start().await;
    let scope = format!("{SCOPE} openid offline_access profile");
    let mut session = vault.officer().await;
    session.token = vault.token_for(OFFICER, OFFICER_SECRET, &scope).await;
    session.get("/secrets").await.is(200);
}

#[tokio::test]
async fn version_1_takes_a_resource_and_answers_numbers_as_texts() {
    let vault = TestVault::start().await;
    let mut form = form(OFFICER, OFFICER_SECRET);
    form.retain(|(name, _)| *name != "scope");
    form.push(("resource", "https://vault.azure.net"));
    let answer = vault.post_form(&format!("/{TENANT}/oauth2/token"), &form).await.is(200);
    assert_eq!(answer["token_type"], "Bearer");
    assert_eq!(answer["resource"], "https://vault.azure.net");
    assert_eq!(answer["expires_in"], "3599");
    assert_eq!(answer["ext_expires_in"], "3599");
    assert_eq!(answer["not_before"], vault.now().to_string());
    assert_eq!(answer["expires_on"], (vault.now() + 3600).to_string());
    let token = answer["access_token"].as_str().unwrap();
    assert_eq!(claims(token)["aud"], "https://vault.azure.net");
    let mut session = vault.officer().await;
    session.token = token.to_owned();
    session.get("/secrets").await.is(200);
}

#[tokio::test]
async fn any_host_name_of_the_port_answers_token_requests() {
    let vault = TestVault::start().await;
    for base in [vault.running.url("v1"), format!("https://127.0.0.1:{}", vault.running.address().port())] {
        let url = format!("{base}/adfs/oauth2/v2.0/token");
        let answer = vault.client.post(url).form(&form(OFFICER, OFFICER_SECRET)).send().await.unwrap();
        assert_eq!(answer.status(), 200);
    }
}

#[tokio::test]
async fn each_refusal_has_entra_ids_number_and_shape() {
    let vault = TestVault::start().await;
    let unknown = "99999999-9999-9999-9999-999999999999";
    let without = |name: &str| -> Vec<_> {
        form(OFFICER, OFFICER_SECRET).into_iter().filter(|(given, _)| *given != name).collect()
    };
    let with = |name: &'static str, value: &'static str| -> Vec<_> {
        let mut form = without(name);
        form.push((name, value));
        form
    };
    let token = "/adfs/oauth2/v2.0/token";
    for (path, form, status, error, code) in [
        (token, form(OFFICER, "hunter2"), 401, "invalid_client", 7_000_215),
        (token, form(unknown, "hunter2"), 400, "unauthorized_client", 700_016),
        (token, without("client_secret"), 401, "invalid_client", 7_000_218),
        (token, with("client_secret", ""), 401, "invalid_client", 7_000_218),
        (token, without("client_id"), 400, "invalid_request", 900_144),
        (token, without("grant_type"), 400, "invalid_request", 900_144),
        (token, without("scope"), 400, "invalid_request", 900_144),
        (token, with("grant_type", "password"), 400, "unsupported_grant_type", 70_003),
        (token, with("scope", "https://vault.azure.net"), 400, "invalid_scope", 1_002_012),
        (token, with("scope", "a/.default b/.default"), 400, "invalid_scope", 70_011),
        (token, with("scope", "https://vault.azure.com/.default"), 400, "invalid_resource", 500_011),
        (token, with("resource", "https://vault.azure.net"), 400, "invalid_request", 901_002),
        (token, with("client_assertion", "a.b.c"), 400, "invalid_request", 900_144),
        (token, vec![("client_id", "a"), ("client_id", "b")], 400, "invalid_request", 900_144),
        ("/a%20b/oauth2/v2.0/token", form(OFFICER, OFFICER_SECRET), 400, "invalid_request", 90_002),
        (
            "/fabrikam.example/oauth2/v2.0/token",
            form(OFFICER, OFFICER_SECRET),
            400,
            "invalid_request",
            90_002,
        ),
        ("/fabrikam.example/oauth2/token", form(OFFICER, OFFICER_SECRET), 400, "invalid_request", 90_002),
        ("/common/oauth2/v2.0/token", form(OFFICER, OFFICER_SECRET), 400, "invalid_request", 50_059),
        (
            "/contoso.onmicrosoft.com/oauth2/token",
            form(OFFICER, OFFICER_SECRET),
            400,
            "invalid_request",
            900_144,
        ),
        ("/adfs/oauth2/token", form(OFFICER, "hunter2"), 401, "invalid_client", 7_000_215),
    ] {
        let answer = vault.post_form(path, &form).await;
        assert_eq!(answer.status, status, "{}", answer.body);
        let body = &answer.body;
        assert_eq!(body["error"], error);
        assert_eq!(body["error_codes"], serde_json::json!([code]));
        let description = body["error_description"].as_str().unwrap();
        assert!(description.starts_with(&format!("AADSTS{code}: ")), "{description}");
        assert!(!body.to_string().contains("hunter2"), "{body}");
        let timestamp = body["timestamp"].as_str().unwrap();
        assert!(timestamp.len() == 20 && timestamp.ends_with('Z'), "{timestamp}");
        for id in ["trace_id", "correlation_id"] {
            assert_eq!(body[id].as_str().unwrap().len(), 36);
        }
    }
}

#[tokio::test]
async fn a_body_that_is_no_form_is_refused_without_being_repeated() {
    let vault = TestVault::start().await;
    let url = format!("{}/adfs/oauth2/token", vault.running.authority());
    for (kind, body) in [
        ("application/json", "{\"client_secret\": \"hunter2\"}".to_owned()),
        ("application/x-www-form-urlencoded", format!("client_secret=hunter2{}", "x".repeat(70_000))),
    ] {
        let answer =
            read(vault.client.post(&url).header("content-type", kind).body(body).send().await.unwrap()).await;
        assert_eq!(answer.status, 400);
        assert_eq!(answer.body["error"], "invalid_request");
        assert!(!answer.body.to_string().contains("hunter2"));
    }
}

#[tokio::test]
async fn the_documents_speak_of_the_host_they_were_asked_at_and_the_key_checks_the_token() {
    let vault = TestVault::start().await;
    let authority = vault.running.authority();
    for (path, issuer, token, keys) in [
        ("/adfs/.well-known/openid-configuration", "/adfs", "/adfs/oauth2/token", "/adfs/discovery/keys"),
        (
            "/adfs/v2.0/.well-known/openid-configuration",
            "/adfs/v2.0",
            "/adfs/oauth2/v2.0/token",
            "/adfs/discovery/v2.0/keys",
        ),
        (
            "/contoso.onmicrosoft.com/v2.0/.well-known/openid-configuration",
            "/contoso.onmicrosoft.com/v2.0",
            "/contoso.onmicrosoft.com/oauth2/v2.0/token",
            "/contoso.onmicrosoft.com/discovery/v2.0/keys",
        ),
    ] {
        let get = async |url: String| read(vault.client.get(url).send().await.unwrap()).await.is(200);
        let document = get(format!("{authority}{path}")).await;
        assert_eq!(document["issuer"], format!("{authority}{issuer}"));
        assert_eq!(document["token_endpoint"], format!("{authority}{token}"));
        assert_eq!(document["jwks_uri"], format!("{authority}{keys}"));
        assert!(document["authorization_endpoint"].as_str().unwrap().starts_with(&authority));

        let keys = get(format!("{authority}{keys}")).await;
        let issued = vault.post_form(token, &form(OFFICER, OFFICER_SECRET)).await.is(200);
        let issued = issued["access_token"].as_str().unwrap();
        let header = jsonwebtoken::decode_header(issued).unwrap();
        let keys: jsonwebtoken::jwk::JwkSet = serde_json::from_value(keys).unwrap();
        let key = keys.find(header.kid.as_deref().unwrap()).unwrap();
        let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::RS256);
        validation.set_audience(&["https://vault.azure.net"]);
        let key = jsonwebtoken::DecodingKey::from_jwk(key).unwrap();
        jsonwebtoken::decode::<Value>(issued, &key, &validation).unwrap();
    }
}

async fn get(vault: &TestVault, path: &str) -> crate::harness::Answer {
    read(vault.client.get(format!("{}{path}", vault.running.authority())).send().await.unwrap()).await
}

#[tokio::test]
async fn version_1_has_documents_of_its_own_and_shared_segments_have_documents_only() {
    let vault = TestVault::start().await;
    let authority = vault.running.authority();
    for (segment, issuer) in [(TENANT, TENANT), ("common", "{tenantid}"), ("organizations", "{tenantid}")] {
        let document = get(&vault, &format!("/{segment}/.well-known/openid-configuration")).await.is(200);
        assert_eq!(document["issuer"], format!("{authority}/{issuer}/"));
        assert_eq!(document["token_endpoint"], format!("{authority}/{segment}/oauth2/token"));
        assert_eq!(document["jwks_uri"], format!("{authority}/{segment}/discovery/keys"));
        let document =
            get(&vault, &format!("/{segment}/v2.0/.well-known/openid-configuration")).await.is(200);
        assert_eq!(document["issuer"], format!("{authority}/{issuer}/v2.0"));
        let keys = get(&vault, &format!("/{segment}/discovery/keys")).await.is(200);
        assert_eq!(keys["keys"][0]["kty"], "RSA");
        assert_eq!(keys, get(&vault, &format!("/{segment}/discovery/v2.0/keys")).await.is(200));
    }
}

#[tokio::test]
async fn an_unknown_tenant_has_no_documents() {
    let vault = TestVault::start().await;
    for path in [
        "/fabrikam.example/v2.0/.well-known/openid-configuration",
        "/fabrikam.example/.well-known/openid-configuration",
        "/fabrikam.example/discovery/v2.0/keys",
        "/fabrikam.example/discovery/keys",
        "/fabrikam.example/discovery/instance",
    ] {
        let body = get(&vault, path).await.is(400);
        assert_eq!(body["error"], "invalid_tenant");
        assert_eq!(body["error_codes"], json!([90_002]));
    }
}

#[tokio::test]
async fn instance_discovery_vouches_for_this_service_and_for_no_other() {
    let vault = TestVault::start().await;
    let authority = vault.running.authority();
    let host = authority.strip_prefix("https://").unwrap();
    let discover = async |segment: &str, endpoint: &str| {
        let path = format!("/{segment}/discovery/instance?api-version=1.1&authorization_endpoint={endpoint}");
        get(&vault, &path).await
    };
    for segment in ["common", TENANT] {
        let answer = discover(segment, &format!("{authority}/{TENANT}/oauth2/v2.0/authorize")).await.is(200);
        assert_eq!(
            answer["tenant_discovery_endpoint"],
            format!("{authority}/{TENANT}/v2.0/.well-known/openid-configuration")
        );
        assert_eq!(answer["api-version"], "1.1");
        let metadata = &answer["metadata"][0];
        assert_eq!(metadata["preferred_network"], host);
        assert_eq!(metadata["preferred_cache"], host);
        assert_eq!(metadata["aliases"], json!([host, "login.vault.localhost"]));
    }
    let version_1 = discover("common", &format!("{authority}/common/oauth2/authorize")).await.is(200);
    let document = format!("{authority}/common/.well-known/openid-configuration");
    assert_eq!(version_1["tenant_discovery_endpoint"], document);
    for (endpoint, error, code) in [
        ("https://login.evil.example/common/oauth2/authorize", "invalid_instance", 50_049),
        ("http://login.vault.localhost/common/oauth2/authorize", "invalid_instance", 50_049),
        ("https://login.vault.localhost/fabrikam.example/oauth2/authorize", "invalid_tenant", 90_002),
    ] {
        let body = discover("common", endpoint).await.is(400);
        assert_eq!((&body["error"], &body["error_codes"][0]), (&json!(error), &json!(code)));
    }
    let body = get(&vault, "/common/discovery/instance?api-version=1.1").await.is(400);
    assert_eq!(body["error_codes"], json!([900_144]));
}
