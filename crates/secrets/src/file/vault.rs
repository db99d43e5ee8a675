//! What the calls do, in a thread that may block: the rules of a vault over the files of a folder.

use std::fmt::{self, Display};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use zeroize::Zeroizing;

use super::config::{FileConfig, KeySource};
use super::credential::{Binding, FolderKey};
use super::folder::{Folder, Shelf, VersionFile};
use super::{failure, models};
use crate::{
    Clock, DeletedSecret, Error, ErrorKind, NewSecret, Random, Result, Secret, SecretName, SecretProperties,
    SecretUpdate, SecretVersion, rules,
};

/// What the file `format` holds once it is opened.
const FORMAT: &[u8] = b"strongroom secrets, format 1";

/// The file beside the versions of a deleted secret that says since when.
const DELETED_AT: &str = "deleted-at";

/// How often a reader looks again whose file was moved away under its hands.
const LOOKS: usize = 3;

/// What a call needs, in the thread that may block.
pub(super) struct FileVault {
    folder: Folder,
    source: KeySource,
    /// Known as soon as the folder is made.
    key: OnceLock<FolderKey>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    call_timeout: Duration,
}

impl FileVault {
    /// Nothing is looked at yet.
    pub(super) fn at(config: &FileConfig, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        Self {
            folder: Folder::at(&config.folder),
            source: config.key.clone(),
            key: OnceLock::new(),
            clock,
            random,
            call_timeout: config.call_timeout,
        }
    }

    /// Takes the folder for a change.
    pub(super) fn lock(&self) -> Result<super::folder::Lock> {
        self.folder.lock(self.call_timeout)
    }

    /// The names of all secrets on a shelf, in lower case.
    pub(super) fn secrets(&self, shelf: Shelf) -> Result<Vec<String>> {
        self.folder.secrets(shelf)
    }

    /// Where the folder is.
    pub(super) fn path(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Reads a version, or the latest.
    pub(super) fn get(
        &self,
        key: &FolderKey,
        name: &SecretName,
        version: Option<&SecretVersion>,
    ) -> Result<Secret> {
        let found = self.find(key, Shelf::Standing, &name.key(), version)?;
        let (_, secret) = found.ok_or_else(|| self.not_found(name, version))?;
        if secret.properties.enabled {
            return Ok(secret);
        }
        Err(Error::new(ErrorKind::Disabled, format!("secret {name} is disabled in the {self}")))
    }

    /// The key, if the folder is made. It is looked at once.
    pub(super) fn key(&self) -> Result<Option<&FolderKey>> {
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
    pub(super) fn key_or_make(&self) -> Result<&FolderKey> {
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

    pub(super) fn set(&self, key: &FolderKey, name: &SecretName, new: NewSecret) -> Result<SecretProperties> {
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
        let made = rules::version(first_name, SecretVersion::new(version), new, self.clock.now_seconds());
        self.store(key, &file, &made)?;
        Ok(made.properties)
    }

    pub(super) fn update(
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

    pub(super) fn delete(&self, key: &FolderKey, name: &SecretName) -> Result<()> {
        let secret = name.key();
        if self.folder.versions(Shelf::Standing, &secret)?.is_empty() {
            return Err(self.not_found(name, None));
        }
        let now = Zeroizing::new(self.clock.now_seconds().to_be_bytes().to_vec());
        let sealed = key.seal(&deleted_binding(&secret), now);
        self.folder.write(&secret, DELETED_AT, &sealed, &self.scratch())?;
        self.folder.shelve(&secret, Shelf::Standing, Shelf::Deleted)
    }

    pub(super) fn get_deleted(&self, key: &FolderKey, name: &SecretName) -> Result<DeletedSecret> {
        let secret = name.key();
        let found = self.find(key, Shelf::Deleted, &secret, None)?;
        let (_, latest) = found.ok_or_else(|| self.not_deleted(name))?;
        let since = self.folder.read(Shelf::Deleted, &secret, DELETED_AT)?;
        let since = since.and_then(|sealed| key.open(&deleted_binding(&secret), &sealed));
        let deleted = since.and_then(|bytes| Some(i64::from_be_bytes(bytes.as_slice().try_into().ok()?)));
        Ok(DeletedSecret { properties: latest.properties, deleted, scheduled_purge: None })
    }

    pub(super) fn recover(&self, key: &FolderKey, name: &SecretName) -> Result<SecretProperties> {
        let secret = name.key();
        let found = self.find(key, Shelf::Deleted, &secret, None)?;
        let (_, latest) = found.ok_or_else(|| self.not_deleted(name))?;
        self.folder.shelve(&secret, Shelf::Deleted, Shelf::Standing)?;
        Ok(latest.properties)
    }

    pub(super) fn purge(&self, name: &SecretName) -> Result<()> {
        let secret = name.key();
        if self.folder.versions(Shelf::Deleted, &secret)?.is_empty() {
            return Err(self.not_deleted(name));
        }
        self.folder.forget(&secret, &self.scratch())
    }

    /// All versions of a secret, oldest first.
    pub(super) fn versions(&self, key: &FolderKey, name: &SecretName) -> Result<Vec<SecretProperties>> {
        let secret = name.key();
        let mut versions = Vec::new();
        for file in self.folder.versions(Shelf::Standing, &secret)? {
            // One that is gone was deleted a moment ago, with all the others.
            versions.extend(self.load(key, Shelf::Standing, &secret, &file)?.map(|found| found.properties));
        }
        Ok(versions)
    }

    /// The latest version of each of `secrets`, without its identifier.
    pub(super) fn page(&self, shelf: Shelf, secrets: &[String]) -> Result<Vec<SecretProperties>> {
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

    pub(super) fn not_found(&self, name: &SecretName, version: Option<&SecretVersion>) -> Error {
        let what = version
            .map_or_else(|| format!("secret {name}"), |version| format!("secret {name} version {version}"));
        Error::new(ErrorKind::NotFound, format!("{what} is not in the {self}"))
    }

    pub(super) fn not_deleted(&self, name: &SecretName) -> Error {
        Error::new(ErrorKind::NotFound, format!("no secret {name} is soft-deleted in the {self}"))
    }

    pub(super) fn timed_out(&self) -> Error {
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
