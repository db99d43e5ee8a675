//! Every kind of secrets manager from configuration, and the way from any of them to any other.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use reqwest::Method;
use serde_json::{Value, json};
use strongroom_entities::{EntityKind, FernetKeys, name_hash};
use strongroom_metastore::{Access, Metastore, Options};
use strongroom_secrets::SecretValue;
use strongroom_secrets::random::SystemRandom;
use strongroom_tests::api::{self, SERVICES};
use strongroom_tests::fixtures::services;
use strongroom_tests::metadata::{CONFIG, configuration, write_configuration};
use strongroom_tests::{Finished, MetadataServer, Program, VaultServer, scratch};
use tempfile::TempDir;

/// How many services the database has.
const SERVICES_COUNT: u32 = 70;

/// The secret of the first of them.
const FIRST: &str = "openmetadata-database-bench000001-authtype-password";

/// A database whose services have their passwords encrypted, and a vault at hand.
struct Scene {
    folder: TempDir,
    vault: VaultServer,
    keys: FernetKeys,
    configuration: Value,
}

impl Scene {
    async fn set_up() -> Self {
        let folder = scratch();
        let vault = VaultServer::start(folder.path()).await;
        let (key, keys) = services::data_with_services(folder.path(), SERVICES_COUNT).await;
        let configuration = configuration(&vault, key.expose());
        Self { folder, vault, keys, configuration }
    }

    /// Names another secrets manager, and changes nothing else of the configuration.
    fn choose(&self, secrets_manager: &str) {
        let mut configuration = self.configuration.clone();
        configuration["secretsManagerConfiguration"]["secretsManager"] = json!(secrets_manager);
        write_configuration(self.folder.path(), &configuration);
    }

    async fn migrate(&self, more: &[&str]) -> Finished {
        let program = Program::new(self.folder.path()).args(["migrate-secrets", "-c", CONFIG]);
        program.args(["--data-dir", "data"]).args(more).run().await
    }

    /// Changes to another secrets manager, and answers with the report.
    async fn change_to(&self, secrets_manager: &str) -> Value {
        self.choose(secrets_manager);
        let report = self.migrate(&["--json"]).await.ended_with(0).json();
        assert_eq!(report["entities"]["seen"], SERVICES_COUNT, "{report}");
        report
    }

    /// What the password field of a service holds.
    async fn stored(&self, number: u32) -> String {
        let path = self.folder.path().join("data/metastore.db");
        let store = Metastore::open(&Options::new(path, Access::ReadOnly)).await.unwrap();
        let hash = name_hash(&services::name(number));
        let row = store.get_by_hash(EntityKind::DatabaseService, &hash).await.unwrap().unwrap();
        store.close().await;
        api::password(&row.json).as_str().unwrap().to_owned()
    }

    fn decrypted(&self, stored: &str) -> SecretValue {
        self.keys.decrypt(stored).unwrap()
    }

    fn files(&self) -> PathBuf {
        self.folder.path().join("data/secrets")
    }

    async fn serve(&self) -> MetadataServer {
        MetadataServer::start(self.folder.path(), &[]).await
    }
}

