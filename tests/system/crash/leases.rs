//! What one process left is settled by another as soon as its lease is over, and looked at once more later.

use std::collections::BTreeSet;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use strongroom_entities::EntityKind;
use strongroom_manager::crash::Step;
use strongroom_metastore::testing::Kind;
use strongroom_tests::api::postgres;
use strongroom_tests::fixtures::services;

use super::installation::{Ground, Installation, PASSWORD};
use super::ledger::{Values, label};
use super::migration::assert_converges;

const SERVICES: u32 = 3;
/// Long enough for a call to the vault on a busy machine; together with the lease shorter than a write waits for another (5 s).
const LEASE: f64 = 2.5;
const CALL: Duration = Duration::from_secs(1);
const MIGRATE: &[&str] = &["migrate-secrets"];

/// The steps that a migration passes which looks once more at what was settled. It is killed at each of them.
pub(super) const RECHECKING: &[Step] = &[Step::IntentsOpened, Step::IntentReleased, Step::IntentRechecked];

/// An installation with short leases and some services.
async fn set_up<'a>(ground: &'a mut Ground, prefix: &str) -> (Installation<'a>, Values) {
    let installation = ground.installation(prefix).await;
    let intents = json!({"intents": {"leaseSeconds": LEASE, "callTimeoutSeconds": CALL.as_secs()}});
    installation.configure(|settings: &mut Value| settings["strongroom"] = intents);
    let values = installation.fill(SERVICES).await;
    (installation, values)
}

async fn a_write_waits_for_what_a_killed_migration_left(kind: Kind) {
    let mut ground = Ground::new(kind).await;
    let (installation, before) = set_up(&mut ground, "ours").await;
    installation.die(MIGRATE, Step::VersionVerified, SERVICES).await;

    // The server cannot know that the migration is dead, so it waits for the lease that a migration would renew.
    let server = installation.serve().await;
    let (service, password) = (services::name(1), "a dummy password from a later day");
    let answer = server.send_service(Method::PUT, &server.admin().await, &postgres(&service, password)).await;
    answer.expect(200);
    let mut expected = before;
    expected.insert(label(EntityKind::DatabaseService, &service, PASSWORD), password.to_owned());
    let of_services = |mut values: Values| {
        values.retain(|label, _| expected.contains_key(label));
        values
    };
    assert_eq!(of_services(installation.ledger().values().await), expected);
    // The other services' intents were as old, and are settled with it; their values are in the database still.
    assert_eq!(installation.ledger().open_intents().await, 0);
    drop(server);

    let report = installation.run(MIGRATE).await;
    assert_eq!((&report["entities"]["changed"], &report["secrets"]["written"]), (&2.into(), &2.into()));
    assert_eq!(of_services(installation.ledger().values().await), expected);
    installation.assert_settled(&BTreeSet::new()).await;
}

async fn what_was_settled_is_looked_at_once_more_by_the_next_migration(kind: Kind) {
    let mut ground = Ground::new(kind).await;
    for step in RECHECKING {
        let (installation, values) = set_up(&mut ground, step.name()).await;
        installation.die(MIGRATE, Step::VersionVerified, SERVICES).await;
        installation.die(MIGRATE, Step::IntentsOpened, 1).await;
        // A write that was under way when it was settled may land as late as this.
        tokio::time::sleep(CALL).await;
        installation.die(MIGRATE, *step, 1).await;
        let when = format!("killed at {} on {kind:?}", step.name());
        assert_converges(&installation, &values, &when).await;
        installation.assert_done(MIGRATE, &when).await;
    }
}

on_each! {
    [on_sqlite, on_postgresql, on_mysql]
    a_server_settles_what_a_killed_migration_left: a_write_waits_for_what_a_killed_migration_left(),
    a_second_look_that_is_killed_is_taken_again:
        what_was_settled_is_looked_at_once_more_by_the_next_migration(),
}
