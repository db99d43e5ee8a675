//! Tokens: asked for once however many need one, renewed before they end, used on while there is no new one.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use strongroom_secrets::azure::{AzureConfig, AzureProvider};
use strongroom_secrets::clock::{ManualClock, SystemClock};
use strongroom_secrets::{Clock as _, Error, ErrorKind, NewSecret, Provider as _, SecretName};
use strongroom_tests::gate::{Gate, Passage};
use strongroom_tests::running::free_port;
use strongroom_tests::{VaultServer, http, scratch};
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{client_secret, config};

const HOUR: i64 = 3_600_000;

struct Scene {
    folder: TempDir,
    vault: VaultServer,
    numbers: String,
    gate: Gate,
    clock: Arc<ManualClock>,
    provider: Arc<AzureProvider>,
}

impl Scene {
    /// A provider whose tokens come through a gate, and whose clock the test moves.
    async fn set_up() -> Self {
        let folder = scratch();
        let port = free_port();
        let vault = VaultServer::start_with(folder.path(), |config| {
            config["adminListen"] = json!(format!("127.0.0.1:{port}"));
        })
        .await;
        vault.set("a", "x").await;
        let gate = Gate::before(vault.port()).await;
        let clock = Arc::new(ManualClock::at_millis(SystemClock.now_millis()));
        let config = AzureConfig {
            authority: format!("https://login.vault.localhost:{}", gate.port()).parse().unwrap(),
            clock: clock.clone(),
            // What hangs is given up soon.
            call_timeout: Duration::from_secs(5),
            ..config(&vault, client_secret())
        };
        let provider = Arc::new(AzureProvider::new(&config).unwrap());
        Self { folder, vault, numbers: format!("http://127.0.0.1:{port}/metrics"), gate, clock, provider }
    }

    /// How many tokens the vault has given out so far.
    async fn tokens(&self) -> u64 {
        let numbers = http::client().get(&self.numbers).send().await.unwrap().text().await.unwrap();
        let of_tokens = |line: &&str| {
            line.starts_with("strongroom_vault_token_requests_total") && line.contains("result=\"issued\"")
        };
        let lines: Vec<_> = numbers.lines().filter(of_tokens).collect();
        lines.iter().map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap()).sum()
    }

    /// A hundred calls side by side, every tenth of which writes.
    async fn a_hundred_calls(&self) -> Vec<Error> {
        let mut calls = JoinSet::new();
        for number in 0..100 {
            let provider = Arc::clone(&self.provider);
            calls.spawn(async move {
                let name = SecretName::new(if number % 10 == 0 { "b" } else { "a" }).unwrap();
                if number % 10 == 0 {
                    provider
                        .set(&name, NewSecret { value: "y".into(), ..NewSecret::default() })
                        .await
                        .map(drop)
                } else {
                    provider.get(&name, None).await.map(drop)
                }
            });
        }
        calls.join_all().await.into_iter().filter_map(Result::err).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_who_need_a_token_make_one_request() {
    let scene = Scene::set_up().await;
    let before = scene.tokens().await;
    for minutes in [0, 54] {
        scene.clock.advance_millis(minutes * 60_000);
        assert!(scene.a_hundred_calls().await.is_empty());
        assert_eq!(scene.tokens().await, before + 1, "after {minutes} minutes");
    }
    // Five minutes before its end it is renewed, once, while the present one serves.
    scene.clock.advance_millis(HOUR / 60 + 1);
    for _ in 0..3 {
        assert!(scene.a_hundred_calls().await.is_empty());
    }
    assert_eq!(scene.tokens().await, before + 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_token_endpoint_is_down_or_silent_for_30_seconds_nothing_is_lost() {
    for passage in [Passage::Closed, Passage::Silent] {
        let scene = Scene::set_up().await;
        assert!(scene.a_hundred_calls().await.is_empty());
        let before = scene.tokens().await;
        scene.clock.advance_millis(HOUR - 4 * 60_000);
        scene.gate.set(passage).await;
        for _ in 0..30 {
            let failed = scene.a_hundred_calls().await;
            assert!(failed.is_empty(), "{passage:?}: {}", failed[0]);
            scene.clock.advance_millis(1_000);
        }
        assert_eq!(scene.tokens().await, before, "no token came through");
        scene.gate.set(Passage::Open).await;
        let begin = Instant::now();
        while scene.tokens().await == before {
            assert!(scene.a_hundred_calls().await.is_empty());
            assert!(begin.elapsed() < Duration::from_secs(40), "the token is not renewed");
            tokio::time::sleep(Duration::from_millis(200)).await;
            scene.clock.advance_millis(200);
        }
        // The old one is over now; all goes on.
        scene.clock.advance_millis(5 * 60_000);
        assert!(scene.a_hundred_calls().await.is_empty());
        drop(scene.vault);
    }
}

/// Takes the keys from a vault by which it knows its tokens: it makes others when it starts again.
async fn lose_signing_keys(vault: &mut VaultServer) {
    vault.running().kill();
    let url = format!("sqlite://{}", vault.data_dir().join("vault.db").display());
    let database = sqlx::SqlitePool::connect(&url).await.unwrap();
    sqlx::query("DELETE FROM signing_key").execute(&database).await.unwrap();
    database.close().await;
    vault.restart().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_the_vault_no_longer_takes_is_replaced_within_the_call_and_once_for_all() {
    let mut scene = Scene::set_up().await;
    assert!(scene.a_hundred_calls().await.is_empty());
    lose_signing_keys(&mut scene.vault).await;
    scene.clock.advance_millis(3_000);
    let before = scene.tokens().await;
    for _ in 0..3 {
        assert!(scene.a_hundred_calls().await.is_empty());
    }
    assert_eq!(scene.tokens().await, before + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_vault_takes_no_token_each_call_says_so_and_asks_for_one_more_at_most() {
    let scene = Scene::set_up().await;
    let elsewhere = scratch();
    let other = VaultServer::start(elsewhere.path()).await;
    let both = scene.folder.path().join("both.pem");
    let authorities = [scene.vault.ca(), other.ca()].map(|file| std::fs::read_to_string(file).unwrap());
    std::fs::write(&both, authorities.concat()).unwrap();
    // Tokens come from here; the vault is one that knows nothing of them.
    let mut config = AzureConfig {
        authority: format!("https://login.vault.localhost:{}", scene.gate.port()).parse().unwrap(),
        clock: scene.clock.clone(),
        ..config(&other, client_secret())
    };
    config.trust.ca_file = Some(both);
    let provider = AzureProvider::new(&config).unwrap();
    let before = scene.tokens().await;
    for call in 1..=3 {
        let begin = Instant::now();
        let error = provider.get(&SecretName::new("a").unwrap(), None).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{error}");
        assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
        assert!(scene.tokens().await <= before + 2 * call, "{} tokens", scene.tokens().await - before);
        scene.clock.advance_millis(10_000);
    }
}
