//! Migration.

use serde_json::{Value, json};
use strongroom_entities::EntityKind;
use strongroom_manager::migrate::{MigrateOptions, Report, StopFlag};
use strongroom_manager::naming::NamingScheme;
use strongroom_secrets::memory::{Fault, Operation};
use strongroom_secrets::{ErrorKind, NewSecret, Provider, SecretValue};

use crate::harness::{KIND, World, fernet, id_of, name, service};

async fn migrate(world: &World, options: MigrateOptions) -> Report {
    let plan = world.manager.plan_migration(&options, &StopFlag::default()).await.unwrap();
    world.manager.apply_migration(&plan, &options, &StopFlag::default()).await.unwrap()
}

fn encrypted(number: u128, name: &str, password: &str) -> Value {
    service(number, name, &fernet().encrypt(&SecretValue::new(password)))
}

/// The rows that a real OpenMetadata server wrote before its migration.
async fn plant_recorded_rows(world: &World, state: &str) -> Vec<(EntityKind, Value)> {
    let recorded: Value =
        serde_json::from_str(include_str!("../../../../tests/fixtures/openmetadata-rows.json")).unwrap();
    let mut rows = Vec::new();
    for row in recorded["rows"].as_array().unwrap() {
        let kind = EntityKind::WITH_SECRETS.iter().find(|kind| kind.table() == row["table"]);
        if let Some(kind) = kind
            && row["state"].as_str().unwrap().starts_with(state)
        {
            world.plant(*kind, &row["json"]).await;
            rows.push((*kind, row["json"].clone()));
        }
    }
    rows
}

#[tokio::test]
async fn the_rows_of_a_real_server_move_to_the_vault() {
    let world = World::new().await;
    let rows = plant_recorded_rows(&world, "before").await;
    let report = migrate(&world, MigrateOptions::default()).await;
    assert!(report.conflicts.is_empty() && report.failures.is_empty(), "{report:?}");
    assert_eq!(report.entities.seen, rows.len() as u64);
    assert_eq!(report.secrets.written, 10);
    assert_eq!(report.secrets.verified, 10);
    let expected = [
        ("openmetadata-database-pg-shop--", "dummy-pg-shop-3"),
        ("openmetadata-database-pg-dotted-name--", "dummy pg dotted ü €"),
        ("openmetadata-database-pg-iam--", "dummy-aws-secret-1"),
        ("openmetadata-database-gone-pg--", "dummy-pg-gone"),
        ("openmetadata-dashboard-superset-pg--", "dummy-superset-pg"),
        ("openmetadata-storage-s3-awsconfig-awssecretaccesskey", "dummy-s3-secret"),
        ("openmetadata-ingestionpipeline-pg-shop-pg-shop-dbt-cloud--", "dummy-dbt-cloud-token"),
        ("openmetadata-workflow-test-connection-postgres-wf1--", "dummy-wf-1"),
    ];
    let names = world.vault.names();
    for (start, _) in expected {
        let readable: String = start.trim_end_matches('-').to_owned();
        assert!(names.iter().any(|name| name.as_str().starts_with(&readable)), "{start} in {names:?}");
    }
    for (kind, before) in rows {
        let after = world.store.get(kind, id_of(&before)).await.unwrap().unwrap().json;
        for field in strongroom_entities::walk(kind, &after).fields {
            let text = field.get(&after).unwrap().as_str().unwrap();
            assert!(text.is_empty() || text.starts_with("secret:"), "{field} of {kind}: {text}");
        }
        // Nothing else has changed.
        let mut restored = after.clone();
        for field in strongroom_entities::walk(kind, &before).fields {
            field.set(&mut restored, field.get(&before).unwrap().clone());
        }
        assert_eq!(restored, before);
    }
}

#[tokio::test]
async fn every_moved_value_resolves_to_what_the_row_held() {
    let world = World::new().await;
    let rows = plant_recorded_rows(&world, "before").await;
    migrate(&world, MigrateOptions::default()).await;
    for (kind, before) in rows {
        let after = world.store.get(kind, id_of(&before)).await.unwrap().unwrap();
        for field in strongroom_entities::walk(kind, &before).fields {
            let held = fernet().decrypt(field.get(&before).unwrap().as_str().unwrap()).unwrap();
            let now = field.get(&after.json).unwrap().as_str().unwrap();
            if held.is_empty() || held.expose().starts_with("secret:") {
                assert_eq!(now, held.expose());
            } else {
                assert_eq!(world.manager.reveal(&after, &field).await.unwrap(), held);
            }
        }
    }
}

