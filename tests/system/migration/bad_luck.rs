//! A vault on a bad day.

use serde_json::json;
use strongroom_tests::fixtures::services;

use super::{Scene, set_faults, tells};

const ON_DEMAND: &[&str] = &["--dev", "--faults", "faults.yaml"];

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_for_one_name_stops_that_entity_alone() {
    let scene = Scene::beside(70, ON_DEMAND).await;
    let name = "openmetadata-database-bench000007-authtype-password";
    set_faults(
        scene.path(),
        &json!([{"operations": ["set"], "name": name, "status": 403, "code": "Forbidden"}]),
    );
    let report = scene.migrate(&["--json"]).await.ended_with(1).json();
    assert_eq!(
        (&report["entities"]["changed"], &report["entities"]["failed"]),
        (&json!(69), &json!(1)),
        "{report}"
    );
    tells(&report["failures"].to_string(), &["bench000007", "may not do that"]);
    assert!(scene.stored("bench000007").await.starts_with("fernet:"));
    set_faults(scene.path(), &json!([]));
    assert_eq!(scene.report(&[]).await["entities"]["changed"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn storms_of_refusals_are_sat_out() {
    let scene = Scene::beside(60, ON_DEMAND).await;
    set_faults(
        scene.path(),
        &json!([
            {"operations": ["set"], "after": 10, "first": 20, "status": 429},
            {"operations": ["get"], "after": 30, "first": 15, "status": 503},
            {"operations": ["set"], "after": 35, "first": 6, "drop": "afterCommit"},
        ]),
    );
    let report = scene.report(&[]).await;
    assert_eq!(report["secrets"]["verified"], 60, "{report}");
    set_faults(scene.path(), &json!([]));
    for number in [1, 33, 60] {
        assert_eq!(scene.resolved(&services::name(number)).await, services::password(number));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_that_hangs_is_given_up_in_time_and_nothing_is_lost() {
    let scene = Scene::beside(3, ON_DEMAND).await;
    scene.configure(|file| {
        file["strongroom"] = json!({"intents": {"leaseSeconds": 6, "callTimeoutSeconds": 2}});
    });
    set_faults(scene.path(), &json!([{"operations": ["set"], "delayMilliseconds": 60000}]));
    let report = scene.migrate(&["--json"]).await.ended_with(1).json();
    assert_eq!(report["entities"]["failed"], 3, "{report}");
    for number in 1..=3 {
        assert_eq!(scene.resolved(&services::name(number)).await, services::password(number));
    }
    set_faults(scene.path(), &json!([]));
    assert_eq!(scene.report(&[]).await["entities"]["changed"], 3);
}
