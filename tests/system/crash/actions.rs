//! A renaming, a rollback, a cleaning and a move from one Key Vault to another are killed at each of their steps, and run again.

use reqwest::Method;
use serde_json::{Value, json};
use strongroom_entities::reference::{self, FieldText};
use strongroom_entities::{EntityKind, FernetKeys, name_hash};
use strongroom_manager::crash::Step;
use strongroom_metastore::testing::Kind;
use strongroom_metastore::{Access, IntentState, Metastore};
use strongroom_tests::api;
use strongroom_tests::fixtures::services;
use strongroom_tests::metadata::{CONFIG, configuration, write_configuration};
use strongroom_tests::vault::OFFICER;
use strongroom_tests::{Database, Finished, Program, VaultServer, scratch};
use tempfile::TempDir;

const COUNT: u32 = 3;

/// The configuration of the place where secrets were before, beside the one of where they are to go.
const OLD_CONFIG: &str = "old.yaml";

/// What is done, and killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// The prefix changes, and the names follow.
    Rename,
    /// What the first run moved comes back to the database.
    RollBack,
    /// What is left of a renaming is deleted.
    Clean,
    /// From one Key Vault to another.
    ToOtherVault,
}

const WRITING: &[Step] = &[
    Step::IntentsOpened,
    Step::BeforeRecorded,
    Step::VersionWritten,
    Step::VersionVerified,
    Step::DocumentStored,
    Step::Committed,
];

/// The actions, with the steps that each passes.
pub(super) const ALL: &[(Action, &[Step])] = &[
    (Action::Rename, WRITING),
    (Action::RollBack, &[Step::IntentsOpened, Step::DocumentStored, Step::Committed]),
    (Action::Clean, &[Step::IntentsOpened, Step::OldSecretDeleted]),
    (Action::ToOtherVault, WRITING),
];

struct Scene {
    folder: TempDir,
    database: Database,
    vault: VaultServer,
    other: VaultServer,
    _other_folder: TempDir,
    keys: FernetKeys,
    configuration: Value,
}

impl Scene {
    /// Services whose passwords a run has moved into a Key Vault, and another vault that is empty.
    async fn set_up(kind: Kind) -> Self {
        let (folder, other_folder) = (scratch(), scratch());
        let vault = VaultServer::start(folder.path()).await;
        let other = VaultServer::start(other_folder.path()).await;
        let (database, key, keys) = Database::with_services(kind, folder.path(), COUNT).await;
        let mut configuration = configuration(&vault, key.expose());
        configuration["database"] = database.section.clone();
        let scene = Self { folder, database, vault, other, _other_folder: other_folder, keys, configuration };
        write_configuration(scene.folder.path(), &scene.configuration);
        let _ = scene.migrate(&[], None).await.ended_with(0);
        scene
    }

    async fn migrate(&self, arguments: &[&str], dies_at: Option<Step>) -> Finished {
        let fail_point = dies_at.map(|step| format!("{}=return", step.name()));
        Program::new(self.folder.path())
            .args(["migrate-secrets", "-c", CONFIG, "--data-dir", "data", "--json"])
            .args(arguments)
            .envs(fail_point.map(|point| ("FAILPOINTS", point)))
            .run()
            .await
    }

    /// Prepares an action, and answers with its arguments.
    async fn prepare(&self, action: Action) -> Vec<String> {
        let mut changed = self.configuration.clone();
        match action {
            Action::RollBack => {
                let status = self.migrate(&["--status"], None).await.ended_with(0).json();
                return vec!["--rollback".to_owned(), status["runs"][0]["run"].as_str().unwrap().to_owned()];
            }
            Action::Rename | Action::Clean => {
                changed["secretsManagerConfiguration"]["prefix"] = json!("acme");
                write_configuration(self.folder.path(), &changed);
            }
            Action::ToOtherVault => {
                let other = strongroom_tests::metadata::configuration(&self.other, "");
                let old = self.configuration.to_string();
                std::fs::write(self.folder.path().join(OLD_CONFIG), old).unwrap();
                changed["secretsManagerConfiguration"] = other["secretsManagerConfiguration"].clone();
                write_configuration(self.folder.path(), &changed);
                return vec!["--from".to_owned(), OLD_CONFIG.to_owned()];
            }
        }
        if action == Action::Rename {
            return vec!["--rename".to_owned()];
        }
        let _ = self.migrate(&["--rename"], None).await.ended_with(0);
        vec!["--clean".to_owned()]
    }

