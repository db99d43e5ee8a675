//! Which certificate clients get: the vault's own, a given one, or one for Azure's names. All by real handshakes.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::Value;
use strongroom_vault::{TlsSettings, Trust, VaultConfig};
use tokio::time::Instant;

use crate::harness::{OFFICER, OFFICER_SECRET, TestVault, config};

/// Sends a request to a name and answers what comes, or what is wrong with the handshake.
async fn exchange(
    address: SocketAddr,
    ca: &Path,
    name: &'static str,
    request: String,
) -> Result<String, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(ca).unwrap() {
        roots.add(certificate.unwrap()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    tokio::task::spawn_blocking(move || {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let name = ServerName::try_from(name).unwrap();
        let mut tls = StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), stream);
        tls.write_all(request.as_bytes()).map_err(|error| error.to_string())?;
        let mut answer = Vec::new();
        let _ = tls.read_to_end(&mut answer);
        Ok(String::from_utf8_lossy(&answer).into_owned())
    })
    .await
    .unwrap()
}

async fn health(vault: &TestVault, ca: &Path, name: &'static str) -> Result<String, String> {
    let request = format!("GET /healthz HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n");
    exchange(vault.running.address(), ca, name, request).await
}

async fn ready(vault: &TestVault) -> String {
    let address = vault.running.admin_address().unwrap();
    vault.client.get(format!("http://{address}/readyz")).send().await.unwrap().text().await.unwrap()
}

/// Waits until something holds, for ten seconds at most.
async fn wait_until(mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < Duration::from_secs(10), "it does not come to hold");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Writes a certificate that vouches for itself, and its key.
fn make(folder: &Path) -> rcgen::CertifiedKey<rcgen::KeyPair> {
    let made = rcgen::generate_simple_self_signed(vec!["*.vault.localhost".to_owned()]).unwrap();
    write(folder, "given.pem", &made.cert.pem());
    write(folder, "given.key", &made.signing_key.serialize_pem());
    made
}

/// Puts a file in the place of another, as those who renew certificates do.
fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join("new"), text).unwrap();
    std::fs::rename(folder.join("new"), folder.join(name)).unwrap();
}

