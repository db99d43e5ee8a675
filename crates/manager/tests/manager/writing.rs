//! The write path.

use serde_json::{Value, json};
use strongroom_entities::MASK;
use strongroom_manager::WriteError;
use strongroom_manager::naming::NamingScheme;
use strongroom_secrets::memory::{Fault, Operation};
use strongroom_secrets::{ErrorKind, NewSecret, Provider, SecretValue};

use crate::harness::{KIND, World, id_of, name, service};

fn with_password(mut document: Value, password: &Value) -> Value {
    document["connection"]["config"]["authType"]["password"] = password.clone();
    document
}

#[tokio::test]
async fn a_password_goes_to_the_vault_and_a_reference_to_the_row() {
    let world = World::new().await;
    let sales = service(1, "sales", "pa$$word");
    world.create(&sales).await.unwrap();
    assert_eq!(
        world.password_in_row(id_of(&sales)).await,
        "secret:openmetadata-database-sales-authtype-password"
    );
    assert_eq!(world.resolved(id_of(&sales)).await, "pa$$word");
    let secret = world.vault.get(&name("openmetadata-database-sales-authtype-password"), None).await.unwrap();
    assert_eq!(secret.properties.tags.get("team").unwrap(), "data");
    assert_eq!(world.open_intents().await, 0);
}

#[tokio::test]
async fn the_mask_keeps_what_is_stored() {
    let world = World::new().await;
    let sales = service(1, "sales", "first");
    world.create(&sales).await.unwrap();
    let sets = world.vault.count(Operation::Set);
    let mut masked = with_password(sales.clone(), &json!(MASK));
    masked["description"] = json!("changed");
    world.replace(masked).await.unwrap();
    assert_eq!(world.resolved(id_of(&sales)).await, "first");
    assert_eq!(world.vault.count(Operation::Set), sets);
}

#[tokio::test]
async fn the_mask_keeps_even_what_no_password_should_be() {
    let world = World::new().await;
    let odd = with_password(service(1, "odd", ""), &json!({"clear": "text"}));
    world.plant(KIND, &odd).await;
    let mut masked = with_password(odd.clone(), &json!(MASK));
    masked["description"] = json!("changed");
    world.replace(masked).await.unwrap();
    let row = world.row(id_of(&odd)).await.unwrap().json;
    assert_eq!(row["connection"], odd["connection"]);
    assert_eq!(row["description"], "changed");
}

#[tokio::test]
async fn the_mask_without_a_stored_value_is_refused() {
    let world = World::new().await;
    let error = world.create(&service(1, "sales", MASK)).await.unwrap_err();
    assert_eq!(error.status(), 400);
    assert!(error.to_string().contains("connection.config.authType.password"), "{error}");
}

#[tokio::test]
async fn an_equal_password_makes_no_new_version_and_no_write() {
    let world = World::new().await;
    let sales = service(1, "sales", "same");
    world.create(&sales).await.unwrap();
    let sets = world.vault.count(Operation::Set);
    let outcome = world.replace(sales).await.unwrap();
    assert!(!outcome.written);
    assert_eq!(world.vault.count(Operation::Set), sets);
    assert_eq!(world.open_intents().await, 0);
}

#[tokio::test]
async fn a_new_password_is_a_new_version_under_the_same_name() {
    let world = World::new().await;
    let sales = service(1, "sales", "one");
    world.create(&sales).await.unwrap();
    let reference = world.password_in_row(id_of(&sales)).await;
    // A rename moves nothing: the row decides the name.
    let mut renamed = with_password(sales.clone(), &json!("two"));
    renamed["name"] = json!("turnover");
    world.replace(renamed).await.unwrap();
    assert_eq!(world.password_in_row(id_of(&sales)).await, reference);
    assert_eq!(world.resolved(id_of(&sales)).await, "two");
}

#[tokio::test]
async fn an_empty_password_is_stored_as_it_is_and_deletes_the_secret() {
    let world = World::new().await;
    let sales = service(1, "sales", "one");
    world.create(&sales).await.unwrap();
    world.replace(with_password(sales.clone(), &json!(""))).await.unwrap();
    assert_eq!(world.password_in_row(id_of(&sales)).await, "");
    assert!(world.vault.names().is_empty());
    assert_eq!(world.open_intents().await, 0);
}

