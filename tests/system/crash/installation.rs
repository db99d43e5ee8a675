//! What outlives the processes of a test: a configuration, a database, and secrets in a vault.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::Client;
use serde_json::{Value, json};
use strongroom_entities::{EntityKind, FernetKeys};
use strongroom_manager::crash::Step;
use strongroom_metastore::testing::{Kind, TestDatabase};
use strongroom_metastore::{Access, Location, Metastore, Options};
use strongroom_secrets::SecretValue;
use strongroom_secrets::random::SystemRandom;
use strongroom_tests::fixtures::services;
use strongroom_tests::vault::OFFICER;
use strongroom_tests::{Finished, MetadataServer, Program, VaultServer, metadata, scratch};
use tempfile::TempDir;

use super::ledger::{Connections, Ledger, Values, label};
use super::steps::{FAIL_POINTS, fail_points};
use crate::databases::token_keys;

/// The field of the services that [`Installation::fill`] makes.
pub(super) const PASSWORD: &str = "connection.config.authType.password";

/// What the installations of one test stand on, one after the other: a vault, in which each has names of its own, and a database,
/// which is emptied for each.
pub(super) struct Ground {
    folder: TempDir,
    vault: VaultServer,
    kind: Kind,
    /// On a server; with SQLite each installation has a file of its own.
    database: Option<TestDatabase>,
    connections: Connections,
    /// Who looks into the vault.
    client: Client,
    token: String,
    /// What signs the tokens of servers whose database others could share.
    token_keys: Value,
}

/// A folder with a configuration and a database, and a part of a vault.
pub(super) struct Installation<'a> {
    folder: PathBuf,
    vault: &'a VaultServer,
    kind: Kind,
    /// With this every name of a secret begins.
    prefix: String,
    location: Location,
    key: SecretValue,
    keys: FernetKeys,
    configuration: Value,
    ledger: Ledger<'a>,
}

impl Ground {
    /// A vault, and a database of some kind.
    pub(super) async fn new(kind: Kind) -> Self {
        let folder = scratch();
        let vault = VaultServer::start(folder.path()).await;
        let (mut database, mut token_keys_section) = (None, Value::Null);
        if kind != Kind::Sqlite {
            database = Some(TestDatabase::new(kind).await);
            token_keys_section = token_keys(folder.path());
        }
        let (client, token) = (vault.client(), vault.token(&OFFICER).await);
        let connections = Connections::new();
        Self { folder, vault, kind, database, connections, client, token, token_keys: token_keys_section }
    }

    /// A new installation, with an empty database. Its folder and the names of its secrets begin with `prefix`.
    pub(super) async fn installation(&mut self, prefix: &str) -> Installation<'_> {
        let folder = self.folder.path().join(prefix);
        fs::create_dir_all(folder.join("data")).unwrap();
        let key = FernetKeys::generate(&SystemRandom);
        let mut configuration = metadata::configuration(&self.vault, key.expose());
        configuration["secretsManagerConfiguration"]["prefix"] = prefix.into();
        let location = match &self.database {
            // Where the commands look for it.
            None => Location::Sqlite(folder.join("data/metastore.db")),
            Some(database) => {
                database.clear().await;
                configuration["database"] = database.section();
                configuration["jwtTokenConfiguration"] = self.token_keys.clone();
                database.location.clone()
            }
        };
        let keys = FernetKeys::parse(&key).unwrap();
        let connections = self.database.as_ref().map(|_| &self.connections);
        let mut ledger = Ledger::new(location.clone(), connections, keys.clone());
        ledger.add_vault(&self.vault, self.client.clone(), self.token.clone());
        ledger.add_files(folder.join("data/secrets"));
        let (vault, kind, prefix) = (&self.vault, self.kind, prefix.to_owned());
        let installation =
            Installation { folder, vault, kind, prefix, location, key, keys, configuration, ledger };
        installation.configure(|_| ());
        installation
    }
}

