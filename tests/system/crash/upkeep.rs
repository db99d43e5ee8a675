//! What `strongroom secrets` changes, killed at each step that it passes, and run again: the rotation of the Fernet key, the deletion of
//! orphans, and the acceptance of what somebody else wrote to the vault.

use serde_json::json;
use strongroom_entities::{EntityKind, FernetKeys, name_hash};
use strongroom_manager::crash::Step;
use strongroom_metastore::Access;
use strongroom_metastore::testing::Kind;
use strongroom_secrets::random::SystemRandom;
use strongroom_secrets::{SecretName, SecretValue};
use strongroom_tests::fixtures::services;

use super::installation::{Ground, Installation, PASSWORD};
use super::ledger::label;
use super::steps::{RECLAIMING, others};

/// The steps of a rotation. Those of the room it passes once only, the others once a page.
pub(super) const ROTATING: &[Step] = &[
    Step::ReclaimOwed,
    Step::ValuesRenewed,
    Step::RenewalCommitted,
    Step::RoomReclaimed,
    Step::ReclaimNoted,
];
/// The steps of a deletion of orphans.
pub(super) const DELETING: &[Step] =
    &[Step::IntentsOpened, Step::SecretDeleted, Step::VaultPutRight, Step::IntentSettled];
/// The steps of an acceptance.
pub(super) const ACCEPTING: &[Step] =
    &[Step::IntentsOpened, Step::SecretAdopted, Step::DocumentStored, Step::Committed];

/// Two full pages of documents and a part of one.
const MANY: u32 = 150;
const FEW: u32 = 8;

const MIGRATE: &[&str] = &["migrate-secrets"];
const ROTATE: &[&str] = &["secrets", "rotate-fernet-key"];
const DELETE: &[&str] = &["secrets", "orphans", "--delete"];
const ACCEPT: &[&str] = &["secrets", "verify", "--accept"];

async fn a_killed_rotation_loses_no_value(kind: Kind) {
    let mut ground = Ground::new(kind).await;
    // Puts a new key before the one that there is, and answers with it alone and with both.
    let configure = |installation: &Installation<'_>| {
        let new = FernetKeys::generate(&SystemRandom);
        let setting = SecretValue::new(format!("{},{}", new.expose(), installation.keys().0.expose()));
        installation
            .configure(|settings| settings["fernetConfiguration"]["fernetKey"] = setting.expose().into());
        (FernetKeys::parse(&new).unwrap(), FernetKeys::parse(&setting).unwrap())
    };
    let undisturbed = ground.installation("undisturbed").await;
    undisturbed.fill(MANY).await;
    configure(&undisturbed);
    let _ = undisturbed.program_until(ROTATE, &others(ROTATING)).run().await.ended_with(0);
    let again = ROTATING.iter().filter(|step| !RECLAIMING.contains(step)).map(|step| (*step, 2));
    for (step, passing) in ROTATING.iter().map(|step| (*step, 1)).chain(again) {
        let when = format!("killed at passing {passing} of {} on {kind:?}", step.name());
        let installation = ground.installation(&format!("{}-{passing}", step.name())).await;
        let values = installation.fill(MANY).await;
        let (new_keys, both) = configure(&installation);

        installation.die(ROTATE, step, passing).await;
        let half_way = installation.ledger().texts().await;
        assert_eq!(half_way.len(), values.len(), "{when}");
        for (field, text) in &half_way {
            assert_eq!(both.decrypt(text).unwrap().expose(), values[field], "{when}: {field}");
        }
        let renewed = half_way.values().filter(|text| new_keys.decrypt(text).is_ok()).count() as u64;

        let report = installation.run(ROTATE).await;
        let found = (&report["renewed"], &report["complete"]);
        assert_eq!(found, (&json!(u64::from(MANY) - renewed), &json!(true)), "{when}: {report}");
        for (field, text) in installation.ledger().texts().await {
            assert_eq!(new_keys.decrypt(&text).unwrap().expose(), values[&field], "{when}: {field}");
        }
        installation.ledger().assert_nothing_opens(installation.keys().1, &when).await;
    }
}

