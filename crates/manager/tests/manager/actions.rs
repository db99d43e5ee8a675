//! Migrations of other kinds than moving everything: renaming, rolling back, cleaning up, some of the entities only.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};
use strongroom_manager::Keeping;
use strongroom_manager::migrate::{
    MigrateOptions, OwnReferences, PlannedAction, Report, Selection, StopFlag, Watcher,
};
use strongroom_manager::naming::{Naming, NamingScheme};
use strongroom_metastore::Metastore;
use strongroom_secrets::clock::SystemClock;
use strongroom_secrets::memory::{Fault, MemoryProvider, Operation};
use strongroom_secrets::random::SystemRandom;
use strongroom_secrets::{ErrorKind, NewSecret, Provider, Random, SecretValue};
use uuid::Uuid;

use crate::harness::{KIND, Planned, World, fernet, id_of, name, service};

const SALES: &str = "openmetadata-database-sales-authtype-password";

fn vault(label: &str) -> MemoryProvider {
    MemoryProvider::labelled(label, Arc::new(SystemClock), Arc::new(SystemRandom))
}

fn managed(vault: &MemoryProvider) -> Keeping {
    Keeping::Managed(Arc::new(vault.clone()))
}

async fn migrate(world: &World, options: &MigrateOptions) -> Report {
    let plan = world.manager.plan_migration(options, &StopFlag::default()).await.unwrap();
    assert!(plan.report.conflicts.is_empty(), "{:?}", plan.report);
    world.manager.apply_migration(&plan, options, &StopFlag::default()).await.unwrap()
}

async fn conflicts(world: &World, options: &MigrateOptions) -> Report {
    world.manager.plan_migration(options, &StopFlag::default()).await.unwrap().report
}

fn encrypted(number: u128, name: &str, password: &str) -> Value {
    service(number, name, &fernet().encrypt(&SecretValue::new(password)))
}

/// Two services whose passwords a migration has moved, and its report.
async fn migrated() -> (World, Report) {
    let world = World::new().await;
    world.plant(KIND, &encrypted(1, "sales", "one")).await;
    world.plant(KIND, &encrypted(2, "orders", "two")).await;
    let report = migrate(&world, &MigrateOptions::default()).await;
    assert_eq!(report.secrets.written, 2, "{report:?}");
    (world, report)
}

async fn decrypted(world: &World, id: u128) -> String {
    let text = world.password_in_row(Uuid::from_u128(id)).await;
    fernet().decrypt(&text).unwrap().expose().to_owned()
}

fn selection(only: &[&str], except: &[&str]) -> Selection {
    let patterns = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
    Selection { only: patterns(only), except: patterns(except) }
}

/// Writes a document over the one that stands in its row, as a server does that knows nothing of migrations.
async fn overwrite(store: &Metastore, document: &Value) {
    let mut transaction = store.begin().await.unwrap();
    let row = transaction.lock(KIND, id_of(document)).await.unwrap().unwrap();
    transaction.update(&row, document).await.unwrap();
    transaction.commit().await.unwrap();
}

fn random_id() -> Uuid {
    let random: &dyn Random = &SystemRandom;
    random.uuid()
}

fn rename() -> MigrateOptions {
    MigrateOptions { rename: true, ..MigrateOptions::default() }
}

#[tokio::test]
async fn a_changed_prefix_is_followed_by_renaming() {
    let (world, _) = migrated().await;
    let naming = Naming::new("acme", "prod", NamingScheme::Guide).unwrap();
    let renamed = world.named(naming, managed(&world.vault), &[]).await;
    // Without being told to, nothing moves.
    assert_eq!(migrate(&renamed, &MigrateOptions::default()).await.entities.changed, 0);

    let planned = Planned::default();
    let plan = renamed.manager.plan_migration(&rename(), &planned).await.unwrap();
    let fields = planned.fields();
    assert!(fields.iter().all(|field| field.action == PlannedAction::Rename), "{fields:?}");
    assert!(fields.iter().any(|field| field.from.as_deref() == Some(SALES)), "{fields:?}");
    assert_eq!(plan.report.secrets.written, 2);
    let report = migrate(&renamed, &rename()).await;
    assert!(report.is_whole(), "{report:?}");
    assert_eq!(
        world.password_in_row(Uuid::from_u128(1)).await,
        "secret:acme-prod-database-sales-authtype-password"
    );
    assert_eq!(world.resolved(Uuid::from_u128(1)).await, "one");
    // The old name is left until it is cleaned up, and nobody's.
    assert_eq!(world.vault.value(&name(SALES)), Some("one".into()));
    assert!(world.store.owner(&name(SALES)).await.unwrap().is_none());
    assert_eq!(migrate(&renamed, &rename()).await.entities.changed, 0);
    assert_eq!(world.open_intents().await, 0);
}

