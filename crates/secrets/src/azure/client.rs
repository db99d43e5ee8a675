//! The provider itself: each method is one or a few calls of the SDK, bounded in time.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use azure_core::http::{
    ClientMethodOptions, ClientOptions, Context, HttpClient, ItemIterator, RetryOptions, Transport, Url,
};
use azure_core::http::{Response, UserAgentOptions};
use azure_security_keyvault_secrets::models::{
    ListDeletedSecretPropertiesResult, ListSecretPropertiesResult, SecretClientDeleteSecretOptions,
    SecretClientGetDeletedSecretOptions, SecretClientGetSecretOptions, SecretClientPurgeDeletedSecretOptions,
    SecretClientRecoverDeletedSecretOptions, SecretClientUpdateSecretPropertiesOptions,
};
use azure_security_keyvault_secrets::{SecretClient, SecretClientOptions};
use futures::stream::BoxStream;

use super::action::Action;
use super::channel::{Channel, Peer};
use super::credential::{SignedIn, Tokens};
use super::failure::Doing;
use super::limit::Limit;
use super::retry::{Attempt, Retry, backoff};
use super::{AuthorityHost, AzureConfig, VaultUrl, models};
use crate::random::SystemRandom;
use crate::{
    Capabilities, Clock, DeletedSecret, Error, ErrorKind, ListScope, NewSecret, Provider, Remote, Result,
    Secret, SecretName, SecretProperties, SecretUpdate, SecretVersion, transport,
};

/// The least that a request may take, where a call may take a little more.
const SHORTEST_REQUEST: Duration = Duration::from_secs(2);

/// Secrets in an Azure Key Vault.
///
/// Holds one connection pool and one token for all calls; share it rather than making another.
pub struct AzureProvider {
    pub(super) client: SecretClient,
    vault: VaultUrl,
    authority: AuthorityHost,
    asks_authority: bool,
    tokens: Tokens,
    tls: rustls::ClientConfig,
    clock: Arc<dyn Clock>,
    pub(super) call_timeout: Duration,
}

impl AzureProvider {
    /// A provider for the vault that `config` names. Nothing is sent yet; only certificates are read.
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration) if a part of `config` cannot be right.
    pub fn new(config: &AzureConfig) -> Result<Self> {
        let AzureConfig { vault, authority, credential, trust, call_timeout, clock } = config;
        let tls = trust.client_config()?;
        let channel = |peer, url: &Url, thumbprint: Option<&str>| -> Result<Channel> {
            let host = url.host_str().unwrap_or_default();
            let timeout = request_timeout(*call_timeout);
            let client = match (peer, thumbprint) {
                (_, Some(thumbprint)) => transport::pinned_client(thumbprint, timeout)?,
                (Peer::ManagedIdentity, None) => transport::host_client(tls.clone(), timeout)?,
                (Peer::Vault | Peer::Authority, None) => transport::client(tls.clone(), host, timeout)?,
            };
            Ok(Channel::new(peer, url, client))
        };
        // Who waits for a token wants to hear that it was the token endpoint that did not answer.
        let token_timeout = *call_timeout * 4 / 5;
        let tokens = credential.tokens(authority, clock, token_timeout, &|peer, url, thumbprint| {
            Ok(client_options(peer, Arc::new(channel(peer, url, thumbprint)?), token_timeout))
        })?;
        let transport = tokens.watching(channel(Peer::Vault, vault.url(), None)?);
        let mut options = client_options(Peer::Vault, transport, *call_timeout);
        options.per_call_policies.push(Arc::new(Limit::of(vault)));
        let client_options =
            SecretClientOptions { client_options: options, ..SecretClientOptions::default() };
        let client = SecretClient::new(vault.url().as_str(), Arc::new(tokens.clone()), Some(client_options))
            .map_err(|_| {
                Error::new(ErrorKind::Configuration, format!("{vault} cannot be used as a vault URL"))
            })?;
        Ok(Self {
            client,
            vault: vault.clone(),
            authority: authority.clone(),
            asks_authority: credential.asks_authority(),
            tokens,
            tls,
            clock: Arc::clone(clock),
            call_timeout: *call_timeout,
        })
    }

    /// Who we turned out to be; `None` before the first call that needed a token.
    pub fn signed_in(&self) -> Option<SignedIn> {
        self.tokens.signed_in()
    }

    pub(super) fn vault(&self) -> &VaultUrl {
        &self.vault
    }

    pub(super) fn authority(&self) -> &AuthorityHost {
        &self.authority
    }

    /// Whether it is known beforehand that tokens come from the authority.
    pub(super) fn asks_authority(&self) -> bool {
        self.asks_authority
    }

    pub(super) fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    pub(super) fn tls(&self) -> rustls::ClientConfig {
        self.tls.clone()
    }

    pub(super) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    pub(super) fn doing<'a>(
        &'a self,
        what: String,
        action: Action,
        name: Option<&'a SecretName>,
    ) -> Doing<'a> {
        Doing { what, action, name, vault: &self.vault, secrets: Vec::new() }
    }

    /// Runs `call`, and again while the vault answers that the secret is being deleted or recovered, until the call's time
    /// is up.
    pub(super) async fn run<T, C>(
        &self,
        doing: &Doing<'_>,
        attempt: &Attempt,
        mut call: impl FnMut() -> C + Send,
    ) -> Result<T>
    where
        C: Future<Output = Result<T>> + Send,
        T: Send,
    {
        let until_free = async {
            let mut tries = 1;
            loop {
                let result = call().await;
                let delay = backoff(tries, &SystemRandom);
                match &result {
                    Err(error) if error.kind() == ErrorKind::Busy && attempt.has_time_for(delay) => {
                        tokio::time::sleep(delay).await;
                        tries += 1;
                    }
                    _ => return result,
                }
            }
        };
        tokio::time::timeout_at(attempt.deadline, until_free)
            .await
            .unwrap_or_else(|_| Err(doing.timed_out(self.call_timeout.as_secs_f64())))
    }

    pub(super) async fn get_once(
        &self,
        doing: &Doing<'_>,
        attempt: &Attempt,
        name: &SecretName,
        version: Option<&SecretVersion>,
    ) -> Result<Secret> {
        let options = SecretClientGetSecretOptions {
            secret_version: version.map(|version| version.as_str().to_owned()),
            method_options: method_options(attempt),
            ..SecretClientGetSecretOptions::default()
        };
        let secret =
            models::secret(model(doing, self.client.get_secret(name.as_str(), Some(options)).await)?)?;
        about(doing, name, &secret.properties)?;
        Ok(secret)
    }

    /// Asks for the secret until it is there: a recovery takes the real service some seconds.
    async fn wait_until_readable(
        &self,
        doing: &Doing<'_>,
        attempt: &Attempt,
        name: &SecretName,
    ) -> Result<()> {
        let mut tries = 1;
        loop {
            match self.get_once(doing, attempt, name, None).await {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Disabled => return Ok(()),
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                Err(_) => {}
            }
            let delay = backoff(tries, &SystemRandom);
            if !attempt.has_time_for(delay) {
                return Err(doing
                    .fail(ErrorKind::Busy, "it was asked for, but the secret is not back yet")
                    .with_hint("try again in some seconds"));
            }
            tokio::time::sleep(delay).await;
            tries += 1;
        }
    }
}

