//! The guide's section on the command line.

use strongroom_tests::vault::{OFFICER, Principal, USER};

use super::{BOT_NAME, PASSWORD, PASSWORD_NAME, PASSWORD_PATH, Scene, resolved, workflow};

#[tokio::test]
async fn a_workflow_file_says_itself_how_its_references_are_resolved() {
    let scene = Scene::set_up().await;
    let yaml = scene.write("w.yaml", &workflow("env"));
    let finished = scene.program(&["resolve", "-c", "w.yaml"]).await.run().await.ended_with(0);
    assert_eq!((finished.json(), finished.stderr.as_str()), (resolved(), ""));
    assert!(
        finished.stdout.starts_with(&format!("{{\"{PASSWORD_PATH}\"")),
        "the file's order: {}",
        finished.stdout
    );

    // The same in the other spellings: the managed provider, JSON, another ending.
    let managed = workflow("env").replace("azure-kv", "managed-azure-kv");
    scene.write("w.yml", &managed);
    let found = scene.program(&["resolve", "--config", "w.yml", "--json"]).await.run().await.ended_with(0);
    assert_eq!(found.json(), resolved());
    let json = r#"{"source": {"type": "postgres", "serviceName": "s", "serviceConnection": {"config": {"type": "Postgres",
        "authType": {"password": "secret:NAME"}, "connectionOptions": {"sslpassword": "secret:NAME"}}},
        "sourceConfig": {"config": {"type": "DatabaseMetadata"}}}, "sink": {"type": "metadata-rest", "config": {}},
        "workflowConfig": {"openMetadataServerConfig": {"hostPort": "http://h/api", "secretsManagerProvider": "azure-kv",
        "secretsManagerLoader": "env"}}}"#;
    scene.write("w.json", &json.replace("NAME", PASSWORD_NAME));
    let found = scene.program(&["resolve", "-c", "w.json"]).await.run().await.ended_with(0).json();
    assert_eq!(found[PASSWORD_PATH], PASSWORD);
    assert_eq!(found["source.serviceConnection.config.connectionOptions.sslpassword"], PASSWORD);
    assert!(yaml.is_absolute());
}

#[tokio::test]
async fn every_kind_of_run_is_resolved() {
    let scene = Scene::set_up().await;
    let with = |source: &str, config: &str, steps: &str| {
        let sink = "sink:\n  type: metadata-rest\n  config: {}\n";
        workflow("env")
            .replace("type: postgres\n", &format!("type: {source}\n"))
            .replace("type: DatabaseMetadata", &format!("type: {config}"))
            .replace(sink, steps)
    };
    let sink = "sink: {type: metadata-rest, config: {}}\n";
    let profiler = format!("processor: {{type: orm-profiler, config: {{}}}}\n{sink}");
    let tests = format!("processor: {{type: orm-test-runner, config: {{testCases: []}}}}\n{sink}");
    let usage = "processor: {type: query-parser, config: {}}\nstage: {type: table-usage, config: {filename: /tmp/u}}\n\
                 bulkSink: {type: metadata-usage, config: {filename: /tmp/u}}\n";
    for (run, source, config, steps) in [
        ("ingest", "postgres", "DatabaseMetadata", sink),
        ("lineage", "postgres-lineage", "DatabaseLineage", sink),
        ("usage", "postgres-usage", "DatabaseUsage", usage),
        ("profile", "postgres", "Profiler", profiler.as_str()),
        ("classify", "postgres", "AutoClassification", profiler.as_str()),
        ("test", "TestSuite", "TestSuite", tests.as_str()),
    ] {
        scene.write("w.yaml", &with(source, config, steps));
        let found = scene.program(&["resolve", "-c", "w.yaml"]).await.run().await.ended_with(0).json();
        assert_eq!(found, resolved(), "{run}");
        let report = scene.program(&["resolve", "-c", "w.yaml", "--check", "--json"]).await.run().await;
        assert_eq!(report.ended_with(0).json()["run"], run);
    }
}

