//! The vault is killed in the middle of a stream of writes, again and again: what it had acknowledged is there afterwards, and what it
//! had not is there as a whole or not at all.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use strongroom_tests::vault::{API_VERSION, OFFICER};
use strongroom_tests::{Program, VaultServer, postgres, scratch};

/// How many write at the same time, each under names of its own.
const WRITERS: u64 = 8;

/// How many names a writer has.
const NAMES: u64 = 3;

/// How long the vault is written to before it is killed, in milliseconds: between the first and the second.
const SHORTEST: u64 = 20;
const LONGEST: u64 = 120;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_and_nothing_is_half_there_on_sqlite() {
    killed(50, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_and_nothing_is_half_there_on_postgresql() {
    let url = postgres::new_database().await;
    killed(10, &[("STRONGROOM_VAULT_STORE", &url)]).await;
}

/// When the vault is killed while it changes its keys.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// The new master key stands beside the old one.
    Proposed,
    /// It has taken its place; the values are being sealed anew.
    Adopted,
    /// So many milliseconds later.
    Later(u64),
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_the_keys_that_is_killed_anywhere_leaves_a_vault_that_starts_and_can_be_changed_again() {
    let folder = scratch();
    let mut server = VaultServer::start(folder.path()).await;
    let token: Arc<str> = server.token(&OFFICER).await.into();
    let caller = Caller { client: server.client(), base: server.url(), token: Arc::clone(&token) };
    for n in 0..400 {
        caller.send(Method::PUT, &format!("/secrets/s{n}"), Some(marked(n, true))).await.unwrap();
    }
    let key = server.data_dir().join("master.key");
    let proposed = server.data_dir().join("master.key.new");
    let moments = [
        Moment::Proposed,
        Moment::Adopted,
        Moment::Later(1),
        Moment::Proposed,
        Moment::Later(3),
        Moment::Later(8),
        Moment::Proposed,
        Moment::Later(20),
    ];
    for moment in moments {
        let before = std::fs::read(&key).unwrap();
        let rekey = Program::new(folder.path()).args(["vault", "rekey", "--data-dir", "vault"]);
        let rekey = tokio::spawn(rekey.run());
        let there = || match moment {
            Moment::Proposed => proposed.exists(),
            Moment::Adopted | Moment::Later(_) => std::fs::read(&key).is_ok_and(|key| key != before),
        };
        // The command has ended if it was done before we looked.
        while !there() && !rekey.is_finished() {
            tokio::task::yield_now().await;
        }
        if let Moment::Later(pause) = moment {
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
        server.running().kill();
        let _ = rekey.await.unwrap();

        server.restart().await;
        let caller = Caller { client: server.client(), base: server.url(), token: Arc::clone(&token) };
        for n in [0, 1, 99, 100, 101, 399] {
            let bundle =
                caller.get(&format!("/secrets/s{n}")).await.unwrap_or_else(|| panic!("s{n} was lost"));
            assert_eq!(mark(&bundle), n, "{moment:?}");
        }
    }
    for command in ["rekey", "check"] {
        let done = Program::new(folder.path()).args(["vault", command, "--data-dir", "vault"]).run().await;
        let _ = done.ended_with(0);
    }
    assert!(!proposed.exists());
}

/// A write that the vault has acknowledged.
#[derive(Debug)]
enum Acknowledged {
    /// This version has the mark.
    Version { name: String, version: String, mark: u64 },
    /// It is deleted.
    Deleted { name: String },
}

/// Someone who writes and reads over one connection pool.
#[derive(Clone)]
struct Caller {
    client: Client,
    base: String,
    token: Arc<str>,
}

async fn killed(rounds: u64, variables: &[(&str, &str)]) {
    let folder = scratch();
    let mut server = VaultServer::start_in(folder.path(), |_| (), variables).await;
    // The keys that sign tokens are kept: a token outlives the crash.
    let token: Arc<str> = server.token(&OFFICER).await.into();
    let mark = Arc::new(AtomicU64::new(1));
    let (mut all, mut deletions) = (0, 0);
    let mut kept = Vec::new();
    for round in 0..rounds {
        let caller = Caller { client: server.client(), base: server.url(), token: Arc::clone(&token) };
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| tokio::spawn(write(caller.clone(), writer, round, Arc::clone(&mark))))
            .collect();
        tokio::time::sleep(Duration::from_millis(SHORTEST + round * 37 % (LONGEST - SHORTEST))).await;
        server.running().kill();
        let mut acknowledged = Vec::new();
        for writer in writers {
            acknowledged.extend(writer.await.unwrap());
        }
        server.restart().await;

        let caller = Caller { client: server.client(), base: server.url(), token: Arc::clone(&token) };
        all += acknowledged.len();
        deletions +=
            acknowledged.iter().filter(|write| matches!(write, Acknowledged::Deleted { .. })).count();
        look(&caller, &acknowledged).await;
        kept.extend(
            acknowledged.into_iter().filter(|write| matches!(write, Acknowledged::Version { .. })).step_by(7),
        );
    }
    let caller = Caller { client: server.client(), base: server.url(), token };
    look(&caller, &kept).await;
    assert!(all as u64 > rounds * WRITERS, "only {all} writes in {rounds} rounds");
    assert!(deletions as u64 > rounds / 2, "only {deletions} deletions in {rounds} rounds");
}

/// Writes until the vault is gone, and answers what it acknowledged.
async fn write(caller: Caller, writer: u64, round: u64, mark: Arc<AtomicU64>) -> Vec<Acknowledged> {
    let mut acknowledged = Vec::new();
    for turn in 0.. {
        let name = format!("w{writer}-{}", turn % NAMES);
        let own = mark.fetch_add(1, Ordering::Relaxed);
        let Some(bundle) =
            caller.send(Method::PUT, &format!("/secrets/{name}"), Some(marked(own, true))).await
        else {
            break;
        };
        let version = bundle["id"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
        let path = format!("/secrets/{name}/{version}");
        acknowledged.push(Acknowledged::Version { name: name.clone(), version: version.clone(), mark: own });
        if turn % 3 == 1 {
            let own = mark.fetch_add(1, Ordering::Relaxed);
            let Some(_) = caller.send(Method::PATCH, &path, Some(marked(own, false))).await else { break };
            acknowledged.push(Acknowledged::Version { name, version, mark: own });
        } else if turn % 3 == 2 {
            let name = format!("gone-{round}-{writer}-{turn}");
            let path = format!("/secrets/{name}");
            let Some(_) = caller.send(Method::PUT, &path, Some(marked(0, true))).await else { break };
            let Some(_) = caller.send(Method::DELETE, &path, None).await else { break };
            acknowledged.push(Acknowledged::Deleted { name });
        }
    }
    acknowledged
}

/// A body all of whose parts tell the same mark. That of an update has no value.
fn marked(mark: u64, whole: bool) -> Value {
    let text = mark.to_string();
    let mut body = json!({
        "contentType": text,
        "tags": {"mark": text},
        "attributes": {"nbf": mark, "exp": mark + 1},
    });
    if whole {
        // Longer than a page of the database.
        body["value"] = format!("{text} {}", "x".repeat((mark % 9000) as usize)).into();
    }
    body
}

/// The mark that all parts of a version tell.
fn mark(bundle: &Value) -> u64 {
    let mark: u64 = bundle["contentType"].as_str().unwrap().parse().unwrap();
    assert_eq!(bundle["tags"]["mark"], mark.to_string(), "{bundle}");
    assert_eq!(bundle["attributes"]["nbf"], mark, "{bundle}");
    assert_eq!(bundle["attributes"]["exp"], mark + 1, "{bundle}");
    let value = bundle["value"].as_str().unwrap();
    let (own, rest) = value.split_once(' ').unwrap();
    let own: u64 = own.parse().unwrap();
    assert!(own <= mark, "{bundle}");
    assert_eq!(rest.len() as u64, own % 9000, "the value is whole");
    mark
}

/// Looks whether all is there, and whether what was under way is whole.
async fn look(caller: &Caller, acknowledged: &[Acknowledged]) {
    let mut reads = tokio::task::JoinSet::new();
    for write in acknowledged {
        if reads.len() >= WRITERS as usize {
            reads.join_next().await.unwrap().unwrap();
        }
        let caller = caller.clone();
        match write {
            Acknowledged::Version { name, version, mark: expected } => {
                let (path, expected) = (format!("/secrets/{name}/{version}"), *expected);
                reads.spawn(async move {
                    let bundle = caller.get(&path).await.unwrap_or_else(|| panic!("{path} was lost"));
                    // An update that came later can have changed it.
                    assert!(mark(&bundle) >= expected, "{path}: {expected} was lost: {bundle}");
                });
            }
            Acknowledged::Deleted { name } => {
                let name = name.clone();
                reads.spawn(async move {
                    assert!(caller.get(&format!("/secrets/{name}")).await.is_none(), "{name} is back");
                    assert!(
                        caller.get(&format!("/deletedsecrets/{name}")).await.is_some(),
                        "{name} was lost"
                    );
                });
            }
        }
    }
    for writer in 0..WRITERS {
        for name in 0..NAMES {
            let caller = caller.clone();
            reads.spawn(async move {
                if let Some(latest) = caller.get(&format!("/secrets/w{writer}-{name}")).await {
                    mark(&latest);
                }
            });
        }
    }
    while let Some(read) = reads.join_next().await {
        read.unwrap();
    }
}

impl Caller {
    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let url = format!("{}{path}?api-version={API_VERSION}", self.base);
        self.client.request(method, url).bearer_auth(&self.token)
    }

    /// The answer to a write, if the vault lives to give it.
    async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Option<Value> {
        let mut request = self.request(method, path);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.ok()?;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        // An answer that was cut off acknowledges nothing.
        answer.json().await.ok()
    }

    async fn get(&self, path: &str) -> Option<Value> {
        let answer = self.request(Method::GET, path).send().await.unwrap();
        if answer.status() == StatusCode::NOT_FOUND {
            return None;
        }
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        Some(answer.json().await.unwrap())
    }
}
