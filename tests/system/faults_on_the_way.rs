//! The real program and the real vault, with answers that get lost between them.

use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};
use strongroom_tests::fixtures::services;
use strongroom_tests::vault::{OFFICER, USER};
use strongroom_tests::{Finished, Program, VaultServer, metadata, scratch};

/// There are faults among the first calls of each kind only: however the calls take turns, none meets so many that it gives up.
const SERVICES: u32 = 60;

fn write_faults(folder: &Path, faults: &Value) {
    std::fs::write(folder.join("faults.yaml"), json!({"faults": faults}).to_string()).unwrap();
}

/// A vault that misbehaves as `faults` say, and a database whose secrets are to go there.
async fn scene(folder: &Path, faults: &Value) -> VaultServer {
    write_faults(folder, faults);
    let vault = VaultServer::start_as(folder, &["--dev", "--faults", "faults.yaml"]).await;
    let (key, _) = services::data_with_services(folder, SERVICES).await;
    metadata::write_configuration(folder, &metadata::configuration(&vault, key.expose()));
    vault
}

async fn migrate(folder: &Path) -> Finished {
    let arguments = ["migrate-secrets", "-c", metadata::CONFIG, "--data-dir", "data", "--json"];
    Program::new(folder).args(arguments).run().await
}

/// Each secret's name, with how many versions it has.
async fn versions(vault: &VaultServer) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    for name in vault.names().await {
        let request = vault.request(&OFFICER, Method::GET, &format!("/secrets/{name}/versions")).await;
        let page: Value = request.send().await.unwrap().json().await.unwrap();
        found.push((name, page["value"].as_array().unwrap().len()));
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_get_lost_make_no_second_version_and_no_failure() {
    let folder = scratch();
    let faults = json!([
        {"operations": ["set"], "first": 90, "every": 4, "drop": "afterCommit"},
        {"operations": ["set"], "first": 90, "every": 5, "halfAnswer": true},
        {"operations": ["set"], "first": 90, "every": 6, "status": 429},
        {"operations": ["set"], "first": 90, "every": 7, "status": 503},
        {"operations": ["get"], "first": 90, "every": 9, "drop": "beforeCommit"},
        {"operations": ["get"], "first": 90, "every": 11, "status": 500},
        {"operations": ["get"], "first": 90, "every": 13, "halfAnswer": true},
        {"operations": ["token"], "first": 1, "status": 503},
        {"operations": ["listDeleted"], "first": 1, "drop": "afterCommit"},
    ]);
    let vault = scene(folder.path(), &faults).await;

    let report = migrate(folder.path()).await.ended_with(0).json();

    assert_eq!(report["secrets"]["verified"], SERVICES, "{report}");
    write_faults(folder.path(), &json!([]));
    let versions = versions(&vault).await;
    assert_eq!(versions.len(), SERVICES as usize);
    assert!(versions.iter().all(|(_, count)| *count == 1), "{versions:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_fails_for_good_is_told_and_made_once_when_the_migration_runs_again() {
    let folder = scratch();
    let faults = json!([{"operations": ["set"], "every": 3, "status": 500}]);
    let vault = scene(folder.path(), &faults).await;

    let report = migrate(folder.path()).await.ended_with(1).json();
    let failures = report["failures"].as_array().unwrap();
    assert_eq!(failures.len(), SERVICES as usize / 3, "{report}");
    let error = failures[0]["error"].as_str().unwrap();
    assert!(error.contains("cannot write secret") && error.contains(&vault.url()), "{error}");

    write_faults(folder.path(), &json!([]));
    let _ = migrate(folder.path()).await.ended_with(0);
    let versions = versions(&vault).await;
    assert_eq!(versions.len(), SERVICES as usize);
    assert!(versions.iter().all(|(_, count)| *count == 1), "{versions:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_gets_lost_while_references_are_resolved_the_values_are_right_or_nothing_is_printed() {
    let folder = scratch();
    write_faults(folder.path(), &json!([]));
    let vault = VaultServer::start_as(folder.path(), &["--dev", "--faults", "faults.yaml"]).await;
    for number in 0..60 {
        vault.set(&format!("s{number}"), &format!("value-{number}")).await;
    }
    let references: String = (0..60).map(|number| format!("secret:s{number}\n")).collect();
    let environment = vault.environment(&USER).await;
    let resolve = || {
        let program = Program::new(folder.path()).args(["resolve", "--json", "-"]).envs(&environment);
        program.stdin(references.clone()).run()
    };
    write_faults(
        folder.path(),
        &json!([
            {"operations": ["get"], "first": 90, "every": 4, "status": 429},
            {"operations": ["get"], "first": 90, "every": 5, "status": 503},
            {"operations": ["get"], "first": 90, "every": 7, "drop": "beforeCommit"},
            {"operations": ["get"], "first": 90, "every": 9, "halfAnswer": true},
        ]),
    );
    let values = resolve().await.ended_with(0).json();
    for number in 0..60 {
        assert_eq!(values[format!("secret:s{number}")], format!("value-{number}"));
    }

    // A vault that is ill for good: no value, and no text of a reference.
    write_faults(folder.path(), &json!([{"operations": ["get"], "every": 1, "status": 503}]));
    let failed = resolve().await.ended_with(1);
    assert!(failed.stdout.is_empty() && failed.stderr.contains("503"), "{}{}", failed.stdout, failed.stderr);
}
