//! A vault on a port of its own, and a client that trusts it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use strongroom_secrets::Clock;
use strongroom_secrets::clock::{ManualClock, SystemClock};
use strongroom_vault::{
    ConfigSource, Options, PrincipalSettings, RoleAssignment, Running, Vault, VaultConfig, VaultSettings,
};
use tempfile::TempDir;

pub(crate) const OFFICER: &str = "11111111-1111-1111-1111-111111111111";
pub(crate) const USER: &str = "22222222-2222-2222-2222-222222222222";
pub(crate) const NOBODY: &str = "33333333-3333-3333-3333-333333333333";
pub(crate) const OFFICER_SECRET: &str = "s3rver-hunter2";
pub(crate) const USER_SECRET: &str = "r3ader-hunter2";
/// A tenant besides `adfs`.
pub(crate) const TENANT: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47";
pub(crate) const API: &str = "api-version=7.6";

/// Resolves every name to loopback, as RFC 6761 wants it for `localhost` and what is under it.
#[derive(Debug)]
struct Loopback;

impl Resolve for Loopback {
    fn resolve(&self, _: Name) -> Resolving {
        let addresses: Addrs = Box::new(std::iter::once(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0)));
        Box::pin(std::future::ready(Ok(addresses)))
    }
}

pub(crate) fn config() -> VaultConfig {
    let principal = |name: &str, id: &str, secret: &str, roles: &[(&str, &str)]| PrincipalSettings {
        name: name.into(),
        client_id: id.into(),
        client_secret: Some(secret.into()),
        roles: roles.iter().map(|(vault, role)| RoleAssignment::new(*vault, *role)).collect(),
        ..PrincipalSettings::default()
    };
    let protected = VaultSettings {
        name: "protected".into(),
        soft_delete_retention_in_days: 7,
        enable_purge_protection: true,
    };
    VaultConfig {
        listen: "127.0.0.1:0".into(),
        tenants: vec![TENANT.into(), "contoso.onmicrosoft.com".into()],
        vaults: vec![VaultSettings::named("v1"), VaultSettings::named("v2"), protected],
        principals: vec![
            principal(
                "server",
                OFFICER,
                OFFICER_SECRET,
                &[("v1", "Key Vault Secrets Officer"), ("protected", "b86a8fe4-44ce-4948-aee5-eccb2c155cd7")],
            ),
            principal("ingestion", USER, USER_SECRET, &[("v1", "Key Vault Secrets User")]),
            principal("nobody", NOBODY, "n0body", &[]),
        ],
        ..VaultConfig::default()
    }
}

/// An answer, taken apart.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        self.body
    }

    /// Asserts on an error's status, code and inner code.
    #[track_caller]
    pub(crate) fn fails(self, status: u16, code: &str, inner: Option<&str>) -> String {
        assert_eq!(self.status, status, "{}", self.body);
        let error = &self.body["error"];
        assert_eq!(error["code"], code, "{error}");
        assert_eq!(error["innererror"]["code"].as_str(), inner, "{error}");
        error["message"].as_str().unwrap().to_owned()
    }
}

pub(crate) struct TestVault {
    pub(crate) folder: TempDir,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) running: Running,
    pub(crate) client: Client,
}

impl TestVault {
    pub(crate) async fn start() -> Self {
        // The client checks the certificate by the machine's clock: the vault's starts there, and stands still.
        let clock = ManualClock::at_millis(SystemClock.now_millis());
        Self::start_in(tempfile::tempdir().unwrap(), Arc::new(clock)).await
    }

    /// Starts with another configuration.
    pub(crate) async fn start_with(folder: TempDir, config: VaultConfig) -> Self {
        let clock = ManualClock::at_millis(SystemClock.now_millis());
        Self::launch(folder, Arc::new(clock), config).await
    }

    pub(crate) async fn start_in(folder: TempDir, clock: Arc<ManualClock>) -> Self {
        Self::launch(folder, clock, config()).await
    }

    async fn launch(folder: TempDir, clock: Arc<ManualClock>, config: VaultConfig) -> Self {
        Self::launch_as(folder, clock, config, |_| {}).await
    }

    /// Starts with other options than the usual ones.
    pub(crate) async fn start_as(config: VaultConfig, change: impl FnOnce(&mut Options)) -> Self {
        let clock = ManualClock::at_millis(SystemClock.now_millis());
        Self::launch_as(tempfile::tempdir().unwrap(), Arc::new(clock), config, change).await
    }

