//! What outlives the processes of a test: a configuration, a database, and secrets in a vault.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use reqwest::Client;
use serde_json::Value;
use strongroom_entities::reference::{self, FieldText};
use strongroom_entities::{EntityKind, FernetKeys, walk};
use strongroom_manager::crash::Step;
use strongroom_metastore::testing::{Kind, TestDatabase};
use strongroom_metastore::{Access, IntentState, Location, Metastore, Options, Row};
use strongroom_secrets::SecretName;
use strongroom_secrets::random::SystemRandom;
use strongroom_tests::vault::{API_VERSION, OFFICER};
use strongroom_tests::{MetadataServer, Program, VaultServer, metadata};

/// The variable that says at which steps the program dies.
pub(super) const FAIL_POINTS: &str = "FAILPOINTS";

/// More entities of one kind than any test has.
const ALL: u32 = 1000;

/// What each secret field resolves to, by entity type, entity and field. An empty password is an empty text.
pub(super) type Values = BTreeMap<String, String>;

/// A folder with a configuration and a database, and a part of a vault.
pub(super) struct Installation<'a> {
    folder: PathBuf,
    vault: &'a VaultServer,
    /// With this every name of a secret begins, so that installations can share a vault.
    prefix: String,
    location: Location,
    keys: FernetKeys,
    client: Client,
    token: String,
}

impl<'a> Installation<'a> {
    /// An installation in a folder of its own, which is `scratch/prefix`.
    pub(super) async fn new(scratch: &Path, vault: &'a VaultServer, prefix: &str) -> Self {
        Self::with_section(scratch, vault, prefix, Value::Null).await
    }

    /// The same, on a database of some kind.
    pub(super) async fn on(kind: Kind, scratch: &Path, vault: &'a VaultServer, prefix: &str) -> Self {
        Self::made(kind, scratch, vault, prefix, Value::Null).await
    }

    /// The same, with a `section` of our own in the configuration.
    pub(super) async fn with_section(
        scratch: &Path,
        vault: &'a VaultServer,
        prefix: &str,
        section: Value,
    ) -> Self {
        Self::made(Kind::Sqlite, scratch, vault, prefix, section).await
    }

    async fn made(kind: Kind, scratch: &Path, vault: &'a VaultServer, prefix: &str, section: Value) -> Self {
        let folder = scratch.join(prefix);
        fs::create_dir_all(folder.join("data")).unwrap();
        let key = FernetKeys::generate(&SystemRandom);
        let mut configuration = metadata::configuration(vault, key.expose());
        configuration["secretsManagerConfiguration"]["prefix"] = prefix.into();
        configuration["strongroom"] = section;
        let location = match kind {
            // Where the commands look for it.
            Kind::Sqlite => Location::Sqlite(folder.join("data/metastore.db")),
            _ => {
                let database = TestDatabase::new(kind).await;
                configuration["database"] = database.section();
                database.location
            }
        };
        metadata::write_configuration(&folder, &configuration);
        let keys = FernetKeys::parse(&key).unwrap();
        let (client, token) = (vault.client(), vault.token(&OFFICER).await);
        Self { folder, vault, prefix: prefix.to_owned(), location, keys, client, token }
    }

    /// The vault, which survives.
    pub(super) fn vault(&self) -> &VaultServer {
        self.vault
    }

    /// The folder, in which logs may be put.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The keys of what the database keeps encrypted.
    pub(super) fn keys(&self) -> &FernetKeys {
        &self.keys
    }

    /// Where the database lies.
    pub(super) fn location(&self) -> Location {
        self.location.clone()
    }

    /// The file of the database, if it is SQLite's.
    pub(super) fn database(&self) -> PathBuf {
        self.folder.join("data/metastore.db")
    }

    /// The name of the secret of a service's field, where all parts of it are plain.
    pub(super) fn secret_name(&self, kind: EntityKind, service: &str, field: &str) -> String {
        let (prefix, field) = (&self.prefix, field.replace('.', "-").to_lowercase());
        format!("{prefix}-openmetadata-{}-{service}-{field}", kind.name_segment())
    }

    /// Starts a server.
    pub(super) async fn serve(&self) -> MetadataServer {
        self.serve_until(&[]).await
    }

    /// Starts a server that dies at the first of these steps that it passes after its start.
    pub(super) async fn serve_until(&self, steps: &[Step]) -> MetadataServer {
        MetadataServer::start(&self.folder, &[(FAIL_POINTS, &fail_points(steps, 1))]).await
    }

    /// Starts a server that dies at a step of its start.
    pub(super) async fn die_while_starting(&self, step: Step) {
        let server = Program::new(&self.folder)
            .args(["serve", "-c", metadata::CONFIG, "--data-dir", "data"])
            .envs([("SERVER_PORT", "0"), ("SERVER_ADMIN_PORT", "0")])
            .env(FAIL_POINTS, fail_points(&[step], 1));
        let ended = server.run().await;
        assert_eq!(ended.code, None, "a start did not die at {}: {}", step.name(), ended.stderr);
    }

    /// A migration, about to be run.
    pub(super) fn migration(&self) -> Program {
        Program::new(&self.folder).args([
            "migrate-secrets",
            "-c",
            metadata::CONFIG,
            "--data-dir",
            "data",
            "--adopt",
            "--json",
        ])
    }

