//! Intents: opened, kept, completed, claimed, settled.

use std::time::Duration;

use strongroom_metastore::testing::TestDatabase;
use strongroom_metastore::{Before, Claim, IntentState, NewIntent, Opened};
use strongroom_secrets::SecretVersion;

use crate::fixtures::{id, intent, name};
use crate::on_all;

const LEASE: Duration = Duration::from_secs(60);
const NO_TIME: Duration = Duration::ZERO;

on_all! {
    intents_open_all_or_none,
    a_name_has_one_open_intent_whatever_its_case,
    many_intents_open_at_once,
    what_was_there_before_is_written_down,
    a_completed_intent_frees_its_name,
    only_the_holder_of_the_claim_can_do_anything,
    a_lease_ends_by_the_databases_clock,
    a_dead_holders_intents_are_abandoned_at_once,
    a_claim_is_had_once,
    a_settled_intent_is_looked_at_again_and_then_forgotten,
    a_guard_that_was_left_is_forgotten_though_nobody_looks_at_it_again,
}

fn claims(opened: Opened) -> Vec<Claim> {
    match opened {
        Opened::All(claims) => claims,
        Opened::Taken(name) => panic!("{name} is taken"),
    }
}

async fn intents_open_all_or_none(database: &TestDatabase) {
    let store = database.open().await;
    let opened = store.open_intents("a", &[intent(2, "two"), intent(1, "one")], LEASE).await.unwrap();
    // In the order of the names.
    assert_eq!(claims(opened).iter().map(|claim| claim.id).collect::<Vec<_>>(), [id(1001), id(1002)]);
    let refused = store.open_intents("b", &[intent(3, "three"), intent(4, "two")], LEASE).await.unwrap();
    assert_eq!(refused, Opened::Taken(name("two")));
    assert_eq!(store.count_intents(IntentState::Open).await.unwrap(), 2);
}

async fn a_name_has_one_open_intent_whatever_its_case(database: &TestDatabase) {
    let store = database.open().await;
    claims(store.open_intents("a", &[intent(1, "Some-Name")], LEASE).await.unwrap());
    let refused = store.open_intents("b", &[intent(2, "sOME-nAME")], LEASE).await.unwrap();
    assert!(matches!(refused, Opened::Taken(_)), "{refused:?}");
}

async fn many_intents_open_at_once(database: &TestDatabase) {
    let store = database.open().await;
    let many: Vec<_> = (0..150).map(|number| intent(number, &format!("name-{number:03}"))).collect();
    let claims = claims(store.open_intents("a", &many, LEASE).await.unwrap());
    assert_eq!(claims.len(), 150);
    let found: Vec<Before> = claims
        .iter()
        .map(|claim| Before { claim: *claim, version: Some(SecretVersion::new("v")), deleted: false })
        .collect();
    assert!(store.record_before("a", &found).await.unwrap());
    assert!(store.renew_leases("a", &claims, LEASE).await.unwrap());
    let mut transaction = store.begin().await.unwrap();
    assert!(transaction.complete_intents("a", &claims).await.unwrap());
    transaction.commit().await.unwrap();
    assert_eq!(store.count_intents(IntentState::Open).await.unwrap(), 0);
}

async fn what_was_there_before_is_written_down(database: &TestDatabase) {
    let store = database.open().await;
    let claims =
        claims(store.open_intents("a", &[intent(1, "one"), intent(2, "two")], NO_TIME).await.unwrap());
    let found = [
        Before { claim: claims[0], version: Some(SecretVersion::new("v1")), deleted: false },
        Before { claim: claims[1], version: None, deleted: true },
    ];
    assert!(store.record_before("a", &found).await.unwrap());
    // The same once more is written down as well.
    assert!(store.record_before("a", &found).await.unwrap());
    assert!(!store.record_before("b", &found).await.unwrap());
    let mut stored = store.abandoned_intents(NO_TIME, &["a"], 10).await.unwrap();
    stored.sort_by_key(|intent| intent.claim.id);
    let before: Vec<_> = stored
        .iter()
        .map(|intent| (intent.version_before.as_ref().map(SecretVersion::as_str), intent.deleted_before))
        .collect();
    assert_eq!(before, [(Some("v1"), false), (None, true)]);
}

async fn a_completed_intent_frees_its_name(database: &TestDatabase) {
    let store = database.open().await;
    let claims = claims(store.open_intents("a", &[intent(1, "one")], LEASE).await.unwrap());
    let mut transaction = store.begin().await.unwrap();
    assert!(transaction.complete_intents("a", &claims).await.unwrap());
    drop(transaction);
    assert_eq!(store.count_intents(IntentState::Open).await.unwrap(), 1);
    let mut transaction = store.begin().await.unwrap();
    assert!(transaction.complete_intents("a", &claims).await.unwrap());
    transaction.commit().await.unwrap();
    assert!(matches!(store.open_intents("b", &[intent(2, "one")], LEASE).await.unwrap(), Opened::All(_)));
}

