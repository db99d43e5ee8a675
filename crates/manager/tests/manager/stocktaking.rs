//! Stock: what there is, and whether it is as it should be.

use serde_json::{Value, json};
use strongroom_entities::EntityKind;
use strongroom_manager::WriteError;
use strongroom_manager::migrate::Selection;
use strongroom_manager::stock::verify::{Fault, Finding};
use strongroom_manager::stock::{Place, Position, State};
use strongroom_secrets::memory::{Fault as Injected, Operation};
use strongroom_secrets::{ErrorKind, NewSecret, Provider, SecretUpdate, SecretValue};
use uuid::Uuid;

use crate::harness::{KIND, World, fernet, id_of, name, service, stranger};

fn encrypted(number: u128, name: &str, password: &str) -> Value {
    service(number, name, &fernet().encrypt(&SecretValue::new(password)))
}

fn named(service: &str) -> strongroom_secrets::SecretName {
    name(&format!("openmetadata-database-{service}-authtype-password"))
}

async fn positions(world: &World, exact: bool) -> Vec<Position> {
    let mut stock = match exact {
        true => world.manager.stock_by_reading(Selection::default()),
        false => world.manager.stock_by_listing(Selection::default()).await.unwrap(),
    };
    let mut positions = Vec::new();
    while let Some(page) = stock.next().await.unwrap() {
        assert!(page.broken.is_empty());
        positions.extend(page.positions);
    }
    positions
}

async fn state_of(world: &World, service: &str, exact: bool) -> State {
    positions(world, exact).await.into_iter().find(|position| position.entity == service).unwrap().state
}

async fn findings(world: &World) -> Vec<Finding> {
    let mut verification = world.manager.verification(Selection::default());
    let mut findings = Vec::new();
    while let Some(page) = verification.next().await.unwrap() {
        findings.extend(page);
    }
    assert_eq!(verification.done().findings, findings.len() as u64);
    findings
}

async fn faults(world: &World) -> Vec<(String, Fault)> {
    findings(world).await.into_iter().map(|finding| (finding.entity, finding.fault)).collect()
}

/// A service of each state.
async fn one_of_each() -> World {
    let world = World::new().await;
    for (number, name) in ["good", "lost", "drifting", "disabled"].into_iter().enumerate() {
        world.create(&service(number as u128 + 1, name, "pw")).await.unwrap();
    }
    world.vault.delete(&named("lost")).await.unwrap();
    world
        .vault
        .set(&named("drifting"), NewSecret { value: "new".into(), ..NewSecret::default() })
        .await
        .unwrap();
    let version = world.vault.get(&named("disabled"), None).await.unwrap().properties.version.unwrap();
    let off = SecretUpdate { enabled: Some(false), ..SecretUpdate::default() };
    world.vault.update(&named("disabled"), &version, off).await.unwrap();
    world.plant(KIND, &encrypted(5, "sealed", "pw")).await;
    world.plant(KIND, &service(6, "clear", "pw")).await;
    world.plant(KIND, &encrypted(7, "wrapped", "secret:theirs")).await;
    world.vault.set(&name("theirs"), NewSecret { value: "x".into(), ..NewSecret::default() }).await.unwrap();
    world.plant(KIND, &service(8, "thief", &format!("secret:{}", named("good")))).await;
    world.plant(KIND, &service(9, "closed", &stranger().encrypt(&SecretValue::new("pw")))).await;
    let mut odd = service(10, "odd", "");
    odd["connection"]["config"]["authType"]["password"] = json!({"not": "a text"});
    world.plant(KIND, &odd).await;
    world.plant(KIND, &service(11, "empty", "")).await;
    world.plant(KIND, &service(12, "dangling", "secret:nowhere")).await;
    world
}

