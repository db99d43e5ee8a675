//! What a provider adds to the request that it makes: to read one secret, over a bare HTTPS request for the same.
//!
//! `cargo xtask bench provider` builds this and the program for release and runs it. The embedded vault is another process on
//! this machine; both sides keep one connection open and ask one after the other, in turns, so that whatever else happens on
//! the machine meets both.
#![allow(clippy::print_stdout, reason = "a bench prints its result")]

use std::time::Duration;

use clap::Parser;
use reqwest::Client;
use serde_json::json;
use strongroom_secrets::azure::{AzureConfig, AzureProvider, ClientSecret, Credential};
use strongroom_secrets::transport::{self, SystemRoots, Trust};
use strongroom_secrets::{Provider, SecretName};
use strongroom_tests::vault::{API_VERSION, OFFICER, TENANT};
use strongroom_tests::{VaultServer, scratch};
use tokio::time::Instant;

/// Calls before those that count: connections come up, tokens are fetched.
const WARM_UP: u32 = 200;

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
    sorted: Vec<Duration>,
}

#[tokio::main]
async fn main() {
    let arguments = Arguments::parse();
    assert!(arguments.calls > 0, "no calls say nothing");
    let folder = scratch();
    let vault = VaultServer::start(folder.path()).await;
    vault.set("a", "dummy-password").await;
    let trust = Trust { system: SystemRoots::Named { file: None, folders: Vec::new() }, ca_file: None }
        .with_ca_file(vault.ca());

    let bare = Bare {
        client: transport::client(
            trust.client_config().expect("the vault's authority"),
            "v1.vault.localhost",
            Duration::from_secs(10),
        )
        .expect("a client"),
        url: format!("{}/secrets/a/?api-version={API_VERSION}", vault.url()),
        token: vault.token(&OFFICER).await,
    };
    let credential = ClientSecret {
        tenant: TENANT.to_owned(),
        client_id: OFFICER.client_id.to_owned(),
        client_secret: OFFICER.client_secret.into(),
    };
    let mut config =
        AzureConfig::new(vault.url().parse().expect("a URL"), Credential::ClientSecret(credential));
    config.authority = vault.authority().parse().expect("a URL");
    config.trust = trust;
    let provider = AzureProvider::new(&config).expect("a provider");
    let name = SecretName::new("a").expect("a name");

    let (mut bare_times, mut provider_times) = (Vec::new(), Vec::new());
    for call in 0..WARM_UP + arguments.calls {
        let start = Instant::now();
        bare.read().await;
        let (bare, start) = (start.elapsed(), Instant::now());
        let secret = provider.get(&name, None).await.expect("the secret");
        let through_provider = start.elapsed();
        assert_eq!(secret.value.expose(), "dummy-password");
        if call >= WARM_UP {
            bare_times.push(bare);
            provider_times.push(through_provider);
        }
    }
    let all =
        [Times::new("a bare HTTPS request", bare_times), Times::new("AzureProvider::get", provider_times)];
    report(&all, &arguments);
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
    fn new(name: &'static str, mut times: Vec<Duration>) -> Self {
        times.sort();
        Self { name, sorted: times }
    }

    /// The time, in microseconds, below which `part` of the calls stayed.
    fn quantile(&self, part: f64) -> f64 {
        let index = (self.sorted.len() as f64 * part) as usize;
        self.sorted[index.min(self.sorted.len() - 1)].as_secs_f64() * 1e6
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
