//! The data folder: one process at a time, and nobody else's eyes.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};

/// Where everything lies that a vault keeps. The layout is a promise to scripts: `ca.pem`, `ca-bundle.pem`, `vault.yaml`.
#[derive(Debug, Clone)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// A folder that may not be there yet.
    pub(crate) fn at(path: &Path) -> Self {
        Self(std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf()))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Makes the folder if it is not there, and closes it to everybody but its owner.
    pub(crate) fn create(&self) -> Result<()> {
        self.create_private(&self.0)?;
        self.create_private(&self.0.join("pki"))
    }

    fn create_private(&self, path: &Path) -> Result<()> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .and_then(|()| fs::set_permissions(path, Permissions::from_mode(0o700)))
            .map_err(|error| {
                file_error("make the private folder", path, error)
                    .with_hint("choose another with --data-dir, or give this user the right to write there")
            })
    }

    /// Whether a process has ever taken the folder.
    pub(crate) fn has_been_used(&self) -> bool {
        self.0.join("vault.lock").exists()
    }

    /// Takes the folder for this process until the answer is dropped.
    pub(crate) fn lock(&self) -> Result<Lock> {
        let path = self.0.join("vault.lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(|error| file_error("open the lock file", &path, error))?;
        match file.try_lock() {
            Ok(()) => Ok(Lock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(Error::new(
                ErrorKind::FolderInUse,
                format!("another process already runs a vault on the data folder {}", self.0.display()),
            )
            .with_hint("stop that process, or give this one a folder of its own with --data-dir")),
            Err(TryLockError::Error(error)) => Err(file_error("lock", &path, error)),
        }
    }

    /// A path that starts here if it is relative.
    pub(crate) fn join(&self, path: &Path) -> PathBuf {
        self.0.join(path)
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.0.join("vault.yaml")
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.0.join("vault.db")
    }

    pub(crate) fn master_key(&self) -> PathBuf {
        self.0.join("master.key")
    }

    /// The authority's certificate: what clients are told to trust.
    pub(crate) fn ca(&self) -> PathBuf {
        self.0.join("ca.pem")
    }

    /// The same for Azure's names.
    pub(crate) fn azure_ca(&self) -> PathBuf {
        self.0.join("azure-ca.pem")
    }

    /// The system's roots plus ours, for clients that know one file only.
    pub(crate) fn ca_bundle(&self) -> PathBuf {
        self.0.join("ca-bundle.pem")
    }

    /// What the last start said about itself.
    pub(crate) fn run_file(&self) -> PathBuf {
        self.0.join("vault.json")
    }

    /// What `IDENTITY_HEADER` says, unless the configuration does.
    pub(crate) fn identity_header(&self) -> PathBuf {
        self.0.join("identity-header")
    }

    /// Where a running vault takes its owner's orders.
    pub(crate) fn admin_socket(&self) -> PathBuf {
        self.0.join("admin.sock")
    }

    pub(crate) fn pki(&self, name: &str) -> PathBuf {
        self.0.join("pki").join(name)
    }
}

/// Holds the data folder for this process; the operating system lets go of it even after a crash.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

/// Who may read a file that we write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readers {
    Owner,
    Everybody,
}

/// Writes a file so that a crash leaves either the old content or the new one, never half of it.
pub(crate) fn write(path: &Path, content: &[u8], readers: Readers) -> Result<()> {
    let mode = match readers {
        Readers::Owner => 0o600,
        Readers::Everybody => 0o644,
    };
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let written = (|| {
        let _ = fs::remove_file(&part);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&part)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&part, path)?;
        match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
            _ => Ok(()),
        }
    })();
    written.map_err(|error| file_error("write", path, error))
}

/// Reads a file, or tells that it is not there.
pub(crate) fn read_if_present(path: &Path) -> Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(file_error("read", path, error)),
    }
}

/// A failure to do something with a file. The operating system's words hold no content.
pub(crate) fn file_error(what: &str, path: &Path, error: io::Error) -> Error {
    Error::new(ErrorKind::File, format!("cannot {what} {}: {error}", path.display())).with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn the_folder_is_closed_to_others_even_if_it_was_open_before() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("vault");
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        Folder::at(&path).create().unwrap();
        assert_eq!(mode(&path), 0o700);
        assert_eq!(mode(&path.join("pki")), 0o700);
    }

    #[test]
    fn a_second_holder_is_refused_until_the_first_lets_go() {
        let parent = tempfile::tempdir().unwrap();
        let folder = Folder::at(parent.path());
        let first = folder.lock().unwrap();
        let refused = folder.lock().unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::FolderInUse);
        assert!(refused.to_string().contains("--data-dir"), "{refused}");
        drop(first);
        folder.lock().unwrap();
    }

    #[test]
    fn files_are_replaced_whole_with_the_mode_asked_for() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("key");
        write(&path, b"one", Readers::Owner).unwrap();
        write(&path, b"two", Readers::Owner).unwrap();
        assert_eq!(read_if_present(&path).unwrap().as_deref(), Some("two"));
        assert_eq!(mode(&path), 0o600);
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 1, "no part file stays behind");
    }
}
