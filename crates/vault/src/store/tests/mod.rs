//! The store's promises, one by one, on both databases.

mod checking;
mod keeping;
mod keyed;
mod losing;
mod paging;
mod reading;
mod rekeying;
mod restoring;
mod settling;
mod sharing;
mod upgrading;

use super::*;
use sqlx::Connection;
use sqlx::any::AnyConnectOptions;
use strongroom_secrets::SecretValue;
use strongroom_secrets::random::SystemRandom;

impl Store {
    /// Makes a change that nobody witnesses.
    async fn write(&self, change: Change) -> Result<Record, WriteError> {
        self.apply(change, None).await
    }
}

/// Data key 1, wrapped by nothing that the database knows of.
pub(super) fn keyring() -> Keyring {
    Keyring::alone(&SystemRandom)
}

/// Each test runs on SQLite and on PostgreSQL.
macro_rules! on_both_databases {
    ($($test:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test] async fn $test() { super::$test(&super::Scene::sqlite()).await; })+
        }
        mod postgres {
            $(#[tokio::test] async fn $test() { super::$test(&super::Scene::postgres().await).await; })+
        }
    };
}
pub(super) use on_both_databases;

/// A database of its own for one test.
pub(super) struct Scene {
    pub(super) folder: tempfile::TempDir,
    pub(super) location: StoreLocation,
}

impl Scene {
    pub(super) fn sqlite() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), location: StoreLocation::Folder }
    }

    pub(super) async fn postgres() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = std::env::var("STRONGROOM_TEST_POSTGRES").expect(
            "STRONGROOM_TEST_POSTGRES is not set: run cargo xtask test, or cargo xtask with-postgres -- cargo test",
        );
        sqlx::any::install_default_drivers();
        let options: AnyConnectOptions = server.parse().unwrap();
        let mut connection = AnyConnection::connect_with(&options).await.unwrap();
        // As unique as the folder's name, and of letters that need no quoting.
        let name: String = folder
            .path()
            .file_name()
            .unwrap()
            .as_encoded_bytes()
            .iter()
            .map(|byte| format!("{byte:x}"))
            .collect();
        let statement = format!("CREATE DATABASE t{name} LOCALE 'C' TEMPLATE template0");
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        let url = server.strip_suffix("/postgres").expect("a URL that ends with /postgres");
        let url = SecretValue::new(format!("{url}/t{name}"));
        Self { folder, location: StoreLocation::resolve(None, Some(&url), None).unwrap() }
    }

    pub(super) async fn prepare(&self) -> Preparing {
        Preparing::open(&self.location, &self.folder.path().join("vault.db")).await.unwrap()
    }

    /// Opens what is there.
    pub(super) async fn open(&self) -> Store {
        self.prepare().await.start(Audit::off(), Arc::new(keyring())).await.unwrap()
    }

    /// A store with one vault and one data key.
    pub(super) async fn store(&self) -> (Store, VaultId) {
        let mut preparing = self.prepare().await;
        preparing
            .add_data_key(&WrappedKey { id: 1, wrapped: vec![], retired: false, formerly: None }, 0)
            .await
            .unwrap();
        let vault = preparing.vault("v1").await.unwrap();
        assert_eq!(preparing.vault("v1").await.unwrap(), vault, "a vault keeps its number");
        (preparing.start(Audit::off(), Arc::new(keyring())).await.unwrap(), vault)
    }
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

async fn a_write_that_the_database_refuses_does_not_hurt_its_group(scene: &Scene) {
    let (store, vault) = scene.store().await;
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

async fn a_sweep_forgets_what_is_due_and_nothing_else(scene: &Scene) {
    let (store, vault) = scene.store().await;
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

async fn what_is_queued_at_the_end_is_written_and_nothing_is_taken_after_it(scene: &Scene) {
    let (store, vault) = scene.store().await;
    let (written, ()) = tokio::join!(store.write(set(vault, "a", 1, 5)), store.close());
    assert!(written.is_ok());
    assert!(matches!(store.write(set(vault, "b", 1, 5)).await, Err(WriteError::Failed)));
    let again = scene.open().await;
    assert!(again.get(vault, "A", None, 5).await.unwrap().is_some());
}

on_both_databases!(
    a_write_that_the_database_refuses_does_not_hurt_its_group,
    a_sweep_forgets_what_is_due_and_nothing_else,
    what_is_queued_at_the_end_is_written_and_nothing_is_taken_after_it,
);
