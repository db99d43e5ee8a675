//! One action at a time, and what each is told by the command line.

use serde_json::json;
use strongroom_tests::fixtures::services;
use strongroom_tests::metadata::configuration;
use strongroom_tests::{VaultServer, scratch};

use super::{Scene, tells};

#[tokio::test]
async fn actions_exclude_one_another() {
    let scene = Scene::with(1).await;
    for arguments in [
        &["--rename", "--clean"][..],
        &["--rename", "--rollback", "abcd"],
        &["--clean", "--status"],
        &["--apply", "x", "--rename"],
        &["--apply", "x", "--plan"],
        &["--status", "--plan"],
        &["--rollback", "abcd", "--to", "db"],
        &["--clean", "--plan-out", "x"],
    ] {
        let refused = scene.migrate(arguments).await.ended_with(2);
        tells(&refused.stderr, &[arguments[0], "cannot be used with", "Usage"]);
    }
    let nothing = scene.migrate(&["--rename", "--to", "db"]).await.ended_with(2);
    tells(&nothing.stderr, &["nothing to rename"]);
    let unknown = scene.migrate(&["--to", "managed-azurekv"]).await.ended_with(2);
    tells(&unknown.stderr, &["--to managed-azurekv", "managed-azure-kv", "no such file"]);
    let unknown = scene.migrate(&["--only", "bench000001"]).await.ended_with(2);
    tells(&unknown.stderr, &["there is no kind of entities", "databaseService"]);
    let unknown = scene.migrate(&["--rollback", "abcd"]).await.ended_with(2);
    tells(&unknown.stderr, &["there is no run abcd", "--status"]);
    assert!(scene.vault.names().await.is_empty());
}

#[tokio::test]
async fn passwords_go_back_to_the_database_by_an_argument() {
    let scene = Scene::with(3).await;
    let _ = scene.migrate(&[]).await.ended_with(0);
    scene.vault.set("my-own", "mine").await;
    scene.plant_service("own", "secret:my-own").await;
    let conflict = scene.migrate(&["--to", "db"]).await.ended_with(3);
    tells(&conflict.stdout, &["own", "my-own", "Nothing was written"]);
    let report = scene.report(&["--to", "db", "--own-references", "copy"]).await;
    assert_eq!(report["secrets"]["returned"], 4, "{report}");
    assert_eq!(scene.resolved("own").await, "mine");
    assert_eq!(scene.resolved("bench000001").await, services::password(1));
    assert!(scene.stored("bench000001").await.starts_with("fernet:"));

    // And what is left in the vault goes on demand.
    let plan = scene.migrate(&["--clean", "--to", "db"]).await;
    assert_eq!(plan.code, Some(2));
    scene.configure(|file| file["secretsManagerConfiguration"]["secretsManager"] = json!("db"));
    let plan = scene.migrate(&["--clean", "--plan"]).await.ended_with(0);
    tells(
        &plan.stdout,
        &["openmetadata-database-bench000001-authtype-password", "3 secrets would be deleted"],
    );
    let plan = scene.report(&["--clean", "--plan"]).await;
    assert_eq!(plan["toDelete"].as_array().unwrap().len(), 3, "{plan}");
    assert_eq!(plan["secrets"]["deleted"], 3, "{plan}");
    assert_eq!(scene.vault.names().await.len(), 4);
    tells(&scene.migrate(&["--clean"]).await.ended_with(0).stdout, &["3 secrets deleted"]);
    assert_eq!(scene.vault.names().await, ["my-own"]);
    assert_eq!(scene.resolved("bench000001").await, services::password(1));
}