async fn only_the_holder_of_the_claim_can_do_anything(database: &TestDatabase) {
    let store = database.open().await;
    let held = claims(store.open_intents("a", &[intent(1, "one"), intent(2, "two")], LEASE).await.unwrap());
    let stale = [held[0], Claim { number: 2, ..held[1] }];
    for (holder, claims) in [("b", held.clone()), ("a", stale.to_vec())] {
        assert!(!store.renew_leases(holder, &claims, LEASE).await.unwrap());
        let mut transaction = store.begin().await.unwrap();
        assert!(!transaction.complete_intents(holder, &claims).await.unwrap());
        drop(transaction);
        assert!(!store.settle_intent(holder, *claims.last().unwrap(), NO_TIME).await.unwrap());
    }
    assert_eq!(store.count_intents(IntentState::Open).await.unwrap(), 2);
}

async fn a_lease_ends_by_the_databases_clock(database: &TestDatabase) {
    let store = database.open().await;
    let held = claims(store.open_intents("a", &[intent(1, "one")], LEASE).await.unwrap());
    assert_eq!(store.abandoned_intents(NO_TIME, &[], 10).await.unwrap(), []);
    assert!(store.renew_leases("a", &held, NO_TIME).await.unwrap());
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(store.abandoned_intents(NO_TIME, &[], 10).await.unwrap().len(), 1);
    assert_eq!(store.abandoned_intents(LEASE, &[], 10).await.unwrap(), []);
}

async fn a_dead_holders_intents_are_abandoned_at_once(database: &TestDatabase) {
    let store = database.open().await;
    claims(store.open_intents("migration:1", &[intent(1, "one")], LEASE).await.unwrap());
    claims(store.open_intents("server:1", &[intent(2, "two")], LEASE).await.unwrap());
    let found = store.abandoned_intents(NO_TIME, &["migration:"], 10).await.unwrap();
    assert_eq!(found.iter().map(|intent| intent.holder.as_str()).collect::<Vec<_>>(), ["migration:1"]);
    assert_eq!((found[0].entity, &found[0].name), (id(1), &name("one")));
}

async fn a_claim_is_had_once(database: &TestDatabase) {
    let store = database.open().await;
    claims(store.open_intents("a", &[intent(1, "one")], NO_TIME).await.unwrap());
    let found = store.abandoned_intents(NO_TIME, &["a"], 10).await.unwrap().remove(0);
    let claim = store.claim_intent(&found, "b", LEASE).await.unwrap().unwrap();
    assert_eq!(claim.number, 2);
    assert_eq!(store.claim_intent(&found, "c", LEASE).await.unwrap(), None);
}

async fn a_guard_that_was_left_is_forgotten_though_nobody_looks_at_it_again(database: &TestDatabase) {
    let store = database.open().await;
    let guard = NewIntent { vault: None, ..intent(1, "one") };
    let held = claims(store.open_intents("a", &[guard], LEASE).await.unwrap());
    assert!(store.settle_intent("a", held[0], LEASE).await.unwrap());
    tokio::time::sleep(Duration::from_millis(20)).await;
    store.forget_settled(NO_TIME).await.unwrap();
    assert_eq!(store.count_intents(IntentState::Settled).await.unwrap(), 0);
}

async fn a_settled_intent_is_looked_at_again_and_then_forgotten(database: &TestDatabase) {
    let store = database.open().await;
    let held = claims(store.open_intents("a", &[intent(1, "one")], LEASE).await.unwrap());
    assert!(store.settle_intent("a", held[0], NO_TIME).await.unwrap());
    assert!(!store.settle_intent("a", held[0], NO_TIME).await.unwrap());
    claims(store.open_intents("b", &[intent(2, "one")], LEASE).await.unwrap());
    let due = store.due_rechecks("a vault", 10).await.unwrap();
    assert_eq!(due.iter().map(|intent| intent.claim.id).collect::<Vec<_>>(), [held[0].id]);
    store.forget_settled(NO_TIME).await.unwrap();
    assert_eq!(store.count_intents(IntentState::Settled).await.unwrap(), 1);
    store.rechecked(held[0].id).await.unwrap();
    assert_eq!(store.due_rechecks("a vault", 10).await.unwrap(), []);
    tokio::time::sleep(Duration::from_millis(20)).await;
    store.forget_settled(NO_TIME).await.unwrap();
    assert_eq!(store.count_intents(IntentState::Settled).await.unwrap(), 0);
}
