//! The Key Vault side: secrets over HTTPS, as `https://<vault>.<domain>/secrets/…`.
//!
//! A request passes these gates in order: the host chooses the vault, a token is asked for (a client's first request
//! carries none, and expects the challenge before anything else is looked at), the API version is checked, the path
//! becomes an [`Operation`], the caller's roles must grant its action, the vault's quota must not be used up, the body is
//! read within its bound, and only then does [`secrets`] do what was asked.

mod answer;
mod api_version;
mod backup;
mod body;
mod bundle;
mod caller;
mod fault;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod paging;
mod secrets;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::request::Parts;
use axum::http::{Request, Uri, header};
use axum::response::{IntoResponse, Response};

use answer::Answer;
use caller::Caller;
pub(crate) use caller::bearer;
use fault::Fault;

use crate::audit::{CallId, Entry, Outcome, Unrecorded};
use crate::directory::HostedVault;
use crate::host::Host;
use crate::operations::{self, Operation, Target};
use crate::service::Service;

/// The largest value, the largest tags, and the longest content type, each character escaped: 341,000 bytes. The rest is for
/// what means nothing.
const BODY_LIMIT: usize = 512 * 1024;

/// What an operation works with.
struct Context<'a> {
    service: &'a Service,
    vault: &'a HostedVault,
    caller: &'a Caller<'a>,
    host: &'a Host,
    /// As the client wrote it, for the links to further pages.
    api_version: &'a str,
    now: i64,
    /// What the audit trail is going to say of the call.
    entry: &'a Entry,
}

/// The parameters behind the question mark; clients may percent-encode even their names.
struct Parameters(Vec<(String, String)>);

impl Parameters {
    fn of(uri: &Uri) -> Result<Self, Fault> {
        Query::try_from_uri(uri)
            .map(|Query(parameters)| Self(parameters))
            .map_err(|_| Fault::bad_parameter("The query of the URL is malformed."))
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }
}

/// Answers every path that is not one of the token service.
pub(crate) async fn handle(State(service): State<Arc<Service>>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let mut entry =
        parts.extensions.get::<CallId>().cloned().unwrap_or_default().entry(service.clock().now_millis());
    let result = serve(&service, &parts, body, &mut entry).await;
    let result = record(&service, &entry, result).await;
    let mut response = match result {
        Ok(answer) => answer.into_response(),
        Err(fault) => fault.into_response(),
    };
    response.extensions_mut().insert(entry.subject);
    response
}

/// Lets the answer go once the audit trail has a true line about it. Who calls no vault at all leaves none.
async fn record(service: &Service, entry: &Entry, result: Result<Answer, Fault>) -> Result<Answer, Fault> {
    let (outcome, version) = match &result {
        Ok(answer) => (Outcome::done(answer.status()), answer.version.as_deref()),
        Err(fault) => (fault.outcome(), None),
    };
    if entry.subject.vault.is_none() || entry.is_true(outcome) {
        return result;
    }
    match service.audit.record(vec![entry.line(outcome, version)]).await {
        Ok(()) => result,
        Err(Unrecorded) => Err(Fault::unrecorded()),
    }
}

async fn serve(service: &Service, parts: &Parts, body: Body, entry: &mut Entry) -> Result<Answer, Fault> {
    let host = Host::of(parts).ok_or_else(|| Fault::bad_parameter("The request names no host."))?;
    let directory = service.fresh_directory().await.map_err(|_| Fault::internal())?;
    let vault = directory
        .vault(&host, service.vault_domain(&host))
        .ok_or_else(|| Fault::unknown_vault(&host, service.domain()))?;
    entry.subject.vault = Some(vault.key.clone());
    let caller =
        Caller::authenticate(service, &directory, &host, parts.headers.get(header::AUTHORIZATION)).await?;
    caller.introduce(&mut entry.subject);

    let parameters = Parameters::of(&parts.uri)?;
    let api_version = api_version::check(parameters.get("api-version"))?;

    let target = operations::find(&parts.method, parts.uri.path())?;
    target.introduce(&mut entry.subject);
    caller.authorize(vault, target.operation.action(), target.scope())?;
    if let Some(quotas) = &service.quotas {
        let now = service.clock().now_millis();
        quotas.take(&vault.key, target.operation, now).map_err(Fault::throttled)?;
    }

    let _turn = match target.operation.is_heavy() {
        true => Some(service.backups.acquire().await.map_err(|_| Fault::internal())?),
        false => None,
    };
    let bytes = match body_limit(target.operation) {
        Some(limit) => body::read(body, limit).await?,
        None => Default::default(),
    };
    let now = service.clock().now_seconds();
    let context = Context { service, vault, caller: &caller, host: &host, api_version, now, entry };
    run(&context, &target, &parameters, &bytes).await
}

/// How long the body of a call may be; `None` if it means nothing and is not read.
fn body_limit(operation: Operation) -> Option<usize> {
    match operation {
        Operation::SetSecret | Operation::UpdateSecret => Some(BODY_LIMIT),
        Operation::RestoreSecret => Some(backup::RESTORE_LIMIT),
        _ => None,
    }
}

/// Does what was asked.
async fn run(
    context: &Context<'_>,
    target: &Target,
    parameters: &Parameters,
    bytes: &[u8],
) -> Result<Answer, Fault> {
    match target.operation {
        Operation::SetSecret => secrets::set(context, target.name()?, bytes).await,
        Operation::GetSecret => secrets::get(context, target.name()?, target.version.as_deref()).await,
        Operation::UpdateSecret => {
            secrets::update(context, target.name()?, target.version.as_deref(), bytes).await
        }
        Operation::DeleteSecret => secrets::delete(context, target.name()?).await,
        Operation::ListSecrets => secrets::list(context, parameters).await,
        Operation::ListVersions => secrets::list_versions(context, target.name()?, parameters).await,
        Operation::ListDeleted => secrets::list_deleted(context, parameters).await,
        Operation::GetDeleted => secrets::get_deleted(context, target.name()?).await,
        Operation::PurgeDeleted => secrets::purge(context, target.name()?).await,
        Operation::RecoverDeleted => secrets::recover(context, target.name()?).await,
        Operation::BackupSecret => backup::backup(context, target.name()?).await,
        Operation::RestoreSecret => backup::restore(context, bytes).await,
    }
}
