//! The commands, and the servers in trouble.

use reqwest::Method;
use serde_json::{Value, json};
use strongroom_entities::FernetKeys;
use strongroom_secrets::random::SystemRandom;
use strongroom_tests::MetadataServer;
use strongroom_tests::api::{self, SERVICES};
use strongroom_tests::metadata::{ADMIN_PASSWORD, CONFIG, write_configuration};
use strongroom_tests::vault::USER;

use super::LOUD;
use super::scene::Scene;

impl Scene {
    /// `migrate-secrets` in all its ways.
    pub(super) async fn migrations(&mut self) {
        let in_row = self.secrets.in_row.clone();
        self.plant("warehouse", &in_row).await;
        let doubtful = format!("secret:{}", self.secrets.doubtful_row);
        self.plant("doubtful", &doubtful).await;
        self.examine(0).await;
        self.migrate(3, &["--plan"]).await;
        self.migrate(3, &["--plan", "--json"]).await;
        self.migrate(3, &[]).await;
        self.migrate(3, &["--json"]).await;

        // A key that opens nothing, an identity that may not write, a secret that is not known, no vault at all.
        let other = FernetKeys::generate(&SystemRandom);
        self.configure(|file| file["fernetConfiguration"]["fernetKey"] = json!(other.expose()));
        self.migrate(3, &["--json"]).await;
        self.examine(1).await;
        let wrong = self.secrets.wrong_client_secret.clone();
        self.configure(|file| {
            file["secretsManagerConfiguration"]["parameters"]["clientSecret"] = json!(wrong);
        });
        self.migrate(1, &["--skip-conflicts"]).await;
        self.examine(1).await;
        self.configure(|file| {
            let parameters = &mut file["secretsManagerConfiguration"]["parameters"];
            parameters["clientId"] = json!(USER.client_id);
            parameters["clientSecret"] = json!(USER.client_secret);
        });
        self.migrate(1, &["--skip-conflicts", "--json"]).await;
        self.examine(1).await;
        self.configure(|file| {
            file["secretsManagerConfiguration"]["parameters"]["vaultUrl"] =
                json!("https://v1.vault.localhost:1");
        });
        self.migrate(1, &["--skip-conflicts"]).await;
        self.configure(|_| ());

        self.migrate(1, &["--skip-conflicts"]).await;
        self.migrate(0, &["--literal", "--json"]).await;
        self.migrate(0, &[]).await;
        let moved = self.vault.secret("openmetadata-database-warehouse-authtype-password").await;
        assert_eq!(moved, Some(in_row));
        let moved = self.vault.secret("openmetadata-database-doubtful-authtype-password").await;
        assert_eq!(moved, Some(doubtful));
    }

    /// `doctor`, for people and for machines.
    async fn examine(&mut self, code: i32) {
        for more in [&[][..], &["--json"]] {
            let program = self.program(&["doctor", "-c", CONFIG, "--data-dir", "data"]).args(more);
            self.run(code, program).await;
        }
    }

    pub(super) fn configure(&self, change: impl FnOnce(&mut Value)) {
        let mut configuration = self.configuration.clone();
        change(&mut configuration);
        write_configuration(self.folder.path(), &configuration);
    }

    /// `resolve`, whose standard output is meant to carry values, and nothing else of it.
    pub(super) async fn resolves(&mut self) {
        let environment = self.vault.environment(&USER).await;
        let in_vault = self.secrets.in_vault.clone();
        let program = self.program(&["resolve", "secret:canary"]).envs(&environment);
        let finished = program.run().await.ended_with(0);
        assert_eq!(finished.stdout, in_vault);
        self.look("the log of resolve", &finished.stderr, &[]);

        let absent =
            self.program(&["resolve", "--json", "secret:canary", "secret:absent"]).envs(&environment);
        self.run(1, absent).await;
        let wrong = [("AZURE_CLIENT_SECRET", self.secrets.wrong_client_secret.clone())];
        let wrong = self.program(&["resolve", "secret:canary"]).envs(&environment).envs(wrong);
        self.run(1, wrong).await;
    }

