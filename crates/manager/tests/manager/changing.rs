//! Changing the provider: back to the database, from one vault to another, and to where users keep references of their own.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use strongroom_manager::migrate::{MigrateOptions, PlannedAction, Report, StopFlag};
use strongroom_manager::{Keeping, WriteError};
use strongroom_secrets::clock::SystemClock;
use strongroom_secrets::file::{FileConfig, FileProvider};
use strongroom_secrets::memory::{Fault, MemoryProvider, Operation};
use strongroom_secrets::random::SystemRandom;
use strongroom_secrets::{ErrorKind, NewSecret, Provider, SecretValue};
use uuid::Uuid;

use crate::harness::{KIND, Planned, World, fernet, name, service};

/// A vault of its own, with versions that no other has.
fn vault() -> MemoryProvider {
    MemoryProvider::with(Arc::new(SystemClock), Arc::new(SystemRandom))
}

fn managed(vault: &MemoryProvider) -> Keeping {
    Keeping::Managed(Arc::new(vault.clone()))
}

async fn migrate(world: &World, options: MigrateOptions) -> Report {
    let plan = world.manager.plan_migration(&options, &StopFlag::default()).await.unwrap();
    let report = world.manager.apply_migration(&plan, &options, &StopFlag::default()).await.unwrap();
    if report.failures.is_empty() {
        assert_eq!(report.entities, plan.report.entities, "the plan said what would happen");
        assert_eq!(report.secrets.returned, plan.report.secrets.returned);
    }
    report
}

async fn change(world: &World) -> Report {
    migrate(world, MigrateOptions::default()).await
}

/// A managed world with two services.
async fn two_services() -> World {
    let world = World::new().await;
    world.create(&service(1, "sales", "one")).await.unwrap();
    world.create(&service(2, "orders", "secret-looking: \u{fc}")).await.unwrap();
    world
}

async fn decrypted(world: &World, id: u128) -> String {
    let text = world.password_in_row(Uuid::from_u128(id)).await;
    fernet().decrypt(&text).unwrap().expose().to_owned()
}

fn version_of(vault: &MemoryProvider) -> strongroom_secrets::memory::Snapshot {
    vault.snapshot()
}

#[tokio::test]
async fn what_a_vault_holds_comes_back_to_the_database_encrypted() {
    let world = two_services().await;
    // Changed at the vault by somebody else: what it holds now counts.
    let sales = world.vault.names().into_iter().find(|name| name.as_str().contains("sales")).unwrap();
    let changed = NewSecret { value: "one, changed".into(), ..NewSecret::default() };
    world.vault.set(&sales, changed).await.unwrap();
    let before = version_of(&world.vault);

    let back = world.under("db", Keeping::InDatabase(None), &[&world.vault]).await;
    let report = change(&back).await;

    assert!(report.failures.is_empty() && report.conflicts.is_empty(), "{report:?}");
    assert_eq!((report.entities.changed, report.secrets.returned), (2, 2));
    assert_eq!(decrypted(&world, 1).await, "one, changed");
    assert_eq!(decrypted(&world, 2).await, "secret-looking: \u{fc}");
    assert!(version_of(&world.vault) == before, "the vault is left as it is");
    assert!(world.store.owner(&sales).await.unwrap().is_none(), "nothing refers to it any more");
    assert_eq!(world.open_intents().await, 0);

    let again = change(&back).await;
    assert_eq!((again.entities.changed, again.secrets.returned), (0, 0), "{again:?}");
}

#[tokio::test]
async fn back_and_forth_again_finds_its_own_secrets() {
    let world = two_services().await;
    let names = world.vault.names();
    change(&world.under("db", Keeping::InDatabase(None), &[&world.vault]).await).await;
    let report = change(&world.under("managed-azure-kv", managed(&world.vault), &[]).await).await;
    assert!(report.failures.is_empty() && report.conflicts.is_empty(), "{report:?}");
    assert_eq!(world.vault.names(), names);
    assert_eq!(world.resolved(Uuid::from_u128(1)).await, "one");
}