#[tokio::test]
async fn passwords_move_from_any_secrets_manager_to_any_other() {
    let scene = Scene::set_up().await;
    // From the database to Azure's vault.
    assert_eq!(scene.change_to("managed-azure-kv").await["secrets"]["verified"], SERVICES_COUNT);
    assert_eq!(scene.vault.secret(FIRST).await.unwrap(), services::password(1));

    // From there to a folder of files: the rows keep their references, the vault what it has.
    let report = scene.change_to("managed-file").await;
    assert_eq!(report["secrets"]["verified"], SERVICES_COUNT, "{report}");
    assert_eq!(scene.stored(1).await, format!("secret:{FIRST}"));
    assert!(scene.files().join("secrets").join(FIRST).is_dir());
    assert_eq!(scene.vault.secret(FIRST).await.unwrap(), services::password(1));
    let again = scene.change_to("managed-file").await;
    assert_eq!((&again["entities"]["changed"], &again["secrets"]["written"]), (&json!(0), &json!(0)));

    // Back to the database.
    let report = scene.change_to("db").await;
    assert_eq!(report["secrets"]["returned"], SERVICES_COUNT, "{report}");
    for number in [1, SERVICES_COUNT] {
        let stored = scene.stored(number).await;
        assert!(stored.starts_with("fernet:"), "{stored}");
        assert_eq!(scene.decrypted(&stored).expose(), services::password(number));
    }

    // The older spelling, in whatever case, means the same: nothing is left to do.
    let noop = scene.change_to("NOOP").await;
    assert_eq!(noop["entities"]["unchanged"], SERVICES_COUNT, "{noop}");
    let azure_kv = scene.change_to("Azure-KV").await;
    assert_eq!(azure_kv["entities"]["unchanged"], SERVICES_COUNT, "{azure_kv}");

    // To the files again, and from there into Azure's vault, over what stands there of old.
    scene.change_to("managed-file").await;
    scene.change_to("managed-azure-kv").await;
    assert_eq!(scene.vault.secret(FIRST).await.unwrap(), services::password(1));
    // And under azure-kv the database has them again.
    let report = scene.change_to("azure-kv").await;
    assert_eq!(report["secrets"]["returned"], SERVICES_COUNT, "{report}");
    assert_eq!(scene.decrypted(&scene.stored(1).await).expose(), services::password(1));
}

#[tokio::test]
async fn a_plan_says_what_comes_back_and_writes_nothing() {
    let scene = Scene::set_up().await;
    scene.change_to("managed-file").await;
    scene.choose("db");
    let before = scene.stored(1).await;
    let plan = scene.migrate(&["--plan"]).await.ended_with(0);
    assert!(plan.stdout.contains(&format!("comes back from {FIRST} and is encrypted")), "{}", plan.stdout);
    assert!(plan.stdout.contains(&format!("{SERVICES_COUNT} to bring back")), "{}", plan.stdout);
    assert_eq!(scene.stored(1).await, before);
}

