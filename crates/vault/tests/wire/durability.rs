//! What is acknowledged stays, through restarts, and lies encrypted.

use std::path::Path;

use serde_json::json;

use crate::harness::{OFFICER_SECRET, TestVault};

#[tokio::test]
async fn a_restart_answers_what_was_held_before() {
    let vault = TestVault::start().await;
    let session = vault.officer().await;
    let first = session.set("a", "one").await;
    session.put("/secrets/A", json!({"value": "two", "tags": {"t": "1"}, "contentType": "c"})).await.is(200);
    session.set("b", "gone").await;
    session.delete("/secrets/b").await.is(200);
    let strip = |mut bundle: serde_json::Value| {
        // Another start, another port.
        bundle.as_object_mut().unwrap().remove("id");
        bundle.as_object_mut().unwrap().remove("recoveryId");
        bundle
    };
    let (latest, deleted) =
        (session.get("/secrets/a").await.is(200), session.get("/deletedsecrets/b").await.is(200));
    let token = session.token.clone();
    let ca = std::fs::read(vault.running.ca_file()).unwrap();

    let vault = vault.restart().await;
    assert_eq!(std::fs::read(vault.running.ca_file()).unwrap(), ca, "clients keep their trust");
    let mut session = vault.officer().await;
    assert_eq!(strip(session.get("/secrets/a").await.is(200)), strip(latest));
    assert_eq!(session.get(&format!("/secrets/a/{first}")).await.is(200)["value"], "one");
    assert_eq!(strip(session.get("/deletedsecrets/b").await.is(200)), strip(deleted));
    session.token = token;
    session.get("/secrets").await.is(200);
}

#[tokio::test]
async fn no_file_holds_a_value_or_a_client_secret() {
    let vault = TestVault::start().await;
    let session = vault.officer().await;
    for n in 0..40 {
        session.set("canary", &format!("CANARY-VALUE-{n}")).await;
    }
    session.delete("/secrets/canary").await.is(200);
    let folder = vault.folder.path().join("vault");
    assert!(search(&folder, b"canary") > 0, "names are stored as they are: the search works");
    for text in ["CANARY-VALUE", "Q0FOQVJZLVZBTFVF", OFFICER_SECRET] {
        assert_eq!(search(&folder, text.as_bytes()), 0, "{text}, while it runs");
    }
    let TestVault { folder: parent, running, client, .. } = vault;
    drop(client);
    running.stop().await.unwrap();
    assert_eq!(search(&parent.path().join("vault"), b"CANARY-VALUE"), 0, "after the end");
}

/// In how many files of a folder the bytes stand.
fn search(folder: &Path, bytes: &[u8]) -> usize {
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir() || path.is_file())
        .map(|path| {
            if path.is_dir() {
                return search(&path, bytes);
            }
            let content = std::fs::read(&path).unwrap();
            usize::from(content.windows(bytes.len()).any(|window| window == bytes))
        })
        .sum()
}

#[tokio::test]
async fn concurrent_writers_each_get_their_own_version() {
    let vault = TestVault::start().await;
    let session = vault.officer().await;
    let sets = (0..64).map(|n| {
        let name = if n % 2 == 0 { "Shared".to_owned() } else { format!("own-{n}") };
        let session = &session;
        async move { (name.clone(), session.set(&name, &n.to_string()).await, n) }
    });
    let mut made = Vec::new();
    let mut running: Vec<_> = sets.map(Box::pin).collect();
    // All are polled before the first is done, so that they meet in the writer's queue.
    std::future::poll_fn(|context| {
        running.retain_mut(|set| match set.as_mut().poll(context) {
            std::task::Poll::Ready(done) => {
                made.push(done);
                false
            }
            std::task::Poll::Pending => true,
        });
        if running.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    for (name, version, n) in made {
        let bundle = session.get(&format!("/secrets/{name}/{version}")).await.is(200);
        assert_eq!(bundle["value"], n.to_string());
    }
    assert_eq!(session.pages("/secrets/shared/versions").await.concat().len(), 32);
}

#[tokio::test]
async fn a_value_moved_to_another_name_does_not_open() {
    let vault = TestVault::start().await;
    let session = vault.officer().await;
    session.set("mine", "theirs-not").await;
    session.set("theirs", "theirs").await;
    let database = vault.folder.path().join("vault/vault.db");
    let mut connection = connect(&database).await;
    let swapped = sqlx::query(
        "UPDATE version SET (version, sealed) = (SELECT t.version, t.sealed FROM version t JOIN secret s ON s.id = t.secret
                                    WHERE s.name_key = 'theirs')
         WHERE secret = (SELECT id FROM secret WHERE name_key = 'mine')",
    )
    .execute(&mut connection)
    .await
    .unwrap();
    assert_eq!(swapped.rows_affected(), 1);
    let message = session.get("/secrets/mine").await.fails(500, "InternalServerError", None);
    assert!(!message.contains("theirs"), "{message}");
    session.get("/secrets/theirs").await.is(200);
}

pub(crate) async fn connect(database: &Path) -> sqlx::SqliteConnection {
    use sqlx::ConnectOptions;
    sqlx::sqlite::SqliteConnectOptions::new().filename(database).connect().await.unwrap()
}