#[tokio::test]
async fn clear_text_is_encrypted_where_the_database_keeps_passwords() {
    let world = World::new().await;
    world.plant(KIND, &service(1, "clear", "clear text")).await;
    world.plant(KIND, &service(2, "closed", &fernet().encrypt(&"closed".into()))).await;
    let db = world.under("db", Keeping::InDatabase(None), &[]).await;
    let planned = Planned::default();
    db.manager.plan_migration(&MigrateOptions::default(), &planned).await.unwrap();
    let actions: Vec<_> = planned.fields().iter().map(|field| field.action).collect();
    assert_eq!(actions, [PlannedAction::Encrypt, PlannedAction::Keep]);
    let closed = world.password_in_row(Uuid::from_u128(2)).await;
    let report = change(&db).await;
    assert_eq!(report.entities.changed, 1, "{report:?}");
    assert_eq!(decrypted(&world, 1).await, "clear text");
    assert_eq!(world.password_in_row(Uuid::from_u128(2)).await, closed);
}

#[tokio::test]
async fn a_users_own_reference_stays_under_azure_kv_and_is_a_conflict_under_db() {
    let world = two_services().await;
    world
        .vault
        .set(&name("my-own"), NewSecret { value: "mine".into(), ..NewSecret::default() })
        .await
        .unwrap();
    world.create(&service(3, "own", "secret:my-own")).await.unwrap();

    let db = world.under("db", Keeping::InDatabase(None), &[&world.vault]).await;
    let plan = db.manager.plan_migration(&MigrateOptions::default(), &StopFlag::default()).await.unwrap();
    assert_eq!(plan.report.conflicts.len(), 1, "{:?}", plan.report);
    assert_eq!(plan.report.conflicts[0].name, "my-own");

    let keeping = Keeping::InDatabase(Some(Arc::new(world.vault.clone())));
    let azure_kv = world.under("azure-kv", keeping, &[]).await;
    let report = change(&azure_kv).await;
    assert!(report.failures.is_empty() && report.conflicts.is_empty(), "{report:?}");
    assert_eq!((report.entities.changed, report.secrets.returned, report.secrets.kept), (2, 2, 1));
    assert_eq!(world.password_in_row(Uuid::from_u128(3)).await, "secret:my-own");
    assert_eq!(decrypted(&world, 1).await, "one");
}

#[tokio::test]
async fn a_value_that_would_be_misread_in_the_database_stays_in_the_vault() {
    let world = World::new().await;
    world.plant(KIND, &service(1, "odd", &fernet().encrypt(&"secret:not a name!".into()))).await;
    migrate(&world, MigrateOptions { literal: true, ..MigrateOptions::default() }).await;
    assert_eq!(world.resolved(Uuid::from_u128(1)).await, "secret:not a name!");

    let back = world.under("db", Keeping::InDatabase(None), &[&world.vault]).await;
    let report = change(&back).await;
    assert_eq!(report.failures.len(), 1, "{report:?}");
    assert!(report.failures[0].error.contains("begins with secret:"), "{report:?}");
    assert_eq!(world.resolved(Uuid::from_u128(1)).await, "secret:not a name!");
    assert_eq!(world.open_intents().await, 0);
}

