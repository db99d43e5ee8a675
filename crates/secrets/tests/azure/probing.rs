//! What can be told of a vault before anything is done there: the way, the clock, the rights.

use std::sync::Arc;
use std::time::Duration;

use strongroom_secrets::azure::{AzureConfig, AzureProvider};
use strongroom_secrets::clock::ManualClock;
use strongroom_secrets::probe::{self, DataAction, Outcome};
use strongroom_secrets::remote::{Endpoint, Part, Reached, Remote};
use strongroom_secrets::transport::{SystemRoots, Trust};
use strongroom_secrets::{Error, ErrorKind, Result};

use crate::scripted_vault::{Answer, ScriptedVault};
use crate::{list, vault};

/// Sun, 06 Nov 1994 08:49:37 GMT.
const DATE: i64 = 784_111_777;

fn endpoint(remote: &dyn Remote, part: Part) -> Endpoint {
    remote.endpoints().into_iter().find(|endpoint| endpoint.part == part).unwrap()
}

async fn reach(config: &AzureConfig, part: Part) -> Result<Reached> {
    let provider = AzureProvider::new(config).unwrap();
    provider.reach(&endpoint(&provider, part)).await
}

/// A vault that tells the time and nothing else.
fn telling_the_time() -> ScriptedVault {
    ScriptedVault::start(|_| {
        let date = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n".to_owned();
        Some(Answer::Http(401, date, String::new()))
    })
}

#[tokio::test]
async fn a_clock_that_is_an_hour_off_is_told_without_a_token() {
    let server = telling_the_time();
    for (off, part) in [(0, Part::Vault), (3600, Part::Vault), (-3600, Part::TokenEndpoint)] {
        let clock = Arc::new(ManualClock::at_millis((DATE + off) * 1000));
        let reached = reach(&AzureConfig { clock, ..server.config() }, part).await.unwrap();
        assert_eq!(reached.ahead, Some(off));
    }
    assert!(server.requests().iter().all(|request| !request.is_authorized()));
}

#[tokio::test]
async fn a_server_that_is_not_trusted_not_there_or_silent_is_told_for_what_it_is() {
    let server = telling_the_time();
    let nobody = Trust { system: SystemRoots::Named { file: None, folders: vec![] }, ca_file: None };
    let other = ScriptedVault::start(|_| None);
    let elsewhere = Trust { ca_file: Some(other.ca_file()), ..nobody };
    let untrusted = AzureConfig { trust: elsewhere, ..server.config() };
    assert_eq!(reach(&untrusted, Part::Vault).await.unwrap_err().kind(), ErrorKind::Untrusted);

    let away = "https://v1.vault.localhost:1".parse().unwrap();
    let error = reach(&AzureConfig { vault: away, ..server.config() }, Part::Vault).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.message().contains("https://v1.vault.localhost:1 cannot be reached"), "{error}");

    let silent = ScriptedVault::start(|_| Some(Answer::Silence));
    let begin = tokio::time::Instant::now();
    assert_eq!(reach(&silent.config(), Part::Vault).await.unwrap_err().kind(), ErrorKind::TimedOut);
    assert!(begin.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn who_is_signed_in_is_known_before_the_first_call() {
    let server = vault(|_| None);
    let provider = server.provider();
    let signed_in = provider.sign_in().await.unwrap();
    assert_eq!(signed_in.credential, "client secret");
    // The calls that follow go with the same token.
    list(&provider).await.unwrap_err();
    let tokens = server.requests().iter().filter(|request| request.is_token_request()).count();
    assert_eq!(tokens, 1);
}

#[tokio::test]
async fn a_firewall_is_told_from_a_missing_role() {
    let probed = |inner: &'static str| async move {
        let server = vault(move |_| Some(Answer::error(403, "Forbidden", inner)));
        probe::run(&server.provider(), Duration::from_millis(100)).await
    };
    let shut = probed("ForbiddenByFirewall").await;
    assert!(
        matches!(shut.outcome(DataAction::List), Some(Outcome::Failed(error)) if error.kind() == ErrorKind::NetworkDenied)
    );
    assert!(matches!(shut.outcome(DataAction::Set), Some(Outcome::NotTried(_))));
    let without_role = probed("ForbiddenByRbac").await;
    let denied = |action: &DataAction| matches!(without_role.outcome(*action), Some(Outcome::Denied(_)));
    assert!(DataAction::ALL.iter().all(denied));
}

#[tokio::test]
async fn what_to_do_about_a_missing_role_is_a_command_of_the_clouds_or_of_our_own_vault() {
    let server = vault(|_| None);
    let ours = server.provider();
    let officer = ours.roles().last().unwrap();
    let advice = ours.how_to_grant(officer, None, None);
    assert!(advice.command.unwrap().starts_with("strongroom vault role assign"), "{}", advice.text);

    let cloud = AzureConfig { vault: "https://sales.vault.azure.net".parse().unwrap(), ..server.config() };
    let azure = AzureProvider::new(&cloud).unwrap();
    let advice = azure.how_to_grant(officer, None, None);
    let command = advice.command.unwrap();
    assert!(command.contains("az role assignment create --role \"Key Vault Secrets Officer\""), "{command}");
    assert!(command.contains("az keyvault show --name sales"), "{command}");

    let by_policy = Error::new(ErrorKind::PermissionDenied, "no")
        .with_hint("this vault goes by access policies, not by roles");
    let advice = azure.how_to_grant(officer, None, Some(&by_policy));
    let command = advice.command.unwrap();
    assert!(command.contains("az keyvault set-policy --name sales"), "{command}");
    assert!(command.ends_with("--secret-permissions get list set delete recover purge"), "{command}");
}