#[tokio::test]
async fn rows_that_the_reference_migrated_are_unwrapped_and_their_secrets_adopted() {
    let world = World::with(NamingScheme::Openmetadata).await;
    let pg = name("openmetadata-database-pgshop-authtype-password");
    world.vault.set(&pg, NewSecret { value: "dummy".into(), ..NewSecret::default() }).await.unwrap();
    let rows = plant_recorded_rows(&world, "after").await;
    let report = migrate(&world, MigrateOptions::default()).await;
    assert!(report.conflicts.is_empty() && report.failures.is_empty(), "{report:?}");
    assert_eq!(report.entities.changed, rows.len() as u64);
    assert_eq!(report.secrets.written, 0);
    let shop = rows.iter().find(|(kind, _)| *kind == KIND).unwrap();
    assert_eq!(world.password_in_row(id_of(&shop.1)).await, format!("secret:{pg}"));
    assert!(world.vault.get(&pg, None).await.unwrap().properties.tags.contains_key("strongroom-entity"));
    // From now on it is this field's, and a new password goes there.
    assert!(world.store.owner(&pg).await.unwrap().is_some());
}

#[tokio::test]
async fn running_twice_changes_nothing() {
    let world = World::new().await;
    plant_recorded_rows(&world, "before").await;
    migrate(&world, MigrateOptions::default()).await;
    let vault = world.vault.snapshot();
    let report = migrate(&world, MigrateOptions::default()).await;
    assert_eq!(report.entities.changed, 0, "{report:?}");
    assert_eq!(report.secrets.written, 0);
    assert!(vault == world.vault.snapshot());
}

#[tokio::test]
async fn a_plan_writes_nothing_and_counts_as_the_migration_does() {
    let world = World::new().await;
    let rows = plant_recorded_rows(&world, "before").await;
    let plan = world.manager.plan_migration(&MigrateOptions::default(), &StopFlag::default()).await.unwrap();
    assert_eq!(world.vault.count(Operation::Set) + world.vault.count(Operation::Update), 0);
    for (kind, before) in rows {
        assert_eq!(world.store.get(kind, id_of(&before)).await.unwrap().unwrap().json, before);
    }
    let options = MigrateOptions::default();
    let report = world.manager.apply_migration(&plan, &options, &StopFlag::default()).await.unwrap();
    assert_eq!(report.entities, plan.report.entities);
    assert_eq!(report.secrets.written, plan.report.secrets.written);
}

#[tokio::test]
async fn what_is_doubtful_is_a_conflict_and_the_rest_moves_on_demand() {
    let world = World::new().await;
    world.plant(KIND, &encrypted(1, "good", "fine")).await;
    world.plant(KIND, &encrypted(2, "doubtful", "secret:not a name!")).await;
    world.plant(KIND, &encrypted(3, "long", &"x".repeat(26_000))).await;
    let mut object = encrypted(4, "object", "");
    object["connection"]["config"]["authType"]["password"] = json!({"clear": "text"});
    world.plant(KIND, &object).await;
    let report = migrate(&world, MigrateOptions { skip_conflicts: true, ..MigrateOptions::default() }).await;
    assert_eq!(report.conflicts.len(), 3, "{report:?}");
    assert_eq!((report.entities.changed, report.entities.failed), (1, 3));
    assert_eq!(world.resolved(uuid::Uuid::from_u128(1)).await, "fine");
    assert!(!serde_json::to_string(&report).unwrap().contains("not a name!"));
    // The user says that it is a password.
    let literal = MigrateOptions { literal: true, skip_conflicts: true, ..MigrateOptions::default() };
    migrate(&world, literal).await;
    assert_eq!(world.resolved(uuid::Uuid::from_u128(2)).await, "secret:not a name!");
}

#[tokio::test]
async fn colliding_names_are_found_before_anything_is_written() {
    let world = World::with(NamingScheme::Openmetadata).await;
    world.plant(KIND, &encrypted(1, "my_svc", "one")).await;
    world.plant(KIND, &encrypted(2, "mysvc", "two")).await;
    let plan = world.manager.plan_migration(&MigrateOptions::default(), &StopFlag::default()).await.unwrap();
    assert_eq!(plan.report.conflicts.len(), 1);
    let conflict = &plan.report.conflicts[0];
    assert_eq!(conflict.name, "openmetadata-database-mysvc-authtype-password");
    assert!(conflict.owners.iter().any(|owner| owner.contains("my_svc")), "{conflict:?}");
    assert!(conflict.owners.iter().any(|owner| owner.contains("mysvc")), "{conflict:?}");
}