#[tokio::test]
async fn renaming_gives_an_entity_that_was_renamed_the_name_that_it_would_get_now() {
    let (world, _) = migrated().await;
    let mut document = world.row(Uuid::from_u128(1)).await.unwrap().json;
    document["name"] = json!("revenue");
    document["fullyQualifiedName"] = json!("revenue");
    overwrite(&world.store, &document).await;
    assert_eq!(migrate(&world, &rename()).await.entities.changed, 1);
    assert_eq!(
        world.password_in_row(Uuid::from_u128(1)).await,
        "secret:openmetadata-database-revenue-authtype-password"
    );
    assert_eq!(world.resolved(Uuid::from_u128(1)).await, "one");
}

#[tokio::test]
async fn renaming_to_openmetadatas_names_finds_collisions_before_anything_is_written() {
    let world = World::new().await;
    for (number, name) in [(1, "my_svc"), (2, "mysvc")] {
        world.plant(KIND, &encrypted(number, name, name)).await;
    }
    migrate(&world, &MigrateOptions::default()).await;
    let before = world.vault.snapshot();
    let naming = Naming::new("", "openmetadata", NamingScheme::Openmetadata).unwrap();
    let other = world.named(naming, managed(&world.vault), &[]).await;
    let report = conflicts(&other, &rename()).await;
    assert_eq!(report.conflicts.len(), 1, "{report:?}");
    let conflict = format!("{:?}", report.conflicts[0]);
    assert!(conflict.contains("my_svc") && conflict.contains("mysvc"), "{conflict}");
    assert!(before == world.vault.snapshot());
}

#[tokio::test]
async fn a_name_that_an_earlier_run_gave_to_another_is_a_conflict_with_both_owners() {
    let world = World::with(NamingScheme::Openmetadata).await;
    world.plant(KIND, &encrypted(1, "my_svc", "one")).await;
    migrate(&world, &MigrateOptions::default()).await;
    world.plant(KIND, &encrypted(2, "mysvc", "two")).await;
    let report = conflicts(&world, &MigrateOptions::default()).await;
    assert_eq!(report.conflicts.len(), 1, "{report:?}");
    assert_eq!((report.entities.unchanged, report.entities.failed), (1, 1));
    let owners = report.conflicts[0].owners.join(" and ");
    assert!(owners.contains("mysvc") && owners.contains("my_svc"), "{owners}");
    assert_eq!(world.resolved(Uuid::from_u128(1)).await, "one");
}

#[tokio::test]
async fn two_rows_that_share_a_secret_of_openmetadatas_own_are_a_conflict() {
    let world = World::with(NamingScheme::Openmetadata).await;
    let shared = name("openmetadata-database-mysvc-authtype-password");
    world.vault.set(&shared, NewSecret { value: "two".into(), ..NewSecret::default() }).await.unwrap();
    let reference = fernet().encrypt(&SecretValue::new(format!("secret:{shared}")));
    for (number, name) in [(1, "my_svc"), (2, "mysvc")] {
        world.plant(KIND, &service(number, name, &reference)).await;
    }
    let report = conflicts(&world, &MigrateOptions::default()).await;
    assert_eq!(report.conflicts.len(), 1, "{report:?}");
    assert_eq!(report.conflicts[0].owners.len(), 2);
    assert!(report.conflicts[0].reason.contains("was lost before"), "{report:?}");
}

