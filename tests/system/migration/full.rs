//! No room is left for what the migration writes down.

use std::path::Path;

use serde_json::json;
use strongroom_metastore::Access;
use strongroom_metastore::testing::Kind;
use strongroom_tests::Program;
use strongroom_tests::metadata::CONFIG;
use strongroom_tests::program::binary;

use super::{Scene, tells};

/// Three pages, and a part of a fourth.
const SERVICES: u32 = 200;

on_each! {
    [on_postgresql, on_mysql]
    a_server_without_room_ends_the_run_and_the_next_one_goes_on,
}

/// Refuses entries of the journal after the first page, as the server does when it cannot make the table longer.
fn fill(kind: Kind) -> &'static str {
    match kind {
        Kind::Postgres => {
            "CREATE FUNCTION no_room() RETURNS trigger AS $$ BEGIN \
             IF (SELECT count(*) FROM strongroom_journal) > 0 THEN \
             RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END IF; \
             RETURN NEW; END $$ LANGUAGE plpgsql; \
             CREATE TRIGGER no_room BEFORE INSERT ON strongroom_journal FOR EACH STATEMENT EXECUTE FUNCTION no_room()"
        }
        _ => {
            "CREATE TRIGGER no_room BEFORE INSERT ON strongroom_journal FOR EACH ROW BEGIN \
             IF (SELECT count(*) FROM strongroom_journal) > 63 THEN \
             SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1114, MESSAGE_TEXT = 'The table strongroom_journal is full'; END IF; END"
        }
    }
}

async fn a_server_without_room_ends_the_run_and_the_next_one_goes_on(kind: Kind) {
    let scene = Scene::on(kind, SERVICES, &[]).await;
    scene.database.run(fill(kind)).await;
    let report = scene.migrate(&["--json"]).await.ended_with(1).json();
    tells(&report["failures"].to_string(), &["the database has no room left", "run it again to go on"]);
    let moved = scene.moved().await;
    assert!(moved > 0 && moved < SERVICES as usize, "{moved} were moved");
    scene.has_lost_nothing(SERVICES).await;
    let drop = if kind == Kind::Postgres {
        "DROP TRIGGER no_room ON strongroom_journal"
    } else {
        "DROP TRIGGER no_room"
    };
    scene.database.run(drop).await;
    scene.goes_on_to_the_end(SERVICES).await;
}

/// The database on a file system of its own, which is as large as the first argument says; afterwards what is there is put back.
const ON_A_SMALL_DISK: &str = "\
    mkdir small && mount -t tmpfs -o size=$1 none small && cp data/metastore.db small/ || exit 99
    shift
    \"$@\"
    code=$?
    cp small/metastore.db* data/ || exit 99
    exit $code";

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_full_ends_the_run_and_the_next_one_goes_on_in_a_file() {
    let scene = Scene::with(SERVICES).await;
    // Its log is folded into the file.
    scene.store(Access::ReadWrite).await.close().await;
    let file = scene.path().join("data/metastore.db");
    let room = std::fs::metadata(&file).unwrap().len() + 500 * 1024;
    scene.configure(|file| file["database"] = json!({"url": "sqlite:small/metastore.db"}));
    let mut unshare = Program::with_binary(Path::new("unshare"), scene.path()).arg("--mount");
    if !rustix::process::getuid().is_root() {
        // Whoever is not root may mount things in a user namespace of their own.
        unshare = unshare.arg("--map-root-user");
    }
    let ended = unshare
        .args(["sh", "-c", ON_A_SMALL_DISK, "on-a-small-disk", &room.to_string()])
        .arg(binary())
        .args(["migrate-secrets", "-c", CONFIG, "--data-dir", "data", "--json"])
        .run()
        .await
        .ended_with(1);
    tells(&format!("{}{}", ended.stdout, ended.stderr), &["the database has no room left", "run"]);
    scene.configure(|_| ());
    scene.has_lost_nothing(SERVICES).await;
    scene.goes_on_to_the_end(SERVICES).await;
}
