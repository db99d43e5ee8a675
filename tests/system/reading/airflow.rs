//! The guide's section on Airflow.

use strongroom_tests::vault::{TENANT, USER, VAULT};
use strongroom_tests::{Finished, Program};

use super::{PASSWORD, PASSWORD_NAME, Scene, resolved, workflow};

impl Scene {
    /// The guide's section of `airflow.cfg`, with an identity. The vault's address is beside its name, since it is not one of
    /// Azure's.
    fn airflow_cfg(&self) -> String {
        format!(
            "[core]\ndags_folder = /dags\n\n[openmetadata_secrets_manager]\nazure_key_vault_name = {VAULT}\n\
             azure_key_vault_url = {}\nazure_tenant_id = {TENANT}\nazure_client_id = {}\nazure_client_secret = {}\n",
            self.vault.url(),
            USER.client_id,
            USER.client_secret
        )
    }

    /// `resolve` in an environment that knows no identity.
    async fn in_airflow(&self, arguments: &[&str]) -> Program {
        Program::new(self.folder.path()).arg("resolve").args(arguments).envs(self.network().await)
    }

    async fn resolve_in_airflow(&self) -> Finished {
        self.in_airflow(&["-c", "w.yaml"]).await.run().await
    }
}

#[tokio::test]
async fn the_guides_file_leads_to_the_values() {
    let scene = Scene::set_up().await;
    scene.write("w.yaml", &workflow("airflow"));
    // ~/airflow/airflow.cfg, the home folder being the scene's.
    scene.write("airflow/airflow.cfg", &scene.airflow_cfg());
    assert_eq!(scene.resolve_in_airflow().await.ended_with(0).json(), resolved());

    // Where AIRFLOW_HOME says, and where AIRFLOW_CONFIG says, with variables in both.
    scene.write("airflow/airflow.cfg", "[openmetadata_secrets_manager]\nazure_key_vault_name = elsewhere\n");
    scene.write("home/airflow.cfg", &scene.airflow_cfg());
    for (name, value) in [("AIRFLOW_HOME", "~/home"), ("AIRFLOW_CONFIG", "${HOME}/home/airflow.cfg")] {
        let program = scene.in_airflow(&["-c", "w.yaml"]).await.env(name, value);
        assert_eq!(program.run().await.ended_with(0).json(), resolved(), "{name}");
    }

    // A reference by itself, with the loader named.
    let program =
        scene.in_airflow(&["--loader", "airflow", PASSWORD_NAME]).await.env("AIRFLOW_HOME", "~/home");
    assert_eq!(program.run().await.ended_with(0).stdout, PASSWORD);
}

#[tokio::test]
async fn the_guides_variables_lead_there_without_a_file_and_before_it() {
    let scene = Scene::set_up().await;
    scene.write("w.yaml", &workflow("airflow"));
    let prefix = "AIRFLOW__OPENMETADATA_SECRETS_MANAGER__AZURE_";
    // With the space that the guide has before its values.
    let variables = [
        ("KEY_VAULT_NAME", format!(" {VAULT}")),
        ("KEY_VAULT_URL", scene.vault.url()),
        ("TENANT_ID", format!(" {TENANT}")),
        ("CLIENT_ID", format!(" {}", USER.client_id)),
        ("CLIENT_SECRET", format!(" {}", USER.client_secret)),
    ]
    .map(|(name, value)| (format!("{prefix}{name}"), value));
    let program = scene.in_airflow(&["-c", "w.yaml"]).await.envs(variables.clone());
    assert_eq!(program.run().await.ended_with(0).json(), resolved());

    let wrong = scene.airflow_cfg().replace(USER.client_secret, "wrong-secret");
    scene.write("airflow/airflow.cfg", &wrong);
    let failed = scene.resolve_in_airflow().await.ended_with(1);
    assert!(failed.stderr.contains("the client secret is wrong"), "{}", failed.stderr);
    let program = scene.in_airflow(&["-c", "w.yaml"]).await.envs(variables);
    assert_eq!(program.run().await.ended_with(0).json(), resolved());
}

#[tokio::test]
async fn only_the_vaults_name_leads_to_the_default_credential() {
    let scene = Scene::set_up().await;
    scene.write("w.yaml", &workflow("airflow"));
    let file = scene.airflow_cfg();
    let named: String = file.lines().take(6).map(|line| format!("{line}\n")).collect();
    scene.write("airflow/airflow.cfg", &named);
    let program = scene.program(&["resolve", "-c", "w.yaml"]).await.without("AZURE_KEY_VAULT_URL");
    assert_eq!(program.run().await.ended_with(0).json(), resolved());
}

#[tokio::test]
async fn a_percent_sign_and_a_variable_in_the_file_are_read_as_airflow_reads_them() {
    let scene = Scene::set_up().await;
    scene.write("w.yaml", &workflow("airflow"));
    let file = scene.airflow_cfg().replace(
        &format!("azure_client_secret = {}", USER.client_secret),
        "azure_client_secret = %(half)s$OTHER_HALF\nhalf = r3a",
    );
    scene.write("airflow/airflow.cfg", &file);
    let program = scene.in_airflow(&["-c", "w.yaml"]).await.env("OTHER_HALF", "der");
    assert_eq!(program.run().await.ended_with(0).json(), resolved());

    scene.write("airflow/airflow.cfg", &file.replace("%(half)s", "hunter%2"));
    let refused = scene.resolve_in_airflow().await.ended_with(2);
    assert!(refused.stderr.contains("write %%"), "{}", refused.stderr);
    assert!(!refused.stderr.contains("hunter"), "{}", refused.stderr);
}

#[tokio::test]
async fn what_is_missing_is_named_with_its_places() {
    let scene = Scene::set_up().await;
    scene.write("w.yaml", &workflow("airflow"));
    let refused = scene.resolve_in_airflow().await.ended_with(2);
    for says in
        ["AIRFLOW__OPENMETADATA_SECRETS_MANAGER__AZURE_KEY_VAULT_NAME is not set", "airflow/airflow.cfg"]
    {
        assert!(refused.stderr.contains(says), "{}", refused.stderr);
    }
    let half = scene.airflow_cfg().replace("azure_tenant_id", "azure_tenant");
    scene.write("airflow/airflow.cfg", &half);
    let refused = scene.resolve_in_airflow().await.ended_with(2);
    assert!(refused.stderr.contains("azure_tenant_id is not set"), "{}", refused.stderr);
    assert!(!refused.stderr.contains(USER.client_secret), "{}", refused.stderr);
    scene.write("airflow/airflow.cfg", "no section\n");
    let refused = scene.resolve_in_airflow().await.ended_with(2);
    assert!(
        refused.stderr.contains("airflow.cfg, line 1: no [section] stands before it"),
        "{}",
        refused.stderr
    );
}
