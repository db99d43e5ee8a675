//! Bad input: each mistake has its own clear message and exit code or status, and leaves vault and database as they were.
//!
//! A mistake in the configuration is met by `migrate-secrets` and by `serve`; one in a password by the REST API and, where an
//! earlier server let it in, by the migration.

use std::path::PathBuf;

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};
use strongroom_entities::{EntityKind, FernetKeys, name_hash};
use strongroom_metastore::{Access, Metastore, Options};
use strongroom_secrets::random::SystemRandom;
use strongroom_secrets::{Random, SecretValue};
use strongroom_tests::api::{self, SERVICES};
use strongroom_tests::fixtures::services;
use strongroom_tests::metadata::{CONFIG, configuration, write_configuration};
use strongroom_tests::running::free_port;
use strongroom_tests::snapshot::{self, Rows, Secrets};
use strongroom_tests::vault::USER;
use strongroom_tests::{Finished, MetadataServer, Program, VaultServer, scratch};
use tempfile::TempDir;

/// The secret that the first service of the database gets under either naming scheme.
const FIRST: &str = "openmetadata-database-bench000001-authtype-password";

/// A vault, and a database with one service whose password is encrypted.
struct Scene {
    folder: TempDir,
    vault: VaultServer,
    keys: FernetKeys,
    configuration: Value,
}

type State = (Rows, Secrets);

impl Scene {
    async fn set_up() -> Self {
        let folder = scratch();
        let vault = VaultServer::start(folder.path()).await;
        let (key, keys) = services::data_with_services(folder.path(), 1).await;
        let configuration = configuration(&vault, key.expose());
        let scene = Self { folder, vault, keys, configuration };
        scene.configure(|_| ());
        scene
    }

    fn database(&self) -> PathBuf {
        self.folder.path().join("data/metastore.db")
    }

    /// Writes the configuration, changed.
    fn configure(&self, change: impl FnOnce(&mut Value)) {
        let mut configuration = self.configuration.clone();
        change(&mut configuration);
        write_configuration(self.folder.path(), &configuration);
    }

    /// Writes the configuration with changed parameters of the secrets manager.
    fn configure_vault(&self, parameter: &str, value: Value) {
        self.configure(|file| {
            let parameters = &mut file["secretsManagerConfiguration"]["parameters"];
            parameters.as_object_mut().unwrap().remove(parameter);
            if !value.is_null() {
                parameters[parameter] = value;
            }
        });
    }

    fn migrate_program(&self) -> Program {
        Program::new(self.folder.path()).args(["migrate-secrets", "-c", CONFIG, "--data-dir", "data"])
    }

    async fn migrate(&self) -> Finished {
        self.migrate_program().run().await
    }

    /// Runs `serve` to its end, which a mistake brings before it is ready.
    async fn serve(&self, variables: &[(&str, &str)]) -> Finished {
        Program::new(self.folder.path())
            .args(["serve", "-c", CONFIG, "--data-dir", "data"])
            .envs([("SERVER_PORT", "0"), ("SERVER_ADMIN_PORT", "0")])
            .envs(variables.iter().copied())
            .run()
            .await
    }

    async fn start(&self) -> MetadataServer {
        MetadataServer::start(self.folder.path(), &[]).await
    }

    /// Starts the server once as it should be, so that all that a first start makes is there.
    async fn start_once(&self) {
        self.configure(|_| ());
        assert!(self.start().await.running().stop().await.success());
    }

    async fn state(&self) -> State {
        (snapshot::rows(&self.database()).await, snapshot::secrets(&self.vault).await)
    }

    #[track_caller]
    fn is_as_it_was(before: &State, after: &State, mistake: &str) {
        assert_eq!(before.0, after.0, "the database has changed: {mistake}");
        assert_eq!(before.1, after.1, "the vault has changed: {mistake}");
    }

    /// Stores a service of the given password as an earlier server would have: encrypted.
    async fn plant(&self, name: &str, password: &str) {
        let options = Options::new(self.database(), Access::ReadWrite);
        let store = Metastore::open(&options).await.unwrap();
        let random: &dyn Random = &SystemRandom;
        let document =
            services::postgres(random.uuid(), name, &self.keys.encrypt(&SecretValue::new(password)));
        let mut transaction = store.begin().await.unwrap();
        transaction.insert(EntityKind::DatabaseService, &name_hash(name), &document).await.unwrap();
        transaction.commit().await.unwrap();
        store.close().await;
    }