#[tokio::test]
async fn secrets_move_from_one_vault_to_another_under_their_names() {
    let world = two_services().await;
    let (old, new) = (version_of(&world.vault), vault());
    let rows =
        [world.password_in_row(Uuid::from_u128(1)).await, world.password_in_row(Uuid::from_u128(2)).await];

    let there = world.under("managed-file", managed(&new), &[&world.vault]).await;
    let report = change(&there).await;

    assert!(report.failures.is_empty() && report.conflicts.is_empty(), "{report:?}");
    assert_eq!((report.secrets.written, report.secrets.verified), (2, 2));
    for (number, row) in [1, 2].into_iter().zip(rows) {
        assert_eq!(world.password_in_row(Uuid::from_u128(number)).await, row, "the row's reference stays");
    }
    for name in world.vault.names() {
        assert_eq!(new.value(&name), world.vault.value(&name));
        let version = new.get(&name, None).await.unwrap().properties.version.unwrap();
        assert_eq!(world.store.owner(&name).await.unwrap().unwrap().version, version);
    }
    assert!(version_of(&world.vault) == old, "the old vault is left as it is");

    let again = change(&there).await;
    assert_eq!((again.secrets.written, again.entities.changed), (0, 0), "{again:?}");
}

#[tokio::test]
async fn a_second_run_never_brings_an_old_value_back() {
    let world = two_services().await;
    let new = vault();
    let there = world.under("managed-file", managed(&new), &[&world.vault]).await;
    change(&there).await;
    // A password is changed under the new provider; the old vault still holds the old one.
    there.replace(service(1, "sales", "new password")).await.unwrap();
    let report = change(&there).await;
    assert_eq!(report.secrets.written, 0, "{report:?}");
    let name = there.password_in_row(Uuid::from_u128(1)).await;
    assert_eq!(new.value(&crate::harness::name(&name["secret:".len()..])), Some("new password".into()));

    // And back again to the first vault, where an older version with our tags stands.
    let home = world.under("managed-azure-kv", managed(&world.vault), &[&new]).await;
    let report = change(&home).await;
    assert!(report.failures.is_empty() && report.conflicts.is_empty(), "{report:?}");
    assert_eq!(world.resolved(Uuid::from_u128(1)).await, "new password");
}

#[tokio::test]
async fn an_interrupted_move_is_continued() {
    let world = two_services().await;
    let new = vault();
    new.inject_nth(Operation::Set, 2, Fault::Before(ErrorKind::PermissionDenied));
    let there = world.under("managed-file", managed(&new), &[&world.vault]).await;
    let report = change(&there).await;
    assert_eq!((report.secrets.written, report.failures.len()), (1, 1), "{report:?}");
    new.heal();
    let report = change(&there).await;
    assert_eq!((report.secrets.written, report.failures.len()), (1, 0), "{report:?}");
    assert_eq!(new.names(), world.vault.names());
    assert_eq!(world.open_intents().await, 0);
}

#[tokio::test]
async fn a_write_to_the_old_vault_while_it_is_left_is_not_lost() {
    let world = two_services().await;
    let new = vault();
    let there = world.under("managed-file", managed(&new), &[&world.vault]).await;
    let plan = there.manager.plan_migration(&MigrateOptions::default(), &StopFlag::default()).await.unwrap();
    // A server that still works with the old vault changes a password between our reading and our writing.
    let name = world.vault.names().into_iter().find(|name| name.as_str().contains("sales")).unwrap();
    let old = world.vault.clone();
    let (gate, seen) = (Arc::new(tokio::sync::Notify::new()), Arc::new(AtomicUsize::new(0)));
    let (held, counted, wanted) = (gate.clone(), seen.clone(), name.clone());
    new.inject(move |call| {
        let is_look = call.operation == Operation::Get && call.name == Some(&wanted);
        // The first look finds out where the reference leads, the second one what stands under the name.
        (is_look && counted.fetch_add(1, Ordering::SeqCst) == 1).then(|| Fault::Hold(held.clone()))
    });
    let running = tokio::spawn(async move {
        let options = MigrateOptions::default();
        there.manager.apply_migration(&plan, &options, &StopFlag::default()).await.unwrap()
    });
    while seen.load(Ordering::SeqCst) < 2 {
        tokio::task::yield_now().await;
    }
    old.set(&name, NewSecret { value: "changed meanwhile".into(), ..NewSecret::default() }).await.unwrap();
    gate.notify_one();
    let report = running.await.unwrap();
    assert!(report.failures.is_empty(), "{report:?}");
    assert_eq!(new.value(&name), Some("changed meanwhile".into()));
}

