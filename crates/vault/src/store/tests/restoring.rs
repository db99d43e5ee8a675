//! A secret that comes back from its backup.

use super::*;

fn summary(versions: &[SealedRecord]) -> Vec<(String, i64, i64, bool, Vec<u8>)> {
    let one = |SealedRecord { record, sealed }: &SealedRecord| {
        (record.version.clone(), record.created, record.updated, record.enabled, sealed.bytes.clone())
    };
    versions.iter().map(one).collect()
}

async fn a_restored_secret_has_the_versions_times_order_and_name_of_its_backup(scene: &Scene) {
    let (store, vault) = scene.store().await;
    let answer = store.write(Change::Restore(restoration(vault, "MixedCase", 1000))).await.unwrap();
    assert_eq!((answer.name.as_str(), answer.version.as_str()), ("MixedCase", "v2"), "the latest version");
    let versions = store.all_versions(vault, "mixedcase", 10, 1000).await.unwrap().unwrap();
    assert_eq!(
        summary(&versions),
        [
            ("v1".to_owned(), 100, 150, false, vec![1]),
            ("v0".to_owned(), 100, 100, true, vec![0]),
            ("v2".to_owned(), 90, 95, true, vec![2]),
        ],
        "in the order of the backup, whatever their times"
    );
    assert!(versions.iter().all(|version| version.record.name == "MixedCase"));
    let tags = versions[0].record.attributes.tags.as_ref().unwrap();
    assert_eq!(tags.get("a").map(String::as_str), Some("b"));
    let latest = store.get(vault, "mixedcase", None, 1000).await.unwrap().unwrap();
    assert_eq!(latest.record.version, "v2");
}

async fn all_versions_are_the_newest_in_the_order_of_their_making(scene: &Scene) {
    let (store, vault) = scene.store().await;
    for now in 0..5 {
        store.write(set(vault, "a", 1, now)).await.unwrap();
        store.write(set(vault, "b", 1, now)).await.unwrap();
    }
    let versions = store.all_versions(vault, "A", 3, 9).await.unwrap().unwrap();
    let names: Vec<_> = versions.iter().map(|version| version.record.version.as_str()).collect();
    assert_eq!(names, ["a-2", "a-3", "a-4"]);
    assert!(store.all_versions(vault, "c", 3, 9).await.unwrap().is_none());
}

async fn a_restoration_that_fails_leaves_nothing_behind(scene: &Scene) {
    let (store, vault) = scene.store().await;
    let mut broken = restoration(vault, "a", 5);
    broken.versions[2].version = "v0".into();
    assert!(matches!(store.write(Change::Restore(broken)).await, Err(WriteError::Failed)));
    let empty = Restoration { versions: vec![], ..restoration(vault, "a", 5) };
    let refused = store.write(Change::Restore(empty)).await;
    assert!(matches!(refused, Err(WriteError::Refused(Refusal::NotFound))));
    assert!(store.list(vault, "", 10, 5).await.unwrap().is_empty());
    store.write(Change::Restore(restoration(vault, "a", 5))).await.unwrap();
}

on_both_databases!(
    a_restored_secret_has_the_versions_times_order_and_name_of_its_backup,
    all_versions_are_the_newest_in_the_order_of_their_making,
    a_restoration_that_fails_leaves_nothing_behind,
);