#[tokio::test]
async fn each_field_is_listed_with_its_state_and_where_its_value_is() {
    let world = one_of_each().await;
    let expected = [
        ("good", State::InVault, Place::Vault),
        ("lost", State::Missing, Place::Vault),
        ("drifting", State::Drifted, Place::Vault),
        ("disabled", State::Disabled, Place::Vault),
        ("sealed", State::InDatabase, Place::Database),
        ("clear", State::InDatabase, Place::DatabaseInClear),
        ("wrapped", State::Own, Place::Vault),
        ("thief", State::Anothers, Place::Vault),
        ("closed", State::Undecryptable, Place::Database),
        ("odd", State::Malformed, Place::Database),
        ("dangling", State::Missing, Place::Vault),
    ];
    for exact in [false, true] {
        let found = positions(&world, exact).await;
        let told: Vec<_> = found.iter().map(|p| (p.entity.as_str(), p.state, p.place)).collect();
        assert_eq!(told, expected, "exact: {exact}");
        let good = &found[0];
        assert_eq!(good.name.as_deref(), Some(named("good").as_str()));
        let version = world.vault.get(&named("good"), None).await.unwrap().properties.version.unwrap();
        assert_eq!((good.version.as_deref(), good.created.is_some()), (Some(version.as_str()), true));
        let lost = found[1].remark.as_deref().unwrap();
        assert!(lost.contains("recover"), "{lost}");
    }
    assert!(!serde_json::to_string(&positions(&world, true).await).unwrap().contains("\"pw\""));
}

#[tokio::test]
async fn listing_reads_no_value_of_what_is_as_it_should_be() {
    let world = World::new().await;
    for number in 1..=70 {
        world.create(&service(number, &format!("svc{number}"), "pw")).await.unwrap();
    }
    let before = world.vault.count(Operation::Get);
    assert_eq!(positions(&world, false).await.len(), 70);
    assert_eq!((world.vault.count(Operation::Get), world.vault.count(Operation::List)), (before, 1));
    assert_eq!(positions(&world, true).await.len(), 70);
    assert_eq!(world.vault.count(Operation::Get), before + 70);
}

#[tokio::test]
async fn a_newer_version_with_copied_tags_is_seen_by_reading_only() {
    let world = World::new().await;
    world.create(&service(1, "sales", "one")).await.unwrap();
    let tags = world.vault.get(&named("sales"), None).await.unwrap().properties.tags;
    let copy = NewSecret { value: "two".into(), tags, ..NewSecret::default() };
    world.vault.set(&named("sales"), copy).await.unwrap();
    assert_eq!(state_of(&world, "sales", false).await, State::InVault);
    assert_eq!(state_of(&world, "sales", true).await, State::Drifted);
    let found = findings(&world).await;
    assert!(found[0].remark.contains("still in the vault") && found[0].fault == Fault::Drifted, "{found:?}");
}

#[tokio::test]
async fn a_newer_version_that_is_accepted_is_the_committed_one_and_ours() {
    let world = World::new().await;
    world.create(&service(1, "sales", "one")).await.unwrap();
    let new = NewSecret { value: "two".into(), ..NewSecret::default() };
    world.vault.set(&named("sales"), new.clone()).await.unwrap();
    world.manager.accept_latest(&named("sales")).await.unwrap();
    assert_eq!(findings(&world).await, []);
    assert_eq!(state_of(&world, "sales", false).await, State::InVault);
    assert_eq!((world.resolved(Uuid::from_u128(1)).await.as_str(), world.open_intents().await), ("two", 0));
    // What is taken back is never older than what was accepted.
    world.vault.inject_nth(Operation::Set, 3, Injected::After(ErrorKind::TimedOut));
    world.replace(service(1, "sales", "three")).await.unwrap_err();
    assert!(matches!(world.manager.accept_latest(&named("sales")).await, Err(WriteError::Busy { .. })));
    world.manager.settle_abandoned(&["server:test"]).await.unwrap();
    assert_eq!(world.resolved(Uuid::from_u128(1)).await, "two");
    // What is kept for nobody is not accepted.
    world.vault.set(&name("theirs"), new).await.unwrap();
    assert!(matches!(world.manager.accept_latest(&name("theirs")).await, Err(WriteError::NotFound)));
}

#[tokio::test]
async fn who_may_list_but_not_read_sees_what_the_list_tells() {
    let world = one_of_each().await;
    world.vault.inject(|call| {
        (call.operation == Operation::Get).then_some(Injected::Before(ErrorKind::PermissionDenied))
    });
    let found = positions(&world, false).await;
    let state = |name: &str| found.iter().find(|position| position.entity == name).unwrap().state;
    assert_eq!(
        (state("good"), state("drifting"), state("wrapped")),
        (State::InVault, State::Drifted, State::Own)
    );
    assert_eq!(state("lost"), State::Unreadable);
}

