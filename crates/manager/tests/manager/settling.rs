//! What happens to what was left half-way.

use std::time::Duration;

use serde_json::json;
use strongroom_secrets::memory::{Fault, Operation};
use strongroom_secrets::{ErrorKind, NewSecret, Provider, SecretValue};

use crate::harness::{World, id_of, name, service};

const NAME: &str = "openmetadata-database-sales-authtype-password";

#[tokio::test]
async fn a_write_whose_answer_was_lost_is_taken_back_when_its_lease_is_over() {
    let world = World::new().await;
    let sales = service(1, "sales", "one");
    world.create(&sales).await.unwrap();
    world.vault.inject_nth(Operation::Set, 2, Fault::After(ErrorKind::TimedOut));
    let mut changed = sales.clone();
    changed["connection"]["config"]["authType"]["password"] = json!("two");
    let error = world.replace(changed).await.unwrap_err();
    assert_eq!(error.status(), 503);
    // The vault took it, the database did not.
    assert_eq!(world.resolved(id_of(&sales)).await, "two");
    assert_eq!(world.open_intents().await, 1);
    tokio::time::sleep(Duration::from_millis(700)).await;
    let other = world.as_other("server:other").await;
    assert_eq!(other.manager.settle_abandoned(&[]).await.unwrap(), 1);
    assert_eq!(world.resolved(id_of(&sales)).await, "one");
    assert_eq!(world.open_intents().await, 0);
}

#[tokio::test]
async fn a_version_that_was_set_again_is_the_committed_one_even_if_that_answer_was_lost() {
    let world = World::new().await;
    let sales = service(1, "sales", "one");
    world.create(&sales).await.unwrap();
    // The second write is lost; so is the third, which sets the first version again.
    world
        .vault
        .inject(|call| (call.operation == Operation::Set).then_some(Fault::After(ErrorKind::TimedOut)));
    let mut changed = sales.clone();
    changed["connection"]["config"]["authType"]["password"] = json!("two");
    world.replace(changed).await.unwrap_err();
    assert_eq!(world.manager.settle_abandoned(&["server:test"]).await.unwrap(), 0);
    world.vault.heal();
    assert_eq!(world.manager.settle_abandoned(&["server:test"]).await.unwrap(), 1);
    assert_eq!(world.resolved(id_of(&sales)).await, "one");
    let latest = world.vault.get(&name(NAME), None).await.unwrap().properties.version;
    assert_eq!(world.store.owner(&name(NAME)).await.unwrap().map(|owner| owner.version), latest);
}

#[tokio::test]
async fn a_first_write_whose_answer_was_lost_leaves_no_orphan() {
    let world = World::new().await;
    world.vault.inject_nth(Operation::Set, 1, Fault::After(ErrorKind::TimedOut));
    world.create(&service(1, "sales", "one")).await.unwrap_err();
    assert_eq!(world.vault.value(&name(NAME)), Some(SecretValue::new("one")));
    // Whoever takes over from a dead process need not wait for the lease.
    let successor = world.as_other("server:successor").await;
    assert_eq!(successor.manager.settle_abandoned(&["server:test"]).await.unwrap(), 1);
    assert!(world.vault.names().is_empty());
    // The name is free again.
    successor.create(&service(1, "sales", "two")).await.unwrap();
    assert_eq!(successor.resolved(uuid::Uuid::from_u128(1)).await, "two");
}

#[tokio::test]
async fn a_late_write_that_lands_after_settling_is_found_by_the_second_look() {
    let world = World::new().await;
    let sales = service(1, "sales", "one");
    world.create(&sales).await.unwrap();
    world.vault.inject_nth(Operation::Set, 2, Fault::After(ErrorKind::TimedOut));
    let mut changed = sales.clone();
    changed["connection"]["config"]["authType"]["password"] = json!("two");
    world.replace(changed).await.unwrap_err();
    let late = world.vault.get(&name(NAME), None).await.unwrap();
    world.manager.settle_abandoned(&["server:test"]).await.unwrap();
    assert_eq!(world.resolved(id_of(&sales)).await, "one");
    // The same write arrives once more, as from a network that held it back.
    let again = strongroom_secrets::NewSecret {
        value: late.value,
        tags: late.properties.tags,
        ..strongroom_secrets::NewSecret::default()
    };
    world.vault.set(&name(NAME), again).await.unwrap();
    tokio::time::sleep(Duration::from_millis(150)).await;
    world.manager.sweep().await.unwrap();
    assert_eq!(world.resolved(id_of(&sales)).await, "one");
}

#[tokio::test]
async fn a_secret_that_could_not_be_deleted_at_once_is_deleted_later() {
    let world = World::new().await;
    let sales = service(1, "sales", "one");
    world.create(&sales).await.unwrap();
    world.vault.inject(|call| {
        (call.operation == Operation::Delete).then_some(Fault::Before(ErrorKind::Unavailable))
    });
    let row = world.row(id_of(&sales)).await.unwrap();
    world.manager.delete(crate::harness::KIND, &row).await.unwrap();
    assert_eq!(world.vault.names().len(), 1);
    world.vault.heal();
    world.manager.settle_abandoned(&["server:"]).await.unwrap();
    assert!(world.vault.names().is_empty());
    assert_eq!(world.open_intents().await, 0);
}

#[tokio::test]
async fn a_recovered_secret_is_deleted_again_if_the_write_failed() {
    let world = World::new().await;
    let sales = service(1, "sales", "one");
    world.create(&sales).await.unwrap();
    world.manager.delete(crate::harness::KIND, &world.row(id_of(&sales)).await.unwrap()).await.unwrap();
    world.vault.inject_nth(Operation::Set, 2, Fault::Before(ErrorKind::PermissionDenied));
    world.create(&service(2, "sales", "two")).await.unwrap_err();
    assert!(world.vault.names().is_empty());
    assert_eq!(world.open_intents().await, 0);
}

#[tokio::test]
async fn a_secret_that_was_adopted_for_nothing_is_nobodys_again() {
    let world = World::new().await;
    let tags = [("whose".to_owned(), "theirs".to_owned())];
    let theirs = NewSecret { value: "equal".into(), tags: tags.into(), ..NewSecret::default() };
    world.vault.set(&name(NAME), theirs).await.unwrap();
    let before = world.vault.get(&name(NAME), None).await.unwrap();
    world.vault.inject_nth(Operation::Update, 1, Fault::After(ErrorKind::TimedOut));
    world.create(&service(1, "sales", "equal")).await.unwrap_err();
    let successor = world.as_other("server:successor").await;
    assert_eq!(successor.manager.settle_abandoned(&["server:test"]).await.unwrap(), 1);
    let after = world.vault.get(&name(NAME), None).await.unwrap();
    assert_eq!((after.value, after.properties.tags), (before.value, before.properties.tags));
    // Another value may still not take its place.
    let error = successor.create(&service(2, "sales", "another")).await.unwrap_err();
    assert_eq!(error.status(), 409);
}
