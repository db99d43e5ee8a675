//! The layout of the folder, and how a change of it is whole or nothing.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::failure;
use crate::{Error, ErrorKind, Result, SecretVersion};

/// How often a process looks whether another one has finished its write.
const POLL: Duration = Duration::from_millis(5);

/// More than a sealed version has: a value of 25 KB, 15 tags of 512 characters a side.
const LONGEST_FILE: u64 = 256 * 1024;

/// Where a secret stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shelf {
    Standing,
    Deleted,
}

impl Shelf {
    fn name(self) -> &'static str {
        match self {
            Self::Standing => "secrets",
            Self::Deleted => "deleted",
        }
    }
}

/// The name of a version's file: its number among the versions, from 1, and its identifier.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct VersionFile {
    pub(super) number: u64,
    pub(super) version: String,
}

impl VersionFile {
    pub(super) fn name(&self) -> String {
        format!("{:06}-{}", self.number, self.version)
    }

    pub(super) fn is(&self, version: &SecretVersion) -> bool {
        self.version == version.as_str()
    }

    fn parse(name: &str) -> Option<Self> {
        let (number, version) = name.split_once('-')?;
        Some(Self { number: number.parse().ok()?, version: version.to_owned() })
    }
}

/// The right to change a folder, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Lock(#[expect(dead_code, reason = "it is held, not used")] File);

