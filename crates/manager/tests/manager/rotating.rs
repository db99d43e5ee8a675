//! The rotation of the Fernet key.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use strongroom_entities::{EntityKind, FernetKeys};
use strongroom_manager::WriteError;
use strongroom_manager::migrate::{StopFlag, Watcher};
use strongroom_manager::rotation::Rotation;
use strongroom_metastore::testing::found_by;
use strongroom_metastore::{DocumentScan, DocumentTable};
use strongroom_secrets::SecretValue;
use uuid::Uuid;

use crate::harness::{FERNET_KEY, KIND, STRANGERS_KEY, World, fernet, id_of, service, stranger};

const NEW_KEY: &str = "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=";

fn new_key() -> FernetKeys {
    FernetKeys::parse(&SecretValue::new(NEW_KEY)).unwrap()
}

fn old(number: u128, name: &str, password: &str) -> Value {
    service(number, name, &fernet().encrypt(&SecretValue::new(password)))
}

/// The same database in the hands of whoever has a new key before the old one.
async fn rotating(world: &World) -> World {
    world.with_keys(&format!("{NEW_KEY},{FERNET_KEY}")).await
}

async fn rotate(world: &World) -> Rotation {
    world.manager.rotate_fernet_key(false, &StopFlag::default()).await.unwrap()
}

/// Every document that holds something encrypted, as it is stored.
async fn documents(world: &World) -> Vec<String> {
    let scan = DocumentScan::new(DocumentTable::all(), &["fernet:"], 1000);
    found_by(scan, &world.store).await.into_iter().map(|document| document.text).collect()
}

#[tokio::test]
async fn afterwards_the_new_key_alone_opens_everything_and_nothing_else_has_changed() {
    let world = World::new().await;
    let mut before = Vec::new();
    for number in 1..=150 {
        let mut document = old(number, &format!("svc{number}"), &format!("pw{number}"));
        document["connection"]["config"]["connectionOptions"] =
            json!({"extra": fernet().encrypt(&SecretValue::new("in a field of no catalogue"))});
        world.plant(KIND, &document).await;
        before.push(document);
    }
    let mut transaction = world.store.begin().await.unwrap();
    let mut history = old(1, "svc1", "an older password");
    history["version"] = json!(0.1);
    transaction.keep_version(KIND, Uuid::from_u128(1), &history).await.unwrap();
    transaction.commit().await.unwrap();

    let rotation = rotate(&rotating(&world).await).await;
    assert!(rotation.complete && rotation.failures.is_empty(), "{rotation:?}");
    assert_eq!((rotation.values, rotation.renewed), (301, 301));
    let tables: Vec<_> =
        rotation.tables.iter().map(|turn| (turn.table.as_str(), turn.documents, turn.renewed)).collect();
    assert_eq!(tables, [("dbservice_entity", 150, 300), ("entity_extension", 1, 1)]);
    for document in &before {
        let mut after = world.row(id_of(document)).await.unwrap().json;
        for path in ["/connection/config/authType/password", "/connection/config/connectionOptions/extra"] {
            let was = document.pointer(path).unwrap().as_str().unwrap();
            let now = after.pointer_mut(path).unwrap();
            let opened = new_key().decrypt(now.as_str().unwrap()).unwrap();
            assert_eq!(opened, fernet().decrypt(was).unwrap());
            *now = json!(was);
        }
        assert_eq!(after, *document);
    }
    let kept = &world.store.history(KIND, Uuid::from_u128(1)).await.unwrap()[0];
    let token = kept.pointer("/connection/config/authType/password").unwrap().as_str().unwrap();
    assert_eq!(new_key().decrypt(token).unwrap().expose(), "an older password");
}

#[tokio::test]
async fn running_it_again_changes_nothing_and_a_plan_writes_nothing() {
    let world = World::new().await;
    for number in 1..=70 {
        world.plant(KIND, &old(number, &format!("svc{number}"), "pw")).await;
    }
    let before = documents(&world).await;
    let rotating = rotating(&world).await;
    let plan = rotating.manager.rotate_fernet_key(true, &StopFlag::default()).await.unwrap();
    assert_eq!((plan.values, plan.renewed, plan.complete), (70, 70, false));
    assert_eq!(documents(&world).await, before);
    rotate(&rotating).await;
    let after = documents(&world).await;
    let again = rotate(&rotating).await;
    assert_eq!((again.values, again.renewed, again.complete), (70, 0, true));
    assert_eq!(documents(&world).await, after);
}

