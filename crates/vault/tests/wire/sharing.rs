//! Several vault processes on one PostgreSQL. Here they live in one process, each with a data folder of its own.

use std::path::PathBuf;

use reqwest::Method;
use strongroom_vault::{
    Administration, ErrorKind, NewSecret, Options, Order, RoleAssignment, StoreLocation, Vault, VaultSettings,
};

use crate::administration::{make, order, reach, sign_in, sign_in_fails};
use crate::harness::{Session, TestVault, config};
use crate::postgres::new_database;

async fn start(store: &StoreLocation, master_key: PathBuf) -> TestVault {
    TestVault::start_as(config(), |options| {
        options.store = store.clone();
        options.master_key_file = Some(master_key);
    })
    .await
}

#[tokio::test]
async fn two_processes_on_one_database_are_one_vault() {
    let (store, keys) = (new_database().await, tempfile::tempdir().unwrap());
    let key = keys.path().join("master.key");
    let (first, second) = (start(&store, key.clone()).await, start(&store, key).await);
    let (one, two) = (first.officer().await, second.officer().await);
    let version = one.set("Shared", "from the first").await;
    assert_eq!(two.get(&format!("/secrets/shared/{version}")).await.is(200)["value"], "from the first");
    two.set("shared", "from the second").await;
    assert_eq!(one.get("/secrets/shared").await.is(200)["value"], "from the second");
    two.delete("/secrets/shared").await.is(200);
    one.get("/secrets/shared").await.fails(404, "SecretNotFound", None);
    one.post("/deletedsecrets/shared/recover").await.is(200);
    assert_eq!(two.pages("/secrets/shared/versions").await.concat().len(), 2);
}

#[tokio::test]
async fn a_token_or_a_backup_of_one_process_is_good_for_the_other() {
    let (store, keys) = (new_database().await, tempfile::tempdir().unwrap());
    let key = keys.path().join("master.key");
    let (first, second) = (start(&store, key.clone()).await, start(&store, key).await);
    let one = first.officer().await;
    let two = Session { vault: &second, base: second.running.url("v1"), token: one.token.clone() };
    one.set("a", "x").await;
    assert_eq!(two.get("/secrets/a").await.is(200)["value"], "x");
    let backup = one.post("/secrets/a/backup").await.is(200);
    two.delete("/secrets/a").await.is(200);
    two.delete("/deletedsecrets/a").await.is(204);
    two.send(Method::POST, "/secrets/restore", Some(backup)).await.is(200);
    assert_eq!(one.get("/secrets/a").await.is(200)["value"], "x");
}

#[tokio::test]
async fn what_is_made_or_taken_away_in_one_process_holds_in_the_other_at_its_next_call() {
    let (store, keys) = (new_database().await, tempfile::tempdir().unwrap());
    let key = keys.path().join("master.key");
    let (first, second) = (start(&store, key.clone()).await, start(&store, key).await);
    let orders = reach(first.folder.path()).await;
    order(&orders, Order::CreateVault(VaultSettings::named("made-vault"))).await;
    let (id, secret) = make(&orders, "made", "Key Vault Secrets Officer").await;
    let role = || RoleAssignment::new("made-vault", "Key Vault Secrets User");
    order(&orders, Order::AssignRole { principal: "made".into(), role: role() }).await;
    let session = sign_in(&second, &id, &secret).await;
    session.set("a", "x").await;
    session.at("made-vault").get("/secrets/a").await.fails(404, "SecretNotFound", None);
    order(&orders, Order::UnassignRole { principal: "made".into(), role: role() }).await;
    session.at("made-vault").get("/secrets/a").await.fails(403, "Forbidden", Some("ForbiddenByRbac"));
    order(&reach(second.folder.path()).await, Order::RemovePrincipal { name: "made".into() }).await;
    session.get("/secrets/a").await.fails(403, "Forbidden", Some("ForbiddenByRbac"));
    assert_eq!(sign_in_fails(&first, &id, &secret).await, 700_016);
}

