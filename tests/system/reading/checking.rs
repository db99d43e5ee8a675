//! `strongroom resolve --check`: what a job in CI runs.

use serde_json::{Value, json};

use super::{BOT_NAME, BOT_PATH, PASSWORD, PASSWORD_NAME, PASSWORD_PATH, Scene, workflow};

/// The workflow with a fault of each kind besides its references.
fn faulty() -> String {
    workflow("env")
        .replace("username: reader", "username: secret:user")
        .replace(
            "      hostPort: localhost:5432\n",
            "      hostPort: localhost:5432\n      sslConfig: {sslKey: hunter2, caCertificate: 'secret:hunter_2', sslCertificate: $UNSET}\n",
        )
        .replace(BOT_NAME, "absent")
}

#[tokio::test]
async fn a_file_in_order_is_told_field_by_field_without_any_value() {
    let scene = Scene::set_up().await;
    scene.write("w.yaml", &workflow("env"));
    let told = scene.program(&["resolve", "-c", "w.yaml", "--check"]).await.run().await.ended_with(0);
    assert!(
        told.stdout.starts_with(&format!("w.yaml (ingest): Azure Key Vault {}", scene.vault.url())),
        "{}",
        told.stdout
    );
    assert!(told.stdout.contains(&format!("✓ {PASSWORD_PATH} (line 9)")), "{}", told.stdout);
    assert!(told.stdout.contains(&format!("secret:{PASSWORD_NAME}")), "{}", told.stdout);
    assert!(told.stdout.ends_with("2 fields: 2 resolve\n"), "{}", told.stdout);
    assert!(
        !told.stdout.contains(PASSWORD.trim()) && told.stderr.is_empty(),
        "{}{}",
        told.stdout,
        told.stderr
    );

    let report =
        scene.program(&["resolve", "-c", "w.yaml", "--check", "--json"]).await.run().await.ended_with(0);
    assert_eq!(
        report.json(),
        json!({
            "file": "w.yaml", "run": "ingest", "provider": "azure-kv", "loader": "env",
            "vault": format!("Azure Key Vault {}", scene.vault.url()), "ok": true,
            "fields": [
                {"field": PASSWORD_PATH, "line": 9, "column": 19, "secret": PASSWORD_NAME, "state": "resolves"},
                {"field": BOT_PATH, "line": 26, "column": 17, "secret": BOT_NAME, "state": "resolves"},
            ],
        })
    );
}

#[tokio::test]
async fn each_field_that_is_not_in_order_is_told_with_the_reason() {
    let scene = Scene::set_up().await;
    scene.write("w.yaml", &faulty());
    let report =
        scene.program(&["resolve", "-c", "w.yaml", "--check", "--json"]).await.run().await.ended_with(1);
    let printed = report.json();
    assert_eq!(printed["ok"], false);
    let fields = printed["fields"].as_array().unwrap();
    let states: Vec<_> = fields
        .iter()
        .map(|field| {
            (field["field"].as_str().unwrap().rsplit('.').next().unwrap(), field["state"].as_str().unwrap())
        })
        .collect();
    assert_eq!(
        states,
        [
            ("username", "faulty"),
            ("password", "resolves"),
            ("sslKey", "value"),
            ("caCertificate", "faulty"),
            ("sslCertificate", "value"),
            ("jwtToken", "fails")
        ]
    );
    let reason = |index: usize| fields[index]["reason"].as_str().unwrap();
    for (index, says) in [
        (0, "none is resolved"),
        (2, "stands in the file"),
        (3, "names no secret"),
        (4, "a $VARIABLE in it that is not set"),
        (5, "absent"),
    ] {
        assert!(reason(index).contains(says), "{}", reason(index));
    }
    assert_eq!(fields[5]["kind"], "not-found");
    assert!(!report.stdout.contains("hunter"), "{}", report.stdout);

    let table = scene.program(&["resolve", "-c", "w.yaml", "--check"]).await.run().await.ended_with(1);
    assert!(table.stdout.contains("✗ ") && table.stdout.contains("! "), "{}", table.stdout);
    assert!(
        table.stdout.ends_with(
            "6 fields: 1 resolve, 1 cannot be resolved, 2 cannot be meant so, 2 with the value in the file\n"
        ),
        "{}",
        table.stdout
    );
    assert!(!table.stdout.contains("hunter"), "{}", table.stdout);
}

