//! The metadata server, started as `strongroom serve`, and the configuration that it shares with `migrate-secrets`.

use std::path::{Path, PathBuf};

use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

use crate::running::free_port;
use crate::vault::{OFFICER, TENANT, VAULT};
use crate::{Program, Running, VaultServer, http};

/// The first administrator's password, where a test does not say another.
pub const ADMIN_PASSWORD: &str = "an-admin's-dummy-password";

/// The name of the configuration in a test's folder.
pub const CONFIG: &str = "openmetadata.yaml";

/// A configuration as the guide writes it: secrets go to `vault`, the database is the one in the data folder.
///
/// A test changes what it likes and writes it with [`write_configuration`].
pub fn configuration(vault: &VaultServer, fernet_key: &str) -> Value {
    json!({
        "clusterName": "openmetadata",
        "fernetConfiguration": {"fernetKey": fernet_key},
        "secretsManagerConfiguration": {
            "secretsManager": "managed-azure-kv",
            "parameters": {
                "vaultName": VAULT,
                "vaultUrl": vault.url(),
                "caFile": vault.ca(),
                "authorityHost": vault.authority(),
                "tenantId": TENANT,
                "clientId": OFFICER.client_id,
                "clientSecret": OFFICER.client_secret,
            },
        },
    })
}

/// Writes a configuration into a test's folder. JSON is YAML, too.
///
/// # Panics
/// If the file cannot be written.
pub fn write_configuration(folder: &Path, configuration: &Value) {
    std::fs::write(folder.join(CONFIG), configuration.to_string()).expect("a configuration");
}

/// A running `strongroom serve`.
#[derive(Debug)]
pub struct MetadataServer {
    folder: PathBuf,
    port: u16,
    running: Running,
    client: Client,
}

impl MetadataServer {
    /// Starts a server with the configuration in `folder` and waits until it is ready. Its data lie in `folder/data`, its
    /// ports are chosen by the system, and the first administrator's password is [`ADMIN_PASSWORD`], unless the file or
    /// `variables` say otherwise.
    ///
    /// # Panics
    /// If it does not get ready.
    pub async fn start(folder: &Path, variables: &[(&str, &str)]) -> Self {
        let password = [("STRONGROOM_ADMIN_PASSWORD", ADMIN_PASSWORD)];
        Self::start_with(folder, &["-c", CONFIG], &[&password, variables].concat()).await
    }

    /// Starts a server with these arguments and nothing else said: no configuration, no password.
    ///
    /// # Panics
    /// If it does not get ready.
    pub async fn start_with(folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let port = free_port();
        let running = Program::new(folder)
            .args(["serve", "--data-dir", "data"])
            .args(arguments)
            .env("SERVER_PORT", port.to_string())
            .env("SERVER_ADMIN_PORT", free_port().to_string())
            .envs(variables.iter().copied())
            .start(folder, "serve");
        let mut server = Self { folder: folder.to_owned(), port, running, client: http::client() };
        let client = server.client.clone();
        let health = server.url("/api/v1/system/health");
        server.running.ready(|| Some(client.clone()), &health).await;
        server
    }

    /// The process.
    pub fn running(&mut self) -> &mut Running {
        &mut self.running
    }

    /// The port of the API.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its data folder.
    pub fn data_dir(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// The address of a path of the API.
    pub fn url(&self, path: &str) -> String {
        format!("http://localhost:{}{path}", self.port)
    }

    /// A request without a token.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, self.url(path))
    }
}