#[tokio::test]
async fn a_server_keeps_passwords_in_a_folder_of_files() {
    let scene = Scene::set_up().await;
    scene.choose("managed-file");
    let mut server = scene.serve().await;
    let admin = server.admin().await;
    let bot = server.bot(&admin).await;
    let made = server.send_service(Method::POST, &admin, &api::postgres("shop", "dummy-shop")).await;
    let id = made.expect(201)["id"].as_str().unwrap().to_owned();
    let path = format!("{SERVICES}/{id}");
    let reference = "secret:openmetadata-database-shop-authtype-password";
    let shown = server.send(Method::GET, &path, &bot, None).await.expect(200);
    assert_eq!(api::password(&shown), reference);

    // Who may read the folder and its key resolves the reference, beside the server.
    let resolved = Program::new(scene.folder.path())
        .args(["resolve", "--provider", "managed-file", reference])
        .env("OM_SM_FOLDER", "data/secrets");
    assert_eq!(resolved.run().await.ended_with(0).stdout, "dummy-shop");

    // A migration beside it, in a process of its own, uses the same folder.
    assert_eq!(scene.migrate(&["--json"]).await.ended_with(0).json()["secrets"]["verified"], SERVICES_COUNT);
    let changed = server.send_service(Method::PUT, &admin, &api::postgres("shop", "dummy-new")).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    assert!(server.running().stop().await.success());

    let mut server = scene.serve().await;
    assert_eq!(server.bot(&admin).await, bot, "the bot's token is found in the folder again");
    let deleted = server.send(Method::DELETE, &format!("{path}?hardDelete=true"), &admin, None).await;
    assert_eq!(deleted.status, 200, "{}", deleted.text);
    assert!(scene.files().join("deleted/openmetadata-database-shop-authtype-password").is_dir());
    assert!(server.running().stop().await.success());
    for file in ["data/secrets", "data/secrets.key"] {
        let mode = std::fs::metadata(scene.folder.path().join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{file} has mode {mode:o}");
    }
}

#[tokio::test]
async fn a_key_that_does_not_fit_or_lies_open_is_refused_before_anything_happens() {
    let scene = Scene::set_up().await;
    scene.change_to("managed-file").await;
    let key = scene.folder.path().join("data/secrets.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let open = scene.migrate(&[]).await.ended_with(2);
    assert!(open.stderr.contains("chmod 600"), "{}", open.stderr);

    std::fs::remove_file(&key).unwrap();
    let missing = scene.migrate(&[]).await.ended_with(2);
    assert!(missing.stderr.contains("secrets.key is missing"), "{}", missing.stderr);

    let other = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";
    let wrong = Program::new(scene.folder.path())
        .args(["migrate-secrets", "-c", CONFIG, "--data-dir", "data"])
        .env("OM_SM_FOLDER_KEY", other)
        .run()
        .await
        .ended_with(2);
    assert!(wrong.stderr.contains("is not the key of"), "{}", wrong.stderr);
    assert!(!wrong.stderr.contains(other), "{}", wrong.stderr);
}

#[tokio::test]
async fn nothing_is_moved_to_where_it_would_be_lost_or_lie_open() {
    let scene = Scene::set_up().await;
    scene.choose("in-memory");
    let before = scene.stored(1).await;
    let lost = scene.migrate(&[]).await.ended_with(2);
    assert!(lost.stderr.contains("gone when this process ends"), "{}", lost.stderr);

    let mut without_key = scene.configuration.clone();
    without_key["secretsManagerConfiguration"]["secretsManager"] = json!("db");
    without_key.as_object_mut().unwrap().remove("fernetConfiguration");
    write_configuration(scene.folder.path(), &without_key);
    let open = scene.migrate(&[]).await.ended_with(2);
    assert!(open.stderr.contains("no key to encrypt passwords with"), "{}", open.stderr);
    assert_eq!(scene.stored(1).await, before);
}

#[tokio::test]
async fn a_vault_in_memory_serves_a_test_and_says_so() {
    let folder = scratch();
    let key = FernetKeys::generate(&SystemRandom);
    let configuration = json!({
        "fernetConfiguration": {"fernetKey": key.expose()},
        "secretsManagerConfiguration": {"secretsManager": "In-Memory"},
    });
    write_configuration(folder.path(), &configuration);
    let mut server = MetadataServer::start(folder.path(), &[]).await;
    server.running().says("this is for tests").await;
    let admin = server.admin().await;
    let bot = server.bot(&admin).await;
    let made =
        server.send_service(Method::POST, &admin, &api::postgres("shop", "dummy-shop")).await.expect(201);
    let path = format!("{SERVICES}/{}", made["id"].as_str().unwrap());
    let shown = server.send(Method::GET, &path, &bot, None).await.expect(200);
    assert_eq!(api::password(&shown), "secret:openmetadata-database-shop-authtype-password");
    assert!(server.running().stop().await.success());
}

#[tokio::test]
async fn under_azure_kv_references_stay_and_everything_else_is_encrypted() {
    let scene = Scene::set_up().await;
    scene.choose("azure-kv");
    scene.vault.set("my-own", "mine").await;
    let mut server = scene.serve().await;
    let admin = server.admin().await;
    let bot = server.bot(&admin).await;
    let path = |service: &Value| format!("{SERVICES}/{}", service["id"].as_str().unwrap());
    for (name, password, to_bots) in
        [("own", "secret:my-own", "secret:my-own"), ("typed", "dummy-typed", "dummy-typed")]
    {
        let made =
            server.send_service(Method::POST, &admin, &api::postgres(name, password)).await.expect(201);
        assert_eq!(api::password(&made), "*********");
        let shown = server.send(Method::GET, &path(&made), &bot, None).await.expect(200);
        assert_eq!(api::password(&shown), to_bots);
    }
    assert!(server.running().stop().await.success());
    let store =
        Metastore::open(&Options::new(scene.folder.path().join("data/metastore.db"), Access::ReadOnly))
            .await
            .unwrap();
    let row = |name: &'static str| {
        let store = store.clone();
        async move {
            store.get_by_hash(EntityKind::DatabaseService, &name_hash(name)).await.unwrap().unwrap().json
        }
    };
    assert_eq!(api::password(&row("own").await), "secret:my-own");
    let typed = row("typed").await;
    assert_eq!(scene.decrypted(api::password(&typed).as_str().unwrap()).expose(), "dummy-typed");
    store.close().await;
    assert_eq!(scene.vault.names().await, ["my-own"], "the server writes nothing there");
}
