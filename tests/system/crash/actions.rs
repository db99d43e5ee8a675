//! What else `migrate-secrets` does is killed at each of its steps, and run again: a renaming, a rollback, a cleaning, a move from one
//! Key Vault to another, one to a folder of files, and from there back to the database.

use serde_json::{Value, json};
use strongroom_entities::reference::{self, FieldText};
use strongroom_manager::crash::Step;
use strongroom_metastore::testing::Kind;
use strongroom_tests::metadata::configuration;
use strongroom_tests::{VaultServer, scratch};

use super::installation::{Ground, Installation};
use super::steps::{PLACING, RECLAIMING, RUN, STORING, others};

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
    /// From a Key Vault to a folder of files.
    ToFiles,
    /// From a folder of files back to the database.
    BackFromFiles,
}

impl Action {
    pub(super) const ALL: &[Self] =
        &[Self::Rename, Self::RollBack, Self::Clean, Self::ToOtherVault, Self::ToFiles, Self::BackFromFiles];

    /// The steps that it passes. It is killed at each of them.
    pub(super) fn passed(self) -> Vec<Step> {
        match self {
            Self::Rename | Self::ToOtherVault | Self::ToFiles => {
                [PLACING, STORING, &[Step::VersionVerified, Step::OwnersWritten]].concat()
            }
            Self::RollBack | Self::BackFromFiles => {
                [STORING, &[Step::IntentsOpened, Step::OwnersWritten]].concat()
            }
            Self::Clean => vec![Step::IntentsOpened, Step::OldSecretDeleted, Step::IntentReleased],
        }
    }

    /// Those that it passes as any run does, at which [`super::migration`] kills.
    fn spared(self) -> Vec<Step> {
        match self {
            Self::Rename | Self::ToOtherVault | Self::ToFiles => [RUN, RECLAIMING].concat(),
            Self::RollBack | Self::Clean | Self::BackFromFiles => RUN.to_vec(),
        }
    }
}

/// Moves the values of an installation into its Key Vault, prepares an action, and answers how it is asked for.
async fn prepare(installation: &Installation<'_>, action: Action, other: &VaultServer) -> Vec<String> {
    const MIGRATE: &[&str] = &["migrate-secrets"];
    let change_to = |manager: &str| {
        let manager = json!(manager);
        installation
            .configure(|settings| settings["secretsManagerConfiguration"]["secretsManager"] = manager);
    };
    let rename = || {
        let prefix = json!(format!("new-{}", installation.prefix()));
        installation.configure(|settings| settings["secretsManagerConfiguration"]["prefix"] = prefix);
    };
    installation.run(MIGRATE).await;
    let arguments = match action {
        Action::Rename => {
            rename();
            vec!["--rename".to_owned()]
        }
        Action::Clean => {
            rename();
            installation.run(&["migrate-secrets", "--rename"]).await;
            vec!["--clean".to_owned()]
        }
        Action::RollBack => {
            let status = installation.run(&["migrate-secrets", "--status"]).await;
            vec!["--rollback".to_owned(), status["runs"][0]["run"].as_str().unwrap().to_owned()]
        }
        Action::ToOtherVault => {
            installation.configure(|settings| {
                let old = settings.to_string();
                std::fs::write(installation.folder().join(OLD_CONFIG), old).unwrap();
                let mut section = configuration(other, "")["secretsManagerConfiguration"].take();
                section["prefix"] = installation.prefix().into();
                settings["secretsManagerConfiguration"] = section;
            });
            vec!["--from".to_owned(), OLD_CONFIG.to_owned()]
        }
        Action::ToFiles => {
            change_to("managed-file");
            Vec::new()
        }
        Action::BackFromFiles => {
            change_to("managed-file");
            installation.run(MIGRATE).await;
            change_to("db");
            Vec::new()
        }
    };
    [vec!["migrate-secrets".to_owned()], arguments].concat()
}

/// Insists that an action is done: where the rows lead, and what is in the vaults.
async fn assert_done(installation: &Installation<'_>, action: Action, other: &VaultServer, when: &str) {
    let ledger = installation.ledger();
    assert_eq!(ledger.open_intents().await, 0, "{when}");
    let back = matches!(action, Action::RollBack | Action::BackFromFiles);
    for (field, text) in ledger.texts().await {
        match reference::classify(&text) {
            FieldText::Fernet(_) if back => {}
            FieldText::Reference(_) if !back => {}
            other => panic!("{when}: {field} holds {other:?}"),
        }
    }
    let begin_with = |names: Vec<String>, prefix: &str| {
        let prefix = format!("{prefix}-openmetadata-");
        names.iter().filter(|name| name.starts_with(&prefix)).count()
    };
    let (old, new) = (installation.prefix(), format!("new-{}", installation.prefix()));
    let here = installation.vault().names().await;
    let found = (begin_with(here.clone(), old), begin_with(here, &new), begin_with(other.names().await, old));
    let count = COUNT as usize;
    let expected = match action {
        Action::Rename => (count, count, 0),
        Action::Clean => (0, count, 0),
        Action::ToOtherVault => (count, 0, count),
        Action::RollBack | Action::ToFiles | Action::BackFromFiles => (count, 0, 0),
    };
    assert_eq!(found, expected, "{when}: secrets under the old name, under the new one, in the other vault");
}

async fn killed_at_each_step(kind: Kind, action: Action) {
    let other_folder = scratch();
    let other = VaultServer::start(other_folder.path()).await;
    let mut ground = Ground::new(kind).await;
    let passed = action.passed();
    for step in passed.iter().copied().map(Some).chain([None]) {
        let mut installation = ground.installation(step.map_or("undisturbed", Step::name)).await;
        installation.add_vault(&other).await;
        let values = installation.fill(COUNT).await;
        let command = prepare(&installation, action, &other).await;
        let command: Vec<&str> = command.iter().map(String::as_str).collect();
        let Some(step) = step else {
            let allowed = [&passed[..], &action.spared()].concat();
            let _ = installation.program_until(&command, &others(&allowed)).run().await.ended_with(0);
            assert_done(&installation, action, &other, "undisturbed").await;
            continue;
        };
        installation.die(&command, step, 1).await;
        let when = format!("{action:?} killed at {} on {kind:?}", step.name());
        installation.assert_values(&values, &when).await;
        let report: Value = installation.run(&command).await;
        assert_eq!(report["entities"]["failed"], 0, "{when}: {report}");
        installation.assert_values(&values, &when).await;
        assert_done(&installation, action, &other, &when).await;
        installation.assert_done(&command, &when).await;
        installation.assert_values(&values, &when).await;
    }
}

on_each! {
    [on_sqlite, on_postgresql, on_mysql]
    a_renaming_that_is_killed_goes_on: killed_at_each_step(Action::Rename),
    a_rollback_that_is_killed_goes_on: killed_at_each_step(Action::RollBack),
    a_cleaning_that_is_killed_goes_on: killed_at_each_step(Action::Clean),
    a_move_from_one_key_vault_to_another_that_is_killed_goes_on: killed_at_each_step(Action::ToOtherVault),
    a_move_from_a_key_vault_to_files_that_is_killed_goes_on: killed_at_each_step(Action::ToFiles),
    a_return_from_files_to_the_database_that_is_killed_goes_on: killed_at_each_step(Action::BackFromFiles),
}