#[tokio::test]
async fn what_no_key_opens_is_named_and_the_rest_is_done() {
    let world = World::new().await;
    world.plant(KIND, &old(1, "good", "pw")).await;
    world.plant(KIND, &service(2, "closed", &stranger().encrypt(&SecretValue::new("hunter2")))).await;
    world.plant(KIND, &service(3, "prose", "fernet: a kind of encryption")).await;
    let rotation = rotate(&rotating(&world).await).await;
    assert_eq!((rotation.values, rotation.renewed, rotation.failed, rotation.complete), (2, 1, 1, false));
    let failure = &rotation.failures[0];
    assert_eq!(
        (failure.table.as_str(), failure.row.as_str()),
        ("dbservice_entity", Uuid::from_u128(2).to_string().as_str())
    );
    assert_eq!(failure.field, "connection.config.authType.password");
    assert!(!serde_json::to_string(&rotation).unwrap().contains("hunter2"));
    // With that key, too, it is done.
    let all = world.with_keys(&format!("{NEW_KEY},{FERNET_KEY},{STRANGERS_KEY}")).await;
    assert!(rotate(&all).await.complete);
    let text = world.password_in_row(Uuid::from_u128(2)).await;
    assert_eq!(new_key().decrypt(&text).unwrap().expose(), "hunter2");
}

/// Lets a server change a row whenever a page was read.
struct Changing {
    world: World,
    runtime: tokio::runtime::Handle,
    done: AtomicBool,
}

impl Watcher for Changing {
    fn advance(&self, _count: u64) {
        if !self.done.swap(true, Ordering::Relaxed) {
            let (world, runtime) = (&self.world, &self.runtime);
            tokio::task::block_in_place(|| {
                runtime.block_on(async {
                    world.replace(service(1, "sales", "changed meanwhile")).await.unwrap();
                    let row = world.row(Uuid::from_u128(2)).await.unwrap();
                    world.manager.delete(KIND, &row).await.unwrap();
                });
            });
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_stores_after_a_page_was_read_is_not_overwritten() {
    let world = World::new().await;
    let keeping = strongroom_manager::Keeping::InDatabase(None);
    let server = world.under("db", keeping, &[]).await;
    for (number, name) in [(1, "sales"), (2, "gone"), (3, "other")] {
        world.plant(KIND, &old(number, name, "before")).await;
    }
    let watcher =
        Changing { world: server, runtime: tokio::runtime::Handle::current(), done: AtomicBool::new(false) };
    let rotating = rotating(&world).await;
    let rotation = rotating.manager.rotate_fernet_key(false, &watcher).await.unwrap();
    assert!(rotation.complete && watcher.done.load(Ordering::Relaxed), "{rotation:?}");
    let text = world.password_in_row(Uuid::from_u128(1)).await;
    assert_eq!(new_key().decrypt(&text).unwrap().expose(), "changed meanwhile");
    assert!(world.row(Uuid::from_u128(2)).await.is_none());
}

#[tokio::test]
async fn a_rotation_that_is_stopped_goes_on_where_it_was() {
    let world = World::new().await;
    for number in 1..=150 {
        world.plant(KIND, &old(number, &format!("svc{number}"), "pw")).await;
    }
    let rotating = rotating(&world).await;
    let flag = Arc::new(StopFlag::default());
    flag.0.store(true, Ordering::Relaxed);
    let stopped = rotating.manager.rotate_fernet_key(false, &*flag).await.unwrap();
    assert!(stopped.stopped.is_some() && !stopped.complete);
    assert_eq!(rotate(&rotating).await.renewed, 150);
}

#[tokio::test]
async fn without_a_key_there_is_nothing_to_rotate() {
    let world = World::new().await.without_keys().await;
    let refused = world.manager.rotate_fernet_key(false, &StopFlag::default()).await;
    assert!(matches!(refused, Err(WriteError::NoFernetKey)));
    assert_eq!(DocumentTable::all().filter(|table| table.name == EntityKind::User.table()).count(), 1);
}
