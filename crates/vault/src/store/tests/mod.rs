//! The store's promises, one by one.

mod restoring;
mod settling;
mod upgrading;

use super::*;

impl Store {
    /// Makes a change that nobody witnesses.
    async fn write(&self, change: Change) -> Result<Record, WriteError> {
        self.apply(change, None).await
    }
}

/// A store with one vault and one data key.
pub(super) async fn store(parent: &tempfile::TempDir) -> (Store, VaultId) {
    let mut preparing = Preparing::open(&parent.path().join("vault.db")).await.unwrap();
    preparing.add_data_key(&WrappedKey { id: 1, wrapped: vec![] }, 0).await.unwrap();
    let vault = preparing.vault("v1").await.unwrap();
    assert_eq!(preparing.vault("v1").await.unwrap(), vault, "a vault keeps its number");
    (preparing.start(Audit::off()), vault)
}

fn set(vault: VaultId, name: &str, data_key: i64, now: i64) -> Change {
    Change::Set(NewVersion {
        vault,
        name: name.to_owned(),
        version: format!("{name}-{now}"),
        attributes: Attributes::default(),
        enabled: true,
        sealed: Sealed { key: data_key, bytes: vec![1] },
        now,
    })
}

/// Three versions, whose order is neither that of their names nor that of their times.
fn restoration(vault: VaultId, name: &str, now: i64) -> Restoration {
    let version = |version: &str, enabled, created, updated, byte| RestoredVersion {
        version: version.to_owned(),
        attributes: Attributes {
            tags: Some([("a".to_owned(), "b".to_owned())].into()),
            ..Attributes::default()
        },
        enabled,
        created,
        updated,
        sealed: Sealed { key: 1, bytes: vec![byte] },
    };
    let versions = vec![
        version("v1", false, 100, 150, 1),
        version("v0", true, 100, 100, 0),
        version("v2", true, 90, 95, 2),
    ];
    Restoration { vault, name: name.to_owned(), versions, now }
}

#[tokio::test]
async fn a_write_that_the_database_refuses_does_not_hurt_its_group() {
    let parent = tempfile::tempdir().unwrap();
    let (store, vault) = store(&parent).await;
    // There is no data key 99. On one thread all three are queued before the writer takes the first.
    let (before, broken, behind) = tokio::join!(
        store.write(set(vault, "before", 1, 5)),
        store.write(set(vault, "broken", 99, 5)),
        store.write(set(vault, "behind", 1, 5)),
    );
    assert!(before.is_ok() && behind.is_ok());
    assert!(matches!(broken, Err(WriteError::Failed)));
    let listed = store.list(vault, "", 10, 5).await.unwrap();
    assert_eq!(listed.iter().map(|record| record.name.as_str()).collect::<Vec<_>>(), ["before", "behind"]);
}

#[tokio::test]
async fn a_sweep_forgets_what_is_due_and_nothing_else() {
    let parent = tempfile::tempdir().unwrap();
    let (store, vault) = store(&parent).await;
    for (name, purge_at) in [("due", 10), ("later", 11)] {
        store.write(set(vault, name, 1, 5)).await.unwrap();
        let name = name.to_owned();
        store.write(Change::Delete { vault, name, now: 5, purge_at, settles_at: 5 }).await.unwrap();
    }
    store.write(set(vault, "live", 1, 5)).await.unwrap();
    assert_eq!(store.sweep(10).await.unwrap(), 1);
    assert_eq!(store.sweep(10).await.unwrap(), 0);
    assert!(store.get(vault, "live", None, 10).await.unwrap().is_some());
    assert_eq!(store.list_deleted(vault, "", 10, 10).await.unwrap()[0].name, "later");
}

#[tokio::test]
async fn what_is_queued_at_the_end_is_written_and_nothing_is_taken_after_it() {
    let parent = tempfile::tempdir().unwrap();
    let (store, vault) = store(&parent).await;
    let (written, ()) = tokio::join!(store.write(set(vault, "a", 1, 5)), store.close());
    assert!(written.is_ok());
    assert!(matches!(store.write(set(vault, "b", 1, 5)).await, Err(WriteError::Failed)));
    let again = Preparing::open(&parent.path().join("vault.db")).await.unwrap().start(Audit::off());
    assert!(again.get(vault, "A", None, 5).await.unwrap().is_some());
}