    /// Workflow files and settings of Airflow that hold a secret, in order and not.
    pub(super) async fn workflows_are_read(&mut self) {
        let environment = self.vault.environment(&USER).await;
        let refused = json!(self.secrets.refused).to_string();
        let file = format!(
            "source: {{type: postgres, serviceName: s, serviceConnection: {{config: {{type: Postgres, authType: {{password: \
             'secret:canary'}}, sslConfig: {{sslKey: {refused}}}}}}}, sourceConfig: {{config: {{}}}}}}\n\
             sink: {{type: metadata-rest}}\nworkflowConfig: {{openMetadataServerConfig: {{hostPort: h, \
             secretsManagerProvider: azure-kv, secretsManagerLoader: env}}}}\n"
        );
        let write = |scene: &Self, text: &str| {
            std::fs::write(scene.folder.path().join("workflow.yaml"), text).unwrap();
        };
        write(self, &file);
        for arguments in [&["--check"][..], &["--check", "--json"]] {
            let program =
                self.program(&["resolve", "-c", "workflow.yaml"]).args(arguments).envs(&environment);
            self.run(0, program).await;
        }
        for (from, to) in [
            ("serviceName: s", format!("serviceName: {refused}: x")),
            ("hostPort: h", format!("authProvider: {refused}, hostPort: h")),
            ("azure-kv", refused.clone()),
            ("secret:canary", format!("secret:{}", self.secrets.refused.replace('\'', ""))),
        ] {
            write(self, &file.replace(from, &to));
            let program = self.program(&["resolve", "-c", "workflow.yaml"]).envs(&environment);
            self.run(2, program).await;
        }
        let refused = &self.secrets.refused;
        for settings in [
            refused.clone(),
            format!(
                "[openmetadata_secrets_manager]\nazure_key_vault_name = v1\nazure_client_secret = {refused}\n"
            ),
            format!(
                "[openmetadata_secrets_manager]\nazure_key_vault_name = v1\nazure_client_secret = {}\n",
                refused.replace('%', "%%")
            ),
        ] {
            std::fs::write(self.folder.path().join("airflow.cfg"), settings).unwrap();
            let program =
                self.program(&["resolve", "--loader", "airflow", "canary"]).env("AIRFLOW_HOME", ".");
            self.run(2, program).await;
        }
    }

    /// Files that cannot be read, with a secret in the line that is to blame.
    pub(super) async fn configurations_are_refused(&mut self) {
        let refused = self.secrets.refused.clone();
        for broken in [
            format!("secretsManagerConfiguration: {{parameters: {{clientSecret: {refused}: x\n"),
            format!("secretsManagerConfiguration: {{secretsManager: '{refused}'}}\n"),
            format!(
                "fernetConfiguration: {{fernetKey: '{refused}'}}\nsecretsManagerConfiguration: {{secretsManager: db}}\n"
            ),
            format!("fernetConfiguration: ['{refused}']\n"),
        ] {
            std::fs::write(self.folder.path().join("broken.yaml"), broken).unwrap();
            for command in ["migrate-secrets", "doctor"] {
                let program = self.program(&[command, "-c", "broken.yaml", "--data-dir", "data"]);
                self.run(2, program).await;
            }
        }
        for broken in [
            format!("principals: [{{name: x, clientSecret: {refused}: x\n"),
            format!("principals: [{{name: x, clientSecret: ['{refused}']}}]\n"),
            format!(
                "principals: [{{name: x, clientId: '{refused}', clientSecret: '{refused}', secret: '{refused}'}}]\n"
            ),
        ] {
            std::fs::write(self.folder.path().join("broken-vault.yaml"), broken).unwrap();
            let program = self.program(&["vault", "--config", "broken-vault.yaml", "--data-dir", "other"]);
            self.run(2, program).await;
        }
    }

    /// The vault is gone, and comes back.
    pub(super) async fn vault_is_down(&mut self) {
        self.vault.running().kill();
        let refused = api::postgres("unlucky", &self.secrets.refused);
        self.as_admin(503, Method::POST, SERVICES, Some(&refused)).await;
        self.migrate(1, &["--json"]).await;
        self.vault.restart().await;
    }

    /// The server signs in as nobody, and then as somebody who may not write.
    pub(super) async fn vault_refuses(&mut self) {
        assert!(self.server.running().stop().await.success());
        let wrong = self.secrets.wrong_client_secret.clone();
        self.configure(|file| {
            file["secretsManagerConfiguration"]["parameters"]["clientSecret"] = json!(wrong);
        });
        let anew =
            [("SERVER_PORT", "0"), ("SERVER_ADMIN_PORT", "0"), ("STRONGROOM_ADMIN_PASSWORD", ADMIN_PASSWORD)];
        let program = self.program(&["serve", "-c", CONFIG, "--data-dir", "anew"]).envs(anew);
        self.run(1, program).await;
        self.configure(|file| {
            let parameters = &mut file["secretsManagerConfiguration"]["parameters"];
            parameters["clientId"] = json!(USER.client_id);
            parameters["clientSecret"] = json!(USER.client_secret);
        });
        self.server = MetadataServer::start(self.folder.path(), &LOUD).await;
        let refused = self.secrets.refused.clone();
        let body = api::postgres("refused", &refused);
        self.as_admin(502, Method::POST, SERVICES, Some(&body)).await;
        let body = api::postgres("shop", &refused);
        self.as_admin(502, Method::PUT, SERVICES, Some(&body)).await;
    }
}