/// A folder of secrets, which may not be made yet. `secret` is the name of a secret in lower case, throughout.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn at(path: &Path) -> Self {
        Self(std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf()))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Takes the folder for a change; it is there afterwards, if empty. Waits `patience` at most for whoever has it.
    pub(super) fn lock(&self, patience: Duration) -> Result<Lock> {
        make(&self.0).map_err(|error| failure::at("make the folder", &self.0, error))?;
        let path = self.0.join("lock");
        let failed = |error| failure::at("lock", &path, error);
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        for _ in 0..=patience.as_millis() / POLL.as_millis() {
            match file.try_lock() {
                Ok(()) => return Ok(Lock(file)),
                Err(TryLockError::WouldBlock) => std::thread::sleep(POLL),
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            }
        }
        let message = format!("another process has the folder {} locked", self.0.display());
        Err(Error::new(ErrorKind::Busy, message).with_hint("try again when it has finished its write"))
    }

    /// What the file `format` holds; `None` if there is no folder of secrets here.
    pub(super) fn format(&self) -> Result<Option<Vec<u8>>> {
        read(&self.0.join("format"))
    }

    /// Makes a folder of secrets whose file `format` holds `sealed`. The caller has it locked.
    pub(super) fn make(&self, sealed: &[u8], scratch: &str) -> Result<()> {
        let failed = |error| failure::at("make the folder", &self.0, error);
        let ours = ["lock", "secrets", "deleted", "new"];
        for entry in fs::read_dir(&self.0).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            if !ours.iter().any(|known| name == *known) {
                let message = format!("the folder {} holds other things than secrets", self.0.display());
                return Err(failure::configuration(message, "name a folder that is empty or does not exist"));
            }
        }
        for below in ["secrets", "deleted", "new"] {
            make(&self.0.join(below)).map_err(failed)?;
        }
        self.place(&self.0.join("format"), sealed, scratch)
    }

    /// Removes what writes that were cut short have left. The caller has the folder locked.
    pub(super) fn sweep(&self) -> Result<()> {
        let path = self.0.join("new");
        let failed = |error| failure::at("clear", &path, error);
        for entry in entries(&path).map_err(failed)? {
            let left = path.join(entry);
            let is_folder = fs::symlink_metadata(&left).map_err(failed)?.is_dir();
            if is_folder { fs::remove_dir_all(&left) } else { fs::remove_file(&left) }.map_err(failed)?;
        }
        Ok(())
    }

    /// The names of all secrets that stand on `shelf`, sorted. A secret that has no version is none.
    pub(super) fn secrets(&self, shelf: Shelf) -> Result<Vec<String>> {
        let path = self.0.join(shelf.name());
        let mut names = entries(&path).map_err(|error| failure::at("list", &path, error))?;
        names.sort();
        Ok(names)
    }

    /// The versions of a secret, oldest first; none if it does not stand on `shelf`.
    pub(super) fn versions(&self, shelf: Shelf, secret: &str) -> Result<Vec<VersionFile>> {
        let path = self.of(shelf, secret);
        let names = entries(&path).map_err(|error| failure::at("list", &path, error))?;
        let mut versions: Vec<_> = names.iter().filter_map(|name| VersionFile::parse(name)).collect();
        versions.sort();
        Ok(versions)
    }

    /// The path of a file of a secret.
    pub(super) fn file(&self, shelf: Shelf, secret: &str, name: &str) -> PathBuf {
        self.of(shelf, secret).join(name)
    }

    /// What a file of a secret holds; `None` if it is not there, or not any more.
    pub(super) fn read(&self, shelf: Shelf, secret: &str, name: &str) -> Result<Option<Vec<u8>>> {
        read(&self.file(shelf, secret, name))
    }

    /// Writes a file of a secret, in the place of one that is there. The caller has the folder locked.
    pub(super) fn write(&self, secret: &str, name: &str, sealed: &[u8], scratch: &str) -> Result<()> {
        let path = self.of(Shelf::Standing, secret);
        if !path.exists() {
            let failed = |error| failure::at("make", &path, error);
            make(&path).map_err(failed)?;
            sync(&self.0.join(Shelf::Standing.name())).map_err(failed)?;
        }
        self.place(&path.join(name), sealed, scratch)
    }

    /// Moves a secret with all its versions. The caller has the folder locked.
    pub(super) fn shelve(&self, secret: &str, from: Shelf, to: Shelf) -> Result<()> {
        let (source, target) = (self.of(from, secret), self.of(to, secret));
        let moved = fs::rename(&source, &target)
            .and_then(|()| sync(&self.0.join(to.name())))
            .and_then(|()| sync(&self.0.join(from.name())));
        moved.map_err(|error| failure::at("move", &source, error))
    }

    /// Removes a deleted secret for good. It is gone with one rename; its files go then, or with the next write.
    pub(super) fn forget(&self, secret: &str, scratch: &str) -> Result<()> {
        let (source, target) = (self.of(Shelf::Deleted, secret), self.0.join("new").join(scratch));
        let moved = fs::rename(&source, &target).and_then(|()| sync(&self.0.join(Shelf::Deleted.name())));
        moved.map_err(|error| failure::at("remove", &source, error))?;
        self.sweep()
    }

    fn of(&self, shelf: Shelf, secret: &str) -> PathBuf {
        self.0.join(shelf.name()).join(secret)
    }

    /// Writes a file whole or not at all: beside its place, to the disk, to its place, and that to the disk too.
    fn place(&self, path: &Path, bytes: &[u8], scratch: &str) -> Result<()> {
        let temporary = self.0.join("new").join(scratch);
        let written = write_new(&temporary, bytes)
            .and_then(|()| fs::rename(&temporary, path))
            .and_then(|()| path.parent().map_or(Ok(()), sync));
        written.map_err(|error| {
            // It may be there or not: what counts is in its place.
            let _ = fs::remove_file(&temporary);
            failure::at("write", path, error)
        })
    }
}

/// Makes a folder for its owner only, and those above it.
fn make(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Puts what a folder names on the disk.
fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// The names in a folder, in no order; none if it is not there.
fn entries(folder: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

fn read(path: &Path) -> Result<Option<Vec<u8>>> {
    let failed = |error| failure::at("read", path, error);
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mut bytes = Vec::new();
    file.take(LONGEST_FILE + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > LONGEST_FILE {
        return Err(failure::damaged(path));
    }
    Ok(Some(bytes))
}
