//! Deletions and recoveries that take their time.

use super::*;

async fn names(store: &Store, vault: VaultId, now: i64) -> [Vec<String>; 2] {
    let names = |records: Vec<Record>| records.into_iter().map(|record| record.name).collect();
    [
        names(store.list(vault, "", 10, now).await.unwrap()),
        names(store.list_deleted(vault, "", 10, now).await.unwrap()),
    ]
}

/// Every change that a secret `a` could see.
fn changes(vault: VaultId, now: i64) -> Vec<Change> {
    let name = || "A".to_owned();
    vec![
        set(vault, "a", 1, now),
        Change::Update(VersionPatch {
            vault,
            name: name(),
            version: None,
            attributes: Attributes::default(),
            enabled: Some(false),
            now,
        }),
        Change::Delete { vault, name: name(), now, purge_at: now + 50, settles_at: now },
        Change::Recover { vault, name: name(), now, settles_at: now },
        Change::Purge { vault, name: name(), now },
        Change::Restore(restoration(vault, "a", now)),
    ]
}

#[track_caller]
fn is_refused(result: &Result<Record, WriteError>, expected: Refusal) {
    assert!(matches!(result, Err(WriteError::Refused(refusal)) if *refusal == expected), "{result:?}");
}

async fn a_secret_is_neither_there_nor_deleted_while_its_deletion_is_under_way(scene: &Scene) {
    let (store, vault) = scene.store().await;
    store.write(set(vault, "a", 1, 5)).await.unwrap();
    let delete = Change::Delete { vault, name: "a".into(), now: 10, purge_at: 100, settles_at: 13 };
    let answer = store.write(delete).await.unwrap();
    assert_eq!((answer.deleted_at, answer.purge_at), (Some(10), Some(100)), "the answer comes at once");
    for now in [10, 12] {
        assert!(store.get(vault, "a", None, now).await.unwrap().is_none());
        assert!(store.get(vault, "a", Some("a-5"), now).await.unwrap().is_none());
        assert!(store.get_deleted(vault, "a", now).await.unwrap().is_none());
        assert!(store.list_versions(vault, "a", 0, 10, now).await.unwrap().is_empty());
        assert!(store.all_versions(vault, "a", 10, now).await.unwrap().is_none());
        assert_eq!(names(&store, vault, now).await, [vec![], Vec::<String>::new()]);
        for change in changes(vault, now) {
            is_refused(&store.write(change).await, Refusal::BeingDeleted);
        }
    }
    assert!(store.get_deleted(vault, "a", 13).await.unwrap().is_some());
    assert_eq!(names(&store, vault, 13).await, [vec![], vec!["a".to_owned()]]);
    is_refused(&store.write(set(vault, "a", 1, 13)).await, Refusal::Deleted);
    store.write(Change::Recover { vault, name: "a".into(), now: 13, settles_at: 13 }).await.unwrap();
    assert!(store.get(vault, "a", None, 13).await.unwrap().is_some());
}

async fn a_secret_is_neither_there_nor_deleted_while_its_recovery_is_under_way(scene: &Scene) {
    let (store, vault) = scene.store().await;
    store.write(set(vault, "a", 1, 5)).await.unwrap();
    let delete = Change::Delete { vault, name: "a".into(), now: 10, purge_at: 100, settles_at: 10 };
    store.write(delete).await.unwrap();
    store.write(Change::Recover { vault, name: "a".into(), now: 20, settles_at: 23 }).await.unwrap();
    for now in [20, 22] {
        assert!(store.get(vault, "a", None, now).await.unwrap().is_none());
        assert!(store.get_deleted(vault, "a", now).await.unwrap().is_none());
        assert!(store.list_versions(vault, "a", 0, 10, now).await.unwrap().is_empty());
        assert!(store.all_versions(vault, "a", 10, now).await.unwrap().is_none());
        assert_eq!(names(&store, vault, now).await, [vec![], Vec::<String>::new()]);
        for change in changes(vault, now) {
            is_refused(&store.write(change).await, Refusal::BeingRecovered);
        }
    }
    let found = store.get(vault, "a", None, 23).await.unwrap().unwrap();
    assert!(found.record.enabled, "the refused changes left nothing behind");
    assert_eq!(names(&store, vault, 23).await, [vec!["a".to_owned()], vec![]]);
    store.write(set(vault, "a", 1, 23)).await.unwrap();
}

async fn what_is_settled_is_refused_for_what_it_is(scene: &Scene) {
    let (store, vault) = scene.store().await;
    for change in changes(vault, 5).into_iter().skip(1).take(4) {
        is_refused(&store.write(change).await, Refusal::NotFound);
    }
    store.write(set(vault, "a", 1, 5)).await.unwrap();
    let [recover, purge, restore] =
        changes(vault, 6).try_into().map(|[_, _, _, r, p, s]: [_; 6]| [r, p, s]).unwrap();
    is_refused(&store.write(recover).await, Refusal::NotFound);
    is_refused(&store.write(purge).await, Refusal::NotFound);
    is_refused(&store.write(restore).await, Refusal::Exists);
    let delete = || Change::Delete { vault, name: "a".into(), now: 10, purge_at: 20, settles_at: 10 };
    store.write(delete()).await.unwrap();
    is_refused(&store.write(delete()).await, Refusal::NotFound);
    is_refused(&store.write(Change::Restore(restoration(vault, "a", 19))).await, Refusal::Deleted);
}

async fn a_deletion_whose_time_is_up_holds_no_name_even_if_it_never_settled(scene: &Scene) {
    let (store, vault) = scene.store().await;
    for name in ["set", "restored"] {
        store.write(set(vault, name, 1, 5)).await.unwrap();
        let delete = Change::Delete { vault, name: name.into(), now: 10, purge_at: 20, settles_at: 1000 };
        store.write(delete).await.unwrap();
    }
    store.write(set(vault, "set", 1, 20)).await.unwrap();
    store.write(Change::Restore(restoration(vault, "restored", 20))).await.unwrap();
    assert_eq!(names(&store, vault, 20).await[0], ["restored", "set"]);
}

on_both_databases!(
    a_secret_is_neither_there_nor_deleted_while_its_deletion_is_under_way,
    a_secret_is_neither_there_nor_deleted_while_its_recovery_is_under_way,
    what_is_settled_is_refused_for_what_it_is,
    a_deletion_whose_time_is_up_holds_no_name_even_if_it_never_settled,
);
