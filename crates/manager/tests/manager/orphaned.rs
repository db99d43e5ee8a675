//! Orphans, and what ends soon.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use strongroom_manager::migrate::StopFlag;
use strongroom_manager::stock::orphans::{Fate, Orphan, Orphans};
use strongroom_secrets::memory::{Fault, Operation};
use strongroom_secrets::{ErrorKind, NewSecret, Provider, SecretName, SecretUpdate, SecretValue};
use uuid::Uuid;

use crate::harness::{KIND, World, fernet, id_of, name, service, stranger};

fn named(service: &str) -> SecretName {
    name(&format!("openmetadata-database-{service}-authtype-password"))
}

fn vault(world: &World) -> Arc<dyn Provider> {
    Arc::new(world.vault.clone())
}

async fn find(world: &World) -> Orphans {
    world.manager.find_orphans(&vault(world), &StopFlag::default()).await.unwrap()
}

async fn delete(world: &World, found: &mut Orphans) {
    world.manager.delete_orphans(&vault(world), found, &StopFlag::default()).await.unwrap();
}

fn names(found: &Orphans) -> Vec<&str> {
    found.orphans.iter().map(|orphan| orphan.name.as_str()).collect()
}

/// Creates a service and takes its row away behind the manager's back, as OpenMetadata's own server may.
async fn orphan(world: &World, number: u128, service_name: &str) {
    let document = service(number, service_name, "pw");
    world.create(&document).await.unwrap();
    let mut transaction = world.store.begin().await.unwrap();
    transaction.delete(KIND, id_of(&document)).await.unwrap();
    transaction.forget_owner(&named(service_name)).await.unwrap();
    transaction.commit().await.unwrap();
}

/// A reference in a field that is none of the catalogue's.
fn refers_elsewhere(number: u128, service_name: &str, to: &SecretName) -> serde_json::Value {
    let mut document = service(number, service_name, "");
    document["connection"]["config"]["connectionOptions"] = json!({"token": format!("secret:{to}")});
    document
}

#[tokio::test]
async fn what_no_row_refers_to_is_an_orphan_and_nothing_else() {
    let world = World::new().await;
    world.create(&service(1, "kept", "pw")).await.unwrap();
    let mut gone = service(2, "softly", "pw");
    world.create(&gone).await.unwrap();
    gone["deleted"] = json!(true);
    gone["connection"]["config"]["authType"]["password"] = json!("*********");
    world.replace(gone).await.unwrap();
    for (number, service) in [(3, "left"), (4, "wrapped"), (5, "elsewhere"), (6, "setting")] {
        orphan(&world, number, service).await;
    }
    let wrapped = fernet().encrypt(&SecretValue::new(format!("secret:{}", named("wrapped"))));
    world.plant(KIND, &service(14, "user", &wrapped)).await;
    world.plant(KIND, &refers_elsewhere(15, "options", &named("elsewhere"))).await;
    let setting = json!({"password": format!("secret:{}", named("setting"))});
    world.plant_setting("emailConfiguration", &setting).await;
    // Somebody else's: without tags under our prefix, elsewhere, and of another installation under our very prefix.
    let set = |name: SecretName, tags: &[(&str, &str)]| {
        let tags = tags.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let vault = world.vault.clone();
        async move {
            vault.set(&name, NewSecret { value: "x".into(), tags, ..NewSecret::default() }).await.unwrap();
        }
    };
    set(named("by-hand"), &[]).await;
    set(name("theirs"), &[]).await;
    let id = Uuid::from_u128(77).to_string();
    let tags = [
        ("strongroom-installation", id.as_str()),
        ("strongroom-entity", id.as_str()),
        ("strongroom-field", "f"),
    ];
    set(named("other-installation"), &tags).await;

    let found = find(&world).await;
    assert_eq!(names(&found), [named("by-hand").as_str(), named("left").as_str()]);
    assert_eq!(found.orphans.iter().map(Orphan::is_tagged).collect::<Vec<_>>(), [false, true]);
    assert_eq!(found.orphans[1].entity, Some(Uuid::from_u128(3)));
    assert_eq!(found.ours, 7);
    assert!(found.undecryptable.is_empty());
}

#[tokio::test]
async fn only_those_with_our_tag_are_deleted_and_a_second_time_there_are_none() {
    let world = World::new().await;
    world.create(&service(1, "kept", "pw")).await.unwrap();
    for number in 2..=40 {
        orphan(&world, number, &format!("left{number}")).await;
    }
    let by_hand = NewSecret { value: "x".into(), ..NewSecret::default() };
    world.vault.set(&named("by-hand"), by_hand).await.unwrap();
    let mut found = find(&world).await;
    assert_eq!(found.orphans.len(), 40);
    delete(&world, &mut found).await;
    let deleted = found.orphans.iter().filter(|orphan| orphan.fate == Fate::Deleted).count();
    assert_eq!(deleted, 39, "{found:?}");
    assert_eq!(world.vault.names(), [named("by-hand"), named("kept")]);
    assert_eq!(world.open_intents().await, 0);
    assert_eq!(names(&find(&world).await), [named("by-hand").as_str()]);
}

#[tokio::test]
async fn a_row_that_comes_to_refer_to_an_orphan_keeps_it() {
    let world = World::new().await;
    orphan(&world, 1, "left").await;
    orphan(&world, 2, "again").await;
    let mut found = find(&world).await;
    assert_eq!(found.orphans.len(), 2);
    world.plant(KIND, &refers_elsewhere(3, "late", &named("left"))).await;
    // Another service of the name takes the secret's place.
    world.create(&service(4, "again", "new")).await.unwrap();
    delete(&world, &mut found).await;
    for orphan in &found.orphans {
        assert!(matches!(&orphan.fate, Fate::Left(_)), "{orphan:?}");
    }
    assert_eq!(world.resolved(Uuid::from_u128(4)).await, "new");
    assert_eq!(world.vault.names().len(), 2);
    assert_eq!(world.open_intents().await, 0);
}

