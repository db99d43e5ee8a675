//! Old passwords in the version history and in events, and what of them is left in the database's files.

use serde_json::{Value, json};
use strongroom_entities::EntityKind;
use strongroom_manager::migrate::{MigrateOptions, Report, StopFlag};
use strongroom_secrets::SecretValue;
use uuid::Uuid;

use crate::harness::{KIND, World, fernet, service};

const REFERENCE: &str = "secret:openmetadata-database-sales-authtype-password";

async fn migrate(world: &World, options: &MigrateOptions) -> Report {
    let plan = world.manager.plan_migration(options, &StopFlag::default()).await.unwrap();
    world.manager.apply_migration(&plan, options, &StopFlag::default()).await.unwrap()
}

fn encrypted(value: &str) -> String {
    fernet().encrypt(&SecretValue::new(value))
}

async fn plant_version(world: &World, kind: EntityKind, mut document: Value, version: f64) {
    document["version"] = json!(version);
    let id = Uuid::parse_str(document["id"].as_str().unwrap()).unwrap();
    let mut transaction = world.store.begin().await.unwrap();
    transaction.keep_version(kind, id, &document).await.unwrap();
    transaction.commit().await.unwrap();
}

fn event(number: u128, password: &str) -> Value {
    let document = service(number, "sales", password);
    json!({
        "id": Uuid::from_u128(900).to_string(), "eventType": "entityUpdated", "entityType": "databaseService", "userName": "admin",
        "timestamp": 1, "entityId": Uuid::from_u128(number).to_string(), "entity": document.to_string(),
    })
}

/// A service with a password, two earlier versions with others, one of them in clear text, and events with further ones.
async fn plant(world: &World) -> Vec<String> {
    world.plant(KIND, &service(1, "sales", &encrypted("dummy-now"))).await;
    plant_version(world, KIND, service(1, "sales", &encrypted("dummy-old-1")), 0.1).await;
    plant_version(world, KIND, service(1, "sales", "dummy-old-2"), 0.2).await;
    world.plant_event("change_event", &event(1, &encrypted("dummy-event"))).await;
    world.plant_event("audit_log_event", &event(1, "dummy-audited")).await;
    ["dummy-now", "dummy-old-1", "dummy-old-2", "dummy-event", "dummy-audited"].map(str::to_owned).to_vec()
}

/// Whether the files hold a password, or a token that the key opens.
async fn leaks(world: &World, passwords: &[String]) -> Vec<String> {
    let bytes = world.bytes().await;
    let text = String::from_utf8_lossy(&bytes);
    let mut found: Vec<String> =
        passwords.iter().filter(|password| text.contains(password.as_str())).cloned().collect();
    for (at, _) in text.match_indices("gAAAAA") {
        let rest = &text[at..];
        let end =
            rest.find(|c: char| !(c.is_ascii_alphanumeric() || "-_=".contains(c))).unwrap_or(rest.len());
        if let Ok(opened) = fernet().decrypt(&rest[..end]) {
            found.push(opened.expose().to_owned());
        }
    }
    found
}

#[tokio::test]
async fn no_old_password_is_left_in_the_tables_nor_in_the_files() {
    let world = World::new().await;
    let passwords = plant(&world).await;
    assert!(!leaks(&world, &passwords).await.is_empty());
    let plan = world.manager.plan_migration(&MigrateOptions::default(), &StopFlag::default()).await.unwrap();
    assert_eq!(
        (plan.report.history.scrubbed(), plan.report.history.kept()),
        (4, 0),
        "{:?}",
        plan.report.history
    );
    assert!(leaks(&world, &passwords).await.len() > 3, "a plan writes nothing");
    let report = migrate(&world, &MigrateOptions::default()).await;
    assert!(report.failures.is_empty(), "{report:?}");
    assert_eq!((report.history.scrubbed(), report.history.reclaimed), (4, Some(true)), "{report:?}");
    assert_eq!(leaks(&world, &passwords).await, Vec::<String>::new());
    for version in world.store.history(KIND, Uuid::from_u128(1)).await.unwrap() {
        assert_eq!(version["connection"]["config"]["authType"]["password"], REFERENCE);
        assert_eq!(version["connection"]["config"]["username"], "om");
    }
    // A second run finds nothing to do.
    let again = migrate(&world, &MigrateOptions::default()).await;
    assert_eq!((again.entities.changed, again.history.scrubbed(), again.history.reclaimed), (0, 0, None));
}

