//! What the Azure provider does when the other side misbehaves: slow, busy, broken, or not who it should be.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod faults;
mod limits;
mod probing;
mod scripted_vault;
mod trust;
mod writes;

use futures::TryStreamExt;
use scripted_vault::{Answer, Request, ScriptedVault, bundle};
use strongroom_secrets::azure::AzureProvider;
use strongroom_secrets::{Error, ListScope, NewSecret, Provider, SecretName, SecretProperties};

const SECRET: &str = "/secrets/a";
const LATEST: &str = "/secrets/a/";
const VALUE: &str = "hunter2";

fn name() -> SecretName {
    SecretName::new("a").unwrap()
}

fn new() -> NewSecret {
    NewSecret { value: VALUE.into(), ..NewSecret::default() }
}

fn found(value: Option<&str>) -> Option<Answer> {
    Some(Answer::json(200, bundle("a", value)))
}

/// A vault that answers authorized requests as `script` says, and everything else as it should.
fn vault(script: impl Fn(&Request) -> Option<Answer> + Send + Sync + 'static) -> ScriptedVault {
    ScriptedVault::start(move |request| request.is_authorized().then(|| script(request)).flatten())
}

async fn list(provider: &AzureProvider) -> Result<Vec<SecretProperties>, Error> {
    provider.list(ListScope::Secrets).try_collect().await
}