#[tokio::test]
async fn rolling_back_brings_the_vaults_current_values_back_and_leaves_what_is_no_longer_the_runs() {
    let (world, report) = migrated().await;
    world.plant(KIND, &encrypted(3, "later", "three")).await;
    migrate(&world, &MigrateOptions::default()).await;
    // One is changed at the vault, and one is now the user's own reference.
    world.vault.set(&name(SALES), NewSecret { value: "newer".into(), ..NewSecret::default() }).await.unwrap();
    world.replace(service(2, "orders", "secret:my-own")).await.unwrap();

    let keeping = Keeping::InDatabase(Some(Arc::new(world.vault.clone())));
    let back = world.under("managed-azure-kv", keeping, &[]).await;
    let options = MigrateOptions { rollback: Some(report.run), ..MigrateOptions::default() };
    let rolled = migrate(&back, &options).await;
    assert_eq!(
        (rolled.entities.seen, rolled.entities.changed, rolled.secrets.returned),
        (2, 1, 1),
        "{rolled:?}"
    );
    assert_eq!(rolled.stays.len(), 1, "{rolled:?}");
    assert!(rolled.stays[0].error.contains("my-own"), "{rolled:?}");
    assert_eq!(decrypted(&world, 1).await, "newer");
    assert_eq!(world.password_in_row(Uuid::from_u128(2)).await, "secret:my-own");
    // What another run moved stays where it is.
    assert!(world.password_in_row(Uuid::from_u128(3)).await.starts_with("secret:"));
    let again = migrate(&back, &options).await;
    assert_eq!((again.entities.changed, again.entities.unchanged), (0, 1), "{again:?}");
    assert_eq!(world.open_intents().await, 0);
}

#[tokio::test]
async fn the_old_place_is_cleaned_of_what_is_verified_in_the_new_one_and_of_nothing_else() {
    let (world, _) = migrated().await;
    let old = &world.vault;
    for other in ["users-own", "openmetadata-database-like-ours"] {
        old.set(&name(other), NewSecret { value: "x".into(), ..NewSecret::default() }).await.unwrap();
    }
    let new = vault("new");
    let there = world.under("managed-file", managed(&new), &[old]).await;
    assert!(migrate(&there, &MigrateOptions::default()).await.is_whole());
    // One of them is gone from the new place: then the old one is all that there is.
    new.delete(&name("openmetadata-database-orders-authtype-password")).await.unwrap();

    let (before, run) = (old.snapshot(), Uuid::from_u128(77));
    let options = MigrateOptions::default();
    let plan = there.manager.clean(run, &options, true, &StopFlag::default()).await.unwrap();
    assert_eq!((plan.secrets.deleted, plan.stays.len()), (1, 1), "{plan:?}");
    assert!(before == old.snapshot());
    let report = there.manager.clean(run, &options, false, &StopFlag::default()).await.unwrap();
    assert_eq!((report.secrets.deleted, report.stays.len(), report.failures.len()), (1, 1, 0), "{report:?}");
    assert!(report.stays[0].error.contains("orders"), "{report:?}");
    let names: Vec<String> = old.names().iter().map(ToString::to_string).collect();
    assert_eq!(
        names,
        ["openmetadata-database-like-ours", "openmetadata-database-orders-authtype-password", "users-own"]
    );
    assert_eq!(new.value(&name(SALES)), Some("one".into()));
    assert_eq!(world.open_intents().await, 0);
}

#[tokio::test]
async fn cleaning_takes_old_names_after_a_renaming_and_old_vaults_after_a_return() {
    let (world, _) = migrated().await;
    let naming = Naming::new("acme", "prod", NamingScheme::Guide).unwrap();
    let renamed = world.named(naming, managed(&world.vault), &[]).await;
    migrate(&renamed, &rename()).await;
    let clean = |world: World| async move {
        let options = MigrateOptions::default();
        world.manager.clean(random_id(), &options, false, &StopFlag::default()).await.unwrap()
    };
    let report = clean(renamed).await;
    assert_eq!((report.secrets.deleted, report.secrets.kept), (2, 2), "{report:?}");
    assert_eq!(world.resolved(Uuid::from_u128(1)).await, "one");

    let db = world.under("db", Keeping::InDatabase(None), &[&world.vault]).await;
    let report = clean(world.under("db", Keeping::InDatabase(None), &[&world.vault]).await).await;
    assert_eq!((report.secrets.deleted, report.stays.len()), (0, 2), "nothing has come back yet: {report:?}");
    migrate(&db, &MigrateOptions::default()).await;
    let report = clean(db).await;
    assert_eq!(report.secrets.deleted, 2, "{report:?}");
    assert!(world.vault.names().is_empty());
    assert_eq!(decrypted(&world, 2).await, "two");
}

