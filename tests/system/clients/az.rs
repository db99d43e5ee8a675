//! The Azure CLI: how it gets to know this cloud, how it signs in, and its commands for secrets.

use std::fs;

use serde_json::Value;
use strongroom_tests::identities::APP;
use strongroom_tests::managed::{self, MACHINE};
use strongroom_tests::vault::{OFFICER, TENANT, USER, VAULT};
use strongroom_tests::{Client, Identities, VaultServer, scratch};

/// The lifetime that the secrets of these tests are given.
const EXPIRES: &str = "2031-02-03T04:05:06Z";

/// Runs a command that has to succeed, and answers what it printed: JSON or nothing.
async fn az(client: Client<'_>, arguments: &[&str]) -> Value {
    let printed = client.az().await.args(arguments).run().await.ended_with(0);
    if printed.stdout.trim().is_empty() { Value::Null } else { printed.json() }
}

/// Runs a command of `az keyvault secret` in the vault.
async fn secret(client: Client<'_>, command: &str, arguments: &[&str]) -> Value {
    az(client, &[&["keyvault", "secret", command, "--vault-name", VAULT][..], arguments].concat()).await
}

/// Runs a command of `az keyvault secret` that has to fail, and answers what it said.
async fn refused(client: Client<'_>, command: &str, arguments: &[&str]) -> String {
    let program = client.az().await.args(["keyvault", "secret", command, "--vault-name", VAULT]);
    let finished = program.args(arguments).run().await;
    assert_ne!(finished.code, Some(0), "{}", finished.stdout);
    finished.stderr
}

/// Makes the vault's cloud known and chosen.
async fn know_the_cloud(client: Client<'_>) {
    let manager = format!("https://management.vault.localhost:{}", client.vault.port());
    az(client, &["cloud", "register", "--name", "strongroom", "--endpoint-resource-manager", &manager]).await;
    az(client, &["cloud", "set", "--name", "strongroom"]).await;
}

async fn sign_in(client: Client<'_>, tenant: &str) -> Value {
    let who = ["--username", client.principal.client_id, "--password", client.principal.client_secret];
    az(client, &[&["login", "--service-principal", "--tenant", tenant][..], &who].concat()).await
}

/// The names of the secrets in a list.
fn names(list: &Value) -> Vec<&str> {
    let items = list.as_array().expect("a list").iter();
    items.map(|item| item["name"].as_str().expect("an item with a name")).collect()
}

#[tokio::test]
#[ignore = "needs the Azure CLI: cargo xtask test --all"]
async fn a_service_principal_signs_in_and_uses_every_command_for_secrets() {
    let folder = scratch();
    let vault = VaultServer::start(folder.path()).await;
    let client = Client { vault: &vault, principal: &OFFICER, folder: folder.path() };
    know_the_cloud(client).await;
    let subscriptions = sign_in(client, TENANT).await;
    assert_eq!(subscriptions[0]["user"]["name"], OFFICER.client_id);

    let options = ["--tags", "team=data", "--expires", EXPIRES, "--content-type", "text/plain"];
    let set =
        secret(client, "set", &[&["--name", "greeting", "--value", "hello"][..], &options].concat()).await;
    assert_eq!(set["value"], "hello");
    let first = set["id"].as_str().expect("an id").rsplit('/').next().expect("a version").to_owned();
    fs::write(folder.path().join("value"), "good morning").expect("a file with a value");
    secret(client, "set", &["--name", "greeting", "--file", "value", "--encoding", "utf-8"]).await;

    let latest = secret(client, "show", &["--name", "greeting"]).await;
    assert_eq!(latest["value"], "good morning");
    let older = secret(client, "show", &["--name", "greeting", "--version", &first]).await;
    assert_eq!(older["value"], "hello");
    assert_eq!(older["tags"]["team"], "data");
    assert_eq!(older["contentType"], "text/plain");
    assert_eq!(older["attributes"]["expires"], EXPIRES.replace('Z', "+00:00"));
    let list = secret(client, "list", &[]).await;
    assert_eq!(names(&list), ["greeting"]);
    let versions = secret(client, "list-versions", &["--name", "greeting"]).await;
    assert_eq!(versions.as_array().expect("a list").len(), 2);

    let changes = ["--version", &first, "--enabled", "false", "--tags", "team=none"];
    let changed = secret(client, "set-attributes", &[&["--name", "greeting"][..], &changes].concat()).await;
    assert_eq!(changed["attributes"]["enabled"], false);
    assert_eq!(changed["tags"]["team"], "none");
    let disabled = refused(client, "show", &["--name", "greeting", "--version", &first]).await;
    assert!(disabled.contains("SecretDisabled"), "{disabled}");

    secret(client, "download", &["--name", "greeting", "--file", "downloaded"]).await;
    assert_eq!(fs::read_to_string(folder.path().join("downloaded")).expect("a file"), "good morning");
    secret(client, "backup", &["--name", "greeting", "--file", "backup"]).await;

    secret(client, "delete", &["--name", "greeting"]).await;
    let deleted = secret(client, "list-deleted", &[]).await;
    assert_eq!(names(&deleted), ["greeting"]);
    let shown = secret(client, "show-deleted", &["--name", "greeting"]).await;
    assert!(shown["scheduledPurgeDate"].is_string(), "{shown}");
    secret(client, "recover", &["--name", "greeting"]).await;
    let recovered = secret(client, "show", &["--name", "greeting"]).await;
    assert_eq!(recovered["value"], "good morning");
    secret(client, "delete", &["--name", "greeting"]).await;
    secret(client, "purge", &["--name", "greeting"]).await;
    assert_eq!(names(&secret(client, "list-deleted", &[]).await), [""; 0]);

    secret(client, "restore", &["--file", "backup"]).await;
    let restored = secret(client, "list-versions", &["--name", "greeting"]).await;
    assert_eq!(restored.as_array().expect("a list").len(), 2);
    let missing = refused(client, "show", &["--name", "nobody"]).await;
    assert!(missing.contains("SecretNotFound"), "{missing}");
}

