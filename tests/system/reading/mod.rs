//! The side that reads, as the guide sets it up: workflow files on the command line, settings in Airflow.
//!
//! Each file has the form of the guide's; the principal is the one that the guide gives the role Key Vault Secrets User.

mod airflow;
mod checking;
mod command_line;
mod guide;
mod python_rules;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use strongroom_tests::vault::{Principal, USER, VAULT};
use strongroom_tests::{Program, VaultServer, scratch};
use tempfile::TempDir;

const PASSWORD: &str = "pa$$ \"word\"\n";
const BOT_TOKEN: &str = "eyJraWQiOiJ.of-the-bot.c2lnbmVk";

/// The secrets to which [`workflow`] refers.
const PASSWORD_NAME: &str = "openmetadata-database-sales-authtype-password";
const BOT_NAME: &str = "openmetadata-bot-ingestion-bot-config-jwttoken";

const PASSWORD_PATH: &str = "source.serviceConnection.config.authType.password";
const BOT_PATH: &str = "workflowConfig.openMetadataServerConfig.securityConfig.jwtToken";

/// A vault that holds what the workflow refers to, and a folder to run in.
struct Scene {
    folder: TempDir,
    vault: VaultServer,
}

impl Scene {
    async fn set_up() -> Self {
        let folder = scratch();
        let vault = VaultServer::start(folder.path()).await;
        vault.set(PASSWORD_NAME, PASSWORD).await;
        vault.set(BOT_NAME, BOT_TOKEN).await;
        Self { folder, vault }
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// The program as the reading principal would run it, with the vault's name beside its address.
    async fn program(&self, arguments: &[&str]) -> Program {
        self.program_as(&USER, arguments).await
    }

    async fn program_as(&self, principal: &Principal, arguments: &[&str]) -> Program {
        Program::new(self.folder.path())
            .args(arguments)
            .envs(self.vault.environment(principal).await)
            .env("AZURE_KEY_VAULT_NAME", VAULT)
    }

    /// The variables of the network only: what an Airflow has that gets its identity from `airflow.cfg`.
    async fn network(&self) -> BTreeMap<String, String> {
        let mut environment = self.vault.environment(&USER).await;
        environment.retain(|name, _| ["AZURE_AUTHORITY_HOST", "SSL_CERT_FILE"].contains(&name.as_str()));
        environment
    }
}

/// The guide's workflow file: its part `workflowConfig` says how to reach the vault.
fn workflow(loader: &str) -> String {
    format!(
        "source:
  type: postgres
  serviceName: sales
  serviceConnection:
    config:
      type: Postgres
      username: reader
      authType:
        password: secret:{PASSWORD_NAME}
      hostPort: localhost:5432
      database: sales
  sourceConfig:
    config:
      type: DatabaseMetadata
sink:
  type: metadata-rest
  config: {{}}
workflowConfig:
  loggerLevel: INFO
  openMetadataServerConfig:
    secretsManagerProvider: azure-kv
    secretsManagerLoader: {loader}
    hostPort: http://localhost:8585/api
    authProvider: openmetadata
    securityConfig:
      jwtToken: secret:{BOT_NAME}
"
    )
}

/// What `resolve -c` answers for [`workflow`].
fn resolved() -> serde_json::Value {
    serde_json::json!({PASSWORD_PATH: PASSWORD, BOT_PATH: BOT_TOKEN})
}
