//! Writers beside each other: none overwrites another, and what is locked waits.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::json;
use strongroom_entities::EntityKind;
use strongroom_metastore::testing::{Kind, TestDatabase};
use strongroom_metastore::{IntentState, Opened, StoreError};
use tokio::sync::Barrier;

use crate::fixtures::{id, intent, put};
use crate::on_all;

const KIND: EntityKind = EntityKind::DatabaseService;
const LEASE: Duration = Duration::from_secs(60);

on_all! {
    a_locked_row_waits_for_its_turn,
    of_many_who_want_a_name_one_gets_it,
    a_claim_waits_for_the_transaction_that_completes_the_intent,
    names_in_another_order_are_no_failure,
    a_deadlock_is_no_failure,
    what_somebody_has_is_not_waited_for_on_demand,
}

async fn a_locked_row_waits_for_its_turn(database: &TestDatabase) {
    let store = database.open().await;
    put(&store, 1, "shop").await;
    let add = || async {
        let mut transaction = store.begin().await.unwrap();
        let row = transaction.lock(KIND, id(1)).await.unwrap().unwrap();
        let mut document = row.json.clone();
        document["count"] = json!(document["count"].as_i64().unwrap_or_default() + 1);
        transaction.update(&row, &document).await.unwrap();
        transaction.commit().await.unwrap();
    };
    futures::future::join_all((0..20).map(|_| add())).await;
    assert_eq!(store.get(KIND, id(1)).await.unwrap().unwrap().json["count"], json!(20));
}

async fn of_many_who_want_a_name_one_gets_it(database: &TestDatabase) {
    let store = database.open().await;
    let open = |number: u128| {
        let (store, holder) = (&store, format!("h{number}"));
        async move {
            let wanted = [intent(2 * number, "shared"), intent(2 * number + 1, &format!("own-{number}"))];
            store.open_intents(&holder, &wanted, LEASE).await.unwrap()
        }
    };
    let outcomes = futures::future::join_all((0..12).map(open)).await;
    let opened = outcomes.iter().filter(|outcome| matches!(outcome, Opened::All(_))).count();
    assert_eq!(opened, 1, "{outcomes:?}");
    assert_eq!(store.count_intents(IntentState::Open).await.unwrap(), 2);
}

async fn a_claim_waits_for_the_transaction_that_completes_the_intent(database: &TestDatabase) {
    let store = database.open().await;
    let Opened::All(claims) = store.open_intents("a", &[intent(1, "one")], Duration::ZERO).await.unwrap()
    else {
        panic!("the name is free");
    };
    let found = store.abandoned_intents(Duration::ZERO, &["a"], 1).await.unwrap().remove(0);
    let mut transaction = store.begin().await.unwrap();
    assert!(transaction.complete_intents("a", &claims).await.unwrap());
    let claiming = tokio::spawn({
        let store = store.clone();
        async move { store.claim_intent(&found, "b", LEASE).await.unwrap() }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!claiming.is_finished());
    transaction.commit().await.unwrap();
    assert_eq!(claiming.await.unwrap(), None);
}

async fn names_in_another_order_are_no_failure(database: &TestDatabase) {
    let store = database.open().await;
    // Half of them want the names in the one order, half in the other; opening sorts them, so that none waits in a circle.
    let open = |number: u128| {
        let (store, holder) = (&store, format!("h{number}"));
        async move {
            let names = if number.is_multiple_of(2) { ["x", "y"] } else { ["y", "x"] };
            for round in 0..10 {
                let wanted = [
                    intent(100 * number + 2 * round, names[0]),
                    intent(100 * number + 2 * round + 1, names[1]),
                ];
                if let Opened::All(claims) = store.open_intents(&holder, &wanted, LEASE).await.unwrap() {
                    let mut transaction = store.begin().await.unwrap();
                    assert!(transaction.complete_intents(&holder, &claims).await.unwrap());
                    transaction.commit().await.unwrap();
                }
            }
        }
    };
    futures::future::join_all((0..6).map(open)).await;
    assert_eq!(store.count_intents(IntentState::Open).await.unwrap(), 0);
}

async fn a_deadlock_is_no_failure(database: &TestDatabase) {
    let store = database.open().await;
    put(&store, 1, "one").await;
    put(&store, 2, "two").await;
    let (both, tries) = (Barrier::new(2), AtomicU32::new(0));
    let add = |first: u128, second: u128| {
        let (store, both, tries) = (&store, &both, &tries);
        store.repeat(move || async move {
            let nth = tries.fetch_add(1, Ordering::SeqCst);
            let mut transaction = store.begin().await?;
            transaction.lock(KIND, id(first)).await?;
            // Each has one row by then. In a file one has it all.
            if nth < 2 && database.kind != Kind::Sqlite {
                both.wait().await;
            }
            let row = transaction.lock(KIND, id(second)).await?.unwrap();
            let mut document = row.json.clone();
            document["changed"] = json!(true);
            transaction.update(&row, &document).await?;
            transaction.commit().await
        })
    };
    let (one, other) = tokio::join!(add(1, 2), add(2, 1));
    one.and(other).unwrap();
    assert_eq!(tries.load(Ordering::SeqCst), if database.kind == Kind::Sqlite { 2 } else { 3 });
    for number in [1, 2] {
        assert_eq!(store.get(KIND, id(number)).await.unwrap().unwrap().json["changed"], json!(true));
    }
}

async fn what_somebody_has_is_not_waited_for_on_demand(database: &TestDatabase) {
    if database.kind == Kind::Sqlite {
        return;
    }
    let store = database.open().await;
    put(&store, 1, "one").await;
    put(&store, 2, "two").await;
    let mut somebody = store.begin().await.unwrap();
    somebody.lock(KIND, id(1)).await.unwrap();
    let mut transaction = store.begin().await.unwrap();
    transaction.mark().await.unwrap();
    let refused = transaction.lock_now(KIND, id(1)).await;
    assert!(matches!(refused, Err(StoreError::InUse(_))), "{refused:?}");
    transaction.return_to_mark().await.unwrap();
    let row = transaction.lock_now(KIND, id(2)).await.unwrap().unwrap();
    let mut document = row.json.clone();
    document["changed"] = json!(true);
    transaction.update(&row, &document).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(store.get(KIND, id(2)).await.unwrap().unwrap().json["changed"], json!(true));
}