#[tokio::test]
async fn a_wrong_fernet_key_is_a_conflict_of_every_field() {
    let world = World::new().await;
    let other = strongroom_entities::FernetKeys::parse(&strongroom_entities::FernetKeys::generate(
        &strongroom_secrets::random::SystemRandom,
    ))
    .unwrap();
    world.plant(KIND, &service(1, "sales", &other.encrypt(&"x".into()))).await;
    let plan = world.manager.plan_migration(&MigrateOptions::default(), &StopFlag::default()).await.unwrap();
    assert_eq!(plan.report.conflicts.len(), 1);
    assert!(plan.report.conflicts[0].reason.contains("Fernet key"));
}

#[tokio::test]
async fn a_failure_stops_its_entity_and_not_the_run() {
    let world = World::new().await;
    for number in 1..=5 {
        world.plant(KIND, &encrypted(number, &format!("svc{number}"), "pw")).await;
    }
    world.vault.inject(|call| {
        (call.operation == Operation::Set && call.name.is_some_and(|name| name.as_str().contains("svc3")))
            .then_some(Fault::Before(ErrorKind::PermissionDenied))
    });
    let report = migrate(&world, MigrateOptions::default()).await;
    assert_eq!((report.entities.changed, report.entities.failed), (4, 1), "{report:?}");
    assert!(report.failures[0].entity.contains("svc3"));
    assert!(report.failures[0].field.contains("password"));
    assert!(world.password_in_row(uuid::Uuid::from_u128(3)).await.starts_with("fernet:"));
    // Running again does the rest.
    world.vault.heal();
    let report = migrate(&world, MigrateOptions::default()).await;
    assert_eq!((report.entities.changed, report.entities.failed), (1, 0), "{report:?}");
}

#[tokio::test]
async fn a_secret_that_is_settled_away_between_plan_and_write_is_recovered() {
    let world = World::new().await;
    let sales = encrypted(1, "sales", "one");
    world.plant(KIND, &sales).await;
    world.vault.inject_nth(Operation::Set, 1, Fault::After(ErrorKind::TimedOut));
    let killed = world.as_other("migration:killed").await;
    assert_eq!(migrate(&killed, MigrateOptions::default()).await.entities.failed, 1);
    // The plan still sees the secret that the first one wrote; settling that deletes it.
    let next = world.as_other("migration:next").await;
    let report = migrate(&next, MigrateOptions::default()).await;
    assert!(report.failures.is_empty(), "{report:?}");
    assert_eq!(world.resolved(id_of(&sales)).await, "one");
    assert_eq!(world.open_intents().await, 0);
}

#[tokio::test]
async fn a_foreign_secret_is_a_conflict_until_it_may_be_adopted() {
    let world = World::new().await;
    let taken = name("openmetadata-database-sales-authtype-password");
    world.vault.set(&taken, NewSecret { value: "theirs".into(), ..NewSecret::default() }).await.unwrap();
    world.plant(KIND, &encrypted(1, "sales", "ours")).await;
    let plan = world.manager.plan_migration(&MigrateOptions::default(), &StopFlag::default()).await.unwrap();
    assert_eq!(plan.report.conflicts.len(), 1, "{:?}", plan.report);
    let report = migrate(&world, MigrateOptions { adopt: true, ..MigrateOptions::default() }).await;
    assert_eq!(report.secrets.written, 1, "{report:?}");
    assert_eq!(world.resolved(uuid::Uuid::from_u128(1)).await, "ours");
}

#[tokio::test]
async fn a_vault_that_dies_ends_the_run_soon_and_says_so() {
    let world = World::new().await;
    for number in 1..=130 {
        world.plant(KIND, &encrypted(number, &format!("svc{number}"), "pw")).await;
    }
    let plan = world.manager.plan_migration(&MigrateOptions::default(), &StopFlag::default()).await.unwrap();
    world.vault.inject(|_| Some(Fault::Before(ErrorKind::Unavailable)));
    let options = MigrateOptions::default();
    let report = world.manager.apply_migration(&plan, &options, &StopFlag::default()).await.unwrap();
    assert_eq!(report.entities.changed, 0);
    assert!(report.failures.last().unwrap().error.contains("run it again"));
    assert!(world.vault.count(Operation::Get) < 130);
    assert_eq!(world.open_intents().await, 0);
}