#[async_trait]
impl Provider for AzureProvider {
    fn capabilities(&self) -> Capabilities {
        Capabilities::KEY_VAULT
    }

    async fn get(&self, name: &SecretName, version: Option<&SecretVersion>) -> Result<Secret> {
        let which = version.map_or_else(String::new, |version| format!(" version {version}"));
        let doing = self.doing(format!("read secret {name}{which}"), Action::Get, Some(name));
        version.map_or(Ok(()), |version| check_version(&doing, version))?;
        let attempt = Attempt::new(self.call_timeout);
        self.run(&doing, &attempt, || self.get_once(&doing, &attempt, name, version)).await
    }

    async fn set(&self, name: &SecretName, new: NewSecret) -> Result<SecretProperties> {
        self.write(name, new).await
    }

    async fn update(
        &self,
        name: &SecretName,
        version: &SecretVersion,
        update: SecretUpdate,
    ) -> Result<SecretProperties> {
        let doing = self.doing(format!("update secret {name} version {version}"), Action::Update, Some(name));
        check_version(&doing, version)?;
        let attempt = Attempt::new(self.call_timeout);
        let parameters = models::update_parameters(update)?;
        self.run(&doing, &attempt, || async {
            let options = SecretClientUpdateSecretPropertiesOptions {
                secret_version: Some(version.as_str().to_owned()),
                method_options: method_options(&attempt),
            };
            let answer =
                self.client.update_secret_properties(name.as_str(), parameters.clone(), Some(options)).await;
            models::properties_of_secret(model(&doing, answer)?)
        })
        .await
    }

    fn list<'a>(&'a self, scope: ListScope<'a>) -> BoxStream<'a, Result<SecretProperties>> {
        let items = |page: ListSecretPropertiesResult| {
            page.value.into_iter().map(models::properties_of_item).collect()
        };
        match scope {
            ListScope::Secrets => {
                let pager = self.client.list_secret_properties(None);
                self.pages(
                    self.doing("list secrets".to_owned(), Action::List, None),
                    pager.map(ItemIterator::into_pages),
                    items,
                )
            }
            ListScope::Versions(name) => {
                let what = format!("list the versions of secret {name}");
                let doing = self.doing(what, Action::List, Some(name));
                let pager = self.client.list_secret_properties_versions(name.as_str(), None);
                self.pages(doing, pager.map(ItemIterator::into_pages), items)
            }
            ListScope::Deleted => {
                let items = |page: ListDeletedSecretPropertiesResult| {
                    page.value.into_iter().map(models::properties_of_deleted_item).collect()
                };
                let pager = self.client.list_deleted_secret_properties(None);
                self.pages(
                    self.doing("list deleted secrets".to_owned(), Action::List, None),
                    pager.map(ItemIterator::into_pages),
                    items,
                )
            }
        }
    }

