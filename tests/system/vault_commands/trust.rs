//! What clients are told to trust, and whether that is enough.

use std::path::Path;

use strongroom_tests::{VaultServer, http, scratch};

use super::vault;

#[tokio::test]
async fn who_does_as_trust_says_reaches_the_vault() {
    let folder = scratch();
    let early = vault(folder.path(), &["trust", "--data-dir", "vault"]).run().await.ended_with(2);
    assert!(early.stderr.contains("start the vault once"), "{}", early.stderr);
    let server = VaultServer::start(folder.path()).await;
    let told = vault(folder.path(), &["trust", "--data-dir", "vault"]).run().await.ended_with(0).stdout;
    let (ca, bundle) = (server.ca(), server.data_dir().join("ca-bundle.pem"));
    for line in [
        format!("curl --cacert {} URL", ca.display()),
        format!("export NODE_EXTRA_CA_CERTS={}", ca.display()),
        format!("export SSL_CERT_FILE={0} REQUESTS_CA_BUNDLE={0}", bundle.display()),
        format!("sudo trust anchor {}", ca.display()),
    ] {
        assert!(told.lines().any(|known| known == line), "{line} is not in\n{told}");
    }
    assert!(told.contains("keytool -importcert"), "{told}");
    let files =
        vault(folder.path(), &["trust", "--json", "--data-dir", "vault"]).run().await.ended_with(0).json();
    assert_eq!(files["authorities"].as_array().unwrap().len(), 1);
    for file in [&files["authorities"][0], &files["bundle"]] {
        let client = http::client_trusting(Path::new(file.as_str().unwrap())).unwrap();
        let answer = client.get(format!("{}/healthz", server.url())).send().await.unwrap();
        assert_eq!(answer.status(), 200);
    }
}

#[tokio::test]
async fn answering_as_azure_warns_at_the_start_and_is_trusted_apart() {
    let folder = scratch();
    let mut server = VaultServer::start(folder.path()).await;
    assert!(server.running().stop().await.success());
    let arguments = ["--data-dir", "vault", "--config", "vault.yaml", "--answer-as-azure"];
    let mut running = vault(folder.path(), &arguments).start(folder.path(), "azure");
    let warning = running.says("login.microsoftonline.com").await;
    assert!(warning.contains("WARN") && warning.contains("azure-ca.pem"), "{warning}");
    running.says("Ctrl-C ends it").await;
    assert!(server.data_dir().join("azure-ca.pem").exists());
    assert!(running.stop().await.success());
}