#[tokio::test]
async fn a_users_own_reference_is_copied_or_kept_as_the_user_decides() {
    for (decision, expected) in [(OwnReferences::Copy, "mine"), (OwnReferences::Keep, "secret:my-own")] {
        let (world, _) = migrated().await;
        world
            .vault
            .set(&name("my-own"), NewSecret { value: "mine".into(), ..NewSecret::default() })
            .await
            .unwrap();
        for number in [3, 4] {
            world.create(&service(number, &format!("own{number}"), "secret:my-own")).await.unwrap();
        }
        let db = world.under("db", Keeping::InDatabase(None), &[&world.vault]).await;
        assert_eq!(conflicts(&db, &MigrateOptions::default()).await.conflicts.len(), 2);
        let options = MigrateOptions { own_references: decision, ..MigrateOptions::default() };
        let report = migrate(&db, &options).await;
        assert!(report.is_whole(), "{report:?}");
        for number in [3, 4] {
            let stored = world.password_in_row(Uuid::from_u128(number)).await;
            let now = match decision {
                OwnReferences::Copy => fernet().decrypt(&stored).unwrap().expose().to_owned(),
                _ => stored,
            };
            assert_eq!(now, expected);
        }
        assert_eq!(world.vault.value(&name("my-own")), Some("mine".into()));
        assert_eq!(world.open_intents().await, 0);
    }
}

#[tokio::test]
async fn a_users_own_reference_that_only_the_old_vault_holds_becomes_a_secret_of_the_new_one() {
    let (world, _) = migrated().await;
    world
        .vault
        .set(&name("my-own"), NewSecret { value: "mine".into(), ..NewSecret::default() })
        .await
        .unwrap();
    for number in [3, 4] {
        world.create(&service(number, &format!("own{number}"), "secret:my-own")).await.unwrap();
    }
    let new = vault("new");
    let there = world.under("managed-file", managed(&new), &[&world.vault]).await;
    let options = MigrateOptions { own_references: OwnReferences::Copy, ..MigrateOptions::default() };
    assert!(migrate(&there, &options).await.is_whole());
    assert_eq!(
        world.password_in_row(Uuid::from_u128(3)).await,
        "secret:openmetadata-database-own3-authtype-password"
    );
    assert_eq!(new.value(&name("openmetadata-database-own4-authtype-password")), Some("mine".into()));
    assert_eq!(world.open_intents().await, 0);
}

#[tokio::test]
async fn only_what_was_selected_moves() {
    let world = World::new().await;
    for (number, name) in [(1, "sales"), (2, "orders"), (3, "salad")] {
        world.plant(KIND, &encrypted(number, name, name)).await;
    }
    let options = MigrateOptions {
        selection: selection(&["database:sal*"], &["*:salad"]),
        ..MigrateOptions::default()
    };
    let report = migrate(&world, &options).await;
    assert_eq!((report.entities.seen, report.entities.changed), (1, 1), "{report:?}");
    assert_eq!(world.vault.names(), [name(SALES)]);
    let nothing = MigrateOptions { selection: selection(&["dashboard"], &[]), ..MigrateOptions::default() };
    assert_eq!(migrate(&world, &nothing).await.entities.seen, 0);
}

#[tokio::test]
async fn a_fingerprint_changes_with_what_the_plan_was_made_from() {
    let (world, _) = migrated().await;
    let fingerprint = || async {
        world
            .manager
            .plan_migration(&MigrateOptions::default(), &StopFlag::default())
            .await
            .unwrap()
            .fingerprint
    };
    let first = fingerprint().await;
    assert_eq!(fingerprint().await, first);
    world.plant(KIND, &encrypted(3, "later", "three")).await;
    let second = fingerprint().await;
    assert_ne!(second, first);
    let mut document = world.row(Uuid::from_u128(3)).await.unwrap().json;
    document["connection"]["config"]["authType"]["password"] =
        json!(fernet().encrypt(&SecretValue::new("three")));
    overwrite(&world.store, &document).await;
    assert_ne!(fingerprint().await, second, "the same password, encrypted again, is another text");
}

/// Changes rows while a migration goes through the tables again.
struct Meddler {
    world: World,
    passes: AtomicU64,
    until: u64,
}

impl Watcher for Meddler {
    fn begins_pass(&self, nth: u64) {
        self.passes.store(nth, Ordering::SeqCst);
        if nth > self.until {
            return;
        }
        let (store, password) = (self.world.store.clone(), format!("changed before pass {nth}"));
        // A server of the old kind writes what it has in its cache, whatever stands in the row.
        let document = encrypted(1, "sales", &password);
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(overwrite(&store, &document));
        });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_writes_back_meanwhile_is_migrated_again_and_reported_if_it_does_not_end() {
    for (until, whole, expected) in [(2, true, "changed before pass 2"), (9, false, "changed before pass 4")]
    {
        let world = World::new().await;
        world.plant(KIND, &encrypted(1, "sales", "one")).await;
        world.plant(KIND, &encrypted(2, "orders", "two")).await;
        let plan =
            world.manager.plan_migration(&MigrateOptions::default(), &StopFlag::default()).await.unwrap();
        let meddler =
            Meddler { world: world.as_other("server:old").await, passes: AtomicU64::default(), until };
        let report =
            world.manager.apply_migration(&plan, &MigrateOptions::default(), &meddler).await.unwrap();
        assert_eq!(report.is_whole(), whole, "{report:?}");
        assert_eq!(report.passes, meddler.passes.load(Ordering::SeqCst));
        assert_eq!(world.resolved(Uuid::from_u128(1)).await, expected);
        if !whole {
            assert!(report.failures[0].error.contains("restart that server"), "{report:?}");
            assert!(report.failures[0].entity.contains("sales"), "{report:?}");
        }
    }
}

