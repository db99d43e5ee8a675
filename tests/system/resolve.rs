//! `strongroom resolve` as a script would call it.

use strongroom_tests::vault::{OFFICER, USER};
use strongroom_tests::{Finished, Program, VaultServer, scratch};
use tempfile::TempDir;

const PASSWORD: &str = "pa$$ \"word\"\n";

struct Scene {
    folder: TempDir,
    vault: VaultServer,
}

impl Scene {
    async fn set_up() -> Self {
        let folder = scratch();
        let vault = VaultServer::start(folder.path()).await;
        vault.set("a", PASSWORD).await;
        vault.set("b", "2").await;
        Self { folder, vault }
    }

    /// `resolve` in the environment that `vault env` gives the ingestion.
    async fn resolve(&self, arguments: &[&str]) -> Finished {
        self.program(arguments).await.run().await
    }

    async fn program(&self, arguments: &[&str]) -> Program {
        let environment = self.vault.environment(&USER).await;
        Program::new(self.folder.path()).arg("resolve").args(arguments).envs(environment)
    }
}

#[tokio::test]
async fn one_reference_gives_exactly_the_value() {
    let scene = Scene::set_up().await;
    for reference in ["secret:a", "a", "secret:A"] {
        let finished = scene.resolve(&[reference]).await.ended_with(0);
        assert_eq!((finished.stdout.as_str(), finished.stderr.as_str()), (PASSWORD, ""));
    }
}

#[tokio::test]
async fn several_references_give_an_object() {
    let scene = Scene::set_up().await;
    let found = scene.resolve(&["--json", "secret:a", "b"]).await.ended_with(0).json();
    assert_eq!(found, serde_json::json!({"secret:a": PASSWORD, "b": "2"}));
    let refused = scene.resolve(&["secret:a", "b"]).await.ended_with(2);
    assert!(refused.stdout.is_empty() && refused.stderr.contains("--json"), "{}", refused.stderr);
}

#[tokio::test]
async fn what_is_not_there_fails_and_nothing_is_printed() {
    let scene = Scene::set_up().await;
    let failed = scene.resolve(&["--json", "secret:a", "secret:absent"]).await.ended_with(1);
    assert!(failed.stdout.is_empty());
    assert!(failed.stderr.contains("secret:absent cannot be resolved"), "{}", failed.stderr);
    assert!(failed.stderr.contains(&scene.vault.url()), "{}", failed.stderr);
}

#[tokio::test]
async fn wrong_usage_ends_with_2_and_says_what_to_do() {
    let scene = Scene::set_up().await;
    for (arguments, says) in [
        (vec!["--loader", "noop", "a"], "noop has no credentials"),
        (vec!["--loader", "airflw", "a"], "choose one of env, airflow, noop"),
        (vec!["secret:a_b"], "REF 1 is no reference"),
        (vec![], "REF"),
    ] {
        let refused = scene.resolve(&arguments).await.ended_with(2);
        assert!(
            refused.stdout.is_empty() && refused.stderr.contains(says),
            "{arguments:?}: {}",
            refused.stderr
        );
    }
    let bare = Program::new(scene.folder.path()).args(["resolve", "a"]).run().await.ended_with(2);
    assert!(bare.stderr.contains("AZURE_KEY_VAULT_NAME is not set"), "{}", bare.stderr);
}

#[tokio::test]
async fn each_wrong_variable_is_told_apart() {
    let scene = Scene::set_up().await;
    let wrong_url = scene.vault.url().replace("v1", "nosuch");
    for (variable, value, code, says) in [
        ("AZURE_CLIENT_SECRET", "wrong-secret", 1, "the client secret is wrong"),
        ("AZURE_CLIENT_SECRET", "", 2, "AZURE_CLIENT_SECRET is not set"),
        ("AZURE_CLIENT_ID", "99999999-9999-9999-9999-999999999999", 1, "the client id is not known"),
        ("AZURE_KEY_VAULT_URL", wrong_url.as_str(), 2, "no such vault"),
        ("AZURE_KEY_VAULT_URL", "http://v1.vault.localhost", 2, "https://"),
        ("AZURE_KEY_VAULT_URL", "https://v1.vault.localhost:1", 1, "cannot be reached"),
        ("SSL_CERT_FILE", "/does/not/exist.pem", 2, "/does/not/exist.pem"),
    ] {
        // No other identity is looked for: this machine may have one.
        let program = scene.program(&["a"]).await.env("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential");
        let failed = program.env(variable, value).run().await.ended_with(code);
        assert!(failed.stderr.contains(says), "{variable}={value}: {}", failed.stderr);
        assert!(failed.stdout.is_empty());
        for secret in [PASSWORD.trim(), "wrong-secret", OFFICER.client_secret, USER.client_secret] {
            assert!(!failed.stderr.contains(secret), "{variable}={value}: {}", failed.stderr);
        }
    }
}

#[tokio::test]
async fn an_untrusted_vault_is_told_with_the_way_out() {
    let scene = Scene::set_up().await;
    let mut environment = scene.vault.environment(&USER).await;
    environment.remove("SSL_CERT_FILE");
    let program = || Program::new(scene.folder.path()).args(["resolve", "a"]).envs(&environment);
    let failed = program().run().await.ended_with(1);
    assert!(
        failed.stderr.contains("is not trusted") && failed.stderr.contains("SSL_CERT_FILE"),
        "{}",
        failed.stderr
    );
    let found = program().env("OM_SM_CA_FILE", scene.vault.ca()).run().await.ended_with(0);
    assert_eq!(found.stdout, PASSWORD);
}
