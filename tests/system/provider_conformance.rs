//! The Key Vault client against the embedded vault: what every provider does, and what each wrong setting is answered with.

use std::net::TcpListener;
use std::sync::Arc;

use serde_json::json;
use strongroom_secrets::azure::{AzureConfig, AzureProvider, ClientSecret, Credential};
use strongroom_secrets::transport::{SystemRoots, Trust};
use strongroom_secrets::{
    Error, ErrorKind, NewSecret, Provider, SecretName, SecretUpdate, SecretValue, conformance,
};
use strongroom_tests::vault::{OFFICER, Principal, TENANT, USER, VAULT};
use strongroom_tests::{VaultServer, scratch};

/// A configuration for the vault's [`VAULT`] as `principal`, which trusts the vault's own authority and no other.
fn config(vault: &VaultServer, principal: &Principal) -> AzureConfig {
    let credential = ClientSecret {
        tenant: TENANT.to_owned(),
        client_id: principal.client_id.to_owned(),
        client_secret: principal.client_secret.into(),
    };
    let mut config = AzureConfig::new(vault.url().parse().unwrap(), Credential::ClientSecret(credential));
    config.authority = vault.authority().parse().unwrap();
    config.trust = trust().with_ca_file(vault.ca());
    config
}

fn trust() -> Trust {
    Trust { system: SystemRoots::Named { file: None, folders: Vec::new() }, ca_file: None }
}

fn provider(config: &AzureConfig) -> AzureProvider {
    AzureProvider::new(config).unwrap()
}

fn name(text: &str) -> SecretName {
    SecretName::new(text).unwrap()
}

fn value(text: &str) -> NewSecret {
    NewSecret { value: text.into(), ..NewSecret::default() }
}

