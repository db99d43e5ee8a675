//! The provider itself.

use std::fmt::{self, Debug, Display};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};
use zeroize::Zeroizing;

use super::config::{FileConfig, KeySource};
use super::credential::{Binding, FolderKey};
use super::folder::{Folder, Shelf, VersionFile};
use super::{failure, models};
use crate::{
    Capabilities, Clock, DeletedSecret, Error, ErrorKind, ListScope, NewSecret, Provider, Random, Result,
    Secret, SecretName, SecretProperties, SecretUpdate, SecretVersion, rules,
};

/// What the file `format` holds once it is opened.
const FORMAT: &[u8] = b"strongroom secrets, format 1";

/// The file beside the versions of a deleted secret that says since when.
const DELETED_AT: &str = "deleted-at";

/// How often a reader looks again whose file was moved away under its hands.
const LOOKS: usize = 3;

/// How many secrets a listing reads at a time.
const PAGE: usize = 64;

/// A [`Provider`] that keeps secrets in a folder of encrypted files. Several processes may use one folder.
pub struct FileProvider {
    vault: Arc<FileVault>,
    /// Writers of this process wait here, in turn, before they wait for other processes.
    writing: Arc<Mutex<()>>,
    call_timeout: Duration,
}

/// What a call needs, in the thread that may block.
struct FileVault {
    folder: Folder,
    source: KeySource,
    /// Known as soon as the folder is made.
    key: OnceLock<FolderKey>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    call_timeout: Duration,
}