#[tokio::test]
async fn only_chosen_entities_are_looked_at() {
    let world = one_of_each().await;
    let chosen = |only: &[&str], except: &[&str]| {
        let patterns = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        Selection { only: patterns(only), except: patterns(except) }
    };
    for (selection, expected) in [
        (chosen(&["database:d*"], &["*:disabled"]), &["drifting", "dangling"][..]),
        (chosen(&["*:good", "storage"], &[]), &["good"]),
        (chosen(&["workflow"], &[]), &[]),
    ] {
        let mut stock = world.manager.stock_by_reading(selection);
        let mut names = Vec::new();
        while let Some(page) = stock.next().await.unwrap() {
            names.extend(page.positions.into_iter().map(|position| position.entity));
        }
        assert_eq!(names, expected);
    }
}

#[tokio::test]
async fn what_is_wrong_is_found_with_the_field_and_the_secret() {
    let world = one_of_each().await;
    let expected = [
        ("lost", Fault::Missing),
        ("drifting", Fault::Drifted),
        ("disabled", Fault::Disabled),
        ("thief", Fault::Anothers),
        ("closed", Fault::Undecryptable),
        ("odd", Fault::Malformed),
        ("dangling", Fault::Dangling),
    ];
    assert_eq!(faults(&world).await, expected.map(|(entity, fault)| (entity.to_owned(), fault)));
    let lost = &findings(&world).await[0];
    assert_eq!(lost.name.as_deref(), Some(named("lost").as_str()));
    assert_eq!(
        (lost.kind.as_str(), lost.field.as_str()),
        ("databaseService", "connection.config.authType.password")
    );
}

#[tokio::test]
async fn what_has_ended_or_not_begun_is_found() {
    let world = World::new().await;
    for (number, name) in ["ended", "early", "fine"].into_iter().enumerate() {
        world.create(&service(number as u128 + 1, name, "pw")).await.unwrap();
    }
    for (service, update) in [
        ("ended", SecretUpdate { expires: Some(1_000), ..SecretUpdate::default() }),
        ("early", SecretUpdate { not_before: Some(9_000_000_000), ..SecretUpdate::default() }),
        ("fine", SecretUpdate { expires: Some(9_000_000_000), ..SecretUpdate::default() }),
    ] {
        let version = world.vault.get(&named(service), None).await.unwrap().properties.version.unwrap();
        world.vault.update(&named(service), &version, update).await.unwrap();
    }
    let expected = [("ended".to_owned(), Fault::Expired), ("early".to_owned(), Fault::NotYetValid)];
    assert_eq!(faults(&world).await, expected);
}

#[tokio::test]
async fn an_encrypted_value_outside_of_the_entities_that_no_key_opens_is_found() {
    let world = World::new().await;
    let mut old = service(1, "sales", &stranger().encrypt(&SecretValue::new("old")));
    old["version"] = json!(0.1);
    let mut transaction = world.store.begin().await.unwrap();
    transaction.keep_version(KIND, id_of(&old), &old).await.unwrap();
    transaction.commit().await.unwrap();
    let found = findings(&world).await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].kind.as_str(), found[0].fault), ("entity_extension", Fault::Undecryptable));
    assert!(found[0].entity.contains("databaseService.version.0.1"));
    assert_eq!(found[0].field, "connection.config.authType.password");
}

#[tokio::test]
async fn what_is_being_written_just_now_is_no_fault() {
    let world = World::new().await;
    world.create(&service(1, "sales", "one")).await.unwrap();
    world.vault.inject_nth(Operation::Set, 2, Injected::After(ErrorKind::TimedOut));
    world.replace(service(1, "sales", "two")).await.unwrap_err();
    // The vault has the new version, the database an intent.
    assert_eq!(world.open_intents().await, 1);
    assert_eq!(findings(&world).await, []);
    assert_eq!(state_of(&world, "sales", true).await, State::InVault);
}