#[tokio::test]
async fn changes_that_two_processes_make_at_once_are_all_made() {
    let (store, keys) = (new_database().await, tempfile::tempdir().unwrap());
    let key = keys.path().join("master.key");
    let (first, second) = (start(&store, key.clone()).await, start(&store, key).await);
    let (one, two) = (reach(first.folder.path()).await, reach(second.folder.path()).await);
    make(&one, "made", "Key Vault Reader").await;
    let secret = || Order::AddSecret { principal: "made".into(), secret: NewSecret::default() };
    let adding = async |to: &Administration| {
        for _ in 0..4 {
            order(to, secret()).await;
        }
    };
    tokio::join!(adding(&one), adding(&two));
    let known = order(&one, Order::ShowPrincipal { name: "made".into() }).await;
    assert_eq!(known["secrets"].as_array().unwrap().len(), 9);
}

#[tokio::test]
async fn processes_with_a_copy_of_the_authority_are_trusted_alike() {
    let (store, keys) = (new_database().await, tempfile::tempdir().unwrap());
    let key = keys.path().join("master.key");
    let first = start(&store, key.clone()).await;
    let second = TestVault::start_as(config(), |options| {
        options.store = store;
        options.master_key_file = Some(key);
        std::fs::create_dir_all(options.data_dir.join("pki")).unwrap();
        for file in ["ca.pem", "pki/ca.key"] {
            std::fs::copy(first.folder.path().join("vault").join(file), options.data_dir.join(file)).unwrap();
        }
    })
    .await;
    let answer = first.client.get(format!("{}/healthz", second.running.url("v1"))).send().await.unwrap();
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn names_are_listed_in_the_order_of_their_bytes_whatever_the_locale() {
    let store = new_database().await;
    let vault = TestVault::start_as(config(), |options| options.store = store).await;
    let session = vault.officer().await;
    for name in ["b1", "B-2", "a", "b", "A-b", "ab"] {
        session.set(name, "x").await;
    }
    let names: Vec<_> = session
        .pages("/secrets?maxresults=1")
        .await
        .concat()
        .iter()
        .map(|entry| entry["id"].as_str().unwrap().rsplit('/').next().unwrap().to_owned())
        .collect();
    assert_eq!(names, ["a", "A-b", "ab", "b", "B-2", "b1"]);
}

#[tokio::test]
async fn a_process_with_another_master_key_is_refused() {
    let store = new_database().await;
    let first = TestVault::start_as(config(), |options| options.store = store.clone()).await;
    first.officer().await.set("a", "x").await;
    let other = tempfile::tempdir().unwrap();
    let mut options = Options::new(other.path().join("vault"));
    options.config = strongroom_vault::ConfigSource::Given(Box::new(config()));
    options.store = store;
    let error = Vault::open(options.clone()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MasterKey, "{error}: none is made, since it would open nothing");
    assert!(!other.path().join("vault/master.key").exists());
    let key = other.path().join("wrong.key");
    std::fs::write(&key, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").unwrap();
    options.master_key_file = Some(key);
    let error = Vault::open(options).await.unwrap_err();
    assert!(error.kind() == ErrorKind::MasterKey && error.is_usage(), "{error}");
    let text = error.to_string();
    assert!(text.contains("postgres://strongroom@127.0.0.1"), "{text}");
    first.officer().await.get("/secrets/a").await.is(200);
}

#[tokio::test]
async fn a_database_that_is_not_there_is_named_without_its_password() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = Options::new(folder.path().join("vault"));
    let url = strongroom_secrets::SecretValue::new("postgres://u:hunter2@127.0.0.1:1/nowhere");
    options.store = StoreLocation::resolve(None, Some(&url), None).unwrap();
    let error = Vault::open(options).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Database && !error.is_usage(), "{error}");
    let text = format!("{error} {error:?}");
    assert!(text.contains("postgres://u@127.0.0.1:1/nowhere") && !text.contains("hunter2"), "{text}");
}

#[tokio::test]
async fn a_token_by_a_key_that_one_process_has_just_made_is_believed_by_the_other() {
    let (store, keys) = (new_database().await, tempfile::tempdir().unwrap());
    let key = keys.path().join("master.key");
    let (first, second) = (start(&store, key.clone()).await, start(&store, key).await);
    let before = first.officer().await;
    first.clock.advance_millis(1000);
    first.running.rotate_signing_key().await.unwrap();
    for token in [first.officer().await.token, before.token] {
        let two = Session { vault: &second, base: second.running.url("v1"), token };
        two.get("/secrets").await.is(200);
    }
}