#[tokio::test]
async fn what_was_left_half_way_is_put_right_in_the_vault_that_it_was_left_in() {
    let (world, _) = migrated().await;
    let new = vault("new");
    // A migration to a new vault dies when it has written there.
    new.inject(|call| (call.operation == Operation::Set).then_some(Fault::After(ErrorKind::TimedOut)));
    let there = world.under("managed-file", managed(&new), &[&world.vault]).await;
    let report = migrate(&there, &MigrateOptions::default()).await;
    assert_eq!(report.entities.failed, 2, "{report:?}");
    assert_eq!((new.names().len(), world.open_intents().await), (2, 2));
    new.heal();

    // A server that works with the old vault finds what is left, and can settle only that its names are free.
    let old = world.vault.snapshot();
    let server = world.as_other("server:other").await;
    assert_eq!(server.manager.settle_abandoned(&["migration:"]).await.unwrap(), 2);
    assert!(old == world.vault.snapshot(), "the vault that nothing was left in is as it was");
    server.manager.sweep().await.unwrap();
    assert_eq!((new.names().len(), world.open_intents().await), (2, 0));
    server.replace(service(1, "sales", "newer")).await.unwrap();

    // Whoever works with the new one next puts it right there, and moves what counts now.
    let report = migrate(&there, &MigrateOptions::default()).await;
    assert!(report.is_whole(), "{report:?}");
    assert_eq!(new.value(&name(SALES)), Some("newer".into()));
    assert_eq!(world.open_intents().await, 0);
}

/// A server that writes what it has in its cache when a migration begins to wait for that.
struct LateWriter(Metastore);

impl Watcher for LateWriter {
    fn waits_until(&self, _until: tokio::time::Instant) {
        tokio::task::block_in_place(|| {
            let document = encrypted(1, "sales", "from a cache");
            tokio::runtime::Handle::current().block_on(overwrite(&self.0, &document));
        });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_writes_from_its_cache_is_waited_for_and_told_of() {
    let world = World::new().await;
    world.pretend_reference().await;
    world.plant(KIND, &encrypted(1, "sales", "one")).await;
    let options = MigrateOptions::default();
    let plan = world.manager.plan_migration(&options, &StopFlag::default()).await.unwrap();
    let late = LateWriter(world.as_other("server:reference").await.store);
    let report = world.manager.apply_migration(&plan, &options, &late).await.unwrap();
    assert!(report.failures[0].error.contains("restart that server"), "{report:?}");
    assert_eq!(world.resolved(Uuid::from_u128(1)).await, "from a cache");
}

/// Looks how far a run says that it is when it begins to wait.
struct Onlooker {
    world: World,
    seen: AtomicU64,
}

impl Watcher for Onlooker {
    fn waits_until(&self, _until: tokio::time::Instant) {
        let done = tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current()
                .block_on(async { self.world.store.runs("", 1).await.unwrap()[0].done })
        });
        self.seen.store(done.unwrap_or_default().unsigned_abs(), Ordering::SeqCst);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_waits_for_a_cache_has_said_that_it_looked_at_everything() {
    let world = World::new().await;
    world.pretend_reference().await;
    // More than a page, since the first is noted at once.
    for number in 1..=70 {
        world.plant(KIND, &encrypted(number, &format!("sales{number}"), "dummy")).await;
    }
    let options = MigrateOptions::default();
    let plan = world.manager.plan_migration(&options, &StopFlag::default()).await.unwrap();
    let onlooker = Onlooker { world: world.as_other("migration:test").await, seen: AtomicU64::new(0) };
    let report = world.manager.apply_migration(&plan, &options, &onlooker).await.unwrap();
    assert!(report.is_whole(), "{report:?}");
    assert_eq!(onlooker.seen.load(Ordering::SeqCst), 70);
}
