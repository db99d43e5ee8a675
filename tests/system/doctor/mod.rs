//! `strongroom doctor`, as a person runs it: against the real vault with principals of different rights, and databases with something
//! the matter.

mod safety;
mod stored;
mod vault;
mod without_database;

use std::path::Path;

use serde_json::{Value, json};
use strongroom_entities::{EntityKind, FernetKeys, name_hash};
use strongroom_metastore::{Access, Metastore, Options};
use strongroom_secrets::random::SystemRandom;
use strongroom_secrets::{Random, SecretValue};
use strongroom_tests::fixtures::services;
use strongroom_tests::metadata::{CONFIG, configuration, write_configuration};
use strongroom_tests::vault::Principal;
use strongroom_tests::{Finished, Program, VaultServer, scratch};
use tempfile::TempDir;

/// The probe's name.
const PROBE: &str = "strongroom-doctor-probe";

/// A vault, a database, and a configuration in which nothing is wrong.
struct Scene {
    folder: TempDir,
    vault: VaultServer,
    keys: FernetKeys,
    configuration: Value,
}

impl Scene {
    async fn set_up() -> Self {
        Self::with(|_| ()).await
    }

    /// The same, with a configuration of the vault that `change` has had in its hands.
    async fn with(change: impl FnOnce(&mut Value)) -> Self {
        let folder = scratch();
        let vault = VaultServer::start_with(folder.path(), change).await;
        let (key, keys) = services::data_with_services(folder.path(), 0).await;
        let mut configuration = configuration(&vault, key.expose());
        configuration["pipelineServiceClientConfiguration"] = json!({"secretsManagerLoader": "airflow"});
        let scene = Self { folder, vault, keys, configuration };
        scene.write();
        scene
    }

    /// Writes the configuration, for its owner only.
    fn write(&self) {
        write_configuration(self.folder.path(), &self.configuration);
        close(&self.folder.path().join(CONFIG));
    }

    /// Signs in as another principal.
    fn be(&mut self, principal: &Principal) {
        let parameters = &mut self.configuration["secretsManagerConfiguration"]["parameters"];
        parameters["clientId"] = principal.client_id.into();
        parameters["clientSecret"] = principal.client_secret.into();
        self.write();
    }

    fn parameter(&mut self, key: &str, value: &str) {
        self.configuration["secretsManagerConfiguration"]["parameters"][key] = value.into();
        self.write();
    }

    async fn doctor(&self, more: &[&str]) -> Finished {
        let program = Program::new(self.folder.path()).args(["doctor", "-c", CONFIG, "--data-dir", "data"]);
        program.args(more).run().await
    }

    /// What it says with `--json`, and how it ends.
    async fn report(&self, code: i32, more: &[&str]) -> Report {
        Report(self.doctor(&[more, &["--json"]].concat()).await.ended_with(code).json())
    }

    /// Adds database services, each with what its password field is to hold.
    async fn add(&self, services: &[(&str, &str)]) {
        let path = self.folder.path().join("data/metastore.db");
        let store = Metastore::open(&Options::new(path, Access::ReadWrite)).await.unwrap();
        let mut transaction = store.begin().await.unwrap();
        for (name, password) in services {
            let random: &dyn Random = &SystemRandom;
            let document = services::postgres(random.uuid(), name, password);
            transaction.insert(EntityKind::DatabaseService, &name_hash(name), &document).await.unwrap();
        }
        transaction.commit().await.unwrap();
        store.close().await;
    }

    fn encrypted(&self, password: &str) -> String {
        self.keys.encrypt(&SecretValue::new(password))
    }
}

/// Takes everybody's right to a file away but its owner's.
fn close(file: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).unwrap();
}

fn other_key() -> FernetKeys {
    FernetKeys::parse(&FernetKeys::generate(&SystemRandom)).unwrap()
}

/// A report for machines.
struct Report(Value);

impl Report {
    #[track_caller]
    fn check(&self, id: &str) -> &Value {
        let checks = self.0["checks"].as_array().unwrap();
        checks.iter().find(|check| check["id"] == id).unwrap_or_else(|| panic!("no {id} in {:#}", self.0))
    }

    /// Insists on how a check turned out, and on what it says (in any of its texts).
    #[track_caller]
    fn is(&self, id: &str, state: &str, says: &str) {
        let check = self.check(id);
        assert_eq!(check["state"], state, "{check:#}");
        assert!(check.to_string().contains(says), "{says:?} is not in {check:#}");
        if state == "failed" || state == "warning" {
            assert!(check["fix"].as_str().is_some_and(|fix| !fix.is_empty()), "no fix: {check:#}");
        }
    }

    /// The states of the rights, in the order get, list, set, update, delete, recover, purge.
    fn rights(&self) -> Vec<&str> {
        ["get", "list", "set", "update", "delete", "recover", "purge"]
            .map(|action| self.check(&format!("rights.{action}"))["state"].as_str().unwrap())
            .to_vec()
    }

    /// The ids of the checks in a state.
    fn ids(&self, state: &str) -> Vec<&str> {
        let checks = self.0["checks"].as_array().unwrap();
        let of_state = checks.iter().filter(|check| check["state"] == state);
        of_state.map(|check| check["id"].as_str().unwrap()).collect()
    }
}