#[tokio::test]
async fn without_the_vault_that_holds_them_references_are_a_conflict_and_nothing_is_written() {
    let world = two_services().await;
    let new = vault();
    let there = world.under("managed-file", managed(&new), &[]).await;
    let plan = there.manager.plan_migration(&MigrateOptions::default(), &StopFlag::default()).await.unwrap();
    assert_eq!(plan.report.conflicts.len(), 2, "{:?}", plan.report);
    assert!(plan.report.conflicts[0].reason.contains("no configured vault holds"), "{:?}", plan.report);
    assert_eq!((plan.report.entities.failed, plan.report.entities.unchanged), (2, 0));

    let db = world.under("db", Keeping::InDatabase(None), &[]).await;
    let plan = db.manager.plan_migration(&MigrateOptions::default(), &StopFlag::default()).await.unwrap();
    assert_eq!(plan.report.conflicts.len(), 2, "{:?}", plan.report);
}

#[tokio::test]
async fn a_folder_of_files_takes_what_a_vault_held_and_gives_it_back() {
    let world = two_services().await;
    let folder = tempfile::tempdir().unwrap();
    let config = FileConfig::new(folder.path().join("secrets"));
    let files: Arc<dyn Provider> =
        Arc::new(FileProvider::open(&config, Arc::new(SystemClock), Arc::new(SystemRandom)).unwrap());
    let there = world.under("managed-file", Keeping::Managed(files.clone()), &[&world.vault]).await;
    let report = change(&there).await;
    assert!(report.failures.is_empty() && report.conflicts.is_empty(), "{report:?}");
    let home = world.under("db", Keeping::InDatabase(None), &[]).await;
    let home = home.manager.with_former_vaults(vec![files]);
    let plan = home.plan_migration(&MigrateOptions::default(), &StopFlag::default()).await.unwrap();
    let report = home.apply_migration(&plan, &MigrateOptions::default(), &StopFlag::default()).await.unwrap();
    assert_eq!(report.secrets.returned, 2, "{report:?}");
    assert_eq!(decrypted(&world, 1).await, "one");
}

#[tokio::test]
async fn a_reference_can_be_typed_only_where_a_vault_resolves_it() {
    let world = World::new().await;
    let db = world.under("db", Keeping::InDatabase(None), &[]).await;
    let refused = db.create(&service(1, "sales", "secret:my-own")).await.unwrap_err();
    assert!(matches!(refused, WriteError::InvalidField { .. }), "{refused:?}");
    assert!(refused.to_string().contains("under the provider db no vault is configured"), "{refused}");

    let keeping = Keeping::InDatabase(Some(Arc::new(world.vault.clone())));
    let azure_kv = world.under("azure-kv", keeping, &[]).await;
    azure_kv.create(&service(1, "sales", "secret:my-own")).await.unwrap();
    assert_eq!(azure_kv.password_in_row(Uuid::from_u128(1)).await, "secret:my-own");
    azure_kv.create(&service(2, "orders", "a password")).await.unwrap();
    let encrypted = azure_kv.password_in_row(Uuid::from_u128(2)).await;
    assert_eq!(fernet().decrypt(&encrypted).unwrap(), SecretValue::new("a password"));
    assert_eq!(world.vault.count(Operation::Set), 0);
}

#[tokio::test]
async fn a_secret_that_was_kept_for_another_field_is_not_given_away_under_azure_kv_either() {
    let world = two_services().await;
    let sales = world.password_in_row(Uuid::from_u128(1)).await;
    let keeping = Keeping::InDatabase(Some(Arc::new(world.vault.clone())));
    let azure_kv = world.under("azure-kv", keeping, &[]).await;
    let refused = azure_kv.create(&service(9, "thief", &sales)).await.unwrap_err();
    assert!(matches!(refused, WriteError::ForbiddenReference { .. }), "{refused:?}");
}