    /// The migration and the start of the server both end with `code` and say all of `telling`.
    async fn refuses_to_begin(&self, mistake: &str, code: i32, telling: &[&str]) {
        let before = self.state().await;
        for finished in [self.migrate().await, self.serve(&[]).await] {
            let finished = finished.ended_with(code);
            tells(&finished.stderr, telling);
            assert_eq!(finished.stdout, "");
        }
        Self::is_as_it_was(&before, &self.state().await, mistake);
    }

    /// The vault cannot be used as configured: a migration ends with `code`, a write over REST gets `status`, and both say all of
    /// `telling`.
    async fn refuses_to_write(&self, mistake: (&str, Value), code: i32, status: u16, telling: &[&str]) {
        let (parameter, value) = mistake;
        self.start_once().await;
        self.configure_vault(parameter, value);
        let mut server = self.start().await;
        let admin = server.admin().await;
        let before = self.state().await;

        let finished = self.migrate().await.ended_with(code);
        tells(&format!("{}{}", finished.stdout, finished.stderr), telling);
        let answer = server.send_service(Method::PUT, &admin, &api::postgres("shop", "dummy-shop")).await;
        tells(&answer.refusal(status), telling);
        let read = server.send(Method::GET, &format!("{SERVICES}/name/shop"), &admin, None).await;
        assert_eq!(read.status, 404, "nothing was stored");

        Self::is_as_it_was(&before, &self.state().await, parameter);
        assert!(server.running().stop().await.success());
    }

    /// Passwords over REST are refused with 400 and all of the telling words, by POST, PUT and PATCH.
    async fn refuses_passwords(&self, refused: &[(&str, &[&str])]) {
        let mut server = self.start().await;
        let admin = server.admin().await;
        let standing =
            server.send_service(Method::POST, &admin, &api::postgres("standing", "dummy")).await.expect(201);
        let before = self.state().await;

        let path = format!("{SERVICES}/{}", standing["id"].as_str().unwrap());
        for (password, telling) in refused {
            let change =
                json!({"op": "replace", "path": "/connection/config/authType/password", "value": password});
            for answer in [
                server.send_service(Method::POST, &admin, &api::postgres("new", password)).await,
                server.send_service(Method::PUT, &admin, &api::postgres("new", password)).await,
                server.send_service(Method::PUT, &admin, &api::postgres("standing", password)).await,
                server.send(Method::PATCH, &path, &admin, Some(&json!([change]))).await,
            ] {
                let message = answer.refusal(400);
                tells(&message, &["connection.config.authType.password"]);
                tells(&message, telling);
            }
        }

        Self::is_as_it_was(&before, &self.state().await, "a password that cannot be kept");
        assert!(server.running().stop().await.success());
    }

    /// The migration stops before its first write with a conflict that says all of `telling`, planned or not.
    async fn is_a_conflict(&self, telling: &[&str]) {
        let before = self.state().await;
        for arguments in [&["--plan"][..], &[]] {
            let finished = self.migrate_program().args(arguments).run().await.ended_with(3);
            tells(&finished.stdout, telling);
            tells(&finished.stdout, &["Nothing was written", "--skip-conflicts"]);
            let report =
                self.migrate_program().args(arguments).arg("--json").run().await.ended_with(3).json();
            assert_eq!(report["conflicts"].as_array().unwrap().len(), 1, "{report}");
            tells(&report["conflicts"].to_string(), telling);
        }
        Self::is_as_it_was(&before, &self.state().await, "a conflict");
    }
}

/// Insists on all of the telling words.
#[track_caller]
fn tells(message: &str, telling: &[&str]) {
    for words in telling {
        assert!(message.contains(words), "{words:?} is missing in: {message}");
    }
}

#[tokio::test]
async fn an_unknown_vault_name() {
    let scene = Scene::set_up().await;
    let url = scene.vault.url().replace("v1", "nosuch");
    let telling = [url.as_str(), "no such vault", "check the vault's name"];
    scene.refuses_to_write(("vaultUrl", json!(url)), 2, 502, &telling).await;
}

#[tokio::test]
async fn a_wrong_client_secret() {
    let scene = Scene::set_up().await;
    let authority = scene.vault.authority();
    let telling = [authority.as_str(), "client secret is wrong", "AADSTS7000215", "use the secret's value"];
    scene.refuses_to_write(("clientSecret", json!("wr0ng")), 1, 502, &telling).await;
}

