//! `strongroom serve`, from its first start to its end.

use std::fs;
use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};
use strongroom_tests::api::{self, ADMIN, SERVICES};
use strongroom_tests::fixtures::services;
use strongroom_tests::metadata::{CONFIG, configuration, write_configuration};
use strongroom_tests::vault::{self, USER, VAULT};
use strongroom_tests::{MetadataServer, Program, VaultServer, scratch};
use tempfile::TempDir;

const DEFAULT_FERNET_KEY: &str = "jJ/9sz0g0OHxsfxOoSfdFdmk3ysNmPRnH3TUAbz3IHA=";
const REFERENCE: &str = "secret:openmetadata-database-shop-authtype-password";

/// A folder for a server without a configuration, whose own vault listens where the system lets it.
fn folder_without_configuration() -> TempDir {
    let folder = scratch();
    let vault = folder.path().join("data/vault");
    fs::create_dir_all(&vault).unwrap();
    fs::write(vault.join("vault.yaml"), vault::configuration(0).to_string()).unwrap();
    folder
}

async fn start(folder: &Path) -> MetadataServer {
    MetadataServer::start_with(folder, &[], &[]).await
}

/// The password that a first start prints.
async fn printed_password(server: &mut MetadataServer) -> String {
    let line = server.running().says("with the password").await;
    let password = line.strip_prefix(&format!("administrator {ADMIN} with the password ")).unwrap();
    password.split_whitespace().next().unwrap().to_owned()
}

async fn token(server: &MetadataServer, password: &str) -> String {
    let answer = server.sign_in(ADMIN, password).await.expect(200);
    answer["accessToken"].as_str().unwrap().to_owned()
}

async fn shop(server: &MetadataServer, token: &str) -> Value {
    server.send(Method::GET, &format!("{SERVICES}/name/shop"), token, None).await.expect(200)
}

#[tokio::test]
async fn without_a_configuration_everything_is_made_once_and_kept() {
    let folder = folder_without_configuration();
    let mut server = start(folder.path()).await;
    let password = printed_password(&mut server).await;
    let admin = token(&server, &password).await;
    let bot = server.bot(&admin).await;
    let made =
        server.send_service(Method::POST, &admin, &api::postgres("shop", "dummy-shop")).await.expect(201);
    assert_eq!(api::password(&made), "*********");
    assert_eq!(api::password(&shop(&server, &admin).await), "*********");
    assert_eq!(api::password(&shop(&server, &bot).await), REFERENCE);
    assert!(server.running().stop().await.success());

    let mut server = start(folder.path()).await;
    assert_eq!(token(&server, &password).await.split('.').count(), 3);
    assert_eq!(shop(&server, &admin).await["id"], made["id"], "an earlier token is still good");
    assert_eq!(server.bot(&admin).await, bot);
    assert_eq!(api::password(&shop(&server, &bot).await), REFERENCE);
    assert_eq!(resolve(folder.path()).await, "dummy-shop");
    assert!(server.running().stop().await.success());
    // The log tells both lives.
    let log = server.running().stderr();
    assert_eq!(log.matches("metadata API on").count(), 2, "{log}");
    assert_eq!(log.matches("with the password").count(), 1, "{log}");
}

/// What the reference stands for, asked as the ingestion would.
async fn resolve(folder: &Path) -> String {
    let environment = vault::environment(folder, "data/vault", USER.name, VAULT).await;
    let program = Program::new(folder).args(["resolve", REFERENCE]).envs(environment);
    program.run().await.ended_with(0).stdout
}

#[tokio::test]
async fn one_folder_is_for_one_server() {
    let folder = folder_without_configuration();
    let mut server = start(folder.path()).await;
    let second = Program::new(folder.path())
        .args(["serve", "--data-dir", "data"])
        .envs([("SERVER_PORT", "0"), ("SERVER_ADMIN_PORT", "0")])
        .run()
        .await
        .ended_with(1);
    assert!(second.stderr.contains("data"), "{}", second.stderr);
    assert!(server.running().stop().await.success());
}