impl<'a> Installation<'a> {
    /// The vault, which survives.
    pub(super) fn vault(&self) -> &'a VaultServer {
        self.vault
    }

    /// The folder, in which files may be put.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The kind of the database.
    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    /// Where the database lies.
    pub(super) fn location(&self) -> Location {
        self.location.clone()
    }

    /// What every secret's name begins with.
    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The keys of what the database keeps encrypted, as the configuration holds them and ready to be used.
    pub(super) fn keys(&self) -> (&SecretValue, &FernetKeys) {
        (&self.key, &self.keys)
    }

    /// What is kept where.
    pub(super) fn ledger(&self) -> &Ledger<'a> {
        &self.ledger
    }

    /// References can lead to this vault, too.
    pub(super) async fn add_vault(&mut self, vault: &'a VaultServer) {
        self.ledger.add_vault(vault, vault.client(), vault.token(&OFFICER).await);
    }

    /// The name of the secret of a service's field, where all parts of it are plain.
    pub(super) fn secret_name(&self, kind: EntityKind, service: &str, field: &str) -> String {
        let (prefix, field) = (&self.prefix, field.replace('.', "-").to_lowercase());
        format!("{prefix}-openmetadata-{}-{service}-{field}", kind.name_segment())
    }

    /// Writes the configuration that it was made with, after `change` has had it in its hands.
    pub(super) fn configure(&self, change: impl FnOnce(&mut Value)) {
        let mut configuration = self.configuration.clone();
        change(&mut configuration);
        metadata::write_configuration(&self.folder, &configuration);
    }

    /// Makes `count` services with a password each, and answers what they resolve to.
    pub(super) async fn fill(&self, count: u32) -> Values {
        services::fill_with_services(self.location(), count, &self.keys).await;
        let value = |number| {
            let service = services::name(number);
            (label(EntityKind::DatabaseService, &service, PASSWORD), services::password(number))
        };
        (1..=count).map(value).collect()
    }

    /// The database, to be changed.
    pub(super) async fn open(&self, access: Access) -> Metastore {
        Metastore::open(&Options::new(self.location(), access)).await.unwrap()
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
        die(self.server(), step, 1).await;
    }

    /// Starts a server that is killed while it starts, after some time.
    pub(super) async fn kill_while_starting(&self, after: Duration) {
        let mut running = self.server().start(&self.folder, "killed");
        tokio::time::sleep(after).await;
        running.kill();
    }

    fn server(&self) -> Program {
        self.program(&["serve"])
            .envs([("SERVER_PORT", "0"), ("SERVER_ADMIN_PORT", "0")])
            .env("STRONGROOM_ADMIN_PASSWORD", metadata::ADMIN_PASSWORD)
    }

    /// A command about this installation, about to be run.
    pub(super) fn program(&self, command: &[&str]) -> Program {
        Program::new(&self.folder).args(command).args(["-c", metadata::CONFIG, "--data-dir", "data"])
    }

    /// The same; it dies at the first of these steps that it passes.
    pub(super) fn program_until(&self, command: &[&str], steps: &[Step]) -> Program {
        self.program(command).env(FAIL_POINTS, fail_points(steps, 1))
    }

    /// Runs a command that dies when it passes a step for the `passing`th time.
    pub(super) async fn die(&self, command: &[&str], step: Step, passing: u32) {
        die(self.program(command), step, passing).await;
    }

    /// Runs a command to its end, insists that it succeeds, and answers what it printed as JSON.
    pub(super) async fn run(&self, command: &[&str]) -> Value {
        self.program(command).arg("--json").run().await.ended_with(0).json()
    }

    /// Runs a command once more that has nothing left to do.
    pub(super) async fn assert_done(&self, command: &[&str], when: &str) -> Value {
        let again = self.run(command).await;
        let done = (&again["entities"]["changed"], &again["secrets"]["written"]);
        assert_eq!(done, (&json!(0), &json!(0)), "{when}: {again}");
        again
    }

    /// Insists that each secret field resolves to its value, wherever that is kept now.
    pub(super) async fn assert_values(&self, expected: &Values, when: &str) {
        assert_eq!(self.ledger.values().await, *expected, "{when}");
    }

    /// Insists that nothing is under way, that the rows hold references only, that the version which was committed last is
    /// the latest of each, and that the vault holds what they refer to and nothing else but what was `there_before`.
    pub(super) async fn assert_settled(&self, there_before: &BTreeSet<String>) {
        let mut expected = self.ledger.assert_settled().await;
        expected.extend(there_before.iter().cloned());
        let ours = format!("{}-", self.prefix);
        let names = self.vault.names().await.into_iter().filter(|name| name.starts_with(&ours));
        assert_eq!(names.collect::<BTreeSet<_>>(), expected, "the names in the vault");
    }
}

async fn die(program: Program, step: Step, passing: u32) {
    let ended: Finished = program.env(FAIL_POINTS, fail_points(&[step], passing)).run().await;
    let (name, stdout, stderr) = (step.name(), &ended.stdout, &ended.stderr);
    assert_eq!(ended.code, None, "it did not die at passing {passing} of {name}: {stdout}{stderr}");
}
