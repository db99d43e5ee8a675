//! The embedded vault, started as `strongroom vault`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use futures::StreamExt as _;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

use crate::running::free_port;
use crate::{Process, Program, Running, http};

/// The version of the API that the tests ask for.
pub const API_VERSION: &str = "7.4";

/// Who may sign in at the vault of [`VaultServer::start`].
#[derive(Debug, Clone, Copy)]
pub struct Principal {
    /// Its name in the configuration.
    pub name: &'static str,
    /// Its client id.
    pub client_id: &'static str,
    /// Its client secret.
    pub client_secret: &'static str,
}

/// The metadata server's identity: Key Vault Secrets Officer on the vault [`VAULT`].
pub const OFFICER: Principal =
    Principal { name: "server", client_id: "11111111-1111-1111-1111-111111111111", client_secret: "s3rver" };

/// The ingestion's identity: Key Vault Secrets User on the vault [`VAULT`].
pub const USER: Principal = Principal {
    name: "ingestion",
    client_id: "22222222-2222-2222-2222-222222222222",
    client_secret: "r3ader",
};

/// The vault's name.
pub const VAULT: &str = "v1";

/// The tenant: `adfs`, which clients accept without asking Microsoft about it.
pub const TENANT: &str = "adfs";

/// A running `strongroom vault` with one vault and the two principals.
#[derive(Debug)]
pub struct VaultServer {
    folder: PathBuf,
    port: u16,
    arguments: Vec<String>,
    variables: Vec<(String, String)>,
    running: Running,
}

impl VaultServer {
    /// Starts a vault in `folder` and waits until it is ready. Its data lie in `folder/vault`.
    pub async fn start(folder: &Path) -> Self {
        Self::start_with(folder, |_| ()).await
    }

    /// Like [`VaultServer::start`], with a configuration that `change` has had in its hands. JSON is YAML, too.
    pub async fn start_with(folder: &Path, change: impl FnOnce(&mut Value)) -> Self {
        Self::start_in(folder, change, &[]).await
    }

    /// Like [`VaultServer::start_with`], in an environment that holds `variables` too.
    pub async fn start_in(
        folder: &Path,
        change: impl FnOnce(&mut Value),
        variables: &[(&str, &str)],
    ) -> Self {
        Self::start_by(folder, change, &[], variables).await
    }

    /// Like [`VaultServer::start`], with further arguments, such as a quota.
    pub async fn start_as(folder: &Path, arguments: &[&str]) -> Self {
        Self::start_by(folder, |_| (), arguments, &[]).await
    }

    /// Starts a vault with all that can be said.
    ///
    /// # Panics
    /// If the configuration cannot be written or the vault does not get ready.
    pub async fn start_by(
        folder: &Path,
        change: impl FnOnce(&mut Value),
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> Self {
        let port = free_port();
        let mut configuration = configuration(port);
        change(&mut configuration);
        fs::write(folder.join("vault.yaml"), configuration.to_string())
            .expect("a configuration for the vault");
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let variables: Vec<_> = variables.iter().map(own).collect();
        let arguments: Vec<_> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let running = launch(folder, &arguments, &variables);
        let mut server = Self { folder: folder.to_owned(), port, arguments, variables, running };
        server.wait().await;
        server
    }

    /// Kills the vault and starts it again with the same data, on the same port.
    pub async fn restart(&mut self) {
        self.running.kill();
        self.running = launch(&self.folder, &self.arguments, &self.variables);
        self.wait().await;
    }

    /// The process.
    pub fn running(&mut self) -> &mut Running {
        &mut self.running
    }

    /// What the system says of its process.
    pub fn process(&self) -> Process {
        self.running.process()
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.running.id()
    }

    /// The port on which it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its data folder.
    pub fn data_dir(&self) -> PathBuf {
        self.folder.join("vault")
    }

    /// The certificate authority that signed its certificate.
    pub fn ca(&self) -> PathBuf {
        self.data_dir().join("ca.pem")
    }

    /// The address of the vault [`VAULT`], without a slash at the end.
    pub fn url(&self) -> String {
        format!("https://{VAULT}.vault.localhost:{}", self.port)
    }

    /// The address of the token endpoints, without a slash at the end.
    pub fn authority(&self) -> String {
        format!("https://login.vault.localhost:{}", self.port)
    }

    /// A client that trusts this vault.
    ///
    /// # Panics
    /// If the vault has no certificate authority.
    pub fn client(&self) -> Client {
        http::client_trusting(&self.ca()).expect("the vault made its certificate authority")
    }

    /// A token for the vault.
    ///
    /// # Panics
    /// If the vault refuses to give one.
    pub async fn token(&self, principal: &Principal) -> String {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", principal.client_id),
            ("client_secret", principal.client_secret),
            ("scope", "https://vault.azure.net/.default"),
        ];
        let url = format!("{}/{TENANT}/oauth2/v2.0/token", self.authority());
        let answer = self.client().post(url).form(&form).send().await.expect("an answer to the sign-in");
        let status = answer.status();
        let body: Value = answer.json().await.expect("a JSON body");
        body["access_token"].as_str().unwrap_or_else(|| panic!("no token: {status} {body}")).to_owned()
    }

    /// A request for `path` at the vault [`VAULT`], signed in and with a version of the API.
    pub async fn request(&self, principal: &Principal, method: Method, path: &str) -> RequestBuilder {
        let token = self.token(principal).await;
        let separator = if path.contains('?') { '&' } else { '?' };
        let url = format!("{}{path}{separator}api-version={API_VERSION}", self.url());
        self.client().request(method, url).bearer_auth(token)
    }

