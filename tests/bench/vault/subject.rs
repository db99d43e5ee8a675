//! Who is measured.

use std::env;
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use reqwest::{Client, Method, Url};
use serde_json::{Value, json};
use strongroom_tests::http;
use strongroom_tests::vault::API_VERSION;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use strongroom_tests::Process;

/// How many calls fill a vault at once.
const AT_ONCE: usize = 32;

/// A vault, or what is measured beside it.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    pub(crate) name: String,
    /// Scheme, host and port.
    pub(crate) url: Url,
    pub(crate) token: String,
    /// To see its processor time, if it runs here.
    pub(crate) process: Option<Process>,
    client: Client,
}

/// Another vault to compare with.
#[derive(Debug, Args)]
pub(crate) struct Peer {
    /// Another Key Vault to measure in the same run, by its vault's address
    #[arg(long, value_name = "URL")]
    peer_url: Option<Url>,
    /// Where to get a token for it, with `AZURE_CLIENT_ID` and `AZURE_CLIENT_SECRET`; without, any token will do
    #[arg(long, value_name = "URL", requires = "peer_url")]
    peer_token_url: Option<Url>,
    /// The certificates that it is trusted by (PEM)
    #[arg(long, value_name = "FILE", requires = "peer_url")]
    peer_ca: Option<PathBuf>,
    /// Its process, to see its processor time and memory
    #[arg(long, value_name = "PID", requires = "peer_url")]
    peer_pid: Option<u32>,
    /// The largest number of secrets that it lists
    #[arg(long, value_name = "SECRETS", default_value_t = 10_000, requires = "peer_url")]
    peer_largest: u32,
}

impl Peer {
    /// The peer, if one was named.
    pub(crate) async fn subject(&self) -> Option<Subject> {
        let url = self.peer_url.as_ref()?;
        let client = match &self.peer_ca {
            Some(ca) => http::client_trusting(ca).expect("the file of --peer-ca"),
            None => http::client(),
        };
        let token = match &self.peer_token_url {
            Some(url) => token(&client, url).await,
            None => "any".to_owned(),
        };
        let process = self.peer_pid.map(Process::new);
        Some(Subject::new("peer", url.as_str(), &token, process, client))
    }

    /// The largest number of secrets that it lists.
    pub(crate) fn largest(&self) -> u32 {
        self.peer_largest
    }
}

async fn token(client: &Client, url: &Url) -> String {
    let variable = |name| env::var(name).unwrap_or_else(|_| panic!("--peer-token-url needs {name}"));
    let form = [
        ("grant_type", "client_credentials".to_owned()),
        ("client_id", variable("AZURE_CLIENT_ID")),
        ("client_secret", variable("AZURE_CLIENT_SECRET")),
        ("scope", "https://vault.azure.net/.default".to_owned()),
    ];
    let answer = client.post(url.clone()).form(&form).send().await.expect("an answer to the peer's sign-in");
    let body: Value = answer.json().await.expect("a JSON body");
    body["access_token"].as_str().expect("a token of the peer").to_owned()
}

impl Subject {
    pub(crate) fn new(name: &str, url: &str, token: &str, process: Option<Process>, client: Client) -> Self {
        let url = Url::parse(url).expect("an address");
        Self { name: name.to_owned(), url, token: token.to_owned(), process, client }
    }

    /// Where wrk connects to: names under `localhost` are of this machine, whatever its resolver says.
    pub(crate) fn address(&self) -> String {
        let host = self.url.host_str().expect("a host");
        let here = host == "localhost" || host.ends_with(".localhost");
        let host = if here { Ipv4Addr::LOCALHOST.to_string() } else { host.to_owned() };
        let port = self.url.port_or_known_default().expect("a port");
        format!("{}://{host}:{port}", self.url.scheme())
    }

    /// The host as clients name it.
    pub(crate) fn host(&self) -> String {
        let host = self.url.host_str().expect("a host");
        self.url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    /// Stores secrets with these numbers: `s1` and so on.
    pub(crate) async fn fill(&self, numbers: RangeInclusive<u32>) {
        eprintln!("==> {}: storing secrets {} to {}", self.name, numbers.start(), numbers.end());
        let places = Arc::new(Semaphore::new(AT_ONCE));
        let mut tasks = JoinSet::new();
        for number in numbers {
            let place = Arc::clone(&places).acquire_owned().await.expect("a place");
            let subject = self.clone();
            tasks.spawn(async move {
                let path = format!("/secrets/s{number}?api-version={API_VERSION}");
                subject
                    .call(Method::PUT, &path, Some(json!({"value": format!("value of secret {number}")})))
                    .await;
                drop(place);
            });
            while let Some(done) = tasks.try_join_next() {
                done.expect("a secret that was stored");
            }
        }
        while let Some(done) = tasks.join_next().await {
            done.expect("a secret that was stored");
        }
    }

    /// Calls a path (or a whole address) and answers the body.
    pub(crate) async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let url = self.url.join(path).expect("an address");
        let mut request = self.client.request(method, url).bearer_auth(&self.token);
        if let Some(body) = &body {
            request = request.json(body);
        }
        let answer =
            request.send().await.unwrap_or_else(|error| panic!("{} does not answer: {error}", self.name));
        assert!(answer.status().is_success(), "{} answers {} to {path}", self.name, answer.status());
        answer.json().await.expect("a JSON body")
    }

    /// The headers and the body of the answer to a GET.
    pub(crate) async fn answer(&self, path: &str) -> (reqwest::header::HeaderMap, String) {
        let url = self.url.join(path).expect("an address");
        let answer = self.client.get(url).bearer_auth(&self.token).send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
        (answer.headers().clone(), answer.text().await.expect("a body of text"))
    }
}