#[tokio::test]
async fn an_identity_that_may_only_read() {
    let scene = Scene::set_up().await;
    scene.start_once().await;
    let reader = [("clientId", USER.client_id), ("clientSecret", USER.client_secret)];
    scene.configure(|file| {
        for (parameter, value) in reader {
            file["secretsManagerConfiguration"]["parameters"][parameter] = json!(value);
        }
    });
    let mut server = scene.start().await;
    let admin = server.admin().await;
    let before = scene.state().await;
    let url = scene.vault.url();
    let telling = [url.as_str(), FIRST, "may not do that", "Key Vault Secrets Officer"];

    // A plan only reads, so it is the migration itself that fails: entity by entity.
    let report = scene.migrate_program().arg("--json").run().await.ended_with(1).json();
    tells(&report["failures"][0]["error"].to_string(), &telling);
    assert_eq!(report["failures"][0]["entity"], "databaseService bench000001");
    assert_eq!(report["entities"]["failed"], 1);
    let people = scene.migrate().await.ended_with(1).stdout;
    tells(&people, &telling);
    tells(&people, &["What failed is as it was before", "Run the same command again"]);
    let answer = server.send_service(Method::POST, &admin, &api::postgres("shop", "dummy-shop")).await;
    tells(&answer.refusal(502), &[&url, "may not do that", "Key Vault Secrets Officer"]);

    Scene::is_as_it_was(&before, &scene.state().await, "a role that is missing");
    assert!(server.running().stop().await.success());
}

#[tokio::test]
async fn a_vault_that_does_not_listen() {
    let scene = Scene::set_up().await;
    let url = format!("https://v1.vault.localhost:{}", free_port());
    let telling = [url.as_str(), "cannot be reached", "is the port right"];
    scene.refuses_to_write(("vaultUrl", json!(url)), 1, 503, &telling).await;
}

#[tokio::test]
async fn a_vault_whose_certificate_is_not_trusted() {
    let scene = Scene::set_up().await;
    let telling = ["certificate of https://", "is not trusted", "caFile", "OM_SM_CA_FILE"];
    scene.refuses_to_write(("caFile", Value::Null), 1, 502, &telling).await;
}

#[tokio::test]
async fn a_first_start_without_a_vault_makes_no_administrator_whose_password_nobody_sees() {
    let scene = Scene::set_up().await;
    scene.configure_vault("clientSecret", json!("wr0ng"));
    let failed = scene.serve(&[]).await.ended_with(1);
    tells(&failed.stderr, &["ingestion-bot", "client secret is wrong"]);
    assert!(!failed.stderr.contains("with the password"), "{}", failed.stderr);

    scene.configure(|_| ());
    let mut server = MetadataServer::start_with(scene.folder.path(), &["-c", CONFIG], &[]).await;
    server.running().says("administrator admin@open-metadata.org with the password").await;
}

#[tokio::test]
async fn no_vault_name() {
    let scene = Scene::set_up().await;
    scene.configure(|file| {
        let parameters = file["secretsManagerConfiguration"]["parameters"].as_object_mut().unwrap();
        parameters.remove("vaultName");
        parameters.remove("vaultUrl");
    });
    scene.refuses_to_begin("no vault name", 2, &[CONFIG, "vaultName", "OM_SM_VAULT_NAME"]).await;
}

#[tokio::test]
async fn malformed_tags() {
    let scene = Scene::set_up().await;
    let eleven: Vec<String> = (1..=11).map(|number| format!("key{number}:value")).collect();
    for (tags, telling) in [
        (json!(["team:data", "nocolon"]), "no colon"),
        (json!([":value"]), "no key before its colon"),
        (json!(["a:1", "a:2"]), "same key"),
        (json!(eleven), "there are 11 tags"),
    ] {
        scene.configure(|file| file["secretsManagerConfiguration"]["tags"] = tags);
        scene.refuses_to_begin("tags", 2, &[CONFIG, "secretsManagerConfiguration.tags", telling]).await;
    }
}

#[tokio::test]
async fn broken_yaml() {
    let scene = Scene::set_up().await;
    let broken = "clusterName: openmetadata\nsecretsManagerConfiguration:\n  parameters: {clientSecret: hunter2\nx: [\n";
    std::fs::write(scene.folder.path().join(CONFIG), broken).unwrap();
    scene.refuses_to_begin("broken YAML", 2, &[CONFIG, "line "]).await;
    assert!(!scene.migrate().await.stderr.contains("hunter2"));
    let absent =
        Program::new(scene.folder.path()).args(["migrate-secrets", "-c", "no-such.yaml"]).run().await;
    tells(&absent.ended_with(2).stderr, &["no-such.yaml"]);
}

