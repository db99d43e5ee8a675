//! A change of the secrets manager is killed at each step, and run again: from a Key Vault to a folder of files, and from there
//! back to the database.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Value, json};
use strongroom_entities::reference::{self, FieldText};
use strongroom_entities::{EntityKind, FernetKeys, name_hash};
use strongroom_manager::crash::Step;
use strongroom_metastore::{Access, IntentState, Metastore, Options};
use strongroom_secrets::clock::SystemClock;
use strongroom_secrets::file::{FileConfig, FileProvider};
use strongroom_secrets::random::SystemRandom;
use strongroom_secrets::{ErrorKind, Provider};
use strongroom_tests::fixtures::services;
use strongroom_tests::metadata::{CONFIG, configuration, write_configuration};
use strongroom_tests::{Finished, Program, VaultServer, api, scratch};
use tempfile::TempDir;

/// The steps that a move from one vault to another passes.
const SIDEWAYS: &[Step] = &[
    Step::IntentsOpened,
    Step::BeforeRecorded,
    Step::VersionWritten,
    Step::VersionVerified,
    Step::DocumentStored,
    Step::Committed,
];

/// Those of the way back: nothing is written to a vault.
const BACK: &[Step] = &[Step::IntentsOpened, Step::DocumentStored, Step::Committed];

const COUNT: u32 = 3;

struct Scene {
    folder: TempDir,
    vault: VaultServer,
    keys: FernetKeys,
    configuration: Value,
}

impl Scene {
    /// Services whose passwords are in a Key Vault.
    async fn set_up() -> Self {
        let folder = scratch();
        let vault = VaultServer::start(folder.path()).await;
        let (key, keys) = services::data_with_services(folder.path(), COUNT).await;
        let configuration = configuration(&vault, key.expose());
        let scene = Self { folder, vault, keys, configuration };
        let _ = scene.change_to("managed-azure-kv", None).await.ended_with(0);
        scene
    }

    /// Changes to another secrets manager; dies at a step.
    async fn change_to(&self, secrets_manager: &str, dies_at: Option<Step>) -> Finished {
        let mut configuration = self.configuration.clone();
        configuration["secretsManagerConfiguration"]["secretsManager"] = json!(secrets_manager);
        write_configuration(self.folder.path(), &configuration);
        let fail_point = dies_at.map(|step| format!("{}=return", step.name()));
        Program::new(self.folder.path())
            .args(["migrate-secrets", "-c", CONFIG, "--data-dir", "data", "--json"])
            .envs(fail_point.map(|point| ("FAILPOINTS", point)))
            .run()
            .await
    }

    fn database(&self) -> PathBuf {
        self.folder.path().join("data/metastore.db")
    }

    /// Insists that each password field resolves to its value, wherever that is kept now.
    async fn assert_nothing_lost(&self, when: &str) {
        let files = FileConfig::new(self.folder.path().join("data/secrets"));
        let files = FileProvider::open(&files, Arc::new(SystemClock), Arc::new(SystemRandom)).unwrap();
        let options = Options::new(self.database(), Access::ReadOnly);
        let store = Metastore::open(&options).await.unwrap();
        for number in 1..=COUNT {
            let hash = name_hash(&services::name(number));
            let row = store.get_by_hash(EntityKind::DatabaseService, &hash).await.unwrap().unwrap();
            let value = match reference::classify(api::password(&row.json).as_str().unwrap()) {
                FieldText::Fernet(token) => self.keys.decrypt(token).unwrap().expose().to_owned(),
                FieldText::Reference(reference) => {
                    let name = reference.name();
                    let owner = store.owner(name).await.unwrap().unwrap();
                    // The version that was committed says which of the two vaults counts.
                    match files.get(name, Some(&owner.version)).await {
                        Ok(secret) => secret.value.expose().to_owned(),
                        Err(error) if error.kind() == ErrorKind::NotFound => {
                            self.vault.secret(name.as_str()).await.unwrap()
                        }
                        Err(error) => panic!("{when}: {error}"),
                    }
                }
                other => panic!("{when}: {other:?}"),
            };
            assert_eq!(value, services::password(number), "{when}");
        }
        store.close().await;
    }

    async fn assert_settled(&self, when: &str) {
        let options = Options::new(self.database(), Access::ReadOnly);
        let store = Metastore::open(&options).await.unwrap();
        assert_eq!(store.count_intents(IntentState::Open).await.unwrap(), 0, "{when}");
        store.close().await;
    }
}

async fn killed_on_the_way_to(secrets_manager: &str, from: &str, steps: &[Step]) {
    for step in steps {
        let scene = Scene::set_up().await;
        let _ = scene.change_to(from, None).await.ended_with(0);
        let killed = scene.change_to(secrets_manager, Some(*step)).await;
        let when = format!("killed at {} on the way to {secrets_manager}", step.name());
        assert_eq!(killed.code, None, "it was not {when}: {}", killed.stderr);
        scene.assert_nothing_lost(&when).await;
        let report = scene.change_to(secrets_manager, None).await.ended_with(0).json();
        assert_eq!(report["entities"]["failed"], 0, "{when}: {report}");
        scene.assert_nothing_lost(&when).await;
        scene.assert_settled(&when).await;
        let again = scene.change_to(secrets_manager, None).await.ended_with(0).json();
        assert_eq!(again["entities"]["changed"], 0, "{when}: {again}");
    }
}

#[tokio::test]
async fn killed_at_any_step_on_the_way_to_another_vault_it_goes_on() {
    killed_on_the_way_to("managed-file", "managed-azure-kv", SIDEWAYS).await;
}

#[tokio::test]
async fn killed_at_any_step_on_the_way_back_to_the_database_it_goes_on() {
    killed_on_the_way_to("db", "managed-file", BACK).await;
}
