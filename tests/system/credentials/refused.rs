//! Why there is no token: what each way to be refused says.

use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use strongroom_secrets::azure::{
    AzureConfig, AzureProvider, ClientCertificate, Credential, WorkloadIdentity,
};
use strongroom_secrets::clock::{ManualClock, SystemClock};
use strongroom_secrets::{Clock as _, Error, ErrorKind, Provider as _, Result, Secret, SecretName};
use strongroom_tests::identities::{APP, Identities, POD};
use strongroom_tests::vault::TENANT;
use strongroom_tests::{VaultServer, scratch};
use tokio::time::Instant;

use super::{client_secret, config};

const HOUR: i64 = 3_600_000;

async fn read(config: &AzureConfig) -> Result<Secret> {
    AzureProvider::new(config).unwrap().get(&SecretName::new("a").unwrap(), None).await
}

async fn refused(config: &AzureConfig) -> Error {
    read(config).await.unwrap_err()
}

/// A clock that is off by so many milliseconds.
fn off_by(millis: i64) -> Arc<ManualClock> {
    Arc::new(ManualClock::at_millis(SystemClock.now_millis() + millis))
}

fn with_certificate(identities: &Identities) -> Credential {
    Credential::ClientCertificate(ClientCertificate {
        tenant: TENANT.to_owned(),
        client_id: APP.client_id.to_owned(),
        file: identities.certificate.clone(),
        password: None,
        send_chain: false,
    })
}

#[tokio::test]
async fn a_certificate_and_a_cluster_that_the_app_does_not_know_are_told_apart() {
    let (folder, elsewhere) = (scratch(), scratch());
    let identities = Identities::make(folder.path());
    let strangers = Identities::make(elsewhere.path());
    let vault = VaultServer::start_with(folder.path(), |config| identities.add_to(config)).await;
    vault.set("a", "x").await;
    let pod = |file: &Path| {
        Credential::WorkloadIdentity(WorkloadIdentity {
            tenant: TENANT.to_owned(),
            client_id: POD.client_id.to_owned(),
            token_file: file.to_owned(),
        })
    };
    for known in [with_certificate(&identities), pod(&identities.token)] {
        assert_eq!(read(&config(&vault, known)).await.unwrap().value, "x".into());
    }
    for (unknown, says) in [
        (with_certificate(&strangers), "the certificate is not one of the app's (AADSTS700027"),
        (pod(&strangers.token), "AADSTS"),
        // A certificate is no token of a service account.
        (pod(&identities.certificate), "AADSTS"),
    ] {
        let error = refused(&config(&vault, unknown)).await;
        assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{error}");
        assert!(error.to_string().contains(says) && error.hint().is_some(), "{error}");
        assert!(!error.to_string().contains("eyJ"), "{error}");
    }
}

#[tokio::test]
async fn an_assertion_that_is_over_is_told() {
    let folder = scratch();
    let identities = Identities::make(folder.path());
    let vault = VaultServer::start_with(folder.path(), |config| identities.add_to(config)).await;
    vault.set("a", "x").await;
    let token_file = folder.path().join("token");
    let config = config(
        &vault,
        Credential::WorkloadIdentity(WorkloadIdentity {
            tenant: TENANT.to_owned(),
            client_id: POD.client_id.to_owned(),
            token_file: token_file.clone(),
        }),
    );
    identities.write_token(&token_file, 2 * 3600);
    let provider = AzureProvider::new(&config).unwrap();
    let name = SecretName::new("a").unwrap();
    let error = provider.get(&name, None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    assert!(error.to_string().contains("the assertion is out of its time (AADSTS700024"), "{error}");
    // The cluster replaces the file; nobody has to be started anew.
    identities.write_token(&token_file, 0);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(provider.get(&name, None).await.unwrap().value, "x".into());
}

#[tokio::test]
async fn a_clock_that_is_an_hour_off_is_told_where_it_matters_and_does_no_harm_elsewhere() {
    let folder = scratch();
    let identities = Identities::make(folder.path());
    let vault = VaultServer::start_with(folder.path(), |config| identities.add_to(config)).await;
    vault.set("a", "x").await;
    for (millis, says) in [(HOUR, "60 min ahead of that of login.vault.localhost"), (-HOUR, "60 min behind")]
    {
        let signed = config(&vault, with_certificate(&identities));
        let error = refused(&AzureConfig { clock: off_by(millis), ..signed.clone() }).await;
        assert_eq!(error.kind(), ErrorKind::Unauthenticated);
        assert!(error.to_string().contains("AADSTS700024"), "{error}");
        assert!(error.hint().unwrap().contains(says), "{error}");
        assert_eq!(read(&signed).await.unwrap().value, "x".into());

        let by_secret = AzureConfig { clock: off_by(2 * millis), ..config(&vault, client_secret()) };
        let provider = AzureProvider::new(&by_secret).unwrap();
        for _ in 0..20 {
            provider.get(&SecretName::new("a").unwrap(), None).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_token_endpoint_whose_certificate_is_not_trusted_gets_nothing() {
    let (folder, elsewhere) = (scratch(), scratch());
    let vault = VaultServer::start(folder.path()).await;
    let other = VaultServer::start(elsewhere.path()).await;
    let authority = other.authority().parse().unwrap();
    let error = refused(&AzureConfig { authority, ..config(&vault, client_secret()) }).await;
    assert_eq!(error.kind(), ErrorKind::Untrusted, "{error}");
    assert!(error.to_string().contains(&other.authority()), "{error}");
    assert!(error.hint().unwrap().contains("OM_SM_CA_FILE"), "{error}");
}

#[tokio::test]
async fn a_token_endpoint_that_is_not_there_or_does_not_answer_is_named_within_the_call() {
    let folder = scratch();
    let vault = VaultServer::start(folder.path()).await;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = listener.local_addr().unwrap().port();
    for (port, says) in [(1, "cannot be reached"), (silent, "")] {
        let config = AzureConfig {
            authority: format!("https://login.vault.localhost:{port}").parse().unwrap(),
            call_timeout: Duration::from_secs(3),
            ..config(&vault, client_secret())
        };
        let begin = Instant::now();
        let error = refused(&config).await;
        assert!(begin.elapsed() < Duration::from_secs(4), "{:?}", begin.elapsed());
        assert!(error.is_transient(), "{error}");
        let host = format!("https://login.vault.localhost:{port}");
        assert!(error.to_string().contains(&host) && error.to_string().contains(says), "{error}");
    }
}
