//! Names and values that nobody would choose, and that databases hold.

use serde_json::{Value, json};
use strongroom_secrets::SecretValue;

use super::{Scene, tells};

/// The names that a service may have, and one under which each is in no way.
fn names() -> Vec<String> {
    let long = |length| "n".repeat(length);
    vec![
        "數據".to_owned(),
        long(120),
        long(256),
        "my_svc".to_owned(),
        "mysvc".to_owned(),
        "a.b \"c\"".to_owned(),
    ]
}

#[tokio::test]
async fn any_name_is_migrated_under_the_guides_names() {
    let scene = Scene::with(1).await;
    for name in names() {
        scene.plant_service(&name, &format!("dummy of {name}")).await;
    }
    let report = scene.report(&[]).await;
    assert_eq!(report["secrets"]["verified"], 1 + names().len(), "{report}");
    for name in names() {
        let stored = scene.stored(&name).await;
        assert!(stored.len() <= "secret:".len() + 127, "{stored}");
        assert_eq!(scene.resolved(&name).await, format!("dummy of {name}"));
    }
    let report = scene.report(&["--to", "db"]).await;
    assert_eq!(report["secrets"]["returned"], 1 + names().len(), "{report}");
    for name in names() {
        assert_eq!(scene.resolved(&name).await, format!("dummy of {name}"));
    }
}

#[tokio::test]
async fn names_that_openmetadata_cannot_keep_apart_are_shown_before_anything_is_written() {
    let scene = Scene::with(1).await;
    for name in names() {
        scene.plant_service(&name, &format!("dummy of {name}")).await;
    }
    scene.configure(|file| file["strongroom"] = json!({"naming": "openmetadata"}));
    let plan = scene.migrate(&["--plan", "--json"]).await.ended_with(3).json();
    let conflicts = plan["conflicts"].as_array().unwrap();
    let about = |word: &str| -> Value {
        conflicts.iter().find(|conflict| conflict.to_string().contains(word)).cloned().unwrap_or_default()
    };
    tells(about("數據").to_string().as_str(), &["without an ASCII letter"]);
    tells(about(&"n".repeat(256)).to_string().as_str(), &["127 at most"]);
    let both = about("mysvc");
    assert_eq!(both["owners"].as_array().unwrap().len(), 2, "{both}");
    tells(&both.to_string(), &["my_svc", "mysvc", "would share one secret"]);
    let _ = scene.migrate(&[]).await.ended_with(3);
    assert!(scene.vault.names().await.is_empty());

    // What can be named moves on demand, and the others are left whole.
    let report = scene.migrate(&["--skip-conflicts", "--json"]).await.ended_with(1).json();
    assert_eq!(
        report["entities"]["failed"],
        conflicts.iter().map(|conflict| { conflict["owners"].as_array().unwrap().len() }).sum::<usize>(),
        "{report}"
    );
    assert_eq!(scene.resolved("mysvc").await, "dummy of mysvc");
    assert_eq!(scene.resolved("bench000001").await, strongroom_tests::fixtures::services::password(1));
}

#[tokio::test]
async fn odd_values_arrive_as_they_were_and_come_back() {
    const ODD: &[(&str, &str)] = &[
        ("mask", "*********"),
        ("fernet", "fernet:no token"),
        ("blanks", "  around it \t"),
        ("lines", "one\r\ntwo"),
        ("quotes", "\"'\\${VAR}%00"),
        ("wide", "пароль 數據 🔑"),
        ("secret-like", "Secret:my-own"),
        ("null", "null"),
    ];
    let scene = Scene::with(1).await;
    for (name, value) in ODD {
        scene.plant_service(name, value).await;
    }
    let longest = "é".repeat(SecretValue::MAX_BYTES / 2);
    scene.plant_service("longest", &longest).await;
    let report = scene.report(&[]).await;
    assert_eq!(report["secrets"]["verified"], 2 + ODD.len(), "{report}");
    for (name, value) in ODD {
        assert!(scene.stored(name).await.starts_with("secret:openmetadata-"), "{name}");
        assert_eq!(scene.resolved(name).await, *value, "{name}");
    }
    assert_eq!(scene.resolved("longest").await, longest);
    assert_eq!(scene.report(&[]).await["entities"]["changed"], 0);
    let report = scene.report(&["--to", "db"]).await;
    assert_eq!(report["secrets"]["returned"], 2 + ODD.len(), "{report}");
    for (name, value) in ODD {
        assert_eq!(scene.resolved(name).await, *value, "{name}");
    }
}