#[tokio::test]
async fn variables_are_put_in_as_python_does_it() {
    let scene = Scene::set_up().await;
    scene.write(
        "w.yaml",
        &workflow("$LOADER").replace("secret:openmetadata-database", "secret:${PREFIX}-database"),
    );
    let program = || async { scene.program(&["resolve", "-c", "w.yaml"]).await.env("LOADER", "env") };
    let found = program().await.env("PREFIX", "openmetadata").run().await.ended_with(0);
    assert_eq!(found.json(), resolved());
    let unset = program().await.run().await.ended_with(2);
    assert!(unset.stdout.is_empty());
    assert!(unset.stderr.contains("w.yaml, line 9, column 19"), "{}", unset.stderr);
    assert!(unset.stderr.contains("${PREFIX} in it is not set"), "{}", unset.stderr);
}

#[tokio::test]
async fn the_vaults_name_is_required_and_named() {
    let scene = Scene::set_up().await;
    scene.write("w.yaml", &workflow("env"));
    let program = scene.program(&["resolve", "-c", "w.yaml"]).await;
    let refused =
        program.without("AZURE_KEY_VAULT_NAME").without("AZURE_KEY_VAULT_URL").run().await.ended_with(2);
    assert!(refused.stderr.contains("AZURE_KEY_VAULT_NAME is not set"), "{}", refused.stderr);
}

#[tokio::test]
async fn without_a_secrets_manager_or_a_loader_references_are_refused_with_the_line() {
    let scene = Scene::set_up().await;
    let file = workflow("env");
    let silent = file.replace("    secretsManagerProvider: azure-kv\n    secretsManagerLoader: env\n", "");
    let db = file.replace("azure-kv", "db");
    for (text, says) in [
        (
            silent.as_str(),
            "w.yaml, line 20, column 3: there are references to secrets, but the secrets manager db",
        ),
        (&db, "w.yaml, line 21, column 29: there are references to secrets, but the secrets manager db"),
        (&workflow("noop"), "the loader noop has no credentials"),
    ] {
        scene.write("w.yaml", text);
        let refused = scene.program(&["resolve", "-c", "w.yaml"]).await.run().await.ended_with(2);
        assert!(refused.stdout.is_empty() && refused.stderr.contains(says), "{}", refused.stderr);
    }
    // Flags win over the file.
    scene.write("w.yaml", &silent);
    let flags = ["resolve", "-c", "w.yaml", "--provider", "azure-kv", "--loader", "env"];
    assert_eq!(scene.program(&flags).await.run().await.ended_with(0).json(), resolved());
}

#[tokio::test]
async fn what_the_ingestion_would_refuse_is_told_with_its_line() {
    let scene = Scene::set_up().await;
    let file = workflow("env");
    for (text, says) in [
        (file.replace("sink:", "snik:"), "w.yaml, line 15, column 1: snik: there is no such key"),
        (
            file.replace("loggerLevel: INFO\n", "loggerLevel: INFO\n  secretsManagerCredentials: {}\n"),
            "w.yaml, line 20, column 3: workflowConfig.secretsManagerCredentials: there is no such key",
        ),
        (
            file.replace("hostPort: http", "secretsManagerCredentials: {}\n    hostPort: http"),
            "w.yaml, line 23, column 5: workflowConfig.openMetadataServerConfig.secretsManagerCredentials: this key is gone",
        ),
        (file.replace("config: {}", "config: {"), "w.yaml, line"),
    ] {
        scene.write("w.yaml", &text);
        let refused = scene.program(&["resolve", "-c", "w.yaml"]).await.run().await.ended_with(2);
        assert!(refused.stdout.is_empty() && refused.stderr.contains(says), "{}", refused.stderr);
    }
    let missing = scene.program(&["resolve", "-c", "nowhere.yaml"]).await.run().await.ended_with(2);
    assert!(missing.stderr.contains("nowhere.yaml: the file cannot be read"), "{}", missing.stderr);
    scene.write("w.toml", "");
    let ending = scene.program(&["resolve", "-c", "w.toml"]).await.run().await.ended_with(2);
    assert!(ending.stderr.contains(".yaml, .yml or .json"), "{}", ending.stderr);
}

