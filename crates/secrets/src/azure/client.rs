//! The provider itself: each method is one or a few calls of the SDK, bounded in time.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use azure_core::http::pager::PagerContinuation;
use azure_core::http::{
    ClientMethodOptions, ClientOptions, Context, HttpClient, ItemIterator, PageIterator, RetryOptions,
    Transport, Url,
};
use azure_core::http::{Response, UserAgentOptions};
use azure_security_keyvault_secrets::models::{
    ListDeletedSecretPropertiesResult, ListSecretPropertiesResult, SecretClientDeleteSecretOptions,
    SecretClientGetDeletedSecretOptions, SecretClientGetSecretOptions, SecretClientPurgeDeletedSecretOptions,
    SecretClientRecoverDeletedSecretOptions, SecretClientSetSecretOptions,
    SecretClientUpdateSecretPropertiesOptions,
};
use azure_security_keyvault_secrets::{SecretClient, SecretClientOptions};
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};

use super::channel::{Channel, Peer};
use super::credential::{SignedIn, Tokens};
use super::failure::{Doing, Role};
use super::retry::{Attempt, Retry, backoff};
use super::{AzureConfig, VaultUrl, models};
use crate::random::SystemRandom;
use crate::{
    Capabilities, DeletedSecret, Error, ErrorKind, ListScope, NewSecret, Provider, Result, Secret,
    SecretName, SecretProperties, SecretUpdate, SecretValue, SecretVersion, transport,
};

/// The most pages of one listing: a quarter of a million secrets. What goes on longer is a server that goes in circles.
const MAX_PAGES: usize = 10_000;

/// Secrets in an Azure Key Vault.
///
/// Holds one connection pool and one token for all calls; share it rather than making another.
pub struct AzureProvider {
    client: SecretClient,
    vault: VaultUrl,
    tokens: Tokens,
    call_timeout: Duration,
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
            let client = match (peer, thumbprint) {
                (_, Some(thumbprint)) => transport::pinned_client(thumbprint, *call_timeout)?,
                (Peer::ManagedIdentity, None) => transport::host_client(tls.clone(), *call_timeout)?,
                (Peer::Vault | Peer::Authority, None) => transport::client(tls.clone(), host, *call_timeout)?,
            };
            Ok(Channel::new(peer, url, client))
        };
        // Who waits for a token wants to hear that it was the token endpoint that did not answer.
        let token_timeout = *call_timeout * 4 / 5;
        let tokens = credential.tokens(authority, clock, token_timeout, &|peer, url, thumbprint| {
            Ok(client_options(peer, Arc::new(channel(peer, url, thumbprint)?), token_timeout))
        })?;
        let transport = tokens.watching(channel(Peer::Vault, vault.url(), None)?);
        let client_options = SecretClientOptions {
            client_options: client_options(Peer::Vault, transport, *call_timeout),
            ..SecretClientOptions::default()
        };
        let client = SecretClient::new(vault.url().as_str(), Arc::new(tokens.clone()), Some(client_options))
            .map_err(|_| {
                Error::new(ErrorKind::Configuration, format!("{vault} cannot be used as a vault URL"))
            })?;
        Ok(Self { client, vault: vault.clone(), tokens, call_timeout: *call_timeout })
    }

    /// Who we turned out to be; `None` before the first call that needed a token.
    pub fn signed_in(&self) -> Option<SignedIn> {
        self.tokens.signed_in()
    }

    fn doing(&self, what: String, role: Role) -> Doing<'_> {
        Doing { what, role, vault: &self.vault, secrets: Vec::new() }
    }

    /// Runs `call`, and again while the vault answers that the secret is being deleted or recovered, until the call's time
    /// is up.
    async fn run<T, C>(
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

    async fn get_once(
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
        models::secret(model(doing, self.client.get_secret(name.as_str(), Some(options)).await)?)
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
                return Err(doing.fail(ErrorKind::Busy, "it was asked for, but the secret is not back yet"));
            }
            tokio::time::sleep(delay).await;
            tries += 1;
        }
    }

    /// The pages of a listing, each bounded in time, one after the other.
    fn pages<'a, P>(
        &'a self,
        doing: Doing<'a>,
        pages: azure_core::Result<PageIterator<Response<P>>>,
        items: fn(P) -> Vec<Result<SecretProperties>>,
    ) -> BoxStream<'a, Result<SecretProperties>>
    where
        P: serde::de::DeserializeOwned + Send + 'a,
        Response<P>: Send,
    {
        let pages = match pages {
            Ok(pages) => pages,
            Err(error) => return stream::iter([Err(doing.explain(&error))]).boxed(),
        };
        let start = (pages, doing, 0_usize);
        stream::try_unfold(start, move |(mut pages, doing, count)| async move {
            if count >= MAX_PAGES {
                return Err(doing
                    .fail(ErrorKind::Other, &format!("the listing does not end after {MAX_PAGES} pages")));
            }
            let before = link(pages.continuation());
            let page = tokio::time::timeout(self.call_timeout, pages.next())
                .await
                .map_err(|_| doing.timed_out(self.call_timeout.as_secs_f64()))?;
            let Some(page) = page else { return Ok(None) };
            let page = model(&doing, page)?;
            if before.is_some() && before == link(pages.continuation()) {
                return Err(doing.fail(ErrorKind::Other, "a page of the listing names itself as the next"));
            }
            Ok(Some((stream::iter(items(page)), (pages, doing, count + 1))))
        })
        .try_flatten()
        .boxed()
    }
}

