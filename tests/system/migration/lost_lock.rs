//! What works under the migration lock beside migrations, and stops when it is lost.

use serde_json::json;
use strongroom_entities::FernetKeys;
use strongroom_metastore::testing::Kind;
use strongroom_secrets::random::SystemRandom;
use strongroom_tests::fixtures::services;
use strongroom_tests::metadata::CONFIG;
use strongroom_tests::{Finished, Program};
use tokio::time::{Duration, sleep};

use super::interrupted::{end_sessions, holder_of_the_lock};
use super::{Scene, set_faults, tells};

/// One page, and a part of a second.
const SERVICES: u32 = 80;

fn secrets(scene: &Scene, arguments: &[&str]) -> Program {
    let program = Program::new(scene.path()).arg("secrets").args(arguments);
    program.args(["-c", CONFIG, "--data-dir", "data"])
}

/// Ends the session that has the lock as soon as there is one and the work has `begun`, and insists that the command says so and ends.
async fn stops(scene: &Scene, arguments: &[&str], begun: impl AsyncFn() -> bool) {
    let lock = holder_of_the_lock(Kind::Postgres);
    let mut running = secrets(scene, arguments).start(scene.path(), arguments[0]);
    while scene.database.texts(&lock).await.is_empty() || !begun().await {
        assert!(running.ended().is_none(), "{}{}", running.stdout(), running.stderr());
        sleep(Duration::from_millis(20)).await;
    }
    end_sessions(scene, Kind::Postgres, &lock).await;
    assert_eq!(running.end().await.code(), Some(1), "{}", running.stderr());
    tells(
        &format!("{}{}", running.stdout(), running.stderr()),
        &["the connection to the database that holds the migration lock was lost"],
    );
}

async fn goes_on(scene: &Scene, arguments: &[&str]) -> Finished {
    secrets(scene, arguments).run().await.ended_with(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_secrets_stops_when_the_migration_lock_is_lost_and_goes_on_when_it_is_run_again() {
    let mut scene = Scene::on(Kind::Postgres, SERVICES, &["--dev", "--faults", "faults.yaml"]).await;
    let in_vault = async |scene: &Scene| scene.vault.names().await.len();

    // The rotation of the Fernet key, on a database that takes more than a second for a page.
    let new = FernetKeys::generate(&SystemRandom);
    let old = scene.configuration["fernetConfiguration"]["fernetKey"].as_str().unwrap().to_owned();
    scene.configuration["fernetConfiguration"]["fernetKey"] = format!("{},{old}", new.expose()).into();
    scene.configure(|_| ());
    let slow = "CREATE FUNCTION slow() RETURNS trigger AS $$ BEGIN PERFORM pg_sleep(0.03); RETURN NEW; END $$ LANGUAGE plpgsql; \
                CREATE TRIGGER slow BEFORE UPDATE ON dbservice_entity FOR EACH ROW EXECUTE FUNCTION slow()";
    scene.database.run(slow).await;
    stops(&scene, &["rotate-fernet-key"], async || true).await;
    scene.database.run("DROP TRIGGER slow ON dbservice_entity").await;
    let _ = goes_on(&scene, &["rotate-fernet-key"]).await;
    scene.keys = FernetKeys::parse(&new).unwrap();
    scene.has_lost_nothing(SERVICES).await;

    // What somebody else wrote is accepted, one after the other.
    scene.report(&[]).await;
    let names = scene.vault.names().await;
    for name in names.iter().take(20) {
        scene.vault.set(name, "changed elsewhere").await;
    }
    set_faults(scene.path(), &json!([{"operations": ["get"], "delayMilliseconds": 200}]));
    stops(&scene, &["verify", "--accept"], async || true).await;
    set_faults(scene.path(), &json!([]));
    let _ = secrets(&scene, &["verify"]).run().await.ended_with(1);
    let _ = goes_on(&scene, &["verify", "--accept"]).await;

    // Orphans, which are deleted sixteen at a time.
    let gone = format!("'{}'", services::name(1));
    scene
        .database
        .run(&format!("DELETE FROM dbservice_entity WHERE name > {gone}; DELETE FROM strongroom_owner"))
        .await;
    set_faults(scene.path(), &json!([{"operations": ["delete"], "delayMilliseconds": 500}]));
    let all = in_vault(&scene).await;
    stops(&scene, &["orphans", "--delete"], async || in_vault(&scene).await < all).await;
    set_faults(scene.path(), &json!([]));
    let left = in_vault(&scene).await;
    assert!(left > 1 && left < all, "{left} of {all}");
    let _ = goes_on(&scene, &["orphans", "--delete"]).await;
    assert_eq!(in_vault(&scene).await, 1);
    assert_eq!(scene.resolved(&services::name(1)).await, "changed elsewhere");
}