    /// The latest value of a secret, read as the officer; `None` if there is no such secret.
    ///
    /// # Panics
    /// If the vault answers otherwise.
    pub async fn secret(&self, name: &str) -> Option<String> {
        let bundle = self.bundle(name).await?;
        Some(bundle["value"].as_str().expect("a secret with a value").to_owned())
    }

    /// The latest version of a secret with its tags and attributes; `None` if there is no such secret.
    ///
    /// # Panics
    /// If the vault answers otherwise.
    pub async fn bundle(&self, name: &str) -> Option<Value> {
        let answer = self.request(&OFFICER, Method::GET, &format!("/secrets/{name}/")).await;
        let answer = answer.send().await.expect("an answer of the vault");
        if answer.status() == 404 {
            return None;
        }
        assert_eq!(answer.status(), 200, "reading {name}");
        Some(answer.json().await.expect("a JSON body"))
    }

    /// The latest values of all secrets, by name.
    ///
    /// # Panics
    /// If the vault refuses.
    pub async fn values(&self) -> BTreeMap<String, String> {
        let (client, token) = (self.client(), self.token(&OFFICER).await);
        let read = |name: String| {
            let url = format!("{}/secrets/{name}/?api-version={API_VERSION}", self.url());
            let request = client.get(url).bearer_auth(&token);
            async move {
                let answer = request.send().await.expect("an answer of the vault");
                assert_eq!(answer.status(), 200, "reading {name}");
                let bundle: Value = answer.json().await.expect("a JSON body");
                (name, bundle["value"].as_str().expect("a secret with a value").to_owned())
            }
        };
        let reads: Vec<_> = self.names().await.into_iter().map(read).collect();
        futures::stream::iter(reads).buffer_unordered(8).collect().await
    }

    /// Sets a secret as the officer and answers the bundle.
    ///
    /// # Panics
    /// If the vault refuses.
    pub async fn set(&self, name: &str, value: &str) -> Value {
        let request = self.request(&OFFICER, Method::PUT, &format!("/secrets/{name}")).await;
        let answer = request.json(&json!({ "value": value })).send().await.expect("an answer of the vault");
        assert_eq!(answer.status(), 200, "setting {name}");
        answer.json().await.expect("a JSON body")
    }

    /// The names of all secrets, sorted.
    ///
    /// # Panics
    /// If the vault refuses.
    pub async fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        let mut request = self.request(&OFFICER, Method::GET, "/secrets").await;
        loop {
            let answer = request.send().await.expect("an answer of the vault");
            assert_eq!(answer.status(), 200, "listing the secrets");
            let page: Value = answer.json().await.expect("a JSON body");
            let ids = page["value"].as_array().expect("a page of secrets").iter();
            names.extend(ids.map(|item| last_segment(item["id"].as_str().expect("an id"))));
            let Some(next) = page["nextLink"].as_str() else { break };
            request = self.client().get(next).bearer_auth(self.token(&OFFICER).await);
        }
        names.sort();
        names
    }

    /// What `strongroom vault env` prints for a principal.
    ///
    /// # Panics
    /// If it fails or prints something other than export lines.
    pub async fn environment(&self, principal: &Principal) -> BTreeMap<String, String> {
        environment(&self.folder, "vault", principal.name, VAULT).await
    }

    async fn wait(&mut self) {
        let url = format!("{}/healthz", self.authority());
        let ca = self.ca();
        self.running.ready(|| http::client_trusting(&ca), &url).await;
    }
}

/// What `strongroom vault env`, run in `folder`, prints for a principal of the vault in `data_dir`.
///
/// # Panics
/// If it fails or prints something other than export lines.
pub async fn environment(
    folder: &Path,
    data_dir: &str,
    principal: &str,
    vault: &str,
) -> BTreeMap<String, String> {
    let printed = Program::new(folder)
        .args(["vault", "env", "--principal", principal, "--vault", vault])
        .args(["--data-dir", data_dir])
        .run()
        .await
        .ended_with(0)
        .stdout;
    let lines = printed.lines().filter(|line| !line.trim().is_empty());
    lines.map(|line| export(line).unwrap_or_else(|| panic!("not an export line: {line}"))).collect()
}

/// The configuration with which the tests start a vault.
pub fn configuration(port: u16) -> Value {
    let principal = |principal: &Principal, role: &str| {
        json!({
            "name": principal.name,
            "clientId": principal.client_id,
            "clientSecret": principal.client_secret,
            "roles": [{"vault": VAULT, "role": role}],
        })
    };
    json!({
        "listen": format!("127.0.0.1:{port}"),
        "domain": "vault.localhost",
        "tenant": TENANT,
        "vaults": [{"name": VAULT, "softDeleteRetentionInDays": 90, "enablePurgeProtection": false}],
        "principals": [
            principal(&OFFICER, "Key Vault Secrets Officer"),
            principal(&USER, "Key Vault Secrets User"),
        ],
    })
}

fn launch(folder: &Path, arguments: &[String], variables: &[(String, String)]) -> Running {
    Program::new(folder)
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .args(["vault", "--config", "vault.yaml", "--data-dir", "vault"])
        .args(arguments)
        .start(folder, "vault")
}

fn last_segment(id: &str) -> String {
    id.rsplit('/').next().unwrap_or(id).to_owned()
}

/// Reads `export NAME=value` or `export NAME='value'`.
fn export(line: &str) -> Option<(String, String)> {
    let (name, value) = line.trim().strip_prefix("export ")?.split_once('=')?;
    let value = value.trim_matches(|quote| quote == '\'' || quote == '"');
    Some((name.to_owned(), value.to_owned()))
}
