//! `migrate-secrets` as people use it on databases that they have: plans that are kept, actions, bad names and values, bad luck at
//! the vault ([`bad_luck`]) and with the database ([`interrupted`], [`lost_lock`], [`in_use`], [`read_only`], [`full`], [`tls`]), and servers that
//! write meanwhile.

mod actions;
mod bad_luck;
mod concurrent;
mod full;
mod in_use;
mod interrupted;
mod lost_lock;
mod plans;
mod read_only;
mod tls;
mod values;

use std::path::Path;

use serde_json::{Value, json};
use strongroom_entities::{EntityKind, FernetKeys, name_hash};
use strongroom_metastore::testing::{Kind, TestDatabase};
use strongroom_metastore::{Access, Metastore};
use strongroom_secrets::random::SystemRandom;
use strongroom_secrets::{Random, SecretValue};
use strongroom_tests::fixtures::services;
use strongroom_tests::metadata::{CONFIG, configuration, write_configuration};
use strongroom_tests::{Database, Finished, Program, VaultServer, api, scratch};
use tempfile::TempDir;

/// A vault, a database, and a configuration that leads from one to the other.
struct Scene {
    folder: TempDir,
    database: Database,
    vault: VaultServer,
    keys: FernetKeys,
    configuration: Value,
}

impl Scene {
    /// With so many services, whose passwords are encrypted.
    async fn with(services: u32) -> Self {
        Self::beside(services, &[]).await
    }

    /// The same, beside a vault that was started with these arguments.
    async fn beside(services: u32, arguments: &[&str]) -> Self {
        Self::on(Kind::Sqlite, services, arguments).await
    }

    /// The same, on a database of another kind.
    async fn on(kind: Kind, services: u32, arguments: &[&str]) -> Self {
        let folder = scratch();
        if arguments.contains(&"faults.yaml") {
            set_faults(folder.path(), &json!([]));
        }
        let vault = VaultServer::start_as(folder.path(), arguments).await;
        let made = Database::with_services(kind, folder.path(), services).await;
        Self::made(folder, vault, made)
    }

    /// The same, in a new database of the test's own.
    async fn in_database(database: &TestDatabase, services: u32, arguments: &[&str]) -> Self {
        let folder = scratch();
        set_faults(folder.path(), &json!([]));
        let vault = VaultServer::start_as(folder.path(), arguments).await;
        let made = Database::filled(database, services).await;
        Self::made(folder, vault, made)
    }

    fn made(folder: TempDir, vault: VaultServer, made: (Database, SecretValue, FernetKeys)) -> Self {
        let (database, key, keys) = made;
        let mut configuration = configuration(&vault, key.expose());
        configuration["database"] = database.section.clone();
        let scene = Self { folder, database, vault, keys, configuration };
        scene.configure(|_| ());
        scene
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn configure(&self, change: impl FnOnce(&mut Value)) {
        let mut configuration = self.configuration.clone();
        change(&mut configuration);
        write_configuration(self.path(), &configuration);
    }

    fn program(&self, arguments: &[&str]) -> Program {
        let program = Program::new(self.path()).args(["migrate-secrets", "-c", CONFIG, "--data-dir", "data"]);
        program.args(arguments)
    }

    async fn migrate(&self, arguments: &[&str]) -> Finished {
        self.program(arguments).run().await
    }

    /// The report of a migration that succeeds.
    async fn report(&self, arguments: &[&str]) -> Value {
        self.program(arguments).arg("--json").run().await.ended_with(0).json()
    }

    async fn store(&self, access: Access) -> Metastore {
        self.database.open(access).await
    }

    /// Stores a document of a service as an earlier server would have.
    async fn plant(&self, name: &str, document: &Value) {
        let store = self.store(Access::ReadWrite).await;
        let mut transaction = store.begin().await.unwrap();
        transaction.insert(EntityKind::DatabaseService, &name_hash(name), document).await.unwrap();
        transaction.commit().await.unwrap();
        store.close().await;
    }

    /// Stores a service of this password, encrypted.
    async fn plant_service(&self, name: &str, password: &str) {
        self.plant(name, &self.service(name, password)).await;
    }

    fn service(&self, name: &str, password: &str) -> Value {
        let random: &dyn Random = &SystemRandom;
        services::postgres(random.uuid(), name, &self.keys.encrypt(&SecretValue::new(password)))
    }

    /// Insists that each of the first `count` services resolves to its password.
    async fn has_lost_nothing(&self, count: u32) {
        let store = self.store(Access::ReadOnly).await;
        let page = store.inventory(EntityKind::DatabaseService, None, 2 * count).await.unwrap();
        store.close().await;
        let rows: Vec<_> = page.rows.into_iter().map(Result::unwrap).collect();
        assert_eq!(rows.len(), count as usize);
        let in_vault = self.vault.values().await;
        for number in 1..=count {
            let name = services::name(number);
            let row = rows.iter().find(|row| row.json["name"] == name).unwrap();
            let stored = api::password(&row.json).as_str().unwrap();
            let value = match stored.strip_prefix("secret:") {
                Some(secret) => in_vault[secret].clone(),
                None => self.keys.decrypt(stored).unwrap().expose().to_owned(),
            };
            assert_eq!(value, services::password(number), "{name}: {stored}");
        }
    }

    /// Runs the migration once more, and insists that it finishes: each password is in the vault once, and nothing is left to do.
    async fn goes_on_to_the_end(&self, count: u32) {
        let report = self.report(&[]).await;
        assert_eq!(report["entities"]["failed"], 0, "{report}");
        self.has_lost_nothing(count).await;
        assert_eq!(self.vault.names().await.len(), count as usize);
        let again = self.report(&[]).await;
        assert_eq!(
            (&again["entities"]["seen"], &again["entities"]["changed"], &again["secrets"]["written"]),
            (&json!(count), &json!(0), &json!(0)),
            "{again}"
        );
    }

    /// How many fields runs have moved so far.
    async fn moved(&self) -> usize {
        self.database.texts("SELECT entity_id FROM strongroom_journal").await.len()
    }

    /// What the password field of a service holds.
    async fn stored(&self, name: &str) -> String {
        let store = self.store(Access::ReadOnly).await;
        let row = store.get_by_hash(EntityKind::DatabaseService, &name_hash(name)).await.unwrap().unwrap();
        store.close().await;
        api::password(&row.json).as_str().unwrap().to_owned()
    }

    /// What the password of a service resolves to.
    async fn resolved(&self, name: &str) -> String {
        let stored = self.stored(name).await;
        match stored.strip_prefix("secret:") {
            Some(secret) => self.vault.secret(secret).await.unwrap(),
            None => self.keys.decrypt(&stored).unwrap().expose().to_owned(),
        }
    }
}

/// From now on the vault misbehaves so.
fn set_faults(folder: &Path, faults: &Value) {
    std::fs::write(folder.join("faults.yaml"), json!({"faults": faults}).to_string()).unwrap();
}

/// Insists on all of these words.
#[track_caller]
fn tells(text: &str, words: &[&str]) {
    for words in words {
        assert!(text.contains(words), "{words:?} is missing in: {text}");
    }
}
