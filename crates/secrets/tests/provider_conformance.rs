//! The one suite, for every provider that needs nothing but this process, for what stands before one, and for vaults that can do
//! less than Azure's. (Azure's own client passes it in the tests of the whole system, against the embedded vault.)

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::fmt::{self, Display};
use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt};
use strongroom_secrets::cache::{CacheConfig, CachedProvider};
use strongroom_secrets::clock::SystemClock;
use strongroom_secrets::file::{FileConfig, FileProvider};
use strongroom_secrets::memory::MemoryProvider;
use strongroom_secrets::random::SystemRandom;
use strongroom_secrets::{
    Capabilities, DeletedSecret, Error, ErrorKind, ListScope, NewSecret, Provider, Remote, Result, Secret,
    SecretName, SecretProperties, SecretUpdate, SecretVersion, conformance,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_of_files_does_what_every_provider_does() {
    let folder = tempfile::tempdir().unwrap();
    let config = FileConfig::new(folder.path().join("secrets"));
    let provider = FileProvider::open(&config, Arc::new(SystemClock), Arc::new(SystemRandom)).unwrap();
    conformance::run(&provider).await;
    conformance::run(&provider).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cache_changes_nothing_of_what_a_provider_does() {
    let cached = |inner| CachedProvider::new(inner, CacheConfig::RUN, Arc::new(SystemClock));
    conformance::run(&cached(Arc::new(MemoryProvider::new()))).await;
    let folder = tempfile::tempdir().unwrap();
    let config = FileConfig::new(folder.path().join("secrets"));
    let file = FileProvider::open(&config, Arc::new(SystemClock), Arc::new(SystemRandom)).unwrap();
    conformance::run(&cached(Arc::new(file))).await;
}

#[tokio::test]
async fn a_vault_that_can_do_less_and_says_so_passes_too() {
    let whole = Capabilities { durable: false, ..Capabilities::KEY_VAULT };
    for capabilities in [
        Capabilities { write: false, ..whole },
        Capabilities { versions: false, ..whole },
        Capabilities { tags: false, max_tags: 0, ..whole },
        Capabilities { soft_delete: false, ..whole },
        Capabilities { purge: false, ..whole },
        Capabilities { versions: false, tags: false, max_tags: 0, soft_delete: false, ..whole },
    ] {
        conformance::run(&Lesser { inner: MemoryProvider::new(), capabilities }).await;
    }
}

#[tokio::test]
async fn a_vault_that_promises_what_it_cannot_do_is_found_out() {
    let can = |capabilities| Lesser { inner: MemoryProvider::new(), capabilities };
    // It says that it has soft delete, and forgets what is deleted.
    let lying = Lying(can(Capabilities { soft_delete: false, ..Capabilities::KEY_VAULT }));
    let found_out = std::panic::AssertUnwindSafe(conformance::run(&lying)).catch_unwind().await;
    assert!(found_out.is_err());
}

/// A vault that can do less than it holds.
#[derive(Debug)]
struct Lesser {
    inner: MemoryProvider,
    capabilities: Capabilities,
}

impl Lesser {
    fn needs(&self, can: bool) -> Result<()> {
        if can {
            Ok(())
        } else {
            Err(Error::new(ErrorKind::Unsupported, format!("the {self} cannot do that")))
        }
    }
}

impl Display for Lesser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("lesser vault")
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl Provider for Lesser {
    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    async fn get(&self, name: &SecretName, version: Option<&SecretVersion>) -> Result<Secret> {
        let latest = self.inner.get(name, None).await?;
        if !self.capabilities.versions && version.is_some() && latest.properties.version.as_ref() != version {
            return Err(Error::new(ErrorKind::NotFound, "no such version"));
        }
        self.inner.get(name, version).await
    }

    async fn set(&self, name: &SecretName, new: NewSecret) -> Result<SecretProperties> {
        self.needs(self.capabilities.write)?;
        self.needs(self.capabilities.tags || new.tags.is_empty())?;
        self.inner.set(name, new).await
    }

    async fn update(
        &self,
        name: &SecretName,
        version: &SecretVersion,
        update: SecretUpdate,
    ) -> Result<SecretProperties> {
        self.needs(self.capabilities.write)?;
        self.needs(self.capabilities.tags || update.tags.is_none())?;
        self.inner.update(name, version, update).await
    }

    fn list<'a>(&'a self, scope: ListScope<'a>) -> BoxStream<'a, Result<SecretProperties>> {
        if let (ListScope::Deleted, Err(error)) = (scope, self.needs(self.capabilities.soft_delete)) {
            return stream::iter([Err(error)]).boxed();
        }
        match scope {
            // The memory lists the oldest first.
            ListScope::Versions(_) if !self.capabilities.versions => {
                let all = self.inner.list(scope).collect::<Vec<_>>();
                stream::once(all).flat_map(|mut all| stream::iter(all.pop())).boxed()
            }
            _ => self.inner.list(scope),
        }
    }

    async fn delete(&self, name: &SecretName) -> Result<()> {
        self.needs(self.capabilities.write)?;
        self.inner.delete(name).await?;
        if self.capabilities.soft_delete { Ok(()) } else { self.inner.purge(name).await }
    }

    async fn get_deleted(&self, name: &SecretName) -> Result<DeletedSecret> {
        self.needs(self.capabilities.soft_delete)?;
        self.inner.get_deleted(name).await
    }

    async fn recover(&self, name: &SecretName) -> Result<SecretProperties> {
        self.needs(self.capabilities.write && self.capabilities.soft_delete)?;
        self.inner.recover(name).await
    }

    async fn purge(&self, name: &SecretName) -> Result<()> {
        self.needs(self.capabilities.write && self.capabilities.soft_delete && self.capabilities.purge)?;
        self.inner.purge(name).await
    }

    fn remote(&self) -> Option<&dyn Remote> {
        self.inner.remote()
    }
}

/// Says that it can do everything.
#[derive(Debug)]
struct Lying(Lesser);

impl Display for Lying {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(&self.0, f)
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl Provider for Lying {
    fn capabilities(&self) -> Capabilities {
        Capabilities::KEY_VAULT
    }

    async fn get(&self, name: &SecretName, version: Option<&SecretVersion>) -> Result<Secret> {
        self.0.get(name, version).await
    }

    async fn set(&self, name: &SecretName, new: NewSecret) -> Result<SecretProperties> {
        self.0.set(name, new).await
    }

    async fn update(
        &self,
        name: &SecretName,
        version: &SecretVersion,
        update: SecretUpdate,
    ) -> Result<SecretProperties> {
        self.0.update(name, version, update).await
    }

    fn list<'a>(&'a self, scope: ListScope<'a>) -> BoxStream<'a, Result<SecretProperties>> {
        self.0.list(scope)
    }

    async fn delete(&self, name: &SecretName) -> Result<()> {
        self.0.delete(name).await
    }

    async fn get_deleted(&self, name: &SecretName) -> Result<DeletedSecret> {
        self.0.get_deleted(name).await
    }

    async fn recover(&self, name: &SecretName) -> Result<SecretProperties> {
        self.0.recover(name).await
    }

    async fn purge(&self, name: &SecretName) -> Result<()> {
        self.0.purge(name).await
    }

    fn remote(&self) -> Option<&dyn Remote> {
        self.0.remote()
    }
}
