//! Canaries: known secrets are sent through every endpoint and command, successful and failing, with all that can be logged
//! logged. Afterwards they are found nowhere but in the answers that are meant to carry them.

mod commands;
mod folder;
mod requests;
mod scene;
mod upkeep;
mod vault;

use reqwest::Method;
use serde_json::json;
use strongroom_entities::FernetKeys;
use strongroom_secrets::random::SystemRandom;
use strongroom_tests::api::{self, SERVICES};
use strongroom_tests::canary::{self, Canary, ProcessWatch};
use strongroom_tests::metadata::{ADMIN_PASSWORD, CONFIG, write_configuration};
use strongroom_tests::{MetadataServer, Program, scratch};

use self::scene::Scene;

/// Everything that can be logged, is.
const LOUD: [(&str, &str); 4] =
    [("STRONGROOM_LOG", "trace"), ("RUST_LOG", "trace"), ("LOG_LEVEL", "TRACE"), ("RUST_BACKTRACE", "full")];

/// Files that are there to hold a secret: the configurations that the test itself wrote.
const MEANT: &[&str] =
    &["openmetadata.yaml", "vault.yaml", "broken.yaml", "broken-vault.yaml", "workflow.yaml", "airflow.cfg"];

/// The client id of the principal whose client secret is a canary.
const CLIENT_ID: &str = "33333333-3333-3333-3333-333333333333";

/// The secret of the service `shop`.
const SHOP: &str = "openmetadata-database-shop-authtype-password";

/// A secret that looks different in every form, and like no other.
fn secret(seed: &str) -> String {
    format!("{seed}~?>\"\\/ é+k&=%9x")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_is_found_but_in_the_answers_that_are_meant_to_carry_it() {
    let watch = ProcessWatch::start();
    let mut scene = Scene::set_up().await;
    scene.sign_in().await;
    scene.services_succeed().await;
    scene.services_fail().await;
    scene.vault_answers().await;
    scene.migrations().await;
    scene.resolves().await;
    scene.workflows_are_read().await;
    scene.configurations_are_refused().await;
    for journal in ["data/metastore.db-wal", "vault/vault.db-wal"] {
        assert!(scene.folder.path().join(journal).exists(), "{journal} is searched while it is in use");
    }
    scene.look_at_files();
    scene.vault_is_down().await;
    scene.vault_refuses().await;
    scene.look_at_files();
    assert!(scene.server.running().stop().await.success());
    assert!(scene.vault.running().stop().await.success());
    scene.look_at_files();

    let arguments = watch.end();
    assert!(
        arguments.iter().any(|line| line.windows(5).any(|word| word == b"serve")),
        "our processes were seen"
    );
    for line in arguments {
        scene.look("the arguments of a process", &String::from_utf8_lossy(&line), &[]);
    }
    let log = scene.server.running().stderr();
    assert!(
        log.contains("answered") && scene.vault.running().stderr().contains("DEBUG"),
        "all is logged: {log}"
    );
    // No token of anybody: each begins with the same JSON, {"typ" or {"alg".
    for token in ["eyJ0eXAi", "eyJhbGci"] {
        assert!(!log.contains(token) && !scene.vault.running().stderr().contains(token), "a token is logged");
    }
    assert_eq!(scene.findings, []);
    // The same search finds what is there: the configurations hold secrets.
    assert_ne!(canary::look_below(scene.folder.path(), &[], &scene.all), []);
}

#[tokio::test]
async fn without_a_vault_only_bots_are_told_and_the_database_holds_ciphertext() {
    let folder = scratch();
    let key = FernetKeys::generate(&SystemRandom);
    let file = json!({
        "fernetConfiguration": {"fernetKey": key.expose()},
        "secretsManagerConfiguration": {"secretsManager": "db"},
    });
    write_configuration(folder.path(), &file);
    let mut server = MetadataServer::start(folder.path(), &LOUD).await;
    let (admin, password) = (server.admin().await, secret("Lm8Pu"));
    let bot = server.bot(&admin).await;
    let made = server.send_service(Method::POST, &admin, &api::postgres("shop", &password)).await;
    let read = |token: String| {
        let server = &server;
        async move { server.send(Method::GET, &format!("{SERVICES}/name/shop"), &token, None).await }
    };
    let (person, told) = (read(admin.clone()).await, read(bot.clone()).await);
    assert_eq!(api::password(&told.expect(200)), password.as_str());
    let canaries = [
        Canary::new("the password", password),
        Canary::new("the bot's token", bot),
        Canary::new("the administrator's password", ADMIN_PASSWORD),
        Canary::new("the Fernet key", key.expose()),
    ];
    for answer in [made, person] {
        assert_eq!(canary::look_into("an answer", answer.text.as_bytes(), &canaries), []);
    }
    assert_eq!(canary::look_below(folder.path(), &[CONFIG], &canaries), []);
    assert!(server.running().stop().await.success());
    assert_eq!(canary::look_below(folder.path(), &[CONFIG], &canaries), []);
}

#[tokio::test]
async fn quickstart_shows_what_it_says_and_leaves_nothing_readable_behind() {
    let folder = scratch();
    let quickstart = ["quickstart", "--data-dir", "D", "--exit"];
    let finished = Program::new(folder.path()).args(quickstart).envs(LOUD).run().await.ended_with(0);
    let dummies =
        ["dummy-pg-shop", "dummy-superset", "dummy-aws-secret", "dummy-orders", "KEY-----\ndummy\n"];
    let mut canaries = dummies.map(|dummy| Canary::new("a dummy password", dummy)).to_vec();
    let password = std::fs::read_to_string(folder.path().join("D/quickstart-password")).unwrap();
    assert!(finished.stdout.contains("dummy-pg-shop") && finished.stdout.contains(&password));
    assert_eq!(canary::look_into("the output", finished.stdout.as_bytes(), &canaries[1..]), []);
    canaries.push(Canary::new("the administrator's password", password));
    assert!(finished.stderr.contains("DEBUG"), "all is logged: {}", finished.stderr);
    assert_eq!(canary::look_into("the log", finished.stderr.as_bytes(), &canaries), []);
    assert_eq!(canary::look_below(folder.path(), &["D/quickstart-password"], &canaries), []);
}