impl FileProvider {
    /// Opens a folder. One that is not there is made, and its key drawn, by the first write.
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration) if the key is missing, malformed, open to others, or another folder's.
    pub fn open(config: &FileConfig, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Result<Self> {
        let vault = FileVault {
            folder: Folder::at(&config.folder),
            source: config.key.clone(),
            key: OnceLock::new(),
            clock,
            random,
            call_timeout: config.call_timeout,
        };
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
            let _lock = vault.folder.lock(vault.call_timeout)?;
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

impl FileVault {
    /// The key, if the folder is made. It is looked at once.
    fn key(&self) -> Result<Option<&FolderKey>> {
        if let Some(key) = self.key.get() {
            return Ok(Some(key));
        }
        let Some(format) = self.folder.format()? else { return Ok(None) };
        let Some(key) = FolderKey::find(&self.source)? else {
            let place = self.place_of_key();
            let message = format!("{place} is missing, and without it the {self} cannot be read");
            return Err(failure::configuration(message, "restore the file, or name its place"));
        };
        match key.open(&format_binding(), &format) {
            Some(text) if **text == *FORMAT => Ok(Some(self.key.get_or_init(|| key))),
            Some(_) => {
                let message = format!("the {self} was made by a newer version of Strongroom");
                Err(failure::configuration(message, "use that version"))
            }
            None => {
                let message = format!("{} is not the key of the {self}", self.place_of_key());
                Err(failure::configuration(
                    message,
                    "give the key that the folder was made with; nothing was changed",
                ))
            }
        }
    }

    /// The key; the folder is made if it is not there. The caller has it locked.
    fn key_or_make(&self) -> Result<&FolderKey> {
        if self.key()?.is_none() {
            let key = FolderKey::find_or_make(&self.source, &*self.random)?;
            let sealed = key.seal(&format_binding(), Zeroizing::new(FORMAT.to_vec()));
            self.folder.make(&sealed, &self.scratch())?;
        } else {
            self.folder.sweep()?;
        }
        self.key()?
            .ok_or_else(|| Error::new(ErrorKind::Other, format!("the {self} was removed while it was made")))
    }

    /// A version of a secret, or the latest.
    fn find(
        &self,
        key: &FolderKey,
        shelf: Shelf,
        secret: &str,
        wanted: Option<&SecretVersion>,
    ) -> Result<Option<(VersionFile, Secret)>> {
        for _ in 0..LOOKS {
            let mut versions = self.folder.versions(shelf, secret)?;
            let file = match wanted {
                None => versions.pop(),
                Some(wanted) => versions.into_iter().find(|file| file.is(wanted)),
            };
            let Some(file) = file else { return Ok(None) };
            if let Some(secret) = self.load(key, shelf, secret, &file)? {
                return Ok(Some((file, secret)));
            }
        }
        Ok(None)
    }

    /// What a version's file holds; `None` if it was moved away.
    fn load(
        &self,
        key: &FolderKey,
        shelf: Shelf,
        secret: &str,
        file: &VersionFile,
    ) -> Result<Option<Secret>> {
        let Some(sealed) = self.folder.read(shelf, secret, &file.name())? else { return Ok(None) };
        let opened = key.open(&version_binding(secret, file), &sealed);
        let found = opened.and_then(|bytes| models::decode(&bytes));
        found.map(Some).ok_or_else(|| failure::damaged(&self.folder.file(shelf, secret, &file.name())))
    }

    fn store(&self, key: &FolderKey, file: &VersionFile, secret: &Secret) -> Result<()> {
        let lower = secret.properties.name.key();
        let bytes = models::encode(secret).map_err(|error| {
            Error::new(ErrorKind::Other, format!("secret {} cannot be written down", secret.properties.name))
                .with_source(error)
        })?;
        let sealed = key.seal(&version_binding(&lower, file), bytes);
        self.folder.write(&lower, &file.name(), &sealed, &self.scratch())
    }

    fn set(&self, key: &FolderKey, name: &SecretName, new: NewSecret) -> Result<SecretProperties> {
        let secret = name.key();
        if !self.folder.versions(Shelf::Deleted, &secret)?.is_empty() {
            let message = format!("secret {name} is soft-deleted in the {self}");
            return Err(Error::new(ErrorKind::Deleted, message).with_hint("recover it, or purge it"));
        }
        let latest = self.find(key, Shelf::Standing, &secret, None)?;
        let (number, first_name) = match latest {
            Some((file, secret)) => (file.number + 1, secret.properties.name),
            None => (1, name.clone()),
        };
        let version = self.random.uuid().simple().to_string();
        let file = VersionFile { number, version: version.clone() };
        let made = models::version(first_name, SecretVersion::new(version), new, self.clock.now_seconds());
        self.store(key, &file, &made)?;
        Ok(made.properties)
    }

    fn update(
        &self,
        key: &FolderKey,
        name: &SecretName,
        version: &SecretVersion,
        update: SecretUpdate,
    ) -> Result<SecretProperties> {
        let found = self.find(key, Shelf::Standing, &name.key(), Some(version))?;
        let (file, mut secret) = found.ok_or_else(|| self.not_found(name, Some(version)))?;
        rules::apply(update, &mut secret.properties, self.clock.now_seconds());
        self.store(key, &file, &secret)?;
        Ok(secret.properties)
    }

    fn delete(&self, key: &FolderKey, name: &SecretName) -> Result<()> {
        let secret = name.key();
        if self.folder.versions(Shelf::Standing, &secret)?.is_empty() {
            return Err(self.not_found(name, None));
        }
        let now = Zeroizing::new(self.clock.now_seconds().to_be_bytes().to_vec());
        let sealed = key.seal(&deleted_binding(&secret), now);
        self.folder.write(&secret, DELETED_AT, &sealed, &self.scratch())?;
        self.folder.shelve(&secret, Shelf::Standing, Shelf::Deleted)
    }

    fn get_deleted(&self, key: &FolderKey, name: &SecretName) -> Result<DeletedSecret> {
        let secret = name.key();
        let found = self.find(key, Shelf::Deleted, &secret, None)?;
        let (_, latest) = found.ok_or_else(|| self.not_deleted(name))?;
        let since = self.folder.read(Shelf::Deleted, &secret, DELETED_AT)?;
        let since = since.and_then(|sealed| key.open(&deleted_binding(&secret), &sealed));
        let deleted = since.and_then(|bytes| Some(i64::from_be_bytes(bytes.as_slice().try_into().ok()?)));
        Ok(DeletedSecret { properties: latest.properties, deleted, scheduled_purge: None })
    }

    fn recover(&self, key: &FolderKey, name: &SecretName) -> Result<SecretProperties> {
        let secret = name.key();
        let found = self.find(key, Shelf::Deleted, &secret, None)?;
        let (_, latest) = found.ok_or_else(|| self.not_deleted(name))?;
        self.folder.shelve(&secret, Shelf::Deleted, Shelf::Standing)?;
        Ok(latest.properties)
    }

    fn purge(&self, name: &SecretName) -> Result<()> {
        let secret = name.key();
        if self.folder.versions(Shelf::Deleted, &secret)?.is_empty() {
            return Err(self.not_deleted(name));
        }
        self.folder.forget(&secret, &self.scratch())
    }

    /// All versions of a secret, oldest first.
    fn versions(&self, key: &FolderKey, name: &SecretName) -> Result<Vec<SecretProperties>> {
        let secret = name.key();
        let mut versions = Vec::new();
        for file in self.folder.versions(Shelf::Standing, &secret)? {
            // One that is gone was deleted a moment ago, with all the others.
            versions.extend(self.load(key, Shelf::Standing, &secret, &file)?.map(|found| found.properties));
        }
        Ok(versions)
    }

    /// The latest version of each of `secrets`, without its identifier.
    fn page(&self, shelf: Shelf, secrets: &[String]) -> Result<Vec<SecretProperties>> {
        let Some(key) = self.key()? else { return Ok(Vec::new()) };
        let mut page = Vec::with_capacity(secrets.len());
        for secret in secrets {
            if let Some((_, found)) = self.find(key, shelf, secret, None)? {
                page.push(SecretProperties { version: None, ..found.properties });
            }
        }
        Ok(page)
    }

    /// The name of a file that nobody else writes.
    fn scratch(&self) -> String {
        self.random.uuid().simple().to_string()
    }

    fn place_of_key(&self) -> String {
        match &self.source {
            KeySource::Given(_) => "the given key".to_owned(),
            KeySource::File(path) => format!("the key file {}", path.display()),
        }
    }

    fn not_found(&self, name: &SecretName, version: Option<&SecretVersion>) -> Error {
        let what = version
            .map_or_else(|| format!("secret {name}"), |version| format!("secret {name} version {version}"));
        Error::new(ErrorKind::NotFound, format!("{what} is not in the {self}"))
    }

    fn not_deleted(&self, name: &SecretName) -> Error {
        Error::new(ErrorKind::NotFound, format!("no secret {name} is soft-deleted in the {self}"))
    }

    fn timed_out(&self) -> Error {
        let message = format!("the {self} did not answer within {} s", self.call_timeout.as_secs_f64());
        Error::new(ErrorKind::TimedOut, message)
            .with_hint("another process may be writing to it, or the disk is busy")
    }
}

/// Each file is bound to what it is and to whom it belongs.
fn version_binding(secret: &str, file: &VersionFile) -> Binding {
    Binding::new("version", &[secret, &file.name()])
}

fn deleted_binding(secret: &str) -> Binding {
    Binding::new("deleted at", &[secret])
}

fn format_binding() -> Binding {
    Binding::new("format", &[])
}

impl Display for FileVault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "folder of secrets {}", self.folder.path().display())
    }
}

impl Display for FileProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(&self.vault, f)
    }
}

impl Debug for FileProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FileProvider").field(&self.vault.folder.path()).finish()
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
        let look = move |vault: &FileVault, key: &FolderKey| {
            let found = vault.find(key, Shelf::Standing, &name.key(), version.as_ref())?;
            let (_, secret) = found.ok_or_else(|| vault.not_found(&name, version.as_ref()))?;
            if secret.properties.enabled {
                return Ok(secret);
            }
            Err(Error::new(ErrorKind::Disabled, format!("secret {name} is disabled in the {vault}")))
        };
        self.read(|_| Err(absent), look).await
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
        let names = self.read(|_| Ok(Vec::new()), move |vault, _| vault.folder.secrets(shelf));
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
