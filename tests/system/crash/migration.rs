//! A migration is killed at each step, and run again.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::json;
use strongroom_entities::{EntityKind, name_hash};
use strongroom_manager::crash::Step;
use strongroom_metastore::Access;
use strongroom_metastore::testing::Kind;
use strongroom_secrets::random::SequentialRandom;
use strongroom_secrets::{Random, SecretValue};
use strongroom_tests::VaultServer;
use strongroom_tests::vault::OFFICER;

use super::installation::{Ground, Installation};
use super::ledger::{Values, label};
use super::steps::{PLACING, RECLAIMING, RUN, STORING, others};

/// What is run, and killed. What others own nowhere is taken over.
const MIGRATE: &[&str] = &["migrate-secrets", "--adopt"];

/// The steps that a migration passes which finds nothing that was left half-way. It is killed at each of them.
pub(super) fn passed() -> Vec<Step> {
    let own = [
        Step::SecretRecovered,
        Step::SecretAdopted,
        Step::VersionVerified,
        Step::OwnersWritten,
        Step::HistoryScrubbed,
        Step::HistoryCommitted,
    ];
    [RUN, RECLAIMING, PLACING, STORING, &own].concat()
}

/// Whether it passes a step with each batch: each kind of services is one, so there are three.
fn is_of_batch(step: Step) -> bool {
    !RUN.contains(&step) && !RECLAIMING.contains(&step)
}

/// The steps that it passes besides while it settles what another left.
pub(super) const SETTLING: &[Step] = &[
    Step::IntentClaimed,
    Step::SecretDeleted,
    Step::OlderVersionSet,
    Step::VaultPutRight,
    Step::IntentSettled,
];

/// Kinds of services, of which each makes a batch; a connection type of each, and two of its secret fields.
const KINDS: &[(EntityKind, &str, [&str; 2])] = &[
    (EntityKind::DatabaseService, "Snowflake", ["password", "privateKey"]),
    (EntityKind::DashboardService, "Metabase", ["password", "apiKey"]),
    (EntityKind::MessagingService, "Redpanda", ["saslPassword", "basicAuthUserInfo"]),
];

/// Earlier documents: as many as make three pages.
const VERSIONS: u32 = 150;

/// What the passwords in them begin with.
const OLD: &str = "the old dummy ";

/// The services of each kind.
const SERVICES: &[(&str, Found)] =
    &[("two", Found::Nothing), ("equal", Found::Equal), ("other", Found::Other), ("deleted", Found::Deleted)];

/// What a migration finds in the vault under a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    /// Nothing; such a service has two passwords.
    Nothing,
    /// The very value, which nobody owns: it is adopted.
    Equal,
    /// Another value, which nobody owns: it is taken over.
    Other,
    /// A soft-deleted secret that nobody owns: it is recovered.
    Deleted,
}

/// Fills the database of an installation, and the vault with what the migration will find there. Answers what the fields
/// resolve to. No two have the same value.
async fn prepare(installation: &Installation<'_>) -> Values {
    let metastore = installation.open(Access::Create).await;
    let random: &dyn Random = &SequentialRandom::default();
    let mut values = Values::new();
    let mut transaction = metastore.begin().await.unwrap();
    for (kind, service_type, secret_fields) in KINDS {
        for (service, found) in SERVICES {
            let mut config = json!({"type": service_type, "username": "om"});
            let count = if *found == Found::Nothing { 2 } else { 1 };
            for field in &secret_fields[..count] {
                let value = format!("the dummy {field} of the {kind} {service}");
                let name = installation.secret_name(*kind, service, field);
                stand_in(installation.vault(), &name, &value, *found).await;
                config[*field] = installation.keys().1.encrypt(&SecretValue::new(value.as_str())).into();
                values.insert(label(*kind, service, &format!("connection.config.{field}")), value);
            }
            let document = json!({
                "id": random.uuid(),
                "name": service,
                "fullyQualifiedName": service,
                "serviceType": service_type,
                "connection": {"config": config},
                "version": 0.1,
                "updatedAt": 1_795_450_000_000_i64,
                "updatedBy": "admin",
                "deleted": false,
            });
            transaction.insert(*kind, &name_hash(service), &document).await.unwrap();
        }
    }
    for number in 1..=VERSIONS {
        let document = old_version(installation, number);
        let id = random.uuid();
        transaction.keep_version(EntityKind::DatabaseService, id, &document).await.unwrap();
    }
    transaction.commit().await.unwrap();
    metastore.close().await;
    values
}

