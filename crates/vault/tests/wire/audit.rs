//! The audit trail: a true line for each call, before its answer; and no answer without one.

use std::path::{Path, PathBuf};
use std::process::Command;

use reqwest::Method;
use serde_json::{Value, json};
use strongroom_vault::AuditSettings;
use tokio::time::Instant;

use crate::harness::{self, OFFICER, TestVault, config};

fn lines(vault: &TestVault) -> Vec<Value> {
    let text = std::fs::read_to_string(vault.folder.path().join("vault/audit.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The last line, which must be there as soon as the answer is.
fn last(vault: &TestVault) -> Value {
    lines(vault).pop().unwrap()
}

async fn start_with_audit_at(path: impl Into<PathBuf>) -> TestVault {
    let mut config = config();
    config.audit = AuditSettings { file: path.into(), ..AuditSettings::default() };
    TestVault::start_with(tempfile::tempdir().unwrap(), config).await
}

/// Sends a PUT as somebody whose token is known already.
async fn put(session: &harness::Session<'_>, name: &str) -> harness::Answer {
    session.put(&format!("/secrets/{name}"), json!({"value": "hunter2"})).await
}

#[tokio::test]
async fn each_call_leaves_one_line_that_tells_who_did_what_to_which_secret() {
    let vault = TestVault::start().await;
    let session = vault.officer().await;
    let version = session.set("MixedCase", "hunter2").await;
    let written = last(&vault);
    assert_eq!(
        (written["principal"].as_str(), written["clientId"].as_str(), written["vault"].as_str()),
        (Some("server"), Some(OFFICER), Some("v1"))
    );
    assert_eq!(written["operation"], "SetSecret");
    assert_eq!(written["action"], "Microsoft.KeyVault/vaults/secrets/setSecret/action");
    assert_eq!((written["name"].as_str(), written["version"].as_str()), (Some("MixedCase"), Some(&*version)));
    assert_eq!((&written["status"], written["result"].as_str()), (&json!(200), Some("ok")));

    let answer = session
        .vault
        .client
        .get(format!("{}/secrets/mixedcase?api-version=7.4", session.base))
        .bearer_auth(&session.token)
        .header("x-ms-client-request-id", "mine \"1\"")
        .send()
        .await
        .unwrap();
    let read = last(&vault);
    assert_eq!(read["version"], version, "the version that was shown");
    assert_eq!(read["clientRequestId"], "mine \"1\"");
    assert_eq!(read["requestId"], answer.headers()["x-ms-request-id"].to_str().unwrap());

    for (path, result) in [
        ("/secrets/none", "SecretNotFound"),
        ("/deletedsecrets/none", "SecretNotFound"),
        ("/secrets/a_b", "BadParameter"),
    ] {
        session.get(path).await;
        assert_eq!(last(&vault)["result"], result, "{path}");
    }
    assert_eq!(last(&vault).get("name"), None, "an illegal name may be a misplaced value");

    let before = lines(&vault).len();
    session.delete("/secrets/none").await.fails(404, "SecretNotFound", None);
    assert_eq!(lines(&vault).len(), before + 1, "a refused write leaves one line");
    session.delete("/secrets/mixedcase").await.is(200);
    put(&session, "mixedcase").await.fails(409, "Conflict", Some("ObjectIsDeletedButRecoverable"));
    assert_eq!(last(&vault)["result"], "ObjectIsDeletedButRecoverable");
    session.delete("/deletedsecrets/mixedcase").await.is(204);
    assert_eq!(
        (&last(&vault)["status"], last(&vault)["operation"].as_str()),
        (&json!(204), Some("PurgeDeleted"))
    );

    let user = vault.user().await;
    put(&user, "a").await.fails(403, "Forbidden", Some("ForbiddenByRbac"));
    assert_eq!(
        (last(&vault)["principal"].as_str(), last(&vault)["result"].as_str()),
        (Some("ingestion"), Some("ForbiddenByRbac"))
    );
    let url = format!("{}/secrets/a?api-version=7.4", session.base);
    vault.client.get(url).send().await.unwrap();
    assert_eq!(
        (last(&vault).get("principal"), last(&vault)["result"].as_str()),
        (None, Some("Unauthorized"))
    );

    let text = std::fs::read_to_string(vault.folder.path().join("vault/audit.jsonl")).unwrap();
    assert!(!text.contains("hunter2") && !text.contains(&session.token));
}

#[tokio::test]
async fn nothing_is_stored_or_shown_while_the_disk_is_full() {
    let vault = start_with_audit_at("/dev/full").await;
    let session = vault.officer().await;
    put(&session, "a").await.fails(503, "ServiceUnavailable", Some("AuditUnavailable"));
    session.get("/secrets").await.fails(503, "ServiceUnavailable", Some("AuditUnavailable"));
    let vault = vault.restart().await;
    vault.officer().await.get("/secrets/a").await.fails(404, "SecretNotFound", None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trail_that_hangs_refuses_calls_within_its_deadline_and_tells_what_became_of_late_ones() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let reader = open_for_reading(&pipe);
    let vault = start_with_audit_at(&pipe).await;
    let reader = reader.join().unwrap();
    let session = vault.officer().await;
    let mut stored = 0;
    let refused = loop {
        let began = Instant::now();
        let name = format!("{}-{stored}", "n".repeat(100));
        let answer = put(&session, &name).await;
        if answer.status == 503 {
            assert!(began.elapsed().as_secs() < 3, "{:?}", began.elapsed());
            break name;
        }
        answer.is(200);
        stored += 1;
        assert!(stored < 1000, "a pipe that nobody reads gets full");
    };
    let began = Instant::now();
    session.get("/secrets").await.fails(503, "ServiceUnavailable", Some("AuditUnavailable"));
    assert!(began.elapsed().as_millis() < 900, "who comes later does not wait: {:?}", began.elapsed());

    // Somebody reads again: the line that was under way comes out, its correction behind it, and the vault serves.
    let drained = tokio::task::spawn_blocking(move || read_until(reader, "Unanswered"));
    let text = drained.await.unwrap();
    let about: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|line| line["name"] == refused.as_str())
        .collect();
    assert_eq!(about.len(), 2, "{about:?}");
    assert_eq!(about[0]["requestId"], about[1]["requestId"]);
    assert_eq!((&about[0]["status"], &about[1]["status"]), (&json!(200), &json!(503)));
    session.get(&format!("/secrets/{refused}")).await.fails(404, "SecretNotFound", None);
    assert_eq!(session.send(Method::GET, "/secrets?maxresults=1", None).await.status, 200);
}

/// Opening a pipe waits for the other side.
fn open_for_reading(path: &Path) -> std::thread::JoinHandle<std::fs::File> {
    let path = path.to_owned();
    std::thread::spawn(move || std::fs::File::open(path).unwrap())
}

/// Reads until a text comes by, and goes on reading in the background.
fn read_until(mut pipe: std::fs::File, wanted: &str) -> String {
    use std::io::Read;
    let mut text = Vec::new();
    let mut part = [0; 64 * 1024];
    loop {
        let length = pipe.read(&mut part).unwrap();
        text.extend_from_slice(&part[..length]);
        if String::from_utf8_lossy(&text).contains(wanted) && text.ends_with(b"\n") {
            std::thread::spawn(move || std::io::copy(&mut pipe, &mut std::io::sink()));
            return String::from_utf8(text).unwrap();
        }
    }
}