fn given(folder: &Path) -> VaultConfig {
    let tls = TlsSettings {
        certificate_file: folder.join("given.pem"),
        key_file: folder.join("given.key"),
        ca_file: Some(folder.join("given.pem")),
    };
    VaultConfig { tls: Some(tls), ..config() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_given_certificate_is_served_and_read_again_when_it_changes() {
    let folder = tempfile::tempdir().unwrap();
    make(folder.path());
    let first = folder.path().join("first.pem");
    std::fs::copy(folder.path().join("given.pem"), &first).unwrap();
    let vault = TestVault::start_with(tempfile::tempdir().unwrap(), given(folder.path())).await;
    assert!(!vault.folder.path().join("vault/ca.pem").exists(), "no authority is made that nobody needs");
    assert!(health(&vault, &first, "v1.vault.localhost").await.unwrap().starts_with("HTTP/1.1 200"));

    make(folder.path());
    let second = folder.path().join("given.pem");
    wait_until(async || health(&vault, &second, "v1.vault.localhost").await.is_ok()).await;
    assert!(health(&vault, &first, "v1.vault.localhost").await.is_err(), "the first is served no more");
    assert_eq!(ready(&vault).await, "ready\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_certificate_that_cannot_be_used_leaves_the_one_before_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let made = make(folder.path());
    let ca = folder.path().join("first.pem");
    std::fs::copy(folder.path().join("given.pem"), &ca).unwrap();
    let vault = TestVault::start_with(tempfile::tempdir().unwrap(), given(folder.path())).await;
    write(folder.path(), "given.pem", "hunter2 is no certificate");
    wait_until(async || ready(&vault).await.contains("given.pem")).await;
    let text = ready(&vault).await;
    assert!(
        text.starts_with("ready\nnote: tls: the one before is served on") && !text.contains("hunter2"),
        "{text}"
    );
    assert!(health(&vault, &ca, "v1.vault.localhost").await.is_ok());

    write(folder.path(), "given.pem", &made.cert.pem());
    wait_until(async || ready(&vault).await == "ready\n").await;
    // Another certificate's key.
    let other = rcgen::generate_simple_self_signed(vec!["v1.vault.localhost".to_owned()]).unwrap();
    write(folder.path(), "given.key", &other.signing_key.serialize_pem());
    wait_until(async || ready(&vault).await.contains("note: tls:")).await;
    assert!(health(&vault, &ca, "v1.vault.localhost").await.is_ok());
}

#[tokio::test]
async fn a_given_certificate_that_is_missing_or_has_expired_keeps_the_vault_from_starting() {
    let folder = tempfile::tempdir().unwrap();
    let start = async |config: VaultConfig| {
        let mut options = strongroom_vault::Options::new(folder.path().join("vault"));
        options.config = strongroom_vault::ConfigSource::Given(Box::new(config));
        strongroom_vault::Vault::open(options).await.unwrap_err().to_string()
    };
    let missing = start(given(folder.path())).await;
    assert!(missing.contains("given.pem") && missing.contains("No such file"), "{missing}");
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(vec!["*.vault.localhost".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2019, 1, 1);
    params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    write(folder.path(), "given.pem", &params.self_signed(&key).unwrap().pem());
    write(folder.path(), "given.key", &key.serialize_pem());
    let expired = start(given(folder.path())).await;
    assert!(expired.contains("given.pem") && expired.contains("has expired"), "{expired}");
}

#[tokio::test(flavor = "multi_thread")]
async fn azures_names_are_answered_on_demand_with_a_certificate_and_a_challenge_of_their_own() {
    let vault = TestVault::start_as(config(), |options| options.answer_as_azure = true).await;
    let (address, ca) = (vault.running.address(), vault.folder.path().join("vault/azure-ca.pem"));
    let ask = |host: &str| {
        format!("GET /secrets/a?api-version=7.6 HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
    };
    let answer = exchange(address, &ca, "v1.vault.azure.net", ask("v1.vault.azure.net")).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    let challenge = "Bearer authorization=\"https://login.microsoftonline.com/adfs\", resource=\"https://vault.azure.net\"";
    assert!(answer.contains(challenge), "{answer}");
    // The port comes from the client, if it names one.
    let answer = exchange(address, &ca, "v1.vault.azure.net", ask("v1.vault.azure.net:8443")).await.unwrap();
    assert!(answer.contains("resource=\"https://vault.azure.net:8443\""), "{answer}");

    let form = format!(
        "grant_type=client_credentials&client_id={OFFICER}&client_secret={OFFICER_SECRET}&scope=https%3A%2F%2Fvault.azure.net%2F.default"
    );
    let request = format!(
        "POST /adfs/oauth2/token HTTP/1.1\r\nHost: login.microsoftonline.com\r\nConnection: close\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
        form.len()
    );
    let answer = exchange(address, &ca, "login.microsoftonline.com", request).await.unwrap();
    let body: Value = serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    let token = body["access_token"].as_str().unwrap();
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&claims).unwrap()["aud"], "https://vault.azure.net");
    let request = format!(
        "PUT /secrets/a?api-version=7.6 HTTP/1.1\r\nHost: v1.vault.azure.net\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: 15\r\n\r\n{{\"value\":\"one\"}}"
    );
    let answer = exchange(address, &ca, "v1.vault.azure.net", request).await.unwrap();
    assert!(answer.contains("\"id\":\"https://v1.vault.azure.net/secrets/a/"), "{answer}");
    // The own names have their own certificate, and the same secret.
    assert!(health(&vault, &ca, "v1.vault.localhost").await.is_err());
    assert_eq!(vault.officer().await.get("/secrets/a").await.is(200)["value"], "one");
    // Neither authority vouches for anything else.
    for name in ["management.azure.com", "microsoft.com", "v1.vault.localhost"] {
        assert!(health(&vault, &ca, name).await.is_err(), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_being_asked_azures_names_are_nobodys() {
    let vault = TestVault::start().await;
    assert!(!vault.folder.path().join("vault/azure-ca.pem").exists());
    let request =
        "GET /secrets/a?api-version=7.6 HTTP/1.1\r\nHost: v1.vault.azure.net\r\nConnection: close\r\n\r\n";
    let (address, ca) = (vault.running.address(), vault.running.ca_file());
    let answer = exchange(address, ca, "v1.vault.localhost", request.to_owned()).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
}

#[tokio::test]
async fn who_is_to_be_trusted_is_found_in_the_data_folder() {
    let folder = tempfile::tempdir().unwrap();
    let options = |as_azure| {
        let mut options = strongroom_vault::Options::new(folder.path());
        options.listen = Some("127.0.0.1:0".parse().unwrap());
        options.answer_as_azure = as_azure;
        options
    };
    let unknown = Trust::find(folder.path(), None).unwrap_err().to_string();
    assert!(unknown.contains("start the vault once"), "{unknown}");
    for (as_azure, files) in [(false, &["ca.pem"][..]), (true, &["ca.pem", "azure-ca.pem"])] {
        let running =
            strongroom_vault::Vault::open(options(as_azure)).await.unwrap().start(None).await.unwrap();
        let trust = Trust::find(folder.path(), None).unwrap();
        let names: Vec<_> = trust.files().iter().map(|path| path.file_name().unwrap()).collect();
        assert_eq!(names, files);
        let bundle = std::fs::read_to_string(trust.bundle()).unwrap();
        for file in trust.files() {
            let text = std::fs::read_to_string(file).unwrap();
            let inner = text.lines().nth(3).unwrap();
            assert!(bundle.contains(inner), "the bundle has {}", file.display());
        }
        running.stop().await.unwrap();
    }
}
