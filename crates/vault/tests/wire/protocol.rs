//! Hosts, the challenge, API versions, paths, headers.

use reqwest::{Method, Version};
use serde_json::json;

use crate::harness::{OFFICER, OFFICER_SECRET, TestVault, client, read};

#[tokio::test]
async fn the_first_request_gets_the_challenge_before_anything_is_looked_at() {
    let vault = TestVault::start().await;
    let port = vault.running.address().port();
    let expected = format!(
        "Bearer authorization=\"https://login.vault.localhost:{port}/adfs\", resource=\"https://vault.localhost:{port}\""
    );
    for (method, path) in [
        (Method::PUT, "/secrets/a?api-version=7.6"),
        (Method::GET, "/secrets/a"),
        (Method::GET, "/secrets/not_legal?api-version=1"),
        (Method::GET, "//secrets?maxresults=1000"),
        (Method::POST, "/no/such/path"),
        (Method::DELETE, "/deletedsecrets/a"),
    ] {
        let url = format!("{}{path}", vault.running.url("V1"));
        let answer = read(vault.client.request(method, url).send().await.unwrap()).await;
        assert_eq!(answer.headers["www-authenticate"], expected);
        let message = answer.fails(401, "Unauthorized", None);
        assert!(message.starts_with("AKV10000: Request is missing a Bearer or PoP token"), "{message}");
    }
}

#[tokio::test]
async fn the_challenges_port_is_the_one_of_the_host_header() {
    let vault = TestVault::start().await;
    let url = format!("https://{}/secrets", vault.running.address());
    for (host, port) in [("v1.vault.localhost", ""), ("V1.vault.localhost:1234", ":1234")] {
        let request = vault.client.get(&url).header("host", host).version(Version::HTTP_11);
        // HTTP/2 has no Host header of the caller's choice.
        let answer = only_http1(&vault).execute(request.build().unwrap()).await.unwrap();
        let challenge = answer.headers()["www-authenticate"].to_str().unwrap().to_owned();
        assert_eq!(
            challenge,
            format!(
                "Bearer authorization=\"https://login.vault.localhost{port}/adfs\", resource=\"https://vault.localhost{port}\""
            )
        );
    }
}

fn only_http1(vault: &TestVault) -> reqwest::Client {
    let ca = std::fs::read(vault.running.ca_file()).unwrap();
    reqwest::Client::builder()
        .tls_certs_only([reqwest::Certificate::from_pem(&ca).unwrap()])
        .http1_only()
        .build()
        .unwrap()
}

#[tokio::test]
async fn an_unknown_vault_is_no_missing_secret() {
    let vault = TestVault::start().await;
    let session = vault.officer().await;
    for host in ["v3.vault.localhost", "vault.localhost", "login.vault.localhost", "127.0.0.1"] {
        let url = format!("https://{host}:{}/secrets/a?api-version=7.6", vault.running.address().port());
        let message = session.send_raw(Method::GET, &url, None).await.fails(400, "VaultNotFound", None);
        assert!(message.contains(host) && message.contains("vault.yaml"), "{message}");
    }
}