#[tokio::test]
async fn what_is_being_written_is_neither_found_nor_deleted() {
    let world = World::new().await;
    orphan(&world, 1, "sales").await;
    let mut found = find(&world).await;
    // A write that stands between the vault and the database.
    world.vault.inject_nth(Operation::Set, 2, Fault::After(ErrorKind::TimedOut));
    world.create(&service(2, "sales", "two")).await.unwrap_err();
    assert_eq!(world.open_intents().await, 1);
    assert_eq!(names(&find(&world).await), Vec::<&str>::new());
    delete(&world, &mut found).await;
    assert!(matches!(&found.orphans[0].fate, Fate::Left(_)), "{found:?}");
    assert_eq!(world.vault.names(), [named("sales")]);
}

#[tokio::test]
async fn services_that_are_made_meanwhile_lose_nothing() {
    let world = World::new().await;
    let other = world.as_other("server:other").await;
    for number in 1..=30 {
        orphan(&world, number, &format!("left{number}")).await;
    }
    let making = async {
        for number in 1..=30 {
            // The very names of orphans, and new ones; one that is being deleted just now is refused, and tried again.
            let again = service(100 + number, &format!("left{number}"), "new");
            for _ in 0..50 {
                if other.create(&again).await.is_ok() {
                    break;
                }
            }
            other.create(&service(200 + number, &format!("new{number}"), "pw")).await.unwrap();
        }
    };
    let cleaning = async {
        for _ in 0..5 {
            let mut found = find(&world).await;
            delete(&world, &mut found).await;
        }
    };
    tokio::join!(making, cleaning);
    for number in 1..=30 {
        assert_eq!(world.resolved(Uuid::from_u128(100 + number)).await, "new");
        assert_eq!(world.resolved(Uuid::from_u128(200 + number)).await, "pw");
    }
    let mut found = find(&world).await;
    delete(&world, &mut found).await;
    assert_eq!(world.vault.names().len(), 60);
}

#[tokio::test]
async fn what_could_not_be_deleted_is_deleted_when_its_intent_is_settled() {
    let world = World::new().await;
    orphan(&world, 1, "left").await;
    let mut found = find(&world).await;
    world.vault.inject(|call| {
        (call.operation == Operation::Delete).then_some(Fault::Before(ErrorKind::Unavailable))
    });
    delete(&world, &mut found).await;
    assert!(matches!(&found.orphans[0].fate, Fate::Failed(_)), "{found:?}");
    world.vault.heal();
    assert_eq!(world.manager.settle_abandoned(&["server:test"]).await.unwrap(), 1);
    assert!(world.vault.names().is_empty());
}

#[tokio::test]
async fn while_something_cannot_be_decrypted_nothing_is_deleted() {
    let world = World::new().await;
    orphan(&world, 1, "left").await;
    let closed = stranger().encrypt(&SecretValue::new(format!("secret:{}", named("left"))));
    world.plant(KIND, &service(2, "closed", &closed)).await;
    let mut found = find(&world).await;
    assert_eq!(found.undecryptable, [format!("dbservice_entity {}", Uuid::from_u128(2))]);
    delete(&world, &mut found).await;
    assert!(matches!(&found.orphans[0].fate, Fate::Left(_)), "{found:?}");
    assert_eq!(world.vault.names(), [named("left")]);
}

#[tokio::test]
async fn what_ends_soon_is_told_with_the_fields_that_use_it() {
    const NOW_ISH: i64 = 1_700_000_000;
    let world = World::new().await;
    for (number, service_name) in ["ended", "soon", "later", "never"].into_iter().enumerate() {
        world.create(&service(number as u128 + 1, service_name, "pw")).await.unwrap();
    }
    let unused = NewSecret { value: "x".into(), expires: Some(NOW_ISH), ..NewSecret::default() };
    world.vault.set(&name("unused"), unused.clone()).await.unwrap();
    world.vault.set(&name("shared"), unused).await.unwrap();
    for (number, user) in [(11, "one"), (12, "two")] {
        world.plant(KIND, &service(number, user, "secret:Shared")).await;
    }
    let now = strongroom_secrets::Clock::now_seconds(&strongroom_secrets::clock::SystemClock);
    for (service_name, expires) in [("ended", now - 60), ("soon", now + 86_400), ("later", now + 40 * 86_400)]
    {
        let version = world.vault.get(&named(service_name), None).await.unwrap().properties.version.unwrap();
        let update = SecretUpdate { expires: Some(expires), ..SecretUpdate::default() };
        world.vault.update(&named(service_name), &version, update).await.unwrap();
    }
    let reads = world.vault.count(Operation::Get);
    let within = Duration::from_secs(30 * 86_400);
    let found = world.manager.expiring(within, &StopFlag::default()).await.unwrap();
    let told: Vec<_> = found.iter().map(|secret| (secret.name.as_str(), secret.expired)).collect();
    let (ended, soon) = (named("ended"), named("soon"));
    assert_eq!(told, [("shared", true), (ended.as_str(), true), (soon.as_str(), false)]);
    assert_eq!(found[0].users.iter().map(|user| user.entity.as_str()).collect::<Vec<_>>(), ["one", "two"]);
    assert_eq!(world.vault.count(Operation::Get), reads, "no value is read");
    let ended = world.manager.expiring(Duration::ZERO, &StopFlag::default()).await.unwrap();
    assert_eq!(ended.len(), 2);
}
