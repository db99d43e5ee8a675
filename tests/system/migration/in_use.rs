//! Others have rows of the database in their hands.

use std::future::Future;
use std::time::Duration;

use serde_json::json;
use strongroom_entities::EntityKind;
use strongroom_metastore::testing::Kind;
use strongroom_metastore::{Access, Row};
use strongroom_tests::fixtures::services;
use tokio::time::{Instant, sleep};

use super::{Scene, tells};

const KIND: EntityKind = EntityKind::DatabaseService;
/// One page.
const SERVICES: u32 = 60;

on_each! {
    [on_postgresql, on_mysql]
    a_deadlock_with_somebody_else_is_no_failure,
}

/// The rows, in the order of their ids.
async fn rows(scene: &Scene) -> Vec<Row> {
    let store = scene.store(Access::ReadOnly).await;
    let page = store.inventory(KIND, None, SERVICES).await.unwrap();
    store.close().await;
    page.rows.into_iter().map(Result::unwrap).collect()
}

/// Waits for something that comes soon.
async fn wait_for<F: Future<Output = bool>>(what: &str, is_so: impl Fn() -> F) {
    let end = Instant::now() + Duration::from_secs(45);
    while !is_so().await {
        assert!(Instant::now() < end, "{what}");
        // MySQL shows who waits for whom as it was, to whoever asks more often than ten times a second.
        sleep(Duration::from_millis(250)).await;
    }
}

/// What is locked is waited for as long as a statement may wait: all three at once, since each waits 10 s.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_somebody_keeps_locked_is_reported_and_all_others_go_on() {
    let on = Box::pin(a_row_stays_locked(Kind::Postgres));
    tokio::join!(on, Box::pin(a_row_stays_locked(Kind::Mysql)), Box::pin(a_file_stays_locked()));
}

async fn a_row_stays_locked(kind: Kind) {
    let scene = Scene::on(kind, SERVICES, &[]).await;
    let row = rows(&scene).await.swap_remove(20);
    let name = row.json["name"].as_str().unwrap().to_owned();
    let store = scene.store(Access::ReadWrite).await;
    let mut somebody = store.begin().await.unwrap();
    somebody.lock(KIND, row.id).await.unwrap();

    let report = scene.migrate(&["--json"]).await.ended_with(1).json();
    assert_eq!(
        (&report["entities"]["changed"], &report["entities"]["failed"]),
        (&json!(SERVICES - 1), &json!(1)),
        "{report}"
    );
    let failures = report["failures"].as_array().unwrap();
    assert_eq!(failures.len(), 1, "{report}");
    tells(&failures[0].to_string(), &[&name, "somebody else has had it locked", "try again"]);
    // MySQL cannot rewrite a table that somebody is at.
    assert_eq!(report["history"]["reclaimed"], json!(kind == Kind::Postgres), "{report}");
    scene.has_lost_nothing(SERVICES).await;
    assert_eq!(scene.vault.names().await.len(), SERVICES as usize - 1, "what was not stored is taken back");

    drop(somebody);
    store.close().await;
    scene.goes_on_to_the_end(SERVICES).await;
}

/// In a file, whoever writes has it all.
async fn a_file_stays_locked() {
    let scene = Scene::with(2).await;
    let store = scene.store(Access::ReadWrite).await;
    let somebody = store.begin().await.unwrap();
    let refused = scene.migrate(&[]).await.ended_with(1);
    tells(&refused.stderr, &["somebody else has had it locked", "try again"]);
    let _ = scene.migrate(&["--plan"]).await.ended_with(0);
    assert!(scene.vault.names().await.is_empty());
    drop(somebody);
    store.close().await;
    scene.goes_on_to_the_end(2).await;
}

/// Somebody has the last row of a page and then wants the first, while the migration has the first and wants the last.
async fn a_deadlock_with_somebody_else_is_no_failure(kind: Kind) {
    let scene = Scene::on(kind, SERVICES, &[]).await;
    if kind == Kind::Postgres {
        // Whatever is the custom of the house, it is no cause for failures.
        let database = &scene.database.server().database;
        let custom = format!("ALTER DATABASE {database} SET default_transaction_isolation = 'serializable'");
        scene.database.run(&custom).await;
    }
    let rows = rows(&scene).await;
    let store = scene.store(Access::ReadWrite).await;
    let mut somebody = store.begin().await.unwrap();
    // MySQL undoes the one that has changed less.
    for number in 1..=3 * SERVICES {
        let name = format!("new{number}");
        let hash = strongroom_entities::name_hash(&name);
        somebody.insert(KIND, &hash, &scene.service(&name, "dummy")).await.unwrap();
    }
    somebody.lock(KIND, rows.last().unwrap().id).await.unwrap();

    let mut running = scene.program(&["--json"]).start(scene.path(), "deadlock");
    let waiting = match kind {
        Kind::Postgres => {
            "SELECT CAST(l.pid AS text) FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid \
             WHERE NOT l.granted AND a.datname = current_database()"
        }
        _ => {
            "SELECT CAST(p.id AS char) FROM information_schema.innodb_trx t \
             JOIN information_schema.processlist p ON p.id = t.trx_mysql_thread_id \
             WHERE p.db = database() AND t.trx_state = 'LOCK WAIT'"
        }
    };
    wait_for("the migration waits for the last row", || async {
        !scene.database.texts(waiting).await.is_empty()
    })
    .await;
    assert!(somebody.lock(KIND, rows[0].id).await.unwrap().is_some(), "the migration gives way");
    drop(somebody);
    store.close().await;
    assert_eq!(running.end().await.code(), Some(0), "{}{}", running.stdout(), running.stderr());
    assert_eq!(scene.resolved(&services::name(1)).await, services::password(1));
    scene.goes_on_to_the_end(SERVICES).await;
}