#[tokio::test]
async fn a_name_without_an_ascii_letter_under_openmetadatas_naming() {
    let scene = Scene::set_up().await;
    scene.plant("сервис", "dummy-service").await;
    scene.configure(|file| file["strongroom"] = json!({"naming": "openmetadata"}));
    let telling = ["сервис", "connection.config.authType.password", "ASCII letter", "naming: guide"];
    scene.is_a_conflict(&telling).await;

    let mut server = scene.start().await;
    let admin = server.admin().await;
    let before = scene.state().await;
    let answer = server.send_service(Method::POST, &admin, &api::postgres("данные", "dummy")).await;
    tells(&answer.refusal(400), &["данные", "connection.config.authType.password", "naming: guide"]);
    Scene::is_as_it_was(&before, &scene.state().await, "a name");
    assert!(server.running().stop().await.success());

    // The way out that the message names.
    scene.configure(|file| file["strongroom"] = json!({"naming": "guide"}));
    let mut server = scene.start().await;
    let admin = server.admin().await;
    server.send_service(Method::POST, &admin, &api::postgres("данные", "dummy")).await.expect(201);
    let report = scene.migrate_program().arg("--json").run().await.ended_with(0).json();
    assert_eq!(report["secrets"]["verified"], 2, "{report}");
    assert_eq!(
        scene.vault.names().await.len(),
        4,
        "two services were migrated, one was made, and there is the bot"
    );
    assert!(server.running().stop().await.success());
}

#[tokio::test]
async fn a_password_of_26_000_bytes() {
    let scene = Scene::set_up().await;
    let huge = "x".repeat(26_000);
    let telling = ["26000 bytes", "25600 at most"];
    scene.refuses_passwords(&[(&huge, &telling)]).await;
    assert!(scene.migrate().await.ended_with(0).stdout.contains("1 secrets written"));
    scene.plant("huge", &huge).await;
    scene.is_a_conflict(&["huge", "connection.config.authType.password", telling[0], telling[1]]).await;
}

#[tokio::test]
async fn a_password_that_is_a_reference_with_an_illegal_name() {
    let scene = Scene::set_up().await;
    scene.refuses_passwords(&[("secret:pa55 word!", &["begins with secret:", "marks a reference"])]).await;

    scene.plant("doubtful", "secret:pa55 word!").await;
    let place = "connection.config.authType.password";
    scene.is_a_conflict(&["doubtful", place, "begins with secret:", "--literal"]).await;
    for arguments in [&["--plan"][..], &["--json"]] {
        let printed = scene.migrate_program().args(arguments).run().await;
        assert!(!format!("{}{}", printed.stdout, printed.stderr).contains("pa55"));
    }
    let _ = scene.migrate_program().arg("--literal").run().await.ended_with(0);
    let kept = scene.vault.secret("openmetadata-database-doubtful-authtype-password").await;
    assert_eq!(kept.as_deref(), Some("secret:pa55 word!"));
}

#[tokio::test]
async fn a_typed_reference_to_another_entitys_secret() {
    let scene = Scene::set_up().await;
    let _ = scene.migrate().await.ended_with(0);
    let names =
        [FIRST, "openmetadata-bot-ingestion-bot-config-jwttoken", "openmetadata-database-yet-to-come"];
    let typed = names.map(|name| format!("secret:{name}"));
    let telling = names.map(|name| ["may not refer to", name, "type the password itself"]);
    let refused: Vec<(&str, &[&str])> =
        typed.iter().zip(&telling).map(|(typed, telling)| (typed.as_str(), &telling[..])).collect();
    scene.refuses_passwords(&refused).await;
}

#[tokio::test]
async fn a_database_from_the_future() {
    let scene = Scene::set_up().await;
    let mut connection = SqliteConnectOptions::new().filename(scene.database()).connect().await.unwrap();
    let version = "INSERT INTO strongroom_migration (version, description, success, checksum, execution_time) \
                   VALUES (9999, 'of tomorrow', 1, x'00', 0)";
    sqlx::query(version).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let database = ["metastore.db", "newer Strongroom", "version 9999", "restore a backup"];
    scene.refuses_to_begin("a database from the future", 1, &database).await;
    let plan = scene.migrate_program().arg("--plan").run().await.ended_with(1);
    tells(&plan.stderr, &database);
}