#[tokio::test]
#[ignore = "needs the Azure CLI: cargo xtask test --all"]
async fn a_wrong_secret_and_a_missing_role_are_told_apart() {
    let folder = scratch();
    let vault = VaultServer::start(folder.path()).await;
    vault.set("greeting", "hello").await;
    let client = Client { vault: &vault, principal: &USER, folder: folder.path() };
    know_the_cloud(client).await;
    let wrong = client.az().await.args(["login", "--service-principal", "--tenant", TENANT]);
    let wrong = wrong.args(["--username", USER.client_id, "--password", "wrong"]).run().await.ended_with(1);
    assert!(wrong.stderr.contains("AADSTS7000215"), "{}", wrong.stderr);
    sign_in(client, TENANT).await;
    assert_eq!(secret(client, "show", &["--name", "greeting"]).await["value"], "hello");
    let forbidden = refused(client, "set", &["--name", "greeting", "--value", "bye"]).await;
    assert!(forbidden.contains("Microsoft.KeyVault/vaults/secrets/setSecret/action"), "{forbidden}");
}

#[tokio::test]
#[ignore = "needs the Azure CLI: cargo xtask test --all"]
async fn strongroom_reads_as_who_is_signed_in_there_and_is_told_if_nobody_is() {
    let folder = scratch();
    let vault = VaultServer::start(folder.path()).await;
    vault.set("greeting", "hello").await;
    let client = Client { vault: &vault, principal: &USER, folder: folder.path() };
    know_the_cloud(client).await;
    let get = async |credential: &[&str]| {
        let program = client.strongroom_beside_az().await.args(["vault", "get", "greeting"]).args(credential);
        program.env("AZURE_TOKEN_CREDENTIALS", "dev").run().await
    };
    let nobody = get(&["--credential", "azure-cli"]).await.ended_with(1);
    assert!(nobody.stderr.contains("az login"), "{}", nobody.stderr);
    sign_in(client, TENANT).await;
    for credential in [&["--credential", "azure-cli"][..], &[]] {
        assert_eq!(get(credential).await.ended_with(0).stdout, "hello");
    }
}

#[tokio::test]
#[ignore = "needs the Azure CLI: cargo xtask test --all"]
async fn a_certificate_signs_in() {
    let folder = scratch();
    let identities = Identities::make(folder.path());
    let vault = VaultServer::start_with(folder.path(), |config| identities.add_to(config)).await;
    vault.set("greeting", "hello").await;
    let client = Client { vault: &vault, principal: &APP, folder: folder.path() };
    know_the_cloud(client).await;
    let certificate = identities.certificate.to_str().expect("a path in UTF-8");
    let who = ["--username", APP.client_id, "--certificate", certificate];
    az(client, &[&["login", "--service-principal", "--tenant", TENANT][..], &who].concat()).await;
    assert_eq!(secret(client, "show", &["--name", "greeting"]).await["value"], "hello");
}

#[tokio::test]
#[ignore = "needs the Azure CLI: cargo xtask test --all"]
async fn a_managed_identity_signs_in() {
    let folder = scratch();
    let vault = VaultServer::start_with(folder.path(), managed::add_to).await;
    vault.set("greeting", "hello").await;
    let client = Client { vault: &vault, principal: &MACHINE, folder: folder.path() };
    know_the_cloud(client).await;
    az(client, &["login", "--identity"]).await;
    assert_eq!(secret(client, "show", &["--name", "greeting"]).await["value"], "hello");
}

#[tokio::test]
#[ignore = "needs the Azure CLI: cargo xtask test --all"]
async fn a_tenant_with_an_id_needs_no_more_than_instance_discovery_switched_off() {
    let tenant = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0";
    let folder = scratch();
    let vault = VaultServer::start_with(folder.path(), |config| config["tenant"] = tenant.into()).await;
    vault.set("greeting", "hello").await;
    let client = Client { vault: &vault, principal: &OFFICER, folder: folder.path() };
    know_the_cloud(client).await;
    let subscriptions = sign_in(client, tenant).await;
    assert_eq!(subscriptions[0]["tenantId"], tenant);
    assert_eq!(secret(client, "show", &["--name", "greeting"]).await["value"], "hello");
}