#[tokio::test]
async fn what_no_password_can_be_is_reported_and_left_and_the_rest_moves() {
    let scene = Scene::with(1).await;
    let mut documents = Vec::new();
    for (name, value) in [("object", json!({"a": 1})), ("list", json!(["x"])), ("number", json!(7))] {
        let mut document = scene.service(name, "");
        document["connection"]["config"]["authType"]["password"] = value;
        scene.plant(name, &document).await;
        documents.push((name, document));
    }
    scene.plant_service("long", &"x".repeat(SecretValue::MAX_BYTES + 1)).await;
    let mut null = scene.service("null", "");
    null["connection"]["config"]["authType"]["password"] = Value::Null;
    scene.plant("null", &null).await;
    let mut without = scene.service("without", "");
    without["connection"] = Value::Null;
    scene.plant("without", &without).await;

    let plan = scene.migrate(&["--plan", "--json"]).await.ended_with(3).json();
    assert_eq!(plan["conflicts"].as_array().unwrap().len(), 4, "{plan}");
    let report = scene.migrate(&["--skip-conflicts", "--json"]).await.ended_with(1).json();
    assert_eq!(
        (&report["entities"]["changed"], &report["entities"]["failed"]),
        (&json!(1), &json!(4)),
        "{report}"
    );
    assert_eq!(report["entities"]["unchanged"], 2, "{report}");
}

#[tokio::test]
async fn rows_of_another_fernet_key_are_conflicts_and_the_others_move() {
    let scene = Scene::with(3).await;
    let other = strongroom_entities::FernetKeys::generate(&strongroom_secrets::random::SystemRandom);
    let other = strongroom_entities::FernetKeys::parse(&other).unwrap();
    let mut document = scene.service("foreign", "");
    let token = other.encrypt(&SecretValue::new("dummy"));
    document["connection"]["config"]["authType"]["password"] = json!(token);
    scene.plant("foreign", &document).await;
    let report = scene.migrate(&["--skip-conflicts", "--json"]).await.ended_with(1).json();
    assert_eq!(
        (&report["entities"]["changed"], &report["entities"]["failed"]),
        (&json!(3), &json!(1)),
        "{report}"
    );
    tells(&report["conflicts"].to_string(), &["foreign", "Fernet key"]);
    assert_eq!(scene.stored("foreign").await, token);
}

#[tokio::test]
async fn references_that_point_nowhere_or_to_another_entity_are_kept_or_refused() {
    let scene = Scene::with(1).await;
    let _ = scene.migrate(&[]).await.ended_with(0);
    // Somebody else's secret, and one that is not there: users may have typed both before.
    let first = "secret:openmetadata-database-bench000001-authtype-password";
    scene.plant_service("thief", first).await;
    scene.plant_service("dangling", "secret:no-such-secret").await;
    let report = scene.report(&[]).await;
    assert_eq!(
        (&report["secrets"]["written"], &report["secrets"]["kept"]),
        (&json!(0), &json!(3)),
        "{report}"
    );
    assert_eq!(scene.stored("thief").await, first);
    assert_eq!(scene.stored("dangling").await, "secret:no-such-secret");
    // On the way to another vault they are the user's own, and are not followed without his word.
    scene.configure(|file| file["secretsManagerConfiguration"]["secretsManager"] = json!("managed-file"));
    let plan = scene.migrate(&["--plan", "--json"]).await.ended_with(3).json();
    assert_eq!(plan["conflicts"].as_array().unwrap().len(), 1, "{plan}");
    tells(&plan["conflicts"].to_string(), &["thief", "a user's own secret"]);
}