#[tokio::test]
async fn history_is_kept_on_demand_and_counted_and_goes_later() {
    let world = World::new().await;
    let passwords = plant(&world).await;
    let keep = MigrateOptions { keep_history: true, ..MigrateOptions::default() };
    let report = migrate(&world, &keep).await;
    assert_eq!((report.history.scrubbed(), report.history.kept()), (0, 4), "{report:?}");
    assert_eq!(report.history.tables[0].table, "entity_extension");
    // The entity was migrated by an earlier run; its history goes all the same.
    let report = migrate(&world, &MigrateOptions::default()).await;
    assert_eq!((report.entities.changed, report.history.scrubbed()), (0, 4), "{report:?}");
    assert_eq!(leaks(&world, &passwords).await, Vec::<String>::new());
}

#[tokio::test]
async fn the_history_of_what_is_not_in_the_vault_stays() {
    let world = World::new().await;
    // Its reference leads nowhere, and nobody knows it as ours.
    world.plant(KIND, &service(1, "sales", "secret:somewhere")).await;
    plant_version(&world, KIND, service(1, "sales", &encrypted("only-copy")), 0.1).await;
    // A connection of a type that nobody knows.
    let mut unknown = service(2, "new", &encrypted("still-here"));
    unknown["serviceType"] = json!("Brandnew");
    world.plant(KIND, &unknown).await;
    plant_version(&world, KIND, unknown, 0.1).await;
    // One whose entity is gone for good.
    plant_version(&world, KIND, service(3, "gone", &encrypted("forgotten")), 0.1).await;
    let plan = world.manager.plan_migration(&MigrateOptions::default(), &StopFlag::default()).await.unwrap();
    assert_eq!((plan.report.history.scrubbed(), plan.report.history.kept()), (1, 2), "{plan:?}");
    let report = migrate(&world, &MigrateOptions::default()).await;
    assert_eq!((report.history.scrubbed(), report.history.kept()), (1, 2), "{report:?}");
    let gone = &world.store.history(KIND, Uuid::from_u128(3)).await.unwrap()[0];
    assert_eq!(gone["connection"]["config"]["authType"]["password"], Value::Null);
}

#[tokio::test]
async fn many_versions_are_gone_through_page_by_page() {
    let world = World::new().await;
    world.plant(KIND, &service(1, "sales", &encrypted("dummy-now"))).await;
    for version in 1..=200 {
        let old = service(1, "sales", &encrypted(&format!("dummy-old-{version}")));
        plant_version(&world, KIND, old, f64::from(version)).await;
    }
    let report = migrate(&world, &MigrateOptions::default()).await;
    assert_eq!((report.history.tables[0].seen, report.history.scrubbed()), (200, 200));
    assert_eq!(leaks(&world, &["dummy-old".to_owned()]).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_bots_history_is_scrubbed_and_a_persons_is_not_touched() {
    let world = World::new().await;
    let user = |number: u128, name: &str, is_bot: bool, mechanism: Value| {
        json!({
            "id": Uuid::from_u128(number).to_string(), "name": name, "fullyQualifiedName": name, "isBot": is_bot,
            "email": format!("{name}@example.org"), "updatedAt": 1, "updatedBy": "admin", "authenticationMechanism": mechanism,
        })
    };
    let token = |value: &str| json!({"authType": "JWT", "config": {"JWTToken": encrypted(value)}});
    let basic = json!({"authType": "BASIC", "config": {"password": "$2a$12$dummy"}});
    world.plant(EntityKind::User, &user(1, "robot", true, token("now"))).await;
    plant_version(&world, EntityKind::User, user(1, "robot", true, token("old")), 0.1).await;
    world.plant(EntityKind::User, &user(2, "alice", false, basic.clone())).await;
    plant_version(&world, EntityKind::User, user(2, "alice", false, basic.clone()), 0.1).await;
    let report = migrate(&world, &MigrateOptions::default()).await;
    assert_eq!((report.history.scrubbed(), report.history.kept()), (1, 0), "{report:?}");
    let robot = &world.store.history(EntityKind::User, Uuid::from_u128(1)).await.unwrap()[0];
    assert_eq!(
        robot["authenticationMechanism"]["config"]["JWTToken"],
        "secret:openmetadata-bot-robot-config-jwttoken"
    );
    let alice = &world.store.history(EntityKind::User, Uuid::from_u128(2)).await.unwrap()[0];
    assert_eq!(alice["authenticationMechanism"], basic);
}