async fn read(config: &AzureConfig) -> Error {
    provider(config).get(&name("a"), None).await.unwrap_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_vault_client_and_the_embedded_vault_do_what_every_provider_does() {
    let folder = scratch();
    let vault = VaultServer::start(folder.path()).await;
    conformance::run(&provider(&config(&vault, &OFFICER))).await;
}

#[tokio::test]
async fn a_secret_is_there_after_the_vault_was_killed() {
    let folder = scratch();
    let mut vault = VaultServer::start(folder.path()).await;
    // One provider for both lives: its connections and its token have to survive the first.
    let provider = provider(&config(&vault, &OFFICER));
    provider.set(&name("a"), value("1")).await.unwrap();
    vault.restart().await;
    assert_eq!(provider.get(&name("a"), None).await.unwrap().value, "1".into());
}

#[tokio::test]
async fn each_wrong_setting_has_an_error_of_its_own() {
    let folder = scratch();
    let vault = VaultServer::start(folder.path()).await;
    let right = config(&vault, &OFFICER);
    provider(&right).set(&name("a"), value("the-password")).await.unwrap();
    let as_principal = |client_id: &str, client_secret: &str| {
        let credential = ClientSecret {
            tenant: TENANT.to_owned(),
            client_id: client_id.to_owned(),
            client_secret: client_secret.into(),
        };
        AzureConfig { credential: Credential::ClientSecret(credential), ..right.clone() }
    };
    let port = vault.port();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let at = |url: String| AzureConfig { vault: url.parse().unwrap(), ..right.clone() };

    for (what, wrong, kind, says) in [
        (
            "vault name",
            at(format!("https://nosuch.vault.localhost:{port}")),
            ErrorKind::Configuration,
            "no such vault",
        ),
        (
            "host",
            at("https://v1.no-such-vault.invalid".to_owned()),
            ErrorKind::Unavailable,
            "no address is known for v1.no-such-vault.invalid",
        ),
        (
            "port",
            at(format!("https://v1.vault.localhost:{closed}")),
            ErrorKind::Unavailable,
            "cannot be reached",
        ),
        (
            "client secret",
            as_principal(OFFICER.client_id, "not-the-secret"),
            ErrorKind::Unauthenticated,
            "the client secret is wrong (AADSTS7000215",
        ),
        (
            "client id",
            as_principal("99999999-9999-9999-9999-999999999999", OFFICER.client_secret),
            ErrorKind::Unauthenticated,
            "the client id is not known in this tenant (AADSTS700016",
        ),
    ] {
        let error = read(&wrong).await;
        let text = error.to_string();
        assert_eq!(error.kind(), kind, "{what}: {text}");
        assert!(text.contains(says) && error.hint().is_some(), "{what}: {text}");
        for secret in ["the-password", "not-the-secret", OFFICER.client_secret] {
            assert!(!text.contains(secret), "{what}: {text}");
        }
    }

    let untrusting =
        AzureConfig { trust: trust().with_ca_file(other_authority(folder.path())), ..right.clone() };
    let error = read(&untrusting).await;
    assert_eq!(error.kind(), ErrorKind::Untrusted, "{error}");
    assert!(error.hint().is_some_and(|hint| hint.contains("OM_SM_CA_FILE")), "{error}");

    assert_eq!(vault.names().await, ["a"], "nothing but the one write has changed the vault");
}

/// A certificate authority that has signed nothing here.
fn other_authority(folder: &std::path::Path) -> std::path::PathBuf {
    let file = folder.join("other.pem");
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    std::fs::write(&file, params.self_signed(&key).unwrap().pem()).unwrap();
    file
}

#[tokio::test]
async fn a_reader_is_told_which_role_it_lacks_and_changes_nothing() {
    let folder = scratch();
    let vault = VaultServer::start(folder.path()).await;
    vault.set("a", "1").await;
    let reader = provider(&config(&vault, &USER));
    let version = reader.get(&name("a"), None).await.unwrap().properties.version.unwrap();

    for (what, error) in [
        ("set", reader.set(&name("a"), value("2")).await.unwrap_err()),
        ("update", reader.update(&name("a"), &version, SecretUpdate::default()).await.unwrap_err()),
        ("delete", reader.delete(&name("a")).await.unwrap_err()),
        ("recover", reader.recover(&name("a")).await.unwrap_err()),
        ("purge", reader.purge(&name("a")).await.unwrap_err()),
    ] {
        assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{what}: {error}");
        assert!(
            error.hint().is_some_and(|hint| hint.contains("Key Vault Secrets Officer")),
            "{what}: {error}"
        );
    }
    assert_eq!(vault.secret("a").await.as_deref(), Some("1"));
}

#[tokio::test]
async fn an_identity_without_any_role_may_not_even_read() {
    let folder = scratch();
    let vault = VaultServer::start_with(folder.path(), |configuration| {
        configuration["principals"][1]["roles"] = json!([]);
    })
    .await;
    vault.set("a", "1").await;
    let error = read(&config(&vault, &USER)).await;
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
    assert!(error.hint().is_some_and(|hint| hint.contains("Key Vault Secrets User")), "{error}");
}

#[tokio::test]
async fn a_value_that_is_too_long_is_refused_and_not_shown() {
    let folder = scratch();
    let vault = VaultServer::start(folder.path()).await;
    let provider = provider(&config(&vault, &OFFICER));
    let too_long = "hunter2".repeat(26_000 / 7 + 1);
    assert!(too_long.len() > SecretValue::MAX_BYTES);
    let error = provider.set(&name("a"), value(&too_long)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(!error.to_string().contains("hunter2"), "{error}");
    assert!(vault.names().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn many_calls_share_one_provider() {
    let folder = scratch();
    let vault = VaultServer::start(folder.path()).await;
    let provider: Arc<dyn Provider> = Arc::new(provider(&config(&vault, &OFFICER)));
    let mut writes = tokio::task::JoinSet::new();
    for n in 0..64 {
        let provider = Arc::clone(&provider);
        writes.spawn(async move { provider.set(&name(&format!("s{n}")), value(VAULT)).await });
    }
    for written in writes.join_all().await {
        written.unwrap();
    }
    assert_eq!(vault.names().await.len(), 64);
}