    async fn delete(&self, name: &SecretName) -> Result<()> {
        let doing = self.doing(format!("delete secret {name}"), Action::Delete, Some(name));
        let attempt = Attempt::new(self.call_timeout);
        self.run(&doing, &attempt, || async {
            let options = SecretClientDeleteSecretOptions { method_options: method_options(&attempt) };
            match model(&doing, self.client.delete_secret(name.as_str(), Some(options)).await) {
                // The answer to an earlier request was lost, but not the request.
                Err(error) if error.kind() == ErrorKind::NotFound && attempt.resent() => Ok(()),
                answer => answer.map(drop),
            }
        })
        .await
    }

    async fn get_deleted(&self, name: &SecretName) -> Result<DeletedSecret> {
        let doing = self.doing(format!("look up deleted secret {name}"), Action::GetDeleted, Some(name));
        let attempt = Attempt::new(self.call_timeout);
        self.run(&doing, &attempt, || async {
            let options = SecretClientGetDeletedSecretOptions { method_options: method_options(&attempt) };
            models::deleted(model(
                &doing,
                self.client.get_deleted_secret(name.as_str(), Some(options)).await,
            )?)
        })
        .await
    }

    async fn recover(&self, name: &SecretName) -> Result<SecretProperties> {
        let doing = self.doing(format!("recover secret {name}"), Action::Recover, Some(name));
        let attempt = Attempt::new(self.call_timeout);
        self.run(&doing, &attempt, || async {
            let options =
                SecretClientRecoverDeletedSecretOptions { method_options: method_options(&attempt) };
            match model(&doing, self.client.recover_deleted_secret(name.as_str(), Some(options)).await) {
                Err(error) if error.kind() == ErrorKind::NotFound && attempt.resent() => {
                    Ok(self.get_once(&doing, &attempt, name, None).await?.properties)
                }
                answer => {
                    let properties = models::properties_of_secret(answer?)?;
                    self.wait_until_readable(&doing, &attempt, name).await?;
                    Ok(properties)
                }
            }
        })
        .await
    }

    async fn purge(&self, name: &SecretName) -> Result<()> {
        let doing = self.doing(format!("purge secret {name}"), Action::Purge, Some(name));
        let attempt = Attempt::new(self.call_timeout);
        self.run(&doing, &attempt, || async {
            let options = SecretClientPurgeDeletedSecretOptions { method_options: method_options(&attempt) };
            match self.client.purge_deleted_secret(name.as_str(), Some(options)).await {
                Ok(_) => Ok(()),
                Err(error) => match doing.explain(&error) {
                    error if error.kind() == ErrorKind::NotFound && attempt.resent() => Ok(()),
                    error => Err(error),
                },
            }
        })
        .await
    }

    fn remote(&self) -> Option<&dyn Remote> {
        Some(self)
    }
}

impl fmt::Display for AzureProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Azure Key Vault {}", self.vault)
    }
}

impl fmt::Debug for AzureProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AzureProvider").field("vault", &self.vault).finish_non_exhaustive()
    }
}

/// Options for requests to `peer`, which go through `transport` and end within `timeout` each.
fn client_options(peer: Peer, transport: Arc<dyn HttpClient>, timeout: Duration) -> ClientOptions {
    ClientOptions {
        transport: Some(Transport::new(transport)),
        per_call_policies: vec![Arc::new(Retry::new(peer, timeout))],
        retry: RetryOptions::none(),
        user_agent: UserAgentOptions { application_id: Some("strongroom".to_owned()) },
        ..ClientOptions::default()
    }
}

/// How long one request of a call may take: so that there is time left for another when a connection hangs.
pub(super) fn request_timeout(call: Duration) -> Duration {
    (call / 3).max(SHORTEST_REQUEST.min(call / 2))
}

/// A version comes from somewhere else, and becomes a part of the path.
fn check_version(doing: &Doing<'_>, version: &SecretVersion) -> Result<()> {
    let text = version.as_str();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        return Ok(());
    }
    Err(doing
        .fail(ErrorKind::InvalidInput, "that is no version")
        .with_hint("a version is made of letters and digits, as the vault lists it"))
}

/// Refuses an answer about another secret, as something in between could give it.
pub(super) fn about(doing: &Doing<'_>, name: &SecretName, properties: &SecretProperties) -> Result<()> {
    if properties.name == *name {
        return Ok(());
    }
    Err(doing
        .fail(ErrorKind::Other, &format!("the answer is about secret {}", properties.name))
        .with_hint("is there a Key Vault behind that URL, or a proxy in between?"))
}

pub(super) fn method_options(attempt: &Attempt) -> ClientMethodOptions<'static> {
    ClientMethodOptions { context: Context::new().with_value(attempt.clone()) }
}

/// The model in an answer, or what its absence means.
pub(super) fn model<M>(doing: &Doing<'_>, answer: azure_core::Result<Response<M>>) -> Result<M>
where
    M: serde::de::DeserializeOwned,
{
    answer.and_then(Response::into_model).map_err(|error| doing.explain(&error))
}
