//! Where the master key lies: in a file, or in the environment.
//!
//! A file is changed in three steps, so that a crash in between loses nothing: the new key is written beside it (`.new`), the
//! database is changed, and the new key takes the old one's place. Whoever starts in between finds out which of the two opens
//! the database.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use strongroom_secrets::{Random, SecretValue};

use super::{MasterKey, WrappedKey};
use crate::error::{Error, ErrorKind, Result};

/// The variable with the master key itself: 32 bytes in base64.
pub const MASTER_KEY_VARIABLE: &str = "STRONGROOM_VAULT_MASTER_KEY";

/// Where the master key lies.
#[derive(Debug)]
pub(crate) enum Custody {
    /// In a file, which is made if there is nothing to open yet.
    File(PathBuf),
    /// It came with the environment; another one does so at the next start only.
    Given(Arc<MasterKey>),
}

impl Custody {
    /// `variable` is the content of [`MASTER_KEY_VARIABLE`], `file` what was asked for, `usual` where the file lies else.
    pub(crate) fn new(variable: Option<&SecretValue>, file: Option<&Path>, usual: PathBuf) -> Result<Self> {
        match (variable.filter(|text| !text.is_empty()), file) {
            (Some(_), Some(file)) => Err(Error::new(
                ErrorKind::MasterKey,
                format!(
                    "{MASTER_KEY_VARIABLE} is set, and the master key file {} is named too",
                    file.display()
                ),
            )
            .with_hint("give only one of them")),
            (Some(text), None) => {
                MasterKey::parse(text.expose()).map(|key| Self::Given(Arc::new(key))).ok_or_else(|| {
                    Error::new(
                        ErrorKind::MasterKey,
                        format!("{MASTER_KEY_VARIABLE} does not hold 32 bytes in base64"),
                    )
                    .with_hint("make a key with: head -c 32 /dev/urandom | base64")
                })
            }
            (None, file) => Ok(Self::File(file.map_or(usual, Path::to_path_buf))),
        }
    }

    /// The key to begin with, if there is nothing to open yet.
    pub(super) fn first(&self, random: &dyn Random) -> Result<MasterKey> {
        match self {
            Self::Given(key) => Ok(key.as_ref().clone()),
            Self::File(path) => match MasterKey::read(path)? {
                Some(key) => Ok(key),
                None => {
                    let key = MasterKey::generate(random);
                    key.write(path)?;
                    Ok(key)
                }
            },
        }
    }

    /// Finds the key with which `open` succeeds. A change of the file that was cut short is finished.
    pub(super) fn unlock<T>(
        &self,
        wrapped: &[WrappedKey],
        database: &str,
        open: impl Fn(MasterKey) -> Option<T>,
    ) -> Result<T> {
        debug_assert!(!wrapped.is_empty(), "without data keys every master key is right");
        match self {
            Self::Given(key) => open(key.as_ref().clone()).ok_or_else(|| self.mismatch(database)),
            Self::File(path) => {
                let stored = MasterKey::read(path);
                if let Ok(Some(key)) = &stored
                    && let Some(opened) = open(key.clone())
                {
                    return Ok(opened);
                }
                if let Ok(Some(key)) = MasterKey::read(&beside(path))
                    && let Some(opened) = open(key.clone())
                {
                    if let Err(error) = self.adopt(&key) {
                        tracing::warn!(%error, "the new master key stays beside the old one");
                    }
                    return Ok(opened);
                }
                match stored? {
                    Some(_) => Err(self.mismatch(database)),
                    None => Err(Error::new(
                        ErrorKind::MasterKey,
                        format!(
                            "the master key file {} is missing, and without it the database {database} cannot be read",
                            path.display()
                        ),
                    )
                    .with_hint("restore the file, or name its place with --master-key-file")),
                }
            }
        }
    }

    /// The master key that is there is another one.
    pub(super) fn mismatch(&self, database: &str) -> Error {
        let (place, hint) = match self {
            Self::Given(_) => (
                MASTER_KEY_VARIABLE.to_owned(),
                "set it to the key that the database has now; nothing was changed",
            ),
            Self::File(path) => (
                path.display().to_string(),
                "name the right file with --master-key-file; nothing was changed",
            ),
        };
        Error::new(
            ErrorKind::MasterKey,
            format!("the master key in {place} is not the one that the database {database} was made with, or was given later"),
        )
        .with_hint(hint)
    }

    /// Keeps a key that is going to be the master key, beside the one that is.
    pub(crate) fn propose(&self, key: &MasterKey) -> Result<()> {
        match self {
            Self::Given(_) => Ok(()),
            Self::File(path) => key.write(&beside(path)),
        }
    }

    /// Puts the key in the place of the old one.
    pub(crate) fn adopt(&self, key: &MasterKey) -> Result<()> {
        if let Self::File(path) = self {
            key.write(path)?;
            self.withdraw();
        }
        Ok(())
    }

    /// Forgets a proposed key.
    pub(crate) fn withdraw(&self) {
        if let Self::File(path) = self {
            // One that stays opens nothing.
            let _ = std::fs::remove_file(beside(path));
        }
    }
}

/// The name of the file with the key to come.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    name.into()
}
