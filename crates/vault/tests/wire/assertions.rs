//! Signing in with a certificate or with the token of another issuer.

use std::path::Path;

use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, RsaKeySize};
use serde_json::{Value, json};
use strongroom_vault::{FederatedSettings, PrincipalSettings, RoleAssignment};

use crate::harness::{Answer, TENANT, TestVault, config};

const APP: &str = "44444444-4444-4444-4444-444444444444";
const POD: &str = "55555555-5555-5555-5555-555555555555";
const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";
const SUBJECT: &str = "system:serviceaccount:data:ingestion";

/// What the client keeps: the key, and the certificate's thumbprint.
struct Client {
    key: EncodingKey,
    thumbprint: String,
}

/// Makes a certificate as `openssl req -x509` does, and the PEM file that the vault is told of.
fn certificate(folder: &Path) -> Client {
    use base64::Engine;
    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
    let certificate = CertificateParams::new(vec![]).unwrap().self_signed(&key).unwrap();
    std::fs::write(folder.join("app.pem"), certificate.pem()).unwrap();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, certificate.der());
    Client {
        key: EncodingKey::from_rsa_pem(key.serialize_pem().as_bytes()).unwrap(),
        thumbprint: base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(digest),
    }
}

/// A cluster's key; its public half goes to the file `jwks.json`.
fn cluster_key(folder: &Path, kid: &str) -> EncodingKey {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let key = EncodingKey::from_ec_pem(key.serialize_pem().as_bytes()).unwrap();
    let mut jwk = Jwk::from_encoding_key(&key, Algorithm::ES256).unwrap();
    jwk.common.key_id = Some(kid.to_owned());
    std::fs::write(folder.join("jwks.json"), json!({ "keys": [jwk] }).to_string()).unwrap();
    key
}

async fn start() -> (TestVault, Client, EncodingKey) {
    let files = tempfile::tempdir().unwrap();
    let client = certificate(files.path());
    let cluster = cluster_key(files.path(), "one");
    let role = || vec![RoleAssignment::new("v1", "Key Vault Secrets User")];
    let mut config = config();
    config.principals.push(PrincipalSettings {
        name: "app".into(),
        client_id: APP.into(),
        certificates: vec![files.path().join("app.pem")],
        roles: role(),
        ..PrincipalSettings::default()
    });
    config.principals.push(PrincipalSettings {
        name: "pod".into(),
        client_id: POD.into(),
        federated_credentials: vec![FederatedSettings {
            issuer: ISSUER.into(),
            subject: SUBJECT.into(),
            audience: "api://AzureADTokenExchange".into(),
            jwks_file: Some(files.path().join("jwks.json")),
            jwks_url: None,
        }],
        roles: role(),
        ..PrincipalSettings::default()
    });
    (TestVault::start_with(files, config).await, client, cluster)
}

async fn sign_in(vault: &TestVault, path: &str, client: &str, assertion: &str) -> Answer {
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", client),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", assertion),
        ("scope", "https://vault.azure.net/.default"),
    ];
    vault.post_form(path, &form).await
}

#[track_caller]
fn refused(answer: Answer, status: u16, error: &str, code: u32) {
    let body = answer.is(status);
    assert_eq!((&body["error"], &body["error_codes"]), (&json!(error), &json!([code])), "{body}");
    assert!(body["error_description"].as_str().unwrap().starts_with(&format!("AADSTS{code}: ")));
    assert!(body["error_uri"].as_str().unwrap().ends_with(&format!("/error?code={code}")));
}

/// A certificate assertion as clients make it, for the token endpoint of a tenant, with changes to its claims.
fn own_assertion(vault: &TestVault, client: &Client, alg: Algorithm, change: &Value) -> String {
    let now = vault.now();
    let mut claims = json!({
        "aud": format!("{}/{TENANT}/oauth2/v2.0/token", vault.running.authority()),
        "iss": APP, "sub": APP, "jti": "1", "iat": now, "nbf": now, "exp": now + 600,
    });
    for (name, value) in change.as_object().unwrap() {
        claims[name] = value.clone();
    }
    let mut header = Header::new(alg);
    header.x5t_s256 = Some(client.thumbprint.clone());
    jsonwebtoken::encode(&header, &claims, &client.key).unwrap()
}

#[tokio::test]
async fn a_certificates_holder_signs_in_without_a_secret() {
    let (vault, client, _) = start().await;
    let path = format!("/{TENANT}/oauth2/v2.0/token");
    for alg in [Algorithm::RS256, Algorithm::PS256] {
        let assertion = own_assertion(&vault, &client, alg, &json!({}));
        let answer = sign_in(&vault, &path, APP, &assertion).await.is(200);
        let mut session = vault.user().await;
        session.token = answer["access_token"].as_str().unwrap().to_owned();
        session.get("/secrets").await.is(200);
        // Clients keep an assertion for the ten minutes of its life.
        sign_in(&vault, &path, APP, &assertion).await.is(200);
    }
}

#[tokio::test]
async fn a_thumbprint_in_the_other_alphabet_of_base64_is_the_same() {
    let (vault, client, _) = start().await;
    // As MSAL for Go writes it.
    let thumbprint = format!("{}=", client.thumbprint.replace('-', "+").replace('_', "/"));
    let client = Client { thumbprint, ..client };
    let assertion = own_assertion(&vault, &client, Algorithm::PS256, &json!({}));
    sign_in(&vault, &format!("/{TENANT}/oauth2/v2.0/token"), APP, &assertion).await.is(200);
}

