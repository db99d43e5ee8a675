//! The rotation of the Fernet key, and the deletion of orphans, killed at each step that they pass, and run again.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use strongroom_entities::{EntityKind, FernetKeys, name_hash};
use strongroom_manager::crash::Step;
use strongroom_metastore::{Access, IntentState, Metastore, Options};
use strongroom_secrets::random::SystemRandom;
use strongroom_secrets::{SecretName, SecretValue};
use strongroom_tests::fixtures::services;
use strongroom_tests::metadata::{CONFIG, configuration, write_configuration};
use strongroom_tests::{Finished, Program, VaultServer, api, scratch};

use super::installation::{FAIL_POINTS, fail_points};

/// The steps of a rotation.
pub(super) const ROTATING: &[Step] = &[Step::ValuesRenewed, Step::RenewalCommitted];
/// The steps of a deletion of orphans.
pub(super) const DELETING: &[Step] = &[Step::IntentsOpened, Step::SecretDeleted, Step::VaultPutRight];

/// Two full pages of documents and a part of one.
const SERVICES: u32 = 150;

async fn open(folder: &Path, access: Access) -> Metastore {
    Metastore::open(&Options::new(folder.join("data/metastore.db"), access)).await.unwrap()
}

/// What the password field of each service holds.
async fn stored(folder: &Path) -> Vec<String> {
    let store = open(folder, Access::ReadOnly).await;
    let mut texts = Vec::new();
    for number in 1..=SERVICES {
        let hash = name_hash(&services::name(number));
        let row = store.get_by_hash(EntityKind::DatabaseService, &hash).await.unwrap().unwrap();
        texts.push(api::password(&row.json).as_str().unwrap().to_owned());
    }
    store.close().await;
    texts
}

async fn run(folder: &Path, command: &[&str], die_at: Option<(Step, u32)>) -> Finished {
    let program = Program::new(folder).arg("secrets").args(command);
    let program = program.args(["-c", CONFIG, "--data-dir", "data", "--json"]);
    match die_at {
        Some((step, passing)) => program.env(FAIL_POINTS, fail_points(&[step], passing)).run().await,
        None => program.run().await,
    }
}

#[tokio::test]
async fn a_rotation_that_is_killed_loses_no_value_and_goes_on() {
    for step in ROTATING {
        for passing in [1, 2] {
            let when = format!("killed at passing {passing} of {}", step.name());
            let folder = scratch();
            let (old, old_keys) = services::data_with_services(folder.path(), SERVICES).await;
            let new = FernetKeys::generate(&SystemRandom);
            let setting = SecretValue::new(format!("{},{}", new.expose(), old.expose()));
            let both = FernetKeys::parse(&setting).unwrap();
            let new_keys = FernetKeys::parse(&new).unwrap();
            let configuration = json!({"fernetConfiguration": {"fernetKey": setting.expose()}});
            write_configuration(folder.path(), &configuration);

            let killed = run(folder.path(), &["rotate-fernet-key"], Some((*step, passing))).await;
            assert_eq!(killed.code, None, "{when}: {}", killed.stderr);
            let half_way = stored(folder.path()).await;
            let renewed = half_way.iter().filter(|text| new_keys.decrypt(text).is_ok()).count();
            assert!(renewed < SERVICES as usize, "{when}");
            for (text, number) in half_way.iter().zip(1..) {
                assert_eq!(both.decrypt(text).unwrap().expose(), services::password(number), "{when}");
            }

            let report = run(folder.path(), &["rotate-fernet-key"], None).await.ended_with(0).json();
            assert_eq!(report["renewed"], u64::from(SERVICES) - renewed as u64, "{when}: {report}");
            assert_eq!(report["complete"], true, "{when}");
            for (text, number) in stored(folder.path()).await.iter().zip(1..) {
                assert_eq!(new_keys.decrypt(text).unwrap().expose(), services::password(number), "{when}");
                assert!(old_keys.decrypt(text).is_err(), "{when}");
            }
        }
    }
}

/// An installation whose passwords lie in the vault, some of which no row refers to any more.
struct Orphaned {
    folder: PathBuf,
    names: Vec<SecretName>,
}

impl Orphaned {
    async fn set_up(scratch: &Path, vault: &VaultServer, prefix: &str) -> Self {
        let folder = scratch.join(prefix);
        std::fs::create_dir(&folder).unwrap();
        let (key, _) = services::data_with_services(&folder, 8).await;
        let mut configuration = configuration(vault, key.expose());
        configuration["secretsManagerConfiguration"]["prefix"] = Value::from(prefix);
        write_configuration(&folder, &configuration);
        let migration = Program::new(&folder).args(["migrate-secrets", "-c", CONFIG, "--data-dir", "data"]);
        let _ = migration.run().await.ended_with(0);
        let name =
            |number| format!("{prefix}-openmetadata-database-{}-authtype-password", services::name(number));
        let names: Vec<_> = (1..=8).map(|number| SecretName::new(name(number)).unwrap()).collect();
        // Half of the rows go without their secrets.
        let store = open(&folder, Access::ReadWrite).await;
        let mut transaction = store.begin().await.unwrap();
        for number in 1..=4_u32 {
            let hash = name_hash(&services::name(number));
            let row = store.get_by_hash(EntityKind::DatabaseService, &hash).await.unwrap().unwrap();
            transaction.delete(EntityKind::DatabaseService, row.id).await.unwrap();
            transaction.forget_owner(&names[number as usize - 1]).await.unwrap();
        }
        transaction.commit().await.unwrap();
        store.close().await;
        Self { folder, names }
    }
}

#[tokio::test]
async fn a_deletion_of_orphans_that_is_killed_loses_nothing_else_and_goes_on() {
    let folder = scratch();
    let vault = VaultServer::start(folder.path()).await;
    for step in DELETING {
        let when = format!("killed at {}", step.name());
        let scene = Orphaned::set_up(folder.path(), &vault, step.name()).await;
        let killed = run(&scene.folder, &["orphans", "--delete"], Some((*step, 1))).await;
        assert_eq!(killed.code, None, "{when}: {}", killed.stderr);
        let again = run(&scene.folder, &["orphans", "--delete"], None).await.ended_with(0).json();
        for orphan in again["orphans"].as_array().unwrap() {
            assert_eq!(orphan["state"], "deleted", "{when}: {again}");
        }
        for (name, number) in scene.names.iter().zip(1..) {
            let expected = (number > 4).then(|| services::password(number));
            assert_eq!(vault.secret(name.as_str()).await, expected, "{when}: {name}");
        }
        let store = open(&scene.folder, Access::ReadOnly).await;
        assert_eq!(store.count_intents(IntentState::Open).await.unwrap(), 0, "{when}");
        store.close().await;
        let none = run(&scene.folder, &["orphans"], None).await.ended_with(0).json();
        assert_eq!(none["orphans"], json!([]), "{when}");
    }
}
