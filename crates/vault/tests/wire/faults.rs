//! Faults on demand.

use std::io::{Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;
use strongroom_vault::{ConfigSource, ErrorKind, Options, Vault};

use crate::harness::{OFFICER, OFFICER_SECRET, Session, TestVault, config};
use crate::stopping::connect;

fn write(folder: &Path, faults: &str) {
    std::fs::write(folder.join("faults.yaml"), format!("faults:\n{faults}\n")).unwrap();
}

/// A vault with these faults, and the folder of their file.
async fn start(faults: &str) -> (TestVault, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), faults);
    let path = folder.path().join("faults.yaml");
    let vault = TestVault::start_as(config(), |options| {
        options.faults = Some(path);
        options.dev = true;
    })
    .await;
    (vault, folder)
}

/// Sends a request on a connection of its own and answers with every byte that comes back.
async fn raw(session: &Session<'_>, method: &str, path: &str, body: &str) -> Vec<u8> {
    let host = session.base.strip_prefix("https://").unwrap();
    let head = format!(
        "{method} {path}?api-version=7.6 HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        session.token,
        body.len()
    );
    let mut connection = connect(&session.vault.running);
    tokio::task::spawn_blocking(move || {
        connection.sock.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        connection.write_all(head.as_bytes()).unwrap();
        let mut answer = Vec::new();
        // The connection ends without TLS's last word, or is reset: either is an error, a time-out is another.
        let error = connection.read_to_end(&mut answer).unwrap_err();
        let kind = error.kind();
        assert!(
            matches!(kind, std::io::ErrorKind::UnexpectedEof | std::io::ErrorKind::ConnectionReset),
            "{error}"
        );
        answer
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn a_status_comes_in_key_vaults_form_and_nothing_is_done() {
    let (vault, _folder) = start(
        "  - {operations: [set], name: a, first: 2, status: 429, retryAfter: 3}\n  \
           - {operations: [get], every: 2, status: 503, code: Oops}",
    )
    .await;
    let session = vault.officer().await;
    for _ in 0..2 {
        let refused = session.put("/secrets/A", json!({"value": "x"})).await;
        assert_eq!(refused.headers["retry-after"], "3");
        assert!(refused.headers.contains_key("x-ms-request-id"));
        refused.fails(429, "Throttled", None);
    }
    session.get("/secrets/a").await.fails(404, "SecretNotFound", None);
    session.set("b", "other names are not meant").await;
    session.set("a", "x").await;
    session.get("/secrets/a").await.fails(503, "Oops", None);
    session.get("/secrets/a").await.is(200);
}

#[tokio::test]
async fn the_first_request_without_a_token_is_left_alone() {
    let (vault, _folder) = start("  - {operations: [set], first: 1, status: 500}").await;
    let session = vault.officer().await;
    let url = format!("{}/secrets/a?api-version=7.6", session.base);
    let challenge = vault.client.put(&url).send().await.unwrap();
    assert_eq!(challenge.status(), 401);
    session.put("/secrets/a", json!({"value": "x"})).await.fails(500, "InternalServerError", None);
    session.set("a", "x").await;
}

#[tokio::test]
async fn a_connection_dropped_before_the_commit_leaves_nothing_behind() {
    let (vault, _folder) = start("  - {operations: [set], first: 1, drop: beforeCommit}").await;
    let session = vault.officer().await;
    assert_eq!(raw(&session, "PUT", "/secrets/a", r#"{"value": "x"}"#).await, b"");
    session.get("/secrets/a").await.fails(404, "SecretNotFound", None);
    session.set("a", "y").await;
}

#[tokio::test]
async fn a_connection_dropped_after_the_commit_leaves_the_version_behind() {
    let (vault, _folder) = start("  - {operations: [set], first: 1, drop: afterCommit}").await;
    let session = vault.officer().await;
    assert_eq!(raw(&session, "PUT", "/secrets/a", r#"{"value": "x"}"#).await, b"");
    assert_eq!(session.get("/secrets/a").await.is(200)["value"], "x");
}

#[tokio::test]
async fn http_2_connections_are_dropped_too() {
    let (vault, _folder) = start("  - {operations: [get], first: 1, drop: afterCommit}").await;
    let session = vault.officer().await;
    session.set("a", "x").await;
    let url = format!("{}/secrets/a?api-version=7.6", session.base);
    let lost = vault.client.get(&url).bearer_auth(&session.token).send().await;
    assert!(lost.unwrap_err().is_request());
    session.get("/secrets/a").await.is(200);
}

#[tokio::test]
async fn half_an_answer_has_the_whole_length_and_half_the_body() {
    let (vault, _folder) = start("  - {operations: [get], name: a*, halfAnswer: true}").await;
    let session = vault.officer().await;
    session.set("abc", "hunter2").await;
    let answer = String::from_utf8(raw(&session, "GET", "/secrets/abc", "").await).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    let length: usize =
        head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap();
    assert_eq!(body.len(), length / 2);
    assert!(body.starts_with(r#"{"value":"hunter2""#), "{body}");
    let url = format!("{}/secrets/abc?api-version=7.6", session.base);
    let half = vault.client.get(&url).bearer_auth(&session.token).send().await.unwrap();
    assert_eq!(half.status(), 200);
    half.bytes().await.unwrap_err();
}

#[tokio::test]
async fn a_delay_comes_before_what_is_answered_then() {
    let (vault, _folder) = start("  - {operations: [list], delayMilliseconds: 300}").await;
    let session = vault.officer().await;
    #[allow(clippy::disallowed_methods, reason = "the delay is measured from outside")]
    let started = Instant::now();
    session.get("/secrets").await.is(200);
    assert!(started.elapsed() >= Duration::from_millis(300));
}

#[tokio::test]
async fn token_endpoints_fail_too() {
    let (vault, _folder) =
        start("  - {operations: [token], after: 1, first: 1, status: 503, code: temporarily_unavailable}")
            .await;
    vault.token(OFFICER, OFFICER_SECRET).await;
    let form = [("grant_type", "client_credentials")];
    let refused = vault.post_form("/adfs/oauth2/token", &form).await.is(503);
    assert_eq!(refused["error"], "temporarily_unavailable");
    vault.token(OFFICER, OFFICER_SECRET).await;
}

#[tokio::test]
async fn the_file_is_read_again_when_it_changes_and_a_bad_one_changes_nothing() {
    let (vault, folder) = start("  - {operations: [list], status: 500}").await;
    let session = vault.officer().await;
    session.get("/secrets").await.is(500);
    write(folder.path(), "  - {operations: [list], status: 503, name: no listing has a name}");
    session.get("/secrets").await.is(200);
    write(folder.path(), "  - {operations: [list], status: 503}");
    session.get("/secrets").await.is(503);
    write(folder.path(), "  - {this: is wrong}");
    session.get("/secrets").await.is(503);
    std::fs::remove_file(folder.path().join("faults.yaml")).unwrap();
    session.get("/secrets").await.is(503);
}

#[tokio::test]
async fn without_dev_a_file_of_faults_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "");
    for (name, dev, part) in [("faults.yaml", false, "--dev"), ("missing.yaml", true, "no file of faults")] {
        let mut options = Options::new(folder.path().join("vault"));
        options.config = ConfigSource::Given(Box::new(config()));
        options.faults = Some(folder.path().join(name));
        options.dev = dev;
        let error = Vault::open(options).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains(part), "{error}");
        assert!(!folder.path().join("vault").exists(), "nothing was made");
    }
}

#[tokio::test]
async fn without_faults_no_call_fails() {
    let (vault, _folder) = start("  []").await;
    let session = vault.officer().await;
    session.set("a", "x").await;
    session.send(Method::GET, "/secrets/a", None).await.is(200);
}