    /// A migration that dies at the first of these steps that it passes.
    pub(super) fn migration_until(&self, steps: &[Step]) -> Program {
        self.migration().env(FAIL_POINTS, fail_points(steps, 1))
    }

    /// Runs a migration that dies when it passes a step for the `passing`th time.
    pub(super) async fn die_while_migrating(&self, step: Step, passing: u32) {
        let ended = self.migration().env(FAIL_POINTS, fail_points(&[step], passing)).run().await;
        assert_eq!(ended.code, None, "a migration did not die at {}: {}", step.name(), ended.stderr);
    }

    /// Runs a migration to its end, insists that it succeeds, and answers its report.
    pub(super) async fn migrate(&self) -> Value {
        self.migration().run().await.ended_with(0).json()
    }

    /// What every secret field resolves to, whether it has been migrated or not.
    pub(super) async fn values(&self) -> Values {
        let store = self.open().await;
        let mut values = Values::new();
        for row in rows(&store).await {
            for (field, text) in secret_fields(&row) {
                let value = match reference::classify(&text) {
                    FieldText::Empty => String::new(),
                    FieldText::Reference(reference) => {
                        let bundle = self.bundle(reference.name()).await;
                        bundle["value"].as_str().unwrap().to_owned()
                    }
                    FieldText::Fernet(token) => self.keys.decrypt(token).unwrap().expose().to_owned(),
                    other => panic!("{field} holds neither a reference nor what is encrypted: {other:?}"),
                };
                values.insert(field, value);
            }
        }
        store.close().await;
        values
    }

    /// Insists that nothing is under way, that the rows hold references only, that the version which was committed last is
    /// the latest of each, and that the vault holds what they refer to and nothing else but what was `there_before`.
    pub(super) async fn assert_settled(&self, there_before: &BTreeSet<String>) {
        assert_eq!(self.open_intents().await, 0, "open intents");
        let store = self.open().await;
        let mut expected = there_before.clone();
        for row in rows(&store).await {
            for (field, text) in secret_fields(&row) {
                let name = match reference::classify(&text) {
                    FieldText::Empty => continue,
                    FieldText::Reference(reference) => reference.name().clone(),
                    _ => panic!("{field} holds no reference"),
                };
                let owner = store.owner(&name).await.unwrap().expect("an owner of the name");
                assert_eq!(
                    self.latest_version(&name).await,
                    owner.version.as_str(),
                    "the version of {field}"
                );
                expected.insert(name.as_str().to_owned());
            }
        }
        store.close().await;
        let ours = format!("{}-", self.prefix);
        let names = self.vault.names().await.into_iter().filter(|name| name.starts_with(&ours));
        assert_eq!(names.collect::<BTreeSet<_>>(), expected, "the names in the vault");
    }

    /// How many intents are open.
    pub(super) async fn open_intents(&self) -> u64 {
        let store = self.open().await;
        let count = store.count_intents(IntentState::Open).await.unwrap();
        store.close().await;
        count
    }

    async fn open(&self) -> Metastore {
        let options = Options::new(self.location(), Access::ReadOnly);
        Metastore::open(&options).await.unwrap()
    }

    async fn latest_version(&self, name: &SecretName) -> String {
        let bundle = self.bundle(name).await;
        bundle["id"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()
    }

    async fn bundle(&self, name: &SecretName) -> Value {
        let url = format!("{}/secrets/{name}/?api-version={API_VERSION}", self.vault.url());
        let answer = self.client.get(url).bearer_auth(&self.token).send().await.unwrap();
        assert_eq!(answer.status(), 200, "a row refers to {name}");
        answer.json().await.unwrap()
    }
}

/// The key under which [`Values`] has a field.
pub(super) fn label(kind: EntityKind, entity: &str, field: &str) -> String {
    format!("{kind} {entity} {field}")
}

async fn rows(store: &Metastore) -> Vec<Row> {
    let mut rows = Vec::new();
    for kind in EntityKind::WITH_SECRETS {
        let page = store.inventory(*kind, None, ALL).await.unwrap();
        assert!(page.next.is_none(), "more than {ALL} entities of a kind");
        rows.extend(page.rows.into_iter().map(Result::unwrap));
    }
    rows
}

/// The secret fields of a row, by their labels, with the texts that they hold.
fn secret_fields(row: &Row) -> Vec<(String, String)> {
    let entity = row.json["name"].as_str().unwrap();
    let fields = walk(row.kind, &row.json).fields.into_iter();
    fields
        .map(|field| {
            let text = field.get(&row.json).and_then(Value::as_str).unwrap().to_owned();
            (label(row.kind, entity, &field.to_string()), text)
        })
        .collect()
}

/// The variable's value with which the program dies at each of `steps` when it passes it for the `passing`th time.
pub(super) fn fail_points(steps: &[Step], passing: u32) -> String {
    let action = match passing {
        0 | 1 => "return".to_owned(),
        _ => format!("{}*off->return", passing - 1),
    };
    steps.iter().map(|step| format!("{}={action}", step.name())).collect::<Vec<_>>().join(";")
}
