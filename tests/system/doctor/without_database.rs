//! Where the ingestion runs there is no `openmetadata.yaml`: the vault is found by a loader. And what is wrong usage.

use std::fs;

use strongroom_tests::vault::{TENANT, USER, VAULT};
use strongroom_tests::{Finished, Program, scratch};

use super::{Report, Scene};

fn report(finished: &Finished) -> Report {
    Report(finished.json())
}

#[tokio::test]
async fn the_variables_of_the_loader_env_are_enough_and_the_ingestion_is_meant() {
    let scene = Scene::set_up().await;
    let environment = scene.vault.environment(&USER).await;
    let doctor = |arguments: &[&str]| {
        Program::new(scene.folder.path())
            .args(["doctor", "--json"])
            .args(arguments)
            .envs(&environment)
            .env("AZURE_KEY_VAULT_NAME", VAULT)
    };
    for arguments in [&["--loader", "env"][..], &["--as", "ingestion"]] {
        let report = report(&doctor(arguments).run().await.ended_with(0));
        assert_eq!((&report.0["as"], &report.0["loader"]), (&"ingestion".into(), &"env".into()));
        report.is("rights.role", "passed", "Key Vault Secrets User is enough");
        report.is("identity.token", "passed", USER.client_id);
        report.is("database.open", "not-tried", "no configuration");
        assert_eq!(report.ids("warning"), Vec::<&str>::new());
    }
    let lost = doctor(&["--loader", "env"]).without("AZURE_KEY_VAULT_NAME").without("AZURE_KEY_VAULT_URL");
    let report = report(&lost.run().await.ended_with(2));
    report.is("configuration.vault", "failed", "AZURE_KEY_VAULT_NAME is not set");
}

#[tokio::test]
async fn airflows_own_settings_are_enough() {
    let scene = Scene::set_up().await;
    let settings = format!(
        "[openmetadata_secrets_manager]\nazure_key_vault_name = {VAULT}\nazure_tenant_id = {TENANT}\n\
         azure_client_id = {}\nazure_client_secret = {}\n",
        USER.client_id, USER.client_secret
    );
    fs::write(scene.folder.path().join("airflow.cfg"), settings).unwrap();
    let program = Program::new(scene.folder.path())
        .args(["doctor", "--loader", "airflow", "--json"])
        .env("AIRFLOW_HOME", scene.folder.path())
        .env("AZURE_KEY_VAULT_URL", scene.vault.url())
        .env("AZURE_AUTHORITY_HOST", scene.vault.authority())
        .env("SSL_CERT_FILE", scene.vault.ca());
    let report = report(&program.run().await.ended_with(0));
    report.is("identity.token", "passed", USER.client_id);
    report.is("rights.set", "passed", "denied, as it should be");
}

#[tokio::test]
async fn with_both_the_loader_finds_the_vault_and_the_file_the_database() {
    let scene = Scene::set_up().await;
    let environment = scene.vault.environment(&USER).await;
    let program = Program::new(scene.folder.path())
        .args(["doctor", "-c", "openmetadata.yaml", "--data-dir", "data", "--loader", "env", "--json"])
        .envs(&environment);
    let report = report(&program.run().await.ended_with(0));
    report.is("identity.token", "passed", USER.client_id);
    report.is("database.rows", "passed", "0 entities");
}

#[tokio::test]
async fn wrong_usage_and_a_configuration_that_cannot_be_read_end_with_2() {
    let folder = scratch();
    let doctor = |arguments: &[&str]| Program::new(folder.path()).arg("doctor").args(arguments).run();
    for (arguments, says) in [
        (&[][..], "--config"),
        (&["-c", "x.yaml", "--as", "nobody"], "possible values: server, ingestion"),
        (&["-c", "x.yaml", "--timeout", "0"], "1..=600"),
        (&["--loader", "x"], "there is no loader"),
    ] {
        let refused = doctor(arguments).await.ended_with(2);
        assert!(refused.stderr.contains(says), "{arguments:?}: {}", refused.stderr);
    }
    fs::write(
        folder.path().join("bad.yaml"),
        "secretsManagerConfiguration: {secretsManager: vault-of-my-own}",
    )
    .unwrap();
    for (file, says) in [("absent.yaml", "cannot be read"), ("bad.yaml", "there is no such secrets manager")]
    {
        let table = doctor(&["-c", file]).await.ended_with(2);
        assert!(
            table.stdout.contains("✗ configuration.file") && table.stdout.contains(says),
            "{}",
            table.stdout
        );
        let finished = doctor(&["-c", file, "--json"]).await.ended_with(2);
        report(&finished).is("configuration.file", "failed", says);
    }
}