    async fn launch_as(
        folder: TempDir,
        clock: Arc<ManualClock>,
        config: VaultConfig,
        change: impl FnOnce(&mut Options),
    ) -> Self {
        let mut options = Options::new(folder.path().join("vault"));
        options.config = ConfigSource::Given(Box::new(config));
        options.clock = clock.clone();
        change(&mut options);
        let running = Vault::open(options).await.unwrap().start(None).await.unwrap();
        let client = client(&running);
        Self { folder, clock, running, client }
    }

    /// The vault's time in Unix seconds.
    pub(crate) fn now(&self) -> i64 {
        self.clock.now_seconds()
    }

    /// Stops and starts again on the same folder with another configuration.
    pub(crate) async fn restart_with(self, config: VaultConfig) -> Self {
        let Self { folder, clock, running, client } = self;
        drop(client);
        running.stop().await.unwrap();
        Self::launch(folder, clock, config).await
    }

    /// Stops and starts again on the same folder.
    pub(crate) async fn restart(self) -> Self {
        self.restart_with(config()).await
    }

    /// Sends a form to a token endpoint.
    pub(crate) async fn post_form(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        let url = format!("{}{path}", self.running.authority());
        read(self.client.post(url).form(form).send().await.unwrap()).await
    }

    /// A token for the vault.
    pub(crate) async fn token(&self, client_id: &str, secret: &str) -> String {
        self.token_for(client_id, secret, "https://vault.azure.net/.default").await
    }

    pub(crate) async fn token_for(&self, client_id: &str, secret: &str, scope: &str) -> String {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", client_id),
            ("client_secret", secret),
            ("scope", scope),
        ];
        let body = self.post_form("/adfs/oauth2/v2.0/token", &form).await.is(200);
        body["access_token"].as_str().unwrap().to_owned()
    }

    /// Someone who may do everything in `v1`.
    pub(crate) async fn officer(&self) -> Session<'_> {
        Session {
            vault: self,
            base: self.running.url("v1"),
            token: self.token(OFFICER, OFFICER_SECRET).await,
        }
    }

    pub(crate) async fn user(&self) -> Session<'_> {
        Session { vault: self, base: self.running.url("v1"), token: self.token(USER, USER_SECRET).await }
    }
}

pub(crate) fn client(running: &Running) -> Client {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let ca = std::fs::read(running.ca_file()).unwrap();
    Client::builder()
        .tls_certs_only([reqwest::Certificate::from_pem(&ca).unwrap()])
        .dns_resolver(Arc::new(Loopback))
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap()
}

/// A caller with a token, at one vault.
pub(crate) struct Session<'a> {
    pub(crate) vault: &'a TestVault,
    pub(crate) base: String,
    pub(crate) token: String,
}

impl<'a> Session<'a> {
    /// The same caller at another vault.
    pub(crate) fn at(&self, vault: &str) -> Session<'a> {
        Session { vault: self.vault, base: self.vault.running.url(vault), token: self.token.clone() }
    }

    /// Sends a request; the API version is added.
    pub(crate) async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let separator = if path.contains('?') { '&' } else { '?' };
        self.send_raw(method, &format!("{}{path}{separator}{API}", self.base), body).await
    }

    /// Sends a request to a whole URL.
    pub(crate) async fn send_raw(&self, method: Method, url: &str, body: Option<Value>) -> Answer {
        let mut request = self.vault.client.request(method, url).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        read(request.send().await.unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PUT, path, Some(body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PATCH, path, Some(body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, None).await
    }

    pub(crate) async fn post(&self, path: &str) -> Answer {
        self.send(Method::POST, path, None).await
    }

    /// Sets a value and answers with the version.
    pub(crate) async fn set(&self, name: &str, value: &str) -> String {
        let bundle = self.put(&format!("/secrets/{name}"), json!({ "value": value })).await.is(200);
        bundle["id"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()
    }

    /// Follows `nextLink` to the end and answers with every entry, page by page.
    pub(crate) async fn pages(&self, path: &str) -> Vec<Vec<Value>> {
        let mut pages = Vec::new();
        let mut page = self.get(path).await.is(200);
        loop {
            pages.push(page["value"].as_array().unwrap().clone());
            assert!(pages.len() < 100, "a listing must end");
            let Some(next) = page["nextLink"].as_str() else {
                assert!(page.as_object().unwrap()["nextLink"].is_null());
                return pages;
            };
            page = self.send_raw(Method::GET, next, None).await.is(200);
        }
    }
}

pub(crate) async fn read(response: reqwest::Response) -> Answer {
    let (status, headers) = (response.status(), response.headers().clone());
    let bytes = response.bytes().await.unwrap();
    let body =
        if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap_or_default() };
    Answer { status, headers, body }
}
