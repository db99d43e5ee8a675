//! The way to the database breaks in the middle of a migration, as it does when the server is restarted.

use serde_json::json;
use strongroom_metastore::testing::Kind;
use strongroom_tests::gate::{Gate, Passage};
use strongroom_tests::{Cluster, Running};
use tokio::time::{Duration, sleep};

use super::{Scene, set_faults, tells};

/// Two pages, which are in hand together, and a part of a third.
const SERVICES: u32 = 170;
/// A vault that takes its time, so that something is under way at each moment.
const SLOW: &[&str] = &["--dev", "--faults", "faults.yaml"];

on_each! {
    [on_postgresql, on_mysql]
    a_server_that_goes_away_ends_the_run_and_the_next_one_goes_on,
    connections_that_are_ended_by_the_server_end_the_run_and_the_next_one_goes_on,
    a_migration_whose_lock_is_lost_stops_and_the_next_one_goes_on,
}

/// A migration under way in a vault that takes more than a second for a page.
async fn under_way(scene: &Scene) -> Running {
    set_faults(scene.path(), &json!([{"operations": ["set"], "delayMilliseconds": 300}]));
    scene.program(&["--json"]).start(scene.path(), "interrupted")
}

/// Waits until the first pages are in hand.
async fn a_secret_is_written(scene: &Scene, running: &mut Running) {
    while scene.vault.names().await.is_empty() {
        assert!(running.ended().is_none(), "{}", running.stderr());
        sleep(Duration::from_millis(20)).await;
    }
}

/// Insists that the run ends by itself, before it is done, and tells why and how to go on.
async fn ends_early(scene: &Scene, mut running: Running, telling: &str) {
    assert_eq!(running.end().await.code(), Some(1), "{}", running.stderr());
    assert!(!running.stdout().is_empty(), "there is no report: {}", running.stderr());
    tells(&running.stdout(), &["the migration ended early", telling, "run it again to go on"]);
    let moved = scene.moved().await;
    assert!(moved < SERVICES as usize, "{moved} were moved before it ended");
    scene.has_lost_nothing(SERVICES).await;
    set_faults(scene.path(), &json!([]));
    scene.goes_on_to_the_end(SERVICES).await;
}

async fn a_server_that_goes_away_ends_the_run_and_the_next_one_goes_on(kind: Kind) {
    let scene = Scene::on(kind, SERVICES, SLOW).await;
    let gate = Gate::before(scene.database.server().port).await;
    let section =
        scene.database.section_at("127.0.0.1", gate.port(), "allowPublicKeyRetrieval=true&useSSL=false");
    scene.configure(|file| file["database"] = section);
    let mut running = under_way(&scene).await;
    a_secret_is_written(&scene, &mut running).await;
    gate.set(Passage::Closed).await;
    sleep(Duration::from_secs(1)).await;
    gate.set(Passage::Open).await;
    ends_early(&scene, running, "the connection to the database").await;
}

async fn connections_that_are_ended_by_the_server_end_the_run_and_the_next_one_goes_on(kind: Kind) {
    let scene = Scene::on(kind, SERVICES, SLOW).await;
    let mut running = under_way(&scene).await;
    a_secret_is_written(&scene, &mut running).await;
    end_sessions(&scene, kind, &sessions(kind)).await;
    ends_early(&scene, running, "the connection to the database").await;
}

async fn a_migration_whose_lock_is_lost_stops_and_the_next_one_goes_on(kind: Kind) {
    let scene = Scene::on(kind, SERVICES, SLOW).await;
    let mut running = under_way(&scene).await;
    a_secret_is_written(&scene, &mut running).await;
    end_sessions(&scene, kind, &holder_of_the_lock(kind)).await;
    ends_early(&scene, running, "that holds the migration lock was lost").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_restarted_ends_the_run_and_the_next_one_goes_on() {
    let mut cluster = Cluster::start().await;
    let scene = Scene::in_database(&cluster.database("metadata").await, SERVICES, SLOW).await;
    let mut running = under_way(&scene).await;
    a_secret_is_written(&scene, &mut running).await;
    cluster.restart(Duration::from_secs(1)).await;
    ends_early(&scene, running, "the connection to the database").await;
}

/// Asks for the sessions on the database beside the one that asks.
fn sessions(kind: Kind) -> String {
    match kind {
        Kind::Postgres => {
            "SELECT CAST(pid AS text) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        }
        _ => "SELECT CAST(id AS char) FROM information_schema.processlist WHERE db = database() AND id <> connection_id()",
    }
    .to_owned()
}

/// Asks for the session that has the migration lock.
pub(super) fn holder_of_the_lock(kind: Kind) -> String {
    match kind {
        Kind::Postgres => {
            "SELECT CAST(pid AS text) FROM pg_locks WHERE locktype = 'advisory' AND granted AND classid = 1400007533 \
             AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        }
        _ => "SELECT CAST(is_used_lock(concat('strongroom.migration.', left(sha2(database(), 256), 40))) AS char)",
    }
    .to_owned()
}

/// Has the server end the sessions that a query finds.
pub(super) async fn end_sessions(scene: &Scene, kind: Kind, query: &str) {
    let sessions = scene.database.texts(query).await;
    assert!(!sessions.is_empty(), "nobody is there: {query}");
    for session in sessions {
        // One that is gone already does no harm.
        scene
            .database
            .try_run(&match kind {
                Kind::Postgres => format!("SELECT pg_terminate_backend({session})"),
                _ => format!("KILL {session}"),
            })
            .await;
    }
}