fn secret_of(installation: &Installation<'_>, number: u32) -> String {
    installation.secret_name(EntityKind::DatabaseService, &services::name(number), "authType.password")
}

/// Takes the row of a service away, as somebody would who forgets its secret.
async fn forget_row(installation: &Installation<'_>, number: u32) {
    let store = installation.open(Access::ReadWrite).await;
    let hash = name_hash(&services::name(number));
    let row = store.get_by_hash(EntityKind::DatabaseService, &hash).await.unwrap().unwrap();
    let name = SecretName::new(secret_of(installation, number)).unwrap();
    let mut transaction = store.begin().await.unwrap();
    transaction.delete(EntityKind::DatabaseService, row.id).await.unwrap();
    transaction.forget_owner(&name).await.unwrap();
    transaction.commit().await.unwrap();
    store.close().await;
}

async fn a_killed_deletion_of_orphans_loses_nothing_else(kind: Kind) {
    let mut ground = Ground::new(kind).await;
    for step in DELETING.iter().copied().map(Some).chain([None]) {
        let installation = ground.installation(step.map_or("undisturbed", Step::name)).await;
        installation.fill(FEW).await;
        installation.run(MIGRATE).await;
        for number in 1..=FEW / 2 {
            forget_row(&installation, number).await;
        }
        let Some(step) = step else {
            let _ = installation.program_until(DELETE, &others(DELETING)).run().await.ended_with(0);
            continue;
        };
        let when = format!("killed at {} on {kind:?}", step.name());
        installation.die(DELETE, step, 1).await;
        let again = installation.run(DELETE).await;
        for orphan in again["orphans"].as_array().unwrap() {
            assert_eq!(orphan["state"], "deleted", "{when}: {again}");
        }
        for number in 1..=FEW {
            let (name, expected) =
                (secret_of(&installation, number), (number > FEW / 2).then(|| services::password(number)));
            assert_eq!(installation.vault().secret(&name).await, expected, "{when}: {name}");
        }
        assert_eq!(installation.ledger().open_intents().await, 0, "{when}");
        let none = installation.run(&["secrets", "orphans"]).await;
        assert_eq!(none["orphans"], json!([]), "{when}");
    }
}

async fn a_killed_acceptance_accepts_in_the_end(kind: Kind) {
    const NEWER: &str = "a dummy password that somebody wrote to the vault";
    let mut ground = Ground::new(kind).await;
    for step in ACCEPTING.iter().copied().map(Some).chain([None]) {
        let installation = ground.installation(step.map_or("undisturbed", Step::name)).await;
        let before = installation.fill(FEW).await;
        installation.run(MIGRATE).await;
        let mut after = before.clone();
        for number in 1..=FEW {
            installation.vault().set(&secret_of(&installation, number), NEWER).await;
            let field = label(EntityKind::DatabaseService, &services::name(number), PASSWORD);
            after.insert(field, NEWER.to_owned());
        }
        let Some(step) = step else {
            let _ = installation.program_until(ACCEPT, &others(ACCEPTING)).run().await.ended_with(0);
            installation.assert_values(&after, "undisturbed").await;
            continue;
        };
        let when = format!("killed at {} on {kind:?}", step.name());
        installation.die(ACCEPT, step, 2).await;
        let half_way = installation.ledger().values().await;
        for (field, value) in half_way {
            assert!(value == before[&field] || value == after[&field], "{when}: {field}");
        }
        installation.run(ACCEPT).await;
        installation.assert_values(&after, &when).await;
        installation.ledger().assert_settled().await;
    }
}

on_each! {
    [on_sqlite, on_postgresql, on_mysql]
    a_rotation_that_is_killed_goes_on: a_killed_rotation_loses_no_value(),
    a_deletion_of_orphans_that_is_killed_goes_on: a_killed_deletion_of_orphans_loses_nothing_else(),
    an_acceptance_that_is_killed_goes_on: a_killed_acceptance_accepts_in_the_end(),
}