#[tokio::test]
async fn deleting_a_service_deletes_its_secret_and_creating_it_again_recovers_it() {
    let world = World::new().await;
    let sales = service(1, "sales", "one");
    world.create(&sales).await.unwrap();
    let row = world.row(id_of(&sales)).await.unwrap();
    world.manager.delete(KIND, &row).await.unwrap();
    assert!(world.row(id_of(&sales)).await.is_none());
    assert!(world.vault.names().is_empty());
    let again = service(2, "sales", "two");
    world.create(&again).await.unwrap();
    assert_eq!(world.resolved(id_of(&again)).await, "two");
}

#[tokio::test]
async fn a_soft_delete_keeps_the_secret() {
    let world = World::new().await;
    let sales = service(1, "sales", "one");
    world.create(&sales).await.unwrap();
    let mut deleted = with_password(sales.clone(), &json!(MASK));
    deleted["deleted"] = json!(true);
    world.replace(deleted).await.unwrap();
    assert_eq!(world.resolved(id_of(&sales)).await, "one");
}

#[tokio::test]
async fn names_that_collide_elsewhere_do_not_collide_here() {
    let world = World::new().await;
    for (number, name) in ["my_svc", "my svc", "mysvc", "MySvc", "my-svc"].into_iter().enumerate() {
        world.create(&service(number as u128 + 1, name, name)).await.unwrap();
    }
    for (number, name) in ["my_svc", "my svc", "mysvc", "MySvc", "my-svc"].into_iter().enumerate() {
        assert_eq!(world.resolved(uuid::Uuid::from_u128(number as u128 + 1)).await, name);
    }
}

#[tokio::test]
async fn under_the_scheme_openmetadata_a_collision_is_refused_and_names_the_owner() {
    let world = World::with(NamingScheme::Openmetadata).await;
    world.create(&service(1, "my_svc", "one")).await.unwrap();
    let error = world.create(&service(2, "mysvc", "two")).await.unwrap_err();
    assert_eq!(error.status(), 409);
    assert!(error.to_string().contains("my_svc"), "{error}");
    assert_eq!(world.resolved(uuid::Uuid::from_u128(1)).await, "one");
    assert!(world.row(uuid::Uuid::from_u128(2)).await.is_none());
    assert_eq!(world.open_intents().await, 0);
}

#[tokio::test]
async fn a_users_own_reference_is_kept_and_never_deleted() {
    let world = World::new().await;
    let own = name("my-own-secret");
    world.vault.set(&own, NewSecret { value: "mine".into(), ..NewSecret::default() }).await.unwrap();
    let sales = service(1, "sales", "secret:my-own-secret");
    world.create(&sales).await.unwrap();
    assert_eq!(world.resolved(id_of(&sales)).await, "mine");
    world.manager.delete(KIND, &world.row(id_of(&sales)).await.unwrap()).await.unwrap();
    assert_eq!(world.vault.value(&own), Some(SecretValue::new("mine")));
}

#[tokio::test]
async fn a_reference_to_another_entitys_secret_is_refused() {
    let world = World::new().await;
    world.create(&service(1, "sales", "one")).await.unwrap();
    for text in [
        "secret:openmetadata-database-sales-authtype-password",
        "secret:OpenMetadata-Database-Sales-authType-password",
        "secret:openmetadata-database-notyet-authtype-password",
    ] {
        let error = world.create(&service(2, "spy", text)).await.unwrap_err();
        assert!(matches!(error, WriteError::ForbiddenReference { .. }), "{error}");
        assert_eq!(error.status(), 400);
    }
}

#[tokio::test]
async fn texts_that_cannot_be_stored_are_refused_and_leave_everything_as_it_was() {
    let world = World::new().await;
    let too_long = "x".repeat(26_000);
    for (password, says) in [
        (json!("secret:not a name"), "secret:"),
        (json!("secret:"), "secret:"),
        (json!("fernet:gAAAA"), "fernet:"),
        (json!(too_long), "26000 bytes"),
        (json!({"nested": "object"}), "has to be a text"),
        (json!(42), "has to be a text"),
    ] {
        let error = world.create(&with_password(service(1, "sales", ""), &password)).await.unwrap_err();
        assert_eq!(error.status(), 400, "{error}");
        assert!(error.to_string().contains(says), "{error}");
        assert!(!error.to_string().contains("xxxx"));
    }
    assert!(world.row(uuid::Uuid::from_u128(1)).await.is_none());
    assert!(world.vault.names().is_empty());
}