#[tokio::test]
async fn a_given_password_is_taken_and_not_printed() {
    let folder = folder_without_configuration();
    let given = [("STRONGROOM_ADMIN_PASSWORD", "a-given-dummy-password")];
    let mut server = MetadataServer::start_with(folder.path(), &[], &given).await;
    assert!(!token(&server, given[0].1).await.is_empty());
    assert!(server.running().stop().await.success());
    let printed = format!("{}{}", server.running().stdout(), server.running().stderr());
    assert!(!printed.contains(given[0].1) && !printed.contains("with the password"), "{printed}");
}

#[tokio::test]
async fn keys_that_everybody_knows_are_refused_unless_it_is_said_that_they_may_be_used() {
    let folder = scratch();
    let vault = VaultServer::start(folder.path()).await;
    write_configuration(folder.path(), &configuration(&vault, DEFAULT_FERNET_KEY));
    let refused = Program::new(folder.path())
        .args(["serve", "-c", CONFIG, "--data-dir", "data"])
        .envs([("SERVER_PORT", "0"), ("SERVER_ADMIN_PORT", "0")])
        .run()
        .await
        .ended_with(2);
    for telling in ["fernetConfiguration.fernetKey", "public default", "--allow-default-keys"] {
        assert!(refused.stderr.contains(telling), "{}", refused.stderr);
    }
    assert!(!folder.path().join("data").exists(), "nothing was made");
    assert_eq!(vault.names().await, [""; 0]);

    let allowed = ["-c", CONFIG, "--allow-default-keys"];
    let mut server = MetadataServer::start_with(folder.path(), &allowed, &[]).await;
    let warning = server.running().says("fernetConfiguration.fernetKey").await;
    assert!(server.running().stderr().contains("WARN"), "{warning}");
    assert!(server.running().stop().await.success());
    // The migration is the way out, so it only warns.
    let migrated = Program::new(folder.path()).args(["migrate-secrets", "-c", CONFIG, "--data-dir", "data"]);
    assert!(migrated.run().await.ended_with(0).stderr.contains("public default"));
}

#[tokio::test]
async fn a_migration_beside_a_running_server_is_seen_by_its_readers() {
    let folder = scratch();
    let vault = VaultServer::start(folder.path()).await;
    let (key, _) = services::data_with_services(folder.path(), 3).await;
    write_configuration(folder.path(), &configuration(&vault, key.expose()));
    let mut server = MetadataServer::start(folder.path(), &[]).await;
    let admin = server.admin().await;
    let bot = server.bot(&admin).await;
    let path = format!("{SERVICES}/name/{}", services::name(2));
    let before = server.send(Method::GET, &path, &bot, None).await.expect(200);
    assert_eq!(
        *api::password(&before),
        json!(services::password(2)),
        "a bot can use what is not migrated yet"
    );

    let migrated = Program::new(folder.path())
        .args(["migrate-secrets", "-c", CONFIG, "--data-dir", "data", "--json"])
        .run()
        .await
        .ended_with(0)
        .json();
    assert_eq!(migrated["secrets"]["verified"], 3, "{migrated}");
    let after = server.send(Method::GET, &path, &bot, None).await.expect(200);
    assert_eq!(*api::password(&after), "secret:openmetadata-database-bench000002-authtype-password");
    let person = server.send(Method::GET, &path, &admin, None).await.expect(200);
    assert_eq!(*api::password(&person), "*********");

    // The server writes to what the migration has moved: the same secret, a new version.
    let answer =
        server.send_service(Method::PUT, &admin, &api::postgres(&services::name(2), "dummy-new")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let secret = vault.secret("openmetadata-database-bench000002-authtype-password").await;
    assert_eq!(secret.as_deref(), Some("dummy-new"));
    assert!(server.running().stop().await.success());
}

#[tokio::test]
async fn the_admin_port_answers_its_health_check() {
    let folder = folder_without_configuration();
    let port = strongroom_tests::running::free_port().to_string();
    let mut server = MetadataServer::start_with(folder.path(), &[], &[("SERVER_ADMIN_PORT", &port)]).await;
    let url = format!("http://localhost:{port}/healthcheck");
    let answer = strongroom_tests::http::client().get(url).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(server.running().stop().await.success());
}
