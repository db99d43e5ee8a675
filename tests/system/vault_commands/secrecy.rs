//! No command, no log and no file shows a secret but where it is meant to stand.

use std::fs;

use strongroom_tests::canary::{self, Canary, ProcessWatch};
use strongroom_tests::vault::{USER, environment};
use strongroom_tests::{VaultServer, scratch};

use super::vault;

/// Everything that can be logged, is.
const LOUD: [(&str, &str); 3] =
    [("STRONGROOM_LOG", "trace"), ("RUST_LOG", "trace"), ("RUST_BACKTRACE", "full")];

/// Files that are there to hold a secret.
const MEANT: &[&str] = &["value", "chosen", "copy"];

/// Looks different in every form.
fn secret(seed: &str) -> String {
    format!("{seed}~?>\"\\/ é+k&=%9x")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_and_client_secrets_stand_nowhere_but_where_they_are_meant_to() {
    let watch = ProcessWatch::start();
    let folder = scratch();
    let mut server = VaultServer::start_in(folder.path(), |_| (), &LOUD).await;
    let (chosen, by_file, by_stdin) = (secret("Wq7Ty"), secret("Zx4Bn"), secret("Hj9Mk"));
    let canaries = [
        Canary::new("the chosen client secret", &chosen),
        Canary::new("the value from a file", &by_file),
        Canary::new("the value from standard input", &by_stdin),
    ];
    fs::write(folder.path().join("chosen"), format!("{chosen}\n")).unwrap();
    fs::write(folder.path().join("value"), &by_file).unwrap();
    let mut variables = environment(folder.path(), "vault", USER.name, "v1").await;
    variables.insert("AZURE_CLIENT_ID".into(), "app-id".into());
    variables.insert("AZURE_CLIENT_SECRET".into(), chosen.clone());

    let mut findings = Vec::new();
    for (line, stdin, code, meant) in [
        ("principal add app --client-id app-id --secret-file chosen --data-dir vault", "", 0, ""),
        ("principal add-secret app --secret-stdin --json --data-dir vault", chosen.as_str(), 0, ""),
        ("put one --file value", "", 1, ""), // no role yet
        ("role assign app b86a8fe4-44ce-4948-aee5-eccb2c155cd7 --vault v1 --data-dir vault", "", 0, ""),
        ("put one --file value --json", "", 0, ""),
        ("put two", by_stdin.as_str(), 0, ""),
        ("put two --tag a=b --content-type x", by_stdin.as_str(), 0, ""),
        ("get one", "", 0, by_file.as_str()),
        ("get two --json", "", 0, by_stdin.as_str()),
        ("get one --output copy", "", 0, ""),
        ("get one --version 0123456789abcdef0123456789abcdef", "", 1, ""),
        ("list --json", "", 0, ""),
        ("list --versions two", "", 0, ""),
        ("delete two", "", 0, ""),
        ("recover two", "", 0, ""),
        ("delete two", "", 0, ""),
        ("put two", by_stdin.as_str(), 0, ""), // it is recovered first
        ("principal show app --json --data-dir vault", "", 0, ""),
        ("rekey --data-dir vault", "", 0, ""),
        ("backup kept --data-dir vault", "", 0, ""),
        ("restore kept --overwrite --data-dir vault", "", 0, ""),
        ("check --json --data-dir vault", "", 0, ""),
        ("get one", "", 0, by_file.as_str()),
    ] {
        let words: Vec<_> = line.split(' ').collect();
        let finished = vault(folder.path(), &words).envs(LOUD).envs(&variables).stdin(stdin).run().await;
        let finished = finished.ended_with(code);
        let unmeant: Vec<_> = canaries.iter().filter(|canary| canary.value != meant).cloned().collect();
        findings.extend(canary::look_into(line, finished.stdout.as_bytes(), &unmeant));
        findings.extend(canary::look_into(line, finished.stderr.as_bytes(), &canaries));
        assert!(
            !finished.stderr.contains("eyJ0eXAi") && !finished.stderr.contains("eyJhbGci"),
            "{line}: a token"
        );
    }
    findings.extend(canary::look_below(folder.path(), MEANT, &canaries));
    assert!(server.running().stop().await.success());
    findings.extend(canary::look_below(folder.path(), MEANT, &canaries));
    for arguments in watch.end() {
        findings.extend(canary::look_into("the arguments of a process", &arguments, &canaries));
    }
    assert_eq!(findings, []);
    assert!(server.running().stderr().contains("DEBUG"), "all is logged");
    assert_ne!(canary::look_below(folder.path(), &[], &canaries), [], "the search finds what is there");
}
