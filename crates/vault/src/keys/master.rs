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
