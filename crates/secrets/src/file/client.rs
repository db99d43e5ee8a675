//! The provider itself.

use std::fmt::{self, Debug, Display};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

use super::config::FileConfig;
use super::credential::FolderKey;
use super::folder::Shelf;
use super::vault::FileVault;
use crate::{
    Capabilities, Clock, DeletedSecret, Error, ErrorKind, ListScope, NewSecret, Provider, Random, Result,
    Secret, SecretName, SecretProperties, SecretUpdate, SecretVersion, rules,
};

/// How many secrets a listing reads at a time.
const PAGE: usize = 64;

/// A [`Provider`] that keeps secrets in a folder of encrypted files. Several processes may use one folder.
pub struct FileProvider {
    vault: Arc<FileVault>,
    /// Writers of this process wait here, in turn, before they wait for other processes.
    writing: Arc<Mutex<()>>,
    call_timeout: Duration,
}

impl FileProvider {
    /// Opens a folder. One that is not there is made, and its key drawn, by the first write.
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration) if the key is missing, malformed, open to others, or another folder's.
    pub fn open(config: &FileConfig, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Result<Self> {
        let vault = FileVault::at(config, clock, random);
        if vault.key()?.is_none() {
            // A key that cannot be used is better known now than at the first write.
            FolderKey::find(&config.key)?;
        }
        Ok(Self { vault: Arc::new(vault), writing: Arc::default(), call_timeout: config.call_timeout })
    }

    /// Does something that reads, or `absent` while there is no folder yet.
    async fn read<T: Send + 'static>(
        &self,
        absent: impl FnOnce(&FileVault) -> Result<T> + Send + 'static,
        look: impl FnOnce(&FileVault, &FolderKey) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let vault = Arc::clone(&self.vault);
        self.blocking(Instant::now() + self.call_timeout, move || match vault.key()? {
            None => absent(&vault),
            Some(key) => look(&vault, key),
        })
        .await
    }

    /// Does something that changes the folder, alone. `absent` says what it means that there is none; `None` makes it.
    async fn write<T: Send + 'static>(
        &self,
        absent: Option<Error>,
        change: impl FnOnce(&FileVault, &FolderKey) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let deadline = Instant::now() + self.call_timeout;
        let turn = Arc::clone(&self.writing).lock_owned();
        let turn = timeout_at(deadline, turn).await.map_err(|_| self.vault.timed_out())?;
        let vault = Arc::clone(&self.vault);
        self.blocking(deadline, move || {
            let _turn = turn;
            if let (None, Some(absent)) = (vault.key()?, absent) {
                return Err(absent);
            }
            let _lock = vault.lock()?;
            change(&vault, vault.key_or_make()?)
        })
        .await
    }

    async fn blocking<T: Send + 'static>(
        &self,
        deadline: Instant,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let task = tokio::task::spawn_blocking(work);
        let done = timeout_at(deadline, task).await.map_err(|_| self.vault.timed_out())?;
        // The error of a task repeats the text of its panic, which may hold a value.
        done.map_err(|_| Error::new(ErrorKind::Other, format!("a call of the {} panicked", self.vault)))?
    }
}

impl Display for FileProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(&self.vault, f)
    }
}

impl Debug for FileProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FileProvider").field(&self.vault.path()).finish()
    }
}

#[async_trait]
impl Provider for FileProvider {
    fn capabilities(&self) -> Capabilities {
        Capabilities::KEY_VAULT
    }

    async fn get(&self, name: &SecretName, version: Option<&SecretVersion>) -> Result<Secret> {
        let (name, version) = (name.clone(), version.cloned());
        let absent = self.vault.not_found(&name, version.as_ref());
        self.read(|_| Err(absent), move |vault, key| vault.get(key, &name, version.as_ref())).await
    }

    async fn set(&self, name: &SecretName, new: NewSecret) -> Result<SecretProperties> {
        rules::check(name, &new)?;
        let name = name.clone();
        self.write(None, move |vault, key| vault.set(key, &name, new)).await
    }

    async fn update(
        &self,
        name: &SecretName,
        version: &SecretVersion,
        update: SecretUpdate,
    ) -> Result<SecretProperties> {
        rules::check_update(name, &update)?;
        let absent = self.vault.not_found(name, Some(version));
        let (name, version) = (name.clone(), version.clone());
        self.write(Some(absent), move |vault, key| vault.update(key, &name, &version, update)).await
    }

    fn list<'a>(&'a self, scope: ListScope<'a>) -> BoxStream<'a, Result<SecretProperties>> {
        let shelf = match scope {
            ListScope::Secrets => Shelf::Standing,
            ListScope::Deleted => Shelf::Deleted,
            ListScope::Versions(name) => {
                let name = name.clone();
                let versions = self.read(|_| Ok(Vec::new()), move |vault, key| vault.versions(key, &name));
                return stream::once(versions).map_ok(|all| stream::iter(all).map(Ok)).try_flatten().boxed();
            }
        };
        let names = self.read(|_| Ok(Vec::new()), move |vault, _| vault.secrets(shelf));
        stream::once(names)
            .map_ok(move |names| {
                let pages: Vec<Vec<String>> = names.chunks(PAGE).map(<[String]>::to_vec).collect();
                stream::iter(pages).map(Ok).and_then(move |page| {
                    self.read(|_| Ok(Vec::new()), move |vault, _| vault.page(shelf, &page))
                })
            })
            .try_flatten()
            .map_ok(|page| stream::iter(page).map(Ok))
            .try_flatten()
            .boxed()
    }

    async fn delete(&self, name: &SecretName) -> Result<()> {
        let absent = self.vault.not_found(name, None);
        let name = name.clone();
        self.write(Some(absent), move |vault, key| vault.delete(key, &name)).await
    }

    async fn get_deleted(&self, name: &SecretName) -> Result<DeletedSecret> {
        let absent = self.vault.not_deleted(name);
        let name = name.clone();
        self.read(|_| Err(absent), move |vault, key| vault.get_deleted(key, &name)).await
    }

    async fn recover(&self, name: &SecretName) -> Result<SecretProperties> {
        let absent = self.vault.not_deleted(name);
        let name = name.clone();
        self.write(Some(absent), move |vault, key| vault.recover(key, &name)).await
    }

    async fn purge(&self, name: &SecretName) -> Result<()> {
        let absent = self.vault.not_deleted(name);
        let name = name.clone();
        self.write(Some(absent), move |vault, _| vault.purge(&name)).await
    }
}