#[tokio::test]
async fn a_vault_from_the_future() {
    let folder = scratch();
    let mut vault = VaultServer::start(folder.path()).await;
    vault.set("a", "dummy").await;
    assert!(vault.running().stop().await.success());
    let path = vault.data_dir().join("vault.db");
    let mut connection = SqliteConnectOptions::new().filename(&path).connect().await.unwrap();
    let version = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                   VALUES (9999, 'of tomorrow', 1, x'00', 0)";
    sqlx::query(version).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let before = snapshot::rows(&path).await;
    let program =
        Program::new(folder.path()).args(["vault", "--config", "vault.yaml", "--data-dir", "vault"]);
    tells(&program.run().await.ended_with(1).stderr, &["vault.db", "9999"]);
    assert_eq!(snapshot::rows(&path).await, before);
}

#[tokio::test]
async fn a_wrong_fernet_key() {
    let scene = Scene::set_up().await;
    scene.start_once().await;
    let other = FernetKeys::generate(&SystemRandom);
    scene.configure(|file| file["fernetConfiguration"]["fernetKey"] = json!(other.expose()));
    let place = ["bench000001", "connection.config.authType.password"];
    scene.is_a_conflict(&[place[0], place[1], "cannot be decrypted", "fernetConfiguration.fernetKey"]).await;

    // Only a bot needs the value; it is not told more than a number, and the log tells the cause.
    let mut server = scene.start().await;
    let admin = server.admin().await;
    let bot = server.bot(&admin).await;
    let before = scene.state().await;
    let path = format!("{SERVICES}/name/bench000001");
    let person = server.send(Method::GET, &path, &admin, None).await.expect(200);
    assert_eq!(api::password(&person), "*********");
    let message = server.send(Method::GET, &path, &bot, None).await.refusal(500);
    let request = message.rsplit(' ').next().unwrap();
    let log = server.running().stderr();
    let line = log
        .lines()
        .find(|line| line.contains(request) && line.contains("Fernet"))
        .expect("a line in the log");
    tells(line, &[place[1], "cannot be decrypted", "fernetConfiguration.fernetKey"]);
    Scene::is_as_it_was(&before, &scene.state().await, "a wrong Fernet key");
    assert!(server.running().stop().await.success());

    scene.configure(|file| file["fernetConfiguration"]["fernetKey"] = json!("n0t-a-key"));
    scene.refuses_to_begin("no Fernet key at all", 2, &["fernetConfiguration.fernetKey"]).await;
    assert!(!scene.migrate().await.stderr.contains("n0t-a-key"));
}

#[tokio::test]
async fn a_port_that_is_in_use() {
    let scene = Scene::set_up().await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let before = scene.state().await;
    for variable in ["SERVER_PORT", "SERVER_ADMIN_PORT"] {
        let failed = scene.serve(&[("SERVER_HOST", "127.0.0.1"), (variable, &port)]).await.ended_with(1);
        tells(&failed.stderr, &[&format!("port {port} is in use"), variable]);
    }
    Scene::is_as_it_was(&before, &scene.state().await, "a port in use");

    let folder = scratch();
    let vault = strongroom_tests::vault::configuration(port.parse().unwrap());
    std::fs::write(folder.path().join("vault.yaml"), vault.to_string()).unwrap();
    let failed = Program::new(folder.path())
        .args(["vault", "--config", "vault.yaml", "--data-dir", "vault"])
        .run()
        .await
        .ended_with(1);
    tells(&failed.stderr, &[&format!("127.0.0.1:{port}"), "in use", "listen"]);
}

#[tokio::test]
async fn a_vault_that_goes_away_and_comes_back() {
    let mut scene = Scene::set_up().await;
    let server = scene.start().await;
    let admin = server.admin().await;
    let before = scene.state().await;
    scene.vault.running().kill();
    let answer = server.send_service(Method::POST, &admin, &api::postgres("shop", "dummy-shop")).await;
    tells(&answer.refusal(503), &[&scene.vault.url(), "cannot be reached"]);
    tells(&scene.migrate().await.ended_with(1).stderr, &[&scene.vault.url(), "cannot be reached"]);
    scene.vault.restart().await;
    Scene::is_as_it_was(&before, &scene.state().await, "a vault that went away");
    let _ = scene.migrate().await.ended_with(0);
    assert_eq!(scene.vault.secret(FIRST).await, Some(services::password(1)));
}
