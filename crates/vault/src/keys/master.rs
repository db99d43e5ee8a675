//! The master key: 32 bytes in a file of their own, as one line of base64.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use strongroom_secrets::Random;
use zeroize::Zeroizing;

use super::{Binding, NotAuthentic, SealingKey, WrappedKey};
use crate::error::{Error, ErrorKind, Result};
use crate::folder::{self, Readers};

/// The key that wraps all data keys of a database.
#[derive(Clone)]
pub(crate) struct MasterKey(Zeroizing<[u8; 32]>);

impl MasterKey {
    /// Draws a key.
    pub(crate) fn generate(random: &dyn Random) -> Self {
        Self(Zeroizing::new(random.bytes()))
    }

    /// Reads a file, or tells that there is none.
    ///
    /// # Errors
    /// [`MasterKey`](ErrorKind::MasterKey) if it holds something else.
    pub(crate) fn read(path: &Path) -> Result<Option<Self>> {
        let Some(text) = folder::read_if_present(path)?.map(Zeroizing::new) else { return Ok(None) };
        Self::parse(&text).map(Some).ok_or_else(|| {
            Error::new(
                ErrorKind::MasterKey,
                format!("the master key file {} does not hold 32 bytes in base64", path.display()),
            )
            .with_hint("restore the file, or make one with: head -c 32 /dev/urandom | base64")
        })
    }

    /// Reads 32 bytes in base64; white space around them does not matter.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut key = Zeroizing::new([0; 32]);
        match STANDARD.decode_slice(text.trim().as_bytes(), &mut key[..]) {
            Ok(32) => Some(Self(key)),
            _ => None,
        }
    }

    /// Writes the key to a file that only its owner can read.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let mut text = Zeroizing::new(STANDARD.encode(&self.0[..]));
        text.push('\n');
        folder::write(path, text.as_bytes(), Readers::Owner)
    }

    /// Takes data keys over from another master key.
    pub(crate) fn rewrap(&self, old: &Self, keys: &[WrappedKey]) -> Result<Vec<WrappedKey>, NotAuthentic> {
        keys.iter()
            .map(|key| {
                let opened = old.unwrap(key.id, &key.wrapped)?;
                Ok(WrappedKey { wrapped: self.wrap(key.id, &opened), ..key.clone() })
            })
            .collect()
    }

    /// Takes a data key over from another master key, under another number.
    pub(crate) fn take_over(
        &self,
        id: i64,
        other: &Self,
        key: &WrappedKey,
    ) -> Result<WrappedKey, NotAuthentic> {
        let opened = other.unwrap(key.id, &key.wrapped)?;
        Ok(WrappedKey { id, wrapped: self.wrap(id, &opened), ..key.clone() })
    }

    /// Whether `ours`, which this key wraps, is the data key that `other` wraps in `theirs`.
    pub(crate) fn holds_the_same(&self, ours: &WrappedKey, other: &Self, theirs: &WrappedKey) -> bool {
        let (ours, theirs) = (self.unwrap(ours.id, &ours.wrapped), other.unwrap(theirs.id, &theirs.wrapped));
        matches!((ours, theirs), (Ok(ours), Ok(theirs)) if ours == theirs)
    }

    /// Draws the key of a file, and seals it.
    pub(crate) fn file_key(&self, random: &dyn Random) -> (FileKey, Vec<u8>) {
        let key = Zeroizing::new(random.bytes::<32>());
        let sealed = SealingKey::new(&self.0).seal(&file(), &key[..]);
        (FileKey(SealingKey::new(&key)), sealed)
    }

    /// Opens the key of a file.
    pub(crate) fn open_file_key(&self, sealed: &[u8]) -> Result<FileKey, NotAuthentic> {
        let opened = SealingKey::new(&self.0).open(&file(), sealed)?;
        let mut key = Zeroizing::new([0; 32]);
        if opened.len() != key.len() {
            return Err(NotAuthentic);
        }
        key.copy_from_slice(&opened);
        Ok(FileKey(SealingKey::new(&key)))
    }

    pub(super) fn wrap(&self, id: i64, key: &[u8; 32]) -> Vec<u8> {
        SealingKey::new(&self.0).seal(&binding(id), key)
    }

    pub(super) fn unwrap(&self, id: i64, wrapped: &[u8]) -> Result<Zeroizing<[u8; 32]>, NotAuthentic> {
        let opened = SealingKey::new(&self.0).open(&binding(id), wrapped)?;
        let mut key = Zeroizing::new([0; 32]);
        if opened.len() != key.len() {
            return Err(NotAuthentic);
        }
        key.copy_from_slice(&opened);
        Ok(key)
    }
}

/// The key of one file.
pub(crate) struct FileKey(SealingKey);

impl FileKey {
    /// How long a sealed one is: nonce, key, tag.
    pub(crate) const SEALED: usize = 12 + 32 + 16;

    pub(crate) fn seal(&self, binding: &Binding, plain: &[u8]) -> Vec<u8> {
        self.0.seal(binding, plain)
    }

    pub(crate) fn open(&self, binding: &Binding, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, NotAuthentic> {
        self.0.open(binding, sealed)
    }
}

fn file() -> Binding {
    Binding::new("file", &[])
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MasterKey(…)")
    }
}

fn binding(id: i64) -> Binding {
    Binding::new("data key", &[&id.to_string()])
}

#[cfg(test)]
mod tests {
    use strongroom_secrets::random::SystemRandom;

    use super::*;

    #[test]
    fn a_written_key_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        assert!(MasterKey::read(&path).unwrap().is_none());
        let key = MasterKey::generate(&SystemRandom);
        key.write(&path).unwrap();
        assert_eq!(MasterKey::read(&path).unwrap().unwrap().0, key.0);
    }

    #[test]
    fn a_file_with_anything_else_is_refused_without_showing_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        for text in ["", "hunter2", "aHVudGVyMg==", &STANDARD.encode([7; 33])] {
            std::fs::write(&path, text).unwrap();
            let error = MasterKey::read(&path).err().unwrap();
            assert_eq!(error.kind(), ErrorKind::MasterKey);
            assert!(error.is_usage());
            assert!(!error.to_string().contains("hunter2"));
        }
    }
}