#[tokio::test]
async fn passwords_go_from_one_key_vault_to_another_and_the_old_one_is_cleaned() {
    let scene = Scene::with(5).await;
    let _ = scene.migrate(&[]).await.ended_with(0);
    let folder = scratch();
    let new = VaultServer::start(folder.path()).await;
    let there =
        configuration(&new, scene.configuration["fernetConfiguration"]["fernetKey"].as_str().unwrap());
    std::fs::write(scene.path().join("new.yaml"), there.to_string()).unwrap();

    let report = scene.report(&["--to", "new.yaml"]).await;
    assert_eq!((&report["secrets"]["written"], &report["secrets"]["verified"]), (&json!(5), &json!(5)));
    assert_eq!(new.names().await, scene.vault.names().await);
    // From the new configuration's side it is the same, and nothing is left to do.
    std::fs::rename(scene.path().join("openmetadata.yaml"), scene.path().join("old.yaml")).unwrap();
    std::fs::rename(scene.path().join("new.yaml"), scene.path().join("openmetadata.yaml")).unwrap();
    let report = scene.report(&["--from", "old.yaml"]).await;
    assert_eq!(report["entities"]["changed"], 0, "{report}");
    let report = scene.report(&["--clean", "--from", "old.yaml"]).await;
    assert_eq!(report["secrets"]["deleted"], 5, "{report}");
    assert!(scene.vault.names().await.is_empty());
    assert_eq!(new.names().await.len(), 5);

    // The run is found in the list, and rolled back from where it went.
    let status = scene.report(&["--status"]).await;
    let runs = status["runs"].as_array().unwrap();
    assert_eq!(status["running"], json!(null));
    let moved = |run: &&serde_json::Value| run["action"] == "move" && run["changed"] == 5;
    let run = runs.iter().find(moved).unwrap_or_else(|| panic!("{status}"))["run"].as_str().unwrap();
    let report = scene.report(&["--rollback", &run[..8]]).await;
    assert_eq!(report["secrets"]["returned"], 5, "{report}");
    assert_eq!(scene.resolved("bench000005").await, services::password(5));
}

#[tokio::test]
async fn a_run_whose_vault_is_not_configured_is_not_rolled_back() {
    let scene = Scene::with(1).await;
    let report = scene.report(&[]).await;
    scene.configure(|file| {
        file["secretsManagerConfiguration"] = json!({"secretsManager": "managed-file"});
    });
    let run = report["run"].as_str().unwrap();
    let refused = scene.migrate(&["--rollback", run]).await.ended_with(2);
    tells(&refused.stderr, &[&scene.vault.url(), "not configured", "--from FILE"]);
}

#[tokio::test]
async fn the_second_migration_is_told_who_runs_and_a_third_terminal_how_far_it_is() {
    let scene = Scene::beside(200, &["--dev", "--faults", "faults.yaml"]).await;
    super::set_faults(scene.path(), &json!([{"operations": ["set"], "delayMilliseconds": 300}]));
    let mut running = scene.program(&["--json"]).start(scene.path(), "first");
    let process = format!("process {} on ", running.id());
    let status = loop {
        let status = scene.report(&["--status"]).await;
        if status["runs"][0]["done"].as_i64().is_some_and(|done| done > 0) {
            break status;
        }
        assert!(running.ended().is_none(), "{}", running.stdout());
    };
    assert_eq!(status["running"], status["runs"][0]["run"]);
    tells(status["runs"][0]["process"].as_str().unwrap(), &[&process]);
    assert_eq!(status["runs"][0]["entities"], 200);
    let text = scene.migrate(&["--status"]).await.ended_with(0).stdout;
    tells(&text, &["Running: move to", &process, "of 200 entities"]);

    let second = scene.migrate(&[]).await.ended_with(1);
    tells(&second.stderr, &["another migration is running", &process, "since 20", "--status"]);

    // Asked to stop, it finishes what it has in hand, and says how to go on.
    assert_eq!(running.stop().await.code(), Some(1));
    tells(&running.stderr(), &["finishing the entities in hand", "run the same command again"]);
    tells(&running.stdout(), &["ended early", "run it again"]);
    super::set_faults(scene.path(), &json!([]));
    let status = scene.migrate(&["--status"]).await.ended_with(0).stdout;
    tells(&status, &["No migration is running", "incomplete"]);
    let report = scene.report(&[]).await;
    assert_eq!(report["entities"]["failed"], 0);
    assert_eq!(scene.vault.names().await.len(), 200);
}
