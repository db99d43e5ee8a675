//! What the vault holds already, or says that it does not, and what a write makes of it.

use serde_json::json;
use strongroom_secrets::memory::{Fault, Operation};
use strongroom_secrets::provider::MAX_TAGS;
use strongroom_secrets::{ErrorKind, Provider, SecretUpdate};

use crate::harness::{KIND, World, id_of, name, service};

const NAME: &str = "openmetadata-database-sales-authtype-password";

#[tokio::test]
async fn a_new_password_keeps_what_others_gave_to_the_secret() {
    let world = World::new().await;
    let mut sales = service(1, "sales", "one");
    world.create(&sales).await.unwrap();
    let first = world.vault.get(&name(NAME), None).await.unwrap().properties;
    let mut tags = first.tags.clone();
    tags.insert("cost-center".to_owned(), "7".to_owned());
    let update = SecretUpdate {
        tags: Some(tags),
        content_type: Some("password".to_owned()),
        expires: Some(4_000_000_000),
        ..SecretUpdate::default()
    };
    world.vault.update(&name(NAME), first.version.as_ref().unwrap(), update).await.unwrap();

    sales["connection"]["config"]["authType"]["password"] = json!("two");
    world.replace(sales).await.unwrap();

    let latest = world.vault.get(&name(NAME), None).await.unwrap();
    assert_eq!(latest.value, "two".into());
    let latest = latest.properties;
    assert_ne!(latest.version, first.version);
    assert_eq!(latest.content_type.as_deref(), Some("password"));
    assert_eq!(latest.expires, Some(4_000_000_000));
    assert_eq!(latest.tags.get("cost-center").map(String::as_str), Some("7"));
    assert_eq!(latest.tags.get("team").map(String::as_str), Some("data"));
    assert_ne!(latest.tags.get("strongroom-intent"), first.tags.get("strongroom-intent"));
}

#[tokio::test]
async fn a_write_does_not_fail_for_want_of_room_for_the_tags_of_others() {
    let world = World::new().await;
    let mut sales = service(1, "sales", "one");
    world.create(&sales).await.unwrap();
    let first = world.vault.get(&name(NAME), None).await.unwrap().properties;
    // What was not tagged by us fills the version up.
    let mut tags: strongroom_secrets::Tags =
        first.tags.iter().filter(|(name, _)| *name != "team").map(|(k, v)| (k.clone(), v.clone())).collect();
    for number in 0.. {
        if tags.len() == MAX_TAGS {
            break;
        }
        tags.insert(format!("theirs-{number:02}"), "x".to_owned());
    }
    world.vault.update(&name(NAME), first.version.as_ref().unwrap(), SecretUpdate::tags(tags)).await.unwrap();
    sales["connection"]["config"]["authType"]["password"] = json!("two");
    world.replace(sales).await.unwrap();
    let latest = world.vault.get(&name(NAME), None).await.unwrap();
    assert_eq!((latest.value, latest.properties.tags.len()), ("two".into(), MAX_TAGS));
    assert_eq!(latest.properties.tags.get("team").map(String::as_str), Some("data"), "ours go first");
}

#[tokio::test]
async fn a_reading_that_fails_is_never_taken_for_an_absent_secret() {
    for operation in [Operation::Get, Operation::GetDeleted] {
        for kind in [
            ErrorKind::PermissionDenied,
            ErrorKind::NetworkDenied,
            ErrorKind::Unauthenticated,
            ErrorKind::Throttled,
            ErrorKind::Unavailable,
            ErrorKind::TimedOut,
            ErrorKind::Untrusted,
            ErrorKind::Configuration,
            ErrorKind::Other,
        ] {
            let world = World::new().await;
            let sales = service(1, "sales", "one");
            world.vault.inject(move |call| (call.operation == operation).then_some(Fault::Before(kind)));
            let error = world.create(&sales).await.unwrap_err();
            assert!(error.to_string().contains(&format!("injected {kind:?}")), "{operation:?}: {error}");
            assert_eq!(world.vault.count(Operation::Set), 0, "{operation:?} {kind:?}");
            assert!(world.row(id_of(&sales)).await.is_none());
            assert_eq!(world.open_intents().await, 0, "nothing was written, so nothing is left to settle");
        }
    }
}

#[tokio::test]
async fn a_deletion_that_was_not_seen_is_met_by_recovering_first() {
    let world = World::new().await;
    let sales = service(1, "sales", "one");
    world.create(&sales).await.unwrap();
    let row = world.row(id_of(&sales)).await.unwrap();
    world.manager.delete(KIND, &row).await.unwrap();
    // A vault finds what is being deleted neither among the living nor among the dead.
    let looks = world.vault.count(Operation::GetDeleted);
    world.vault.inject_nth(Operation::GetDeleted, looks + 1, Fault::Before(ErrorKind::NotFound));

    let again = service(2, "sales", "two");
    world.create(&again).await.unwrap();

    assert_eq!(world.resolved(id_of(&again)).await, "two");
    assert_eq!(world.vault.count(Operation::Recover), 1);
    assert_eq!(world.open_intents().await, 0);
}

#[tokio::test]
async fn a_recovery_that_is_not_allowed_is_told_and_changes_nothing() {
    let world = World::new().await;
    let sales = service(1, "sales", "one");
    world.create(&sales).await.unwrap();
    let row = world.row(id_of(&sales)).await.unwrap();
    world.manager.delete(KIND, &row).await.unwrap();
    let before = world.vault.snapshot();
    let refused = Fault::Before(ErrorKind::PermissionDenied);
    world.vault.inject(move |call| (call.operation == Operation::Recover).then(|| refused.clone()));

    let again = service(2, "sales", "two");
    let error = world.create(&again).await.unwrap_err();

    assert!(error.to_string().contains("recover"), "{error}");
    assert!(world.row(id_of(&again)).await.is_none());
    assert_eq!(world.vault.snapshot(), before);
    assert_eq!(world.open_intents().await, 0);
}