#[tokio::test]
async fn a_certificate_assertion_that_is_not_right_is_refused_with_its_own_number() {
    let (vault, client, _) = start().await;
    let path = format!("/{TENANT}/oauth2/v2.0/token");
    let now = vault.now();
    for (change, status, error, code) in [
        (json!({"sub": POD}), 401, "invalid_client", 700_021),
        (
            json!({"aud": "https://login.microsoftonline.com/common/oauth2/token"}),
            401,
            "invalid_client",
            700_023,
        ),
        (
            json!({"aud": format!("{}/adfs/oauth2/token", vault.running.authority())}),
            401,
            "invalid_client",
            700_023,
        ),
        (json!({"exp": now - 300, "nbf": now - 900}), 401, "invalid_client", 700_024),
        (json!({"exp": now + 90_000}), 401, "invalid_client", 700_024),
        (json!({"iss": "https://elsewhere"}), 401, "invalid_client", 70_025),
    ] {
        let assertion = own_assertion(&vault, &client, Algorithm::RS256, &change);
        refused(sign_in(&vault, &path, APP, &assertion).await, status, error, code);
    }
    let good = own_assertion(&vault, &client, Algorithm::RS256, &json!({}));
    let (message, _) = good.rsplit_once('.').unwrap();
    refused(sign_in(&vault, &path, APP, &format!("{message}.AAAA")).await, 401, "invalid_client", 700_027);
    refused(sign_in(&vault, &path, APP, "a.b.c").await, 400, "invalid_request", 50_027);
    let stranger = "99999999-9999-9999-9999-999999999999";
    refused(sign_in(&vault, &path, stranger, &good).await, 400, "unauthorized_client", 700_016);
    refused(sign_in(&vault, &path, POD, &good).await, 401, "invalid_client", 700_211);
    let other = certificate(tempfile::tempdir().unwrap().path());
    let foreign = own_assertion(&vault, &other, Algorithm::RS256, &json!({}));
    refused(sign_in(&vault, &path, APP, &foreign).await, 401, "invalid_client", 700_027);
    let borrowed = Client { key: other.key, thumbprint: client.thumbprint };
    let forged = own_assertion(&vault, &borrowed, Algorithm::RS256, &json!({}));
    refused(sign_in(&vault, &path, APP, &forged).await, 401, "invalid_client", 700_027);
}

/// A service account's token as Kubernetes issues it.
fn pod_token(vault: &TestVault, key: &EncodingKey, kid: &str, change: &Value) -> String {
    let now = vault.now();
    let mut claims = json!({
        "aud": ["api://AzureADTokenExchange"], "iss": ISSUER, "sub": SUBJECT,
        "iat": now, "nbf": now, "exp": now + 3600,
        "kubernetes.io": {"namespace": "data", "serviceaccount": {"name": "ingestion"}},
    });
    for (name, value) in change.as_object().unwrap() {
        claims[name] = value.clone();
    }
    let mut header = Header::new(Algorithm::ES256);
    header.kid = Some(kid.to_owned());
    jsonwebtoken::encode(&header, &claims, key).unwrap()
}

#[tokio::test]
async fn a_pod_signs_in_with_its_service_accounts_token_and_the_clusters_keys_may_change() {
    let (vault, _, cluster) = start().await;
    let path = "/adfs/oauth2/token";
    let token = pod_token(&vault, &cluster, "one", &json!({}));
    let answer = sign_in(&vault, path, POD, &token).await.is(200);
    let mut session = vault.user().await;
    session.token = answer["access_token"].as_str().unwrap().to_owned();
    session.get("/secrets").await.is(200);

    let renewed = cluster_key(vault.folder.path(), "renewed");
    sign_in(&vault, path, POD, &pod_token(&vault, &renewed, "renewed", &json!({}))).await.is(200);
    refused(sign_in(&vault, path, POD, &token).await, 401, "invalid_client", 700_027);
    std::fs::remove_file(vault.folder.path().join("jwks.json")).unwrap();
    refused(sign_in(&vault, path, POD, &token).await, 400, "invalid_request", 50_166);
}

#[tokio::test]
async fn a_foreign_token_that_no_federated_credential_fits_is_refused_with_its_own_number() {
    let (vault, client, cluster) = start().await;
    let path = "/adfs/oauth2/token";
    for (change, code) in [
        (json!({"iss": format!("{ISSUER}/")}), 700_211),
        (json!({"aud": "https://kubernetes.default.svc"}), 700_212),
        (json!({"sub": "system:serviceaccount:data:Ingestion"}), 700_213),
        (json!({"exp": vault.now() - 300}), 700_024),
    ] {
        let token = pod_token(&vault, &cluster, "one", &change);
        refused(sign_in(&vault, path, POD, &token).await, 401, "invalid_client", code);
    }
    let unknown = pod_token(&vault, &cluster, "two", &json!({}));
    refused(sign_in(&vault, path, POD, &unknown).await, 401, "invalid_client", 700_027);
    let other = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let other = EncodingKey::from_ec_pem(other.serialize_pem().as_bytes()).unwrap();
    let forged = pod_token(&vault, &other, "one", &json!({}));
    refused(sign_in(&vault, path, POD, &forged).await, 401, "invalid_client", 700_027);
    // Whose certificate it is does not matter to a principal without certificates.
    let own = own_assertion(&vault, &client, Algorithm::RS256, &json!({"iss": POD, "sub": POD}));
    refused(
        sign_in(&vault, &format!("/{TENANT}/oauth2/v2.0/token"), POD, &own).await,
        401,
        "invalid_client",
        700_027,
    );
}