#[tokio::test]
async fn a_secret_of_somebody_elses_is_not_overwritten() {
    let world = World::new().await;
    let taken = name("openmetadata-database-sales-authtype-password");
    world.vault.set(&taken, NewSecret { value: "theirs".into(), ..NewSecret::default() }).await.unwrap();
    let error = world.create(&service(1, "sales", "mine")).await.unwrap_err();
    assert_eq!(error.status(), 409);
    assert_eq!(world.vault.value(&taken), Some(SecretValue::new("theirs")));
    // With an equal value it is adopted: tagged, and no new version.
    world.create(&service(1, "sales", "theirs")).await.unwrap();
    let versions = world.vault.count(Operation::Set);
    assert_eq!(versions, 1);
    assert_eq!(world.resolved(uuid::Uuid::from_u128(1)).await, "theirs");
}

#[tokio::test]
async fn another_installations_secret_is_left_alone_and_the_new_one_gets_another_name() {
    let (ours, theirs) = (World::new().await, World::new().await);
    theirs.create(&service(1, "sales", "theirs")).await.unwrap();
    let taken = name("openmetadata-database-sales-authtype-password");
    let foreign = theirs.vault.get(&taken, None).await.unwrap();
    let planted = NewSecret { value: foreign.value, tags: foreign.properties.tags, ..NewSecret::default() };
    ours.vault.set(&taken, planted).await.unwrap();
    let sales = service(2, "sales", "ours");
    ours.create(&sales).await.unwrap();
    assert_ne!(ours.password_in_row(id_of(&sales)).await, format!("secret:{taken}"));
    assert_eq!(ours.resolved(id_of(&sales)).await, "ours");
    assert_eq!(ours.vault.value(&taken), Some(SecretValue::new("theirs")));
}

#[tokio::test]
async fn a_vault_that_refuses_leaves_everything_as_it_was() {
    let world = World::new().await;
    let sales = service(1, "sales", "one");
    world.create(&sales).await.unwrap();
    let before = world.row(id_of(&sales)).await.unwrap();
    for kind in [ErrorKind::PermissionDenied, ErrorKind::Unauthenticated] {
        world.vault.inject(move |call| (call.operation == Operation::Set).then_some(Fault::Before(kind)));
        let error = world.replace(with_password(sales.clone(), &json!("two"))).await.unwrap_err();
        assert_eq!(error.status(), 502);
        world.vault.heal();
        assert_eq!(world.row(id_of(&sales)).await.unwrap(), before);
        assert_eq!(world.resolved(id_of(&sales)).await, "one");
        assert_eq!(world.open_intents().await, 0);
    }
}

#[tokio::test]
async fn of_two_writers_that_read_the_same_row_one_has_to_read_again() {
    let world = World::new().await;
    let sales = service(1, "sales", "one");
    world.create(&sales).await.unwrap();
    let before = world.row(id_of(&sales)).await.unwrap().json;
    world.replace(with_password(sales.clone(), &json!("two"))).await.unwrap();
    let mut stale = with_password(sales.clone(), &json!("three"));
    stale["description"] = json!("late");
    // The row reads the same, since only the vault has changed: the later write wins, and nothing is torn.
    world.store_change(Some(&before), stale.clone()).await.unwrap();
    assert_eq!(world.resolved(id_of(&sales)).await, "three");
    // Now the row differs.
    let error =
        world.store_change(Some(&before), with_password(sales.clone(), &json!("four"))).await.unwrap_err();
    assert!(matches!(error, WriteError::Changed), "{error}");
    assert_eq!(world.resolved(id_of(&sales)).await, "three");
    assert_eq!(world.open_intents().await, 0);
}

#[tokio::test]
async fn a_name_in_anothers_hands_is_waited_for_a_bounded_time() {
    let world = World::new().await;
    let gate = std::sync::Arc::new(tokio::sync::Notify::new());
    let held = gate.clone();
    world.vault.inject(move |call| {
        (call.operation == Operation::Set && call.nth == 1).then(|| Fault::Hold(held.clone()))
    });
    let other = world.as_other("server:other").await;
    let sales = service(1, "sales", "one");
    let (first, second) = tokio::join!(world.create(&sales), async {
        // The first has opened its intent by the time it hangs in the vault.
        while world.vault.count(Operation::Set) == 0 {
            tokio::task::yield_now().await;
        }
        let second = other.create(&service(2, "sales", "two")).await;
        gate.notify_one();
        second
    });
    first.unwrap();
    assert!(matches!(second, Err(WriteError::Busy { .. })), "{second:?}");
    assert_eq!(world.resolved(uuid::Uuid::from_u128(1)).await, "one");
}