    async fn store(&self) -> Metastore {
        self.database.open(Access::ReadOnly).await
    }

    /// Insists that each password field resolves to its value, wherever that is kept now.
    async fn assert_nothing_lost(&self, when: &str) {
        let store = self.store().await;
        for number in 1..=COUNT {
            let hash = name_hash(&services::name(number));
            let row = store.get_by_hash(EntityKind::DatabaseService, &hash).await.unwrap().unwrap();
            let value = match reference::classify(api::password(&row.json).as_str().unwrap()) {
                FieldText::Fernet(token) => self.keys.decrypt(token).unwrap().expose().to_owned(),
                FieldText::Reference(reference) => {
                    let name = reference.name();
                    let owner = store.owner(name).await.unwrap().unwrap();
                    let version = owner.version.as_str();
                    // The version that was committed says which of the two vaults counts.
                    match self.version(&self.vault, name.as_str(), version).await {
                        Some(value) => value,
                        None => self.version(&self.other, name.as_str(), version).await.expect(when),
                    }
                }
                other => panic!("{when}: {other:?}"),
            };
            assert_eq!(value, services::password(number), "{when}");
        }
        store.close().await;
    }

    async fn version(&self, vault: &VaultServer, name: &str, version: &str) -> Option<String> {
        let request = vault.request(&OFFICER, Method::GET, &format!("/secrets/{name}/{version}")).await;
        let answer = request.send().await.unwrap();
        let found = answer.status() == 200;
        let body: Value = answer.json().await.unwrap();
        found.then(|| body["value"].as_str().unwrap().to_owned())
    }

    async fn assert_done(&self, action: Action, when: &str) {
        let store = self.store().await;
        assert_eq!(store.count_intents(IntentState::Open).await.unwrap(), 0, "{when}");
        store.close().await;
        let count = COUNT as usize;
        let (here, there) = (self.vault.names().await, self.other.names().await);
        let renamed = here.iter().filter(|name| name.starts_with("acme-")).count();
        let expected = match action {
            Action::Rename => (2 * count, count, 0),
            Action::RollBack => (count, 0, 0),
            Action::Clean => (count, count, 0),
            Action::ToOtherVault => (count, 0, count),
        };
        assert_eq!((here.len(), renamed, there.len()), expected, "{when}: {here:?} {there:?}");
    }
}

async fn killed_at_each_step(kind: Kind, action: Action) {
    let (_, steps) = ALL.iter().find(|(listed, _)| *listed == action).unwrap();
    for step in *steps {
        let scene = Scene::set_up(kind).await;
        let arguments = scene.prepare(action).await;
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let killed = scene.migrate(&arguments, Some(*step)).await;
        let when = format!("{action:?} killed at {} on {kind:?}", step.name());
        assert_eq!(killed.code, None, "it was not {when}: {}{}", killed.stdout, killed.stderr);
        scene.assert_nothing_lost(&when).await;
        let report = scene.migrate(&arguments, None).await.ended_with(0).json();
        assert_eq!(report["entities"]["failed"], 0, "{when}: {report}");
        scene.assert_nothing_lost(&when).await;
        scene.assert_done(action, &when).await;
        let again = scene.migrate(&arguments, None).await.ended_with(0).json();
        let done = [&again["entities"]["changed"], &again["secrets"]["written"]];
        assert_eq!(done, [&json!(0), &json!(0)], "{when}: {again}");
        scene.assert_nothing_lost(&when).await;
    }
}

/// Makes a test of each action, for each database.
macro_rules! killed {
    ($($name:ident: $action:ident),+ $(,)?) => {
        $(mod $name {
            use super::{Action, Kind, killed_at_each_step};

            #[tokio::test]
            async fn on_sqlite() {
                killed_at_each_step(Kind::Sqlite, Action::$action).await;
            }

            #[tokio::test]
            async fn on_postgresql() {
                killed_at_each_step(Kind::Postgres, Action::$action).await;
            }

            #[tokio::test]
            async fn on_mysql() {
                killed_at_each_step(Kind::Mysql, Action::$action).await;
            }
        })+
    };
}

killed! {
    a_renaming_that_is_killed_goes_on: Rename,
    a_rollback_that_is_killed_goes_on: RollBack,
    a_cleaning_that_is_killed_goes_on: Clean,
    a_move_from_one_key_vault_to_another_that_is_killed_goes_on: ToOtherVault,
}
