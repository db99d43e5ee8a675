//! A network that is left through a proxy only.

use std::path::Path;

use strongroom_tests::proxy::Proxy;
use strongroom_tests::vault::{OFFICER, TENANT};
use strongroom_tests::{Program, VaultServer, scratch};

/// `strongroom vault …` as the officer.
fn program(folder: &Path, arguments: &[&str]) -> Program {
    Program::new(folder)
        .arg("vault")
        .args(arguments)
        .env("AZURE_TENANT_ID", TENANT)
        .env("AZURE_CLIENT_ID", OFFICER.client_id)
        .env("AZURE_CLIENT_SECRET", OFFICER.client_secret)
}

#[tokio::test(flavor = "multi_thread")]
async fn azures_own_names_are_reached_through_the_proxy_alone() {
    let folder = scratch();
    let vault = VaultServer::start_as(folder.path(), &["--answer-as-azure"]).await;
    let proxy = Proxy::start(Some(vault.port())).await;
    let azure = |arguments: &[&str]| {
        program(folder.path(), arguments)
            .args(["--ca-file", "vault/azure-ca.pem"])
            .env("AZURE_KEY_VAULT_URL", "https://v1.vault.azure.net")
            .env("HTTPS_PROXY", proxy.url_as("me", "pr0xy-password"))
    };

    let _ = azure(&["put", "a"]).stdin("hunter2").run().await.ended_with(0);
    assert_eq!(azure(&["get", "a"]).run().await.ended_with(0).stdout, "hunter2");

    let hosts = proxy.hosts();
    assert!(!hosts.is_empty());
    let expected = ["v1.vault.azure.net:443", "login.microsoftonline.com:443"];
    assert!(hosts.iter().all(|host| expected.contains(&host.as_str())), "{hosts:?}");
    assert!(expected.iter().all(|host| hosts.iter().any(|seen| seen == host)), "{hosts:?}");
    let authorized = |head: &String| head.to_lowercase().contains("proxy-authorization: basic");
    assert!(proxy.heads().iter().all(authorized), "{:?}", proxy.heads());
}

#[tokio::test]
async fn this_machine_is_never_reached_through_a_proxy() {
    let folder = scratch();
    let vault = VaultServer::start(folder.path()).await;
    let proxy = Proxy::start(None).await;
    let got = program(folder.path(), &["put", "a", "--ca-file", "vault/ca.pem"])
        .env("AZURE_KEY_VAULT_URL", vault.url())
        .env("AZURE_AUTHORITY_HOST", vault.authority())
        .envs(["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"].map(|name| (name, proxy.url())))
        .stdin("hunter2")
        .run()
        .await;
    let _ = got.ended_with(0);
    assert_eq!(proxy.hosts(), [""; 0]);
}

#[tokio::test]
async fn hosts_that_no_proxy_names_are_asked_directly() {
    let folder = scratch();
    let vault = VaultServer::start(folder.path()).await;
    let proxy = Proxy::start(None).await;
    let get = |no_proxy: &str| {
        program(folder.path(), &["get", "a", "--ca-file", "vault/ca.pem"])
            .env("AZURE_KEY_VAULT_URL", "https://v1.vault.invalid")
            .env("AZURE_AUTHORITY_HOST", vault.authority())
            .env("HTTPS_PROXY", proxy.url_as("me", "pr0xy-password"))
            .env("NO_PROXY", no_proxy)
            .run()
    };
    let direct = get("example.com,.vault.invalid").await.ended_with(1);
    assert!(direct.stderr.contains("no address is known for v1.vault.invalid"), "{}", direct.stderr);
    assert_eq!(proxy.hosts(), [""; 0]);

    let refused = get("example.com").await.ended_with(1);
    assert!(refused.stderr.contains("HTTPS_PROXY"), "{}", refused.stderr);
    assert!(!refused.stderr.contains("pr0xy-password"), "{}", refused.stderr);
    assert!(proxy.hosts().iter().all(|host| host == "v1.vault.invalid:443"), "{:?}", proxy.hosts());
}

#[tokio::test]
async fn a_managed_identitys_endpoint_is_never_asked_through_a_proxy() {
    let folder = scratch();
    let vault = VaultServer::start(folder.path()).await;
    let proxy = Proxy::start(None).await;
    let arguments = ["get", "a", "--ca-file", "vault/ca.pem", "--credential", "managed-identity"];
    let refused = Program::new(folder.path())
        .arg("vault")
        .args(arguments)
        .env("AZURE_KEY_VAULT_URL", vault.url())
        .env("IDENTITY_ENDPOINT", "http://identity.invalid/token")
        .env("IDENTITY_HEADER", "x")
        .envs(["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"].map(|name| (name, proxy.url())))
        .run()
        .await
        .ended_with(1);
    assert!(refused.stderr.contains("no address is known"), "{}", refused.stderr);
    assert_eq!(proxy.hosts(), [""; 0]);
}
