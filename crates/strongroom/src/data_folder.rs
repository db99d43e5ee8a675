//! The data folder: what a first start makes and later starts find again.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use strongroom_entities::FernetKeys;
use strongroom_secrets::{Random, SecretValue};

/// A data folder. Everything in it that holds a secret can be read by its owner only.
#[derive(Debug, Clone)]
pub(crate) struct DataFolder(PathBuf);

/// The right to be the one server of a data folder, given back when the process ends.
#[derive(Debug)]
pub(crate) struct ServerIdentity {
    /// Who this server is to others that share its database: the same after a restart.
    pub(crate) holder: String,
    _lock: File,
}

impl DataFolder {
    /// The folder at `path`, made if it is not there.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .with_context(|| format!("the data folder {} cannot be made", path.display()))?;
        Ok(Self(path.to_owned()))
    }

    /// The embedded vault's own folder.
    pub(crate) fn vault(&self) -> PathBuf {
        self.0.join("vault")
    }

    /// The folder's path.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The Fernet key that was made for this folder; made now if there is none.
    pub(crate) fn fernet_key(&self, random: &dyn Random) -> Result<SecretValue> {
        let path = fernet_key_file(&self.0);
        if let Some(key) = read_secret(&path)? {
            return Ok(key);
        }
        let key = FernetKeys::generate(random);
        write_secret(&path, &key)?;
        Ok(key)
    }

    /// A secret text of this folder, made with `make` if there is none.
    pub(crate) fn secret_or(&self, name: &str, make: impl FnOnce() -> SecretValue) -> Result<SecretValue> {
        let path = self.0.join(name);
        if let Some(secret) = read_secret(&path)? {
            return Ok(secret);
        }
        let secret = make();
        write_secret(&path, &secret)?;
        Ok(secret)
    }

    /// Takes the folder for one server.
    pub(crate) fn be_the_server(&self, random: &dyn Random) -> Result<ServerIdentity> {
        let path = self.0.join("server-id");
        let context = || format!("{} cannot be used", path.display());
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .with_context(context)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => bail!(
                "another `strongroom serve` runs on the data folder {}: stop it, or give this one another --data-dir",
                self.0.display()
            ),
            Err(TryLockError::Error(error)) => return Err(error).with_context(context),
        }
        let mut id = String::new();
        (&file).take(100).read_to_string(&mut id).with_context(context)?;
        if id.is_empty() {
            id = random.uuid().to_string();
            file.write_all(id.as_bytes()).and_then(|()| file.sync_all()).with_context(context)?;
        }
        Ok(ServerIdentity { holder: format!("server:{id}"), _lock: file })
    }
}

/// Reads the Fernet key that a first start made in a data folder, if there is one.
pub(crate) fn existing_fernet_key(data_dir: &Path) -> Result<Option<SecretValue>> {
    read_secret(&fernet_key_file(data_dir))
}

/// Where the Fernet key of a data folder lies.
pub(crate) fn fernet_key_file(data_dir: &Path) -> PathBuf {
    data_dir.join("fernet.key")
}

fn read_secret(path: &Path) -> Result<Option<SecretValue>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(SecretValue::new(text.trim_end()))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("{} cannot be read", path.display())),
    }
}

/// Writes a secret to a new file of the owner's only, whole or not at all.
fn write_secret(path: &Path, secret: &SecretValue) -> Result<()> {
    let context = || format!("{} cannot be written", path.display());
    let temporary = path.with_extension("new");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)
        .with_context(context)?;
    file.write_all(secret.expose().as_bytes()).and_then(|()| file.sync_all()).with_context(context)?;
    fs::rename(&temporary, path).with_context(context)
}