#[async_trait]
impl Provider for AzureProvider {
    fn capabilities(&self) -> Capabilities {
        Capabilities::KEY_VAULT
    }

    async fn get(&self, name: &SecretName, version: Option<&SecretVersion>) -> Result<Secret> {
        let which = version.map_or_else(String::new, |version| format!(" version {version}"));
        let doing = self.doing(format!("read secret {name}{which}"), Role::User);
        let attempt = Attempt::new(self.call_timeout);
        self.run(&doing, &attempt, || self.get_once(&doing, &attempt, name, version)).await
    }

    async fn set(&self, name: &SecretName, new: NewSecret) -> Result<SecretProperties> {
        let value = new.value.clone();
        let mut doing = self.doing(format!("write secret {name}"), Role::Officer);
        doing.secrets.push(&value);
        if value.len() > SecretValue::MAX_BYTES {
            let why =
                format!("its value has {} bytes, at most {} are kept", value.len(), SecretValue::MAX_BYTES);
            return Err(doing.fail(ErrorKind::InvalidInput, &why));
        }
        let attempt = Attempt::new(self.call_timeout);
        let parameters = models::set_parameters(new)?;
        self.run(&doing, &attempt, || async {
            let options = SecretClientSetSecretOptions { method_options: method_options(&attempt) };
            let answer = self.client.set_secret(name.as_str(), parameters.clone(), Some(options)).await;
            models::properties_of_secret(model(&doing, answer)?)
        })
        .await
    }

    async fn update(
        &self,
        name: &SecretName,
        version: &SecretVersion,
        update: SecretUpdate,
    ) -> Result<SecretProperties> {
        let doing = self.doing(format!("update secret {name} version {version}"), Role::Officer);
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
                    self.doing("list secrets".to_owned(), Role::User),
                    pager.map(ItemIterator::into_pages),
                    items,
                )
            }
            ListScope::Versions(name) => {
                let doing = self.doing(format!("list the versions of secret {name}"), Role::User);
                let pager = self.client.list_secret_properties_versions(name.as_str(), None);
                self.pages(doing, pager.map(ItemIterator::into_pages), items)
            }
            ListScope::Deleted => {
                let items = |page: ListDeletedSecretPropertiesResult| {
                    page.value.into_iter().map(models::properties_of_deleted_item).collect()
                };
                let pager = self.client.list_deleted_secret_properties(None);
                self.pages(
                    self.doing("list deleted secrets".to_owned(), Role::User),
                    pager.map(ItemIterator::into_pages),
                    items,
                )
            }
        }
    }

    async fn delete(&self, name: &SecretName) -> Result<()> {
        let doing = self.doing(format!("delete secret {name}"), Role::Officer);
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
        let doing = self.doing(format!("look up deleted secret {name}"), Role::User);
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
        let doing = self.doing(format!("recover secret {name}"), Role::Officer);
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
        let doing = self.doing(format!("purge secret {name}"), Role::Officer);
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

fn method_options(attempt: &Attempt) -> ClientMethodOptions<'static> {
    ClientMethodOptions { context: Context::new().with_value(attempt.clone()) }
}

/// The model in an answer, or what its absence means.
fn model<M>(doing: &Doing<'_>, answer: azure_core::Result<Response<M>>) -> Result<M>
where
    M: serde::de::DeserializeOwned,
{
    answer.and_then(Response::into_model).map_err(|error| doing.explain(&error))
}

fn link(continuation: Option<&PagerContinuation>) -> Option<String> {
    continuation.map(ToString::to_string)
}