#[tokio::test]
async fn a_version_that_slipped_through_after_its_intent_was_settled_is_found() {
    let world = World::new().await;
    world.create(&service(1, "sales", "one")).await.unwrap();
    world.vault.inject_nth(Operation::Set, 2, Injected::After(ErrorKind::TimedOut));
    world.replace(service(1, "sales", "two")).await.unwrap_err();
    let late = world.vault.get(&named("sales"), None).await.unwrap();
    world.manager.settle_abandoned(&["server:test"]).await.unwrap();
    assert_eq!(findings(&world).await, []);
    let again = NewSecret { value: late.value, tags: late.properties.tags, ..NewSecret::default() };
    world.vault.set(&named("sales"), again).await.unwrap();
    let found = findings(&world).await;
    assert_eq!(found[0].fault, Fault::Drifted);
    assert!(found[0].remark.contains("not committed") && found[0].remark.contains("still in the vault"));
}

#[tokio::test]
async fn a_vault_that_serves_nobody_ends_the_look_and_one_that_refuses_a_secret_does_not() {
    let world = World::new().await;
    for number in 1..=200 {
        world.create(&service(number, &format!("svc{number}"), "pw")).await.unwrap();
    }
    let refused = named("svc7");
    world.vault.inject(move |call| {
        (call.operation == Operation::Get && call.name == Some(&refused))
            .then_some(Injected::Before(ErrorKind::PermissionDenied))
    });
    assert_eq!(faults(&world).await, [("svc7".to_owned(), Fault::Unreadable)]);
    world.vault.inject(|_| Some(Injected::Before(ErrorKind::Unavailable)));
    let before = world.vault.count(Operation::Get);
    let mut stock = world.manager.stock_by_reading(Selection::default());
    stock.next().await.unwrap_err();
    assert!(world.vault.count(Operation::Get) - before <= 64);
}

#[tokio::test]
async fn each_entity_of_many_pages_is_seen_once() {
    let world = World::new().await;
    for number in 1..=150 {
        world.plant(KIND, &encrypted(number, &format!("svc{number}"), "pw")).await;
    }
    let mut workflow =
        json!({"id": Uuid::from_u128(500), "name": "wf", "fullyQualifiedName": "wf", "version": 0.1});
    workflow["updatedAt"] = json!(1);
    workflow["updatedBy"] = json!("admin");
    workflow["workflowType"] = json!("TEST_CONNECTION");
    world.plant(EntityKind::Workflow, &workflow).await;
    let found = positions(&world, true).await;
    let names: std::collections::BTreeSet<_> = found.iter().map(|position| position.entity.clone()).collect();
    assert_eq!((found.len(), names.len()), (150, 150));
    assert_eq!(world.manager.count_stock(&Selection::default()).await.unwrap(), 151);
}

#[tokio::test]
async fn secrets_in_free_maps_settings_and_connections_of_unknown_types_are_listed_too() {
    let world = World::new().await;
    let mut sales = encrypted(1, "sales", "pw");
    sales["connection"]["config"]["connectionOptions"] =
        json!({"sslpassword": "dummy", "sslmode": "require"});
    world.plant(KIND, &sales).await;
    let mut new = encrypted(2, "new", "pw");
    new["serviceType"] = json!("Brandnew");
    world.plant(KIND, &new).await;
    let closed = stranger().encrypt(&SecretValue::new("pw"));
    world.plant_setting("emailConfiguration", &json!({"serverEndpoint": "smtp", "password": closed})).await;
    let expected = [
        ("sales", "connection.config.authType.password", State::InDatabase, Place::Database),
        (
            "sales",
            "connection.config.connectionOptions.sslpassword",
            State::InDatabase,
            Place::DatabaseInClear,
        ),
        ("new", "connection.config.authType.password", State::InDatabase, Place::Database),
        ("emailConfiguration", "password", State::Undecryptable, Place::Database),
    ];
    let db = world.under("db", strongroom_manager::Keeping::InDatabase(None), &[]).await;
    for world in [&world, &db] {
        let found = positions(world, false).await;
        let told = found.iter().map(|p| (p.entity.as_str(), p.field.as_str(), p.state, p.place));
        assert_eq!(told.collect::<Vec<_>>(), expected);
    }
    assert_eq!(faults(&world).await, [("emailConfiguration".to_owned(), Fault::Undecryptable)]);
}
