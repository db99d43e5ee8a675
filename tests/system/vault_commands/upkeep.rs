//! New keys, backup, restoration, verification.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use strongroom_tests::vault::OFFICER;
use strongroom_tests::{Finished, VaultServer, scratch};

use super::vault;

async fn run(folder: &Path, arguments: &[&str]) -> Finished {
    vault(folder, arguments).args(["--data-dir", "vault"]).run().await
}

#[tokio::test]
async fn keys_are_changed_while_the_vault_runs_and_while_it_rests() {
    let folder = scratch();
    let mut server = VaultServer::start(folder.path()).await;
    for name in ["a", "b", "c"] {
        server.set(name, name).await;
    }
    let key = server.data_dir().join("master.key");
    let first = fs::read(&key).unwrap();
    let done = run(folder.path(), &["rekey", "--json"]).await.ended_with(0).json();
    assert!(done["resealed"].as_u64().unwrap() >= 3 && done["damaged"] == 0, "{done}");
    let second = fs::read(&key).unwrap();
    assert_ne!(first, second);
    assert_eq!(server.secret("a").await.as_deref(), Some("a"));
    server.restart().await;
    assert_eq!(server.secret("b").await.as_deref(), Some("b"));

    assert!(server.running().stop().await.success());
    fs::write(folder.path().join("new.key"), STANDARD.encode([7; 32])).unwrap();
    let done = run(folder.path(), &["rekey", "--new-master-key-file", "new.key"]).await.ended_with(0);
    assert!(done.stdout.starts_with("the keys are changed; sealed anew: "), "{}", done.stdout);
    assert_eq!(fs::read_to_string(&key).unwrap().trim(), STANDARD.encode([7; 32]));
    server.restart().await;
    assert_eq!(server.secret("c").await.as_deref(), Some("c"));

    fs::write(folder.path().join("bad.key"), "hunter2").unwrap();
    let refused = run(folder.path(), &["rekey", "--new-master-key-file", "bad.key"]).await.ended_with(2);
    assert!(refused.stderr.contains("32 bytes in base64") && !refused.stderr.contains("hunter2"));
}

#[tokio::test]
async fn a_backup_of_a_running_vault_is_restored_elsewhere() {
    let folder = scratch();
    let server = VaultServer::start(folder.path()).await;
    server.set("a", "one").await;
    server.set("a", "two").await;
    let _ = run(folder.path(), &["principal", "add", "app"]).await.ended_with(0);
    let made = run(folder.path(), &["backup", "kept"]).await.ended_with(0);
    assert!(made.stdout.contains("2 versions of secrets and 1 entries"), "{}", made.stdout);
    let kept = folder.path().join("kept");
    assert_eq!(kept.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let bytes = fs::read(&kept).unwrap();
    assert!(!bytes.windows(3).any(|part| part == b"two" || part == b"one"));
    let taken = run(folder.path(), &["backup", "kept"]).await.ended_with(1);
    assert!(taken.stderr.contains("is there already"), "{}", taken.stderr);

    server.set("a", "three").await;
    let refused = run(folder.path(), &["restore", "kept"]).await.ended_with(1);
    assert!(refused.stderr.contains("not empty"), "{}", refused.stderr);
    assert_eq!(server.secret("a").await.as_deref(), Some("three"));
    let _ = run(folder.path(), &["restore", "kept", "--overwrite"]).await.ended_with(0);
    assert_eq!(server.secret("a").await.as_deref(), Some("two"));

    let elsewhere = vault(folder.path(), &["restore", "kept", "--data-dir", "new", "--config", "vault.yaml"]);
    let refused = elsewhere.run().await.ended_with(1);
    assert!(refused.stderr.contains("another master key"), "{}", refused.stderr);
    let restored =
        vault(folder.path(), &["restore", "kept", "--data-dir", "new", "--config", "vault.yaml", "--json"])
            .args(["--backup-master-key-file", "vault/master.key"])
            .run()
            .await
            .ended_with(0);
    assert_eq!(restored.json()["versions"], 2);
    let checked =
        vault(folder.path(), &["check", "--data-dir", "new", "--json"]).run().await.ended_with(0).json();
    assert_eq!((checked["versions"].as_u64(), checked["problems"]["count"].as_u64()), (Some(2), Some(0)));
    let known = vault(folder.path(), &["principal", "show", "app", "--data-dir", "new"]).run().await;
    assert!(known.ended_with(0).stdout.contains("app"));
}

#[tokio::test]
async fn a_damaged_row_is_named_and_its_value_is_not() {
    let folder = scratch();
    let mut server = VaultServer::start(folder.path()).await;
    server.set("sound", "x").await;
    server.set("damaged", "hunter2").await;
    let well = run(folder.path(), &["check"]).await.ended_with(0);
    assert!(well.stdout.contains("2 secrets with 2 versions") && well.stderr.is_empty(), "{}", well.stdout);
    assert!(server.running().stop().await.success());
    damage(&server.data_dir().join("vault.db")).await;
    let found = run(folder.path(), &["check"]).await.ended_with(1);
    assert!(found.stderr.contains("damaged") && found.stderr.contains("wrong: 1"), "{}", found.stderr);
    assert!(!format!("{}{}", found.stdout, found.stderr).contains("hunter2"));
    let made = run(folder.path(), &["backup", "kept"]).await.ended_with(1);
    assert!(made.stderr.contains("damaged and left out: 1"), "{}", made.stderr);
    let json = run(folder.path(), &["check", "--json"]).await.ended_with(1).json();
    assert_eq!(json["problems"]["first"].as_array().unwrap().len(), 1);
}

async fn damage(database: &Path) {
    use sqlx::Connection as _;

    let url = format!("sqlite://{}", database.display());
    let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
    let changed = sqlx::query(
        "UPDATE version SET sealed = zeroblob(length(sealed)) WHERE secret = (SELECT id FROM secret WHERE name = 'damaged')",
    )
    .execute(&mut connection)
    .await
    .unwrap();
    assert_eq!(changed.rows_affected(), 1);
    connection.close().await.unwrap();
}

#[tokio::test]
async fn tokens_are_signed_with_a_new_key_on_demand() {
    let folder = scratch();
    let server = VaultServer::start(folder.path()).await;
    let key_of = |token: &str| jsonwebtoken::decode_header(token).unwrap().kid.unwrap();
    let before = server.token(&OFFICER).await;
    let rotated = run(folder.path(), &["keys", "rotate", "--json"]).await.ended_with(0).json();
    let after = server.token(&OFFICER).await;
    assert_eq!(rotated["kid"].as_str(), Some(key_of(&after).as_str()));
    assert_ne!(key_of(&before), key_of(&after));
    let answer = server
        .client()
        .get(format!("{}/secrets?api-version=7.4", server.url()))
        .bearer_auth(before)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200, "a token that is about stays good");
}
