//! Plans: what they tell, and how they are kept and carried out.

use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};
use strongroom_tests::fixtures::services;

use super::{Scene, tells};

const FIRST: &str = "openmetadata-database-bench000001-authtype-password";

#[tokio::test]
async fn a_plan_tells_each_service_and_each_kind_and_how_long_it_takes() {
    let scene = Scene::with(301).await;
    let plan = scene.migrate(&["--plan"]).await.ended_with(0);
    tells(
        &plan.stdout,
        &[
            "databaseService\n",
            "\n  bench000001\n",
            &format!("connection.config.authType.password  moves to {FIRST}\n"),
            "301 of 301 entities would change: 301 secrets to write",
            "that takes 10 s at least",
        ],
    );
    let plan = scene.report(&["--plan"]).await;
    assert_eq!(plan["fields"].as_array().unwrap().len(), 301);
    assert_eq!(plan["fields"][0]["name"], FIRST);
    assert_eq!(plan["kinds"][0]["kind"], "databaseService");
    assert_eq!(plan["kinds"][0]["secrets"]["written"], 301);
    assert_eq!(plan["estimate"], json!({"writes": 301, "reads": 602, "secondsUnderQuota": 10}));
    assert_eq!(plan["entities"]["changed"], 301);
}

#[tokio::test]
async fn a_plan_is_kept_in_a_file_and_carried_out_if_the_database_has_not_changed() {
    let scene = Scene::with(3).await;
    let file = scene.path().join("plan.json");
    let _ = scene.migrate(&["--plan-out", "plan.json", "--except", "*:bench000003"]).await.ended_with(0);
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let written = std::fs::read_to_string(&file).unwrap();
    assert!(serde_json::from_str::<Value>(&written).is_ok(), "{written}");
    assert!(!written.contains(&services::password(1)) && !written.contains("fernet:"), "{written}");
    assert!(scene.vault.names().await.is_empty(), "a plan writes nothing");

    // Its own decisions are in it; others are refused.
    let both = scene.migrate(&["--apply", "plan.json", "--adopt"]).await.ended_with(2);
    tells(&both.stderr, &["--apply", "--adopt", "cannot be used with"]);
    let report = scene.report(&["--apply", "plan.json"]).await;
    assert_eq!(report["secrets"]["written"], 2, "{report}");
    assert!(scene.stored("bench000003").await.starts_with("fernet:"));

    // Now the database is another one.
    let names = scene.vault.names().await;
    let refused = scene.migrate(&["--apply", "plan.json"]).await.ended_with(3);
    tells(&refused.stderr, &["plan.json", "has changed since", "nothing was written"]);
    let _ = scene.migrate(&["--plan-out", "plan.json"]).await.ended_with(0);
    scene.plant_service("newcomer", "dummy").await;
    tells(&scene.migrate(&["--apply", "plan.json"]).await.ended_with(3).stderr, &["has changed since"]);
    assert_eq!(scene.vault.names().await, names);

    for (text, words) in [("{}", "is no plan"), ("not json", "is no plan")] {
        std::fs::write(&file, text).unwrap();
        tells(&scene.migrate(&["--apply", "plan.json"]).await.ended_with(2).stderr, &["plan.json", words]);
    }
    tells(&scene.migrate(&["--apply", "none.json"]).await.ended_with(2).stderr, &["none.json"]);
}

#[tokio::test]
async fn a_plan_for_one_vault_is_not_carried_out_on_another() {
    let scene = Scene::with(1).await;
    let _ = scene.migrate(&["--plan-out", "plan.json"]).await.ended_with(0);
    scene.configure(|file| file["secretsManagerConfiguration"]["secretsManager"] = json!("managed-file"));
    let refused = scene.migrate(&["--apply", "plan.json"]).await.ended_with(3);
    tells(&refused.stderr, &[&scene.vault.url(), "folder of secrets", "make the plan anew"]);
}