#[tokio::test]
async fn a_reference_that_leads_nowhere_is_an_error_and_never_its_text() {
    let scene = Scene::set_up().await;
    scene.write("w.yaml", &workflow("env").replace(PASSWORD_NAME, "absent"));
    let failed = scene.program(&["resolve", "-c", "w.yaml"]).await.run().await.ended_with(1);
    assert_eq!(failed.stdout, "");
    assert!(
        failed.stderr.contains(&format!("field {PASSWORD_PATH}: secret:absent cannot be resolved")),
        "{}",
        failed.stderr
    );
    assert!(!failed.stderr.contains(BOT_NAME), "only what failed is told: {}", failed.stderr);

    // Where none is resolved, or it only looks like one.
    for (from, to, says) in [
        ("username: reader", "username: secret:user", "stands where none is resolved"),
        (PASSWORD_NAME, "a_b", "names no secret"),
        ("secret:openmetadata-bot", "secret:secret:openmetadata-bot", "names no secret"),
    ] {
        scene.write("w.yaml", &workflow("env").replace(from, to));
        let refused = scene.program(&["resolve", "-c", "w.yaml"]).await.run().await.ended_with(2);
        assert!(refused.stdout.is_empty() && refused.stderr.contains(says), "{}", refused.stderr);
    }
}

#[tokio::test]
async fn the_reading_principal_reads_and_is_told_the_role_that_writing_takes() {
    let scene = Scene::set_up().await;
    let read = scene.program(&["resolve", PASSWORD_NAME]).await.run().await.ended_with(0);
    assert_eq!(read.stdout, PASSWORD);
    let write = ["vault", "put", PASSWORD_NAME];
    let refused = scene.program(&write).await.stdin("new").run().await.ended_with(1);
    assert!(refused.stderr.contains("Key Vault Secrets Officer"), "{}", refused.stderr);
    let _ = scene.program_as(&OFFICER, &write).await.stdin("new").run().await.ended_with(0);
    let read = scene.program(&["resolve", PASSWORD_NAME]).await.run().await.ended_with(0);
    assert_eq!(read.stdout, "new");
}

#[tokio::test]
async fn a_principal_without_a_role_is_told_the_one_that_reading_takes() {
    const STRANGER: Principal = Principal {
        name: "stranger",
        client_id: "33333333-3333-3333-3333-333333333333",
        client_secret: "str4nger",
    };
    let folder = strongroom_tests::scratch();
    let vault = strongroom_tests::VaultServer::start_with(folder.path(), |config| {
        config["principals"].as_array_mut().unwrap().push(serde_json::json!({
            "name": STRANGER.name, "clientId": STRANGER.client_id, "clientSecret": STRANGER.client_secret, "roles": [],
        }));
    })
    .await;
    let scene = Scene { folder, vault };
    scene.vault.set(PASSWORD_NAME, PASSWORD).await;
    scene.write("w.yaml", &workflow("env"));
    for arguments in [
        &["resolve", PASSWORD_NAME][..],
        &["resolve", "-c", "w.yaml"],
        &["resolve", "-c", "w.yaml", "--check"],
    ] {
        let refused = scene.program_as(&STRANGER, arguments).await.run().await.ended_with(1);
        let told = refused.stdout + &refused.stderr;
        assert!(told.contains("Key Vault Secrets User"), "{told}");
        assert!(!told.contains(PASSWORD.trim()), "{told}");
    }
    let _ = scene.program_as(&USER, &["resolve", PASSWORD_NAME]).await.run().await.ended_with(0);
}