#[tokio::test]
async fn the_api_version_is_needed_and_must_be_known() {
    let vault = TestVault::start().await;
    let session = vault.officer().await;
    session.set("a", "x").await;
    let url = |query: &str| format!("{}/secrets/a{query}", session.base);
    for query in [
        "?api-version=7.0",
        "?api%2Dversion=2026-04-01&outContentType=x",
        "?api-version=2016-10-01",
        "?x=1&api-version=7.6-preview.1",
    ] {
        session.send_raw(Method::GET, &url(query), None).await.is(200);
    }
    for query in ["", "?", "?api-version=", "?api-version=6.0", "?api-version=latest", "?API-version=7.6"] {
        session.send_raw(Method::GET, &url(query), None).await.fails(400, "BadParameter", None);
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_have_their_own_answers() {
    let vault = TestVault::start().await;
    let session = vault.officer().await;
    for path in ["/", "/keys", "/secrets/a/b/c", "/deletedsecrets/a/b"] {
        session.get(path).await.fails(404, "NotFound", None);
    }
    let refused = session.post("/secrets/a").await;
    assert_eq!(refused.headers["allow"], "PUT, GET, PATCH, DELETE");
    refused.fails(405, "MethodNotAllowed", None);
}

#[tokio::test]
async fn every_answer_carries_the_headers_of_the_real_one() {
    let vault = TestVault::start().await;
    let session = vault.officer().await;
    let url = format!("{}/secrets?api-version=7.6", session.base);
    let request =
        vault.client.get(&url).bearer_auth(&session.token).header("x-ms-client-request-id", "my-id");
    let known = request.send().await.unwrap();
    let unknown = vault.client.get(&url).header("x-ms-client-request-id", "my-id").send().await.unwrap();
    for answer in [&known, &unknown] {
        let headers = answer.headers();
        assert_eq!(headers["cache-control"], "no-cache");
        assert_eq!(headers["pragma"], "no-cache");
        assert_eq!(headers["expires"], "-1");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["x-ms-client-request-id"], "my-id");
        for name in [
            "strict-transport-security",
            "x-ms-request-id",
            "x-ms-keyvault-region",
            "x-ms-keyvault-service-version",
            "x-ms-keyvault-network-info",
        ] {
            assert!(headers.contains_key(name), "{name}");
        }
        assert!(headers["content-type"].to_str().unwrap().starts_with("application/json"));
    }
    assert_ne!(known.headers()["x-ms-request-id"], unknown.headers()["x-ms-request-id"]);
}

#[tokio::test]
async fn http_2_and_http_1_are_served_and_health_is_told_to_everybody() {
    let vault = TestVault::start().await;
    let port = vault.running.address().port();
    let two = vault.client.get(format!("{}/healthz", vault.running.url("v1"))).send().await.unwrap();
    assert_eq!((two.status().as_u16(), two.version()), (200, Version::HTTP_2));
    for host in ["127.0.0.1", "v1.vault.localhost"] {
        let url = format!("https://{host}:{port}/healthz");
        let one = reqwest::Client::get(&client(&vault.running), url).send().await.unwrap();
        assert_eq!(one.status(), 200);
    }
    let one = only_http1(&vault).get(format!("https://127.0.0.1:{port}/healthz")).send().await.unwrap();
    assert_eq!((one.status().as_u16(), one.version()), (200, Version::HTTP_11));
}

#[tokio::test]
async fn nothing_older_than_tls_1_2_is_spoken() {
    let vault = TestVault::start().await;
    let ca = std::fs::read(vault.running.ca_file()).unwrap();
    let url = format!("https://127.0.0.1:{}/healthz", vault.running.address().port());
    for version in [reqwest::tls::Version::TLS_1_2, reqwest::tls::Version::TLS_1_3] {
        let client = reqwest::Client::builder()
            .tls_certs_only([reqwest::Certificate::from_pem(&ca).unwrap()])
            .tls_version_min(version)
            .tls_version_max(version)
            .build()
            .unwrap();
        assert_eq!(client.get(&url).send().await.unwrap().status(), 200);
    }
    // A TLS 1.1 client hello: the answer is an alert, not a handshake.
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(vault.running.address()).await.unwrap();
    let mut hello = vec![0x16, 3, 1, 0, 45, 1, 0, 0, 41, 3, 2];
    hello.extend([7; 32]);
    hello.extend([0, 0, 2, 0xc0, 0x13, 1, 0]);
    stream.write_all(&hello).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert_eq!(answer.first(), Some(&0x15), "{answer:?}");
}

#[tokio::test]
async fn a_token_works_for_the_challenges_own_resource_too() {
    let vault = TestVault::start().await;
    let mut session = vault.officer().await;
    let port = vault.running.address().port();
    let scope = format!("https://vault.localhost:{port}/.default");
    session.token = vault.token_for(OFFICER, OFFICER_SECRET, &scope).await;
    session.put("/secrets/a", json!({"value": "x"})).await.is(200);
}