#[tokio::test]
async fn references_that_are_typed_or_piped_are_checked_too() {
    let scene = Scene::set_up().await;
    let program = scene.program(&["resolve", "--check", "--json", PASSWORD_NAME, "-"]).await;
    let report = program.stdin(format!("secret:{BOT_NAME}\nhunter_2\nabsent\n")).run().await.ended_with(1);
    let printed = report.json();
    let fields: Vec<_> = printed["fields"]
        .as_array()
        .unwrap()
        .iter()
        .map(|field| (&field["secret"], &field["state"]))
        .collect();
    assert_eq!(
        fields,
        [
            (&json!(PASSWORD_NAME), &json!("resolves")),
            (&json!(BOT_NAME), &json!("resolves")),
            (&Value::Null, &json!("faulty")),
            (&json!("absent"), &json!("fails"))
        ]
    );
    assert!(!report.stdout.contains("hunter"), "{}", report.stdout);
    let table = scene.program(&["resolve", "--check", "absent"]).await.run().await.ended_with(1);
    assert!(table.stdout.contains("✗ REF 1  secret:absent"), "{}", table.stdout);
}

#[tokio::test]
async fn a_vault_that_cannot_be_reached_is_asked_a_few_times_not_for_each_field() {
    let scene = Scene::set_up().await;
    let names: String = (0..500).map(|number| format!("secret-{number}\n")).collect();
    let program = scene.program(&["resolve", "--check", "--json", "-"]).await;
    let report =
        program.env("AZURE_CLIENT_SECRET", "wrong-secret").stdin(names).run().await.ended_with(1).json();
    let fields = report["fields"].as_array().unwrap();
    let of_kind = |kind: &str| fields.iter().filter(|field| field["kind"] == kind).count();
    assert_eq!(fields.len(), 500);
    assert!(of_kind("unauthenticated") <= 16, "{}", of_kind("unauthenticated"));
    assert_eq!(of_kind("unauthenticated") + of_kind("not-asked"), 500);
}

#[tokio::test]
async fn a_file_without_references_needs_no_vault() {
    let scene = Scene::set_up().await;
    let plain = workflow("noop")
        .replace(&format!("secret:{PASSWORD_NAME}"), "hunter2")
        .replace(&format!("secret:{BOT_NAME}"), "eyJ");
    scene.write("w.yaml", &plain);
    let told = scene.program(&["resolve", "-c", "w.yaml", "--check"]).await.run().await.ended_with(0);
    assert!(told.stdout.contains("2 fields: 2 with the value in the file"), "{}", told.stdout);
    let printed = scene.program(&["resolve", "-c", "w.yaml"]).await.run().await.ended_with(0);
    assert_eq!(printed.stdout, "{}\n");
    assert!(!(told.stdout + &told.stderr).contains("hunter2"));
}

#[tokio::test]
async fn wrong_usage_and_wrong_configuration_end_with_2() {
    let scene = Scene::set_up().await;
    scene.write("w.yaml", &workflow("noop"));
    for (arguments, says) in [
        (&["-c", "w.yaml", "--check"][..], "noop has no credentials"),
        (&["-c", "w.yaml", "a"], "cannot be used with"),
        (&["--check", "--show", "a"], "cannot be used with"),
        (&["--check"], "REF"),
        (&["--provider", "azure", "a"], "choose one of"),
    ] {
        let mut line = vec!["resolve"];
        line.extend(arguments);
        let refused = scene.program(&line).await.run().await.ended_with(2);
        assert!(
            refused.stdout.is_empty() && refused.stderr.contains(says),
            "{arguments:?}: {}",
            refused.stderr
        );
    }
}
