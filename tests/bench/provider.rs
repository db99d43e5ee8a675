//! What a provider and what stands before it add to the request that is made: to read one secret, over a bare HTTPS request for
//! the same.
//!
//! `cargo xtask bench provider` builds this and the program for release and runs it. The embedded vault is another process on
//! this machine; each side keeps one connection open and asks one call after the other, in turns, so that whatever else happens on
//! the machine meets all of them.
#![allow(clippy::print_stdout, reason = "a bench prints its result")]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::http::{ClientOptions, RetryOptions, Transport};
use azure_core::time::OffsetDateTime;
use azure_security_keyvault_secrets::{SecretClient, SecretClientOptions};
use clap::Parser;
use reqwest::Client;
use serde_json::json;
use strongroom_secrets::azure::{AzureConfig, AzureProvider, ClientSecret, Credential};
use strongroom_secrets::cache::{CacheConfig, CachedProvider};
use strongroom_secrets::clock::SystemClock;
use strongroom_secrets::transport::{self, SystemRoots, Trust};
use strongroom_secrets::{Provider, SecretName};
use strongroom_tests::vault::{API_VERSION, OFFICER, TENANT};
use strongroom_tests::{VaultServer, scratch};
use tokio::time::Instant;

/// Calls before those that count: connections come up, tokens are fetched.
const WARM_UP: u32 = 200;

/// What the secret holds.
const VALUE: &str = "dummy-password";

#[derive(Parser)]
struct Arguments {
    /// How many calls of each kind
    #[arg(long, default_value_t = 5000)]
    calls: u32,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    /// What `cargo bench` always says
    #[arg(long, hide = true)]
    bench: bool,
}

/// How long calls of one kind took.
struct Times {
    name: &'static str,
    taken: Vec<Duration>,
}

#[tokio::main]
async fn main() {
    let arguments = Arguments::parse();
    assert!(arguments.calls > 0, "no calls say nothing");
    let folder = scratch();
    let vault = VaultServer::start(folder.path()).await;
    vault.set("a", VALUE).await;
    let trust = Trust { system: SystemRoots::Named { file: None, folders: Vec::new() }, ca_file: None }
        .with_ca_file(vault.ca());
    let token = vault.token(&OFFICER).await;

    let bare = Bare {
        client: client(&trust),
        url: format!("{}/secrets/a/?api-version={API_VERSION}", vault.url()),
        token: token.clone(),
    };
    let sdk = sdk(&vault, client(&trust), token);
    let own = || -> Arc<dyn Provider> { Arc::new(provider(&vault, &trust)) };
    let alone = own();
    let cached = |seconds| {
        let config = CacheConfig { time_to_live: Duration::from_secs(seconds), ..CacheConfig::RUN };
        CachedProvider::new(own(), config, Arc::new(SystemClock))
    };
    // What is kept for no time is never there.
    let (missing, hitting) = (cached(0), cached(3600));
    let name = SecretName::new("a").expect("a name");
    let read = async |provider: &dyn Provider| {
        let secret = provider.get(&name, None).await.expect("the secret");
        assert_eq!(secret.value.expose(), VALUE);
    };

    let mut all = [
        "a bare HTTPS request",
        "Azure's client for Rust alone",
        "AzureProvider::get: that, with limit, retry and tokens of our own",
        "the same through a cache that does not have it",
        "the same from the cache",
    ]
    .map(|name| Times { name, taken: Vec::new() });
    for call in 0..WARM_UP + arguments.calls {
        let taken = [
            timed(bare.read()).await,
            timed(async {
                let answer = sdk.get_secret("a", None).await.expect("the secret");
                let secret = answer.into_model().expect("a secret");
                assert_eq!(secret.value.as_deref(), Some(VALUE));
            })
            .await,
            timed(read(&*alone)).await,
            timed(read(&missing)).await,
            timed(read(&hitting)).await,
        ];
        if call >= WARM_UP {
            all.iter_mut().zip(taken).for_each(|(times, taken)| times.taken.push(taken));
        }
    }
    all.iter_mut().for_each(|times| times.taken.sort());
    report(&all, &arguments);
}

async fn timed(call: impl Future<Output = ()>) -> Duration {
    let start = Instant::now();
    call.await;
    start.elapsed()
}

/// The client that the provider has too: its TLS, its way to find the vault.
fn client(trust: &Trust) -> Client {
    let tls = trust.client_config().expect("the vault's authority");
    transport::client(tls, "v1.vault.localhost", Duration::from_secs(10)).expect("a client")
}

fn provider(vault: &VaultServer, trust: &Trust) -> AzureProvider {
    let credential = ClientSecret {
        tenant: TENANT.to_owned(),
        client_id: OFFICER.client_id.to_owned(),
        client_secret: OFFICER.client_secret.into(),
    };
    let mut config =
        AzureConfig::new(vault.url().parse().expect("a URL"), Credential::ClientSecret(credential));
    config.authority = vault.authority().parse().expect("a URL");
    config.trust = trust.clone();
    AzureProvider::new(&config).expect("a provider")
}

/// Azure's own client with nothing of ours around it.
fn sdk(vault: &VaultServer, client: Client, token: String) -> SecretClient {
    let client_options = ClientOptions {
        transport: Some(Transport::new(Arc::new(client))),
        retry: RetryOptions::none(),
        ..ClientOptions::default()
    };
    let options = SecretClientOptions { client_options, ..SecretClientOptions::default() };
    SecretClient::new(&vault.url(), Arc::new(Held(token)), Some(options)).expect("a client")
}

/// A token that was there before.
#[derive(Debug)]
struct Held(String);

#[async_trait]
impl TokenCredential for Held {
    async fn get_token(
        &self,
        _: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let end = OffsetDateTime::from_unix_timestamp(4_000_000_000).expect("a moment");
        Ok(AccessToken::new(self.0.clone(), end))
    }
}

/// A request with nothing around it.
struct Bare {
    client: Client,
    url: String,
    token: String,
}

impl Bare {
    async fn read(&self) {
        let answer = self.client.get(&self.url).bearer_auth(&self.token).send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
        let bytes = answer.bytes().await.expect("a body");
        assert!(!bytes.is_empty());
    }
}

impl Times {
    /// The time, in microseconds, below which `part` of the calls stayed.
    fn quantile(&self, part: f64) -> f64 {
        let index = (self.taken.len() as f64 * part) as usize;
        self.taken[index.min(self.taken.len() - 1)].as_secs_f64() * 1e6
    }
}

fn report(all: &[Times], arguments: &Arguments) {
    let bare = all[0].quantile(0.5);
    if arguments.json {
        let rows = all.iter().map(|times| {
            json!({
                "what": times.name,
                "medianMicroseconds": times.quantile(0.5),
                "p99Microseconds": times.quantile(0.99),
                "overheadMicroseconds": times.quantile(0.5) - bare,
            })
        });
        let result = json!({"calls": arguments.calls, "reads": rows.collect::<Vec<_>>()});
        println!("{result:#}");
        return;
    }
    println!(
        "{:>10} {:>10} {:>10}  microseconds to read a secret, {} calls",
        "median", "p99", "overhead", arguments.calls
    );
    for times in all {
        let median = times.quantile(0.5);
        println!("{median:>10.1} {:>10.1} {:>+10.1}  {}", times.quantile(0.99), median - bare, times.name);
    }
}