/// An earlier document of a service that is gone by now.
fn old_version(installation: &Installation<'_>, number: u32) -> serde_json::Value {
    let password = installation.keys().1.encrypt(&SecretValue::new(format!("{OLD}{number}")));
    json!({"name": "gone", "serviceType": "Snowflake", "connection": {"config": {"password": password}}, "version": number})
}

async fn stand_in(vault: &VaultServer, name: &str, value: &str, found: Found) {
    match found {
        Found::Nothing => {}
        Found::Equal => {
            vault.set(name, value).await;
        }
        Found::Other => {
            vault.set(name, "what somebody uses elsewhere").await;
        }
        Found::Deleted => {
            vault.set(name, "what somebody threw away").await;
            let request = vault.request(&OFFICER, Method::DELETE, &format!("/secrets/{name}")).await;
            assert_eq!(request.send().await.unwrap().status(), 200);
        }
    }
}

/// Runs the migration to its end, and insists that all is as if it had never been killed.
pub(super) async fn assert_converges(installation: &Installation<'_>, values: &Values, when: &str) {
    installation.assert_values(values, &format!("{when}: no value may be lost before it is run again")).await;
    installation.run(MIGRATE).await;
    installation.assert_values(values, when).await;
    installation.assert_settled(&BTreeSet::new()).await;
    installation.ledger().assert_nothing_opens(installation.keys().1, when).await;
}

/// Insists that nothing is left to do.
async fn assert_done(installation: &Installation<'_>, when: &str) {
    let again = installation.assert_done(MIGRATE, when).await;
    let found = (&again["entities"]["seen"], &again["entities"]["failed"]);
    assert_eq!(found, (&json!(KINDS.len() * SERVICES.len()), &json!(0)), "{when}");
}

/// Kills migrations when they pass each step for the `passing`th time.
async fn killed_at_each_step(kind: Kind, passing: u32) {
    let mut ground = Ground::new(kind).await;
    for step in passed().into_iter().filter(|step| passing == 1 || is_of_batch(*step)) {
        let installation = ground.installation(step.name()).await;
        let values = prepare(&installation).await;
        installation.die(MIGRATE, step, passing).await;
        let when = format!("killed at passing {passing} of {} on {kind:?}", step.name());
        assert_converges(&installation, &values, &when).await;
        if passing == 1 {
            assert_done(&installation, &when).await;
        }
    }
}

/// Kills migrations while they settle what another left.
async fn killed_at_each_step_of_settling(kind: Kind) {
    let mut ground = Ground::new(kind).await;
    for step in SETTLING {
        let installation = ground.installation(step.name()).await;
        let values = prepare(&installation).await;
        // By then every value of a batch is in the vault.
        installation.die(MIGRATE, Step::DocumentStored, 1).await;
        installation.die(MIGRATE, *step, 1).await;
        let when = format!("killed at {} of settling on {kind:?}", step.name());
        assert_converges(&installation, &values, &when).await;
        assert_done(&installation, &when).await;
    }
}

on_each! {
    [on_sqlite, on_postgresql, on_mysql]
    killed_at_the_first_passing_of_a_step_it_goes_on: killed_at_each_step(1),
    killed_at_the_second_passing_of_a_step_it_goes_on: killed_at_each_step(2),
    killed_at_the_third_passing_of_a_step_it_goes_on: killed_at_each_step(3),
    killed_while_it_settles_what_another_left_it_goes_on: killed_at_each_step_of_settling(),
}

#[tokio::test]
async fn killed_at_a_step_on_mariadb_it_goes_on() {
    killed_at_each_step(Kind::MariaDb, 1).await;
}

#[tokio::test]
async fn undisturbed_it_passes_no_other_step() {
    let mut ground = Ground::new(Kind::Sqlite).await;
    let installation = ground.installation("undisturbed").await;
    let values = prepare(&installation).await;
    let _ = installation.program_until(MIGRATE, &others(&passed())).run().await.ended_with(0);
    assert_converges(&installation, &values, "undisturbed").await;
    assert_done(&installation, "undisturbed").await;
}
