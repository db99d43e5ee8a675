//! The key of a folder, and what it seals.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::config::KeySource;
use super::failure;
use crate::{Random, Result};

/// More than any text of a key has.
const LONGEST_TEXT: u64 = 1024;

const HOW_TO_MAKE: &str = "make a key with: head -c 32 /dev/urandom | base64";

/// The key of a folder.
pub(super) struct FolderKey(RandomizedNonceKey);

impl FolderKey {
    /// The key that is there; `None` if it is to lie in a file that does not exist.
    pub(super) fn find(source: &KeySource) -> Result<Option<Self>> {
        match source {
            KeySource::Given(text) => Self::parse(text.expose()).map(Some).ok_or_else(|| {
                failure::configuration(
                    "the key of the folder is not 32 bytes in base64".to_owned(),
                    HOW_TO_MAKE,
                )
            }),
            KeySource::File(path) => Self::read(path),
        }
    }

    /// The key that is there, or a new one.
    pub(super) fn find_or_make(source: &KeySource, random: &dyn Random) -> Result<Self> {
        match (Self::find(source)?, source) {
            (Some(key), _) => Ok(key),
            (None, KeySource::Given(_)) => {
                Err(failure::configuration("there is no key".to_owned(), HOW_TO_MAKE))
            }
            (None, KeySource::File(path)) => {
                let bytes = Zeroizing::new(random.bytes::<32>());
                write(path, &bytes).map_err(|error| failure::at("write the key file", path, error))?;
                Ok(Self::new(&bytes))
            }
        }
    }

    fn read(path: &Path) -> Result<Option<Self>> {
        let failed = |error| failure::at("read the key file", path, error);
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let mode = file.metadata().map_err(failed)?.mode();
        if mode & 0o077 != 0 {
            let message =
                format!("the key file {} can be used by others (mode {:o})", path.display(), mode & 0o777);
            return Err(failure::configuration(message, format!("chmod 600 {}", path.display())));
        }
        let mut text = Zeroizing::new(String::new());
        // What a decoder says of bytes that are no text repeats them.
        let read = file.take(LONGEST_TEXT).read_to_string(&mut text).ok();
        read.and_then(|_| Self::parse(&text)).map(Some).ok_or_else(|| {
            let message = format!("the key file {} does not hold 32 bytes in base64", path.display());
            failure::configuration(message, format!("restore it, or {HOW_TO_MAKE}"))
        })
    }

    fn parse(text: &str) -> Option<Self> {
        let mut key = Zeroizing::new([0; 32]);
        match STANDARD.decode_slice(text.trim().as_bytes(), &mut key[..]) {
            Ok(32) => Some(Self::new(&key)),
            _ => None,
        }
    }

    #[allow(clippy::expect_used, reason = "32 bytes are what AES-256 takes")]
    fn new(bytes: &[u8; 32]) -> Self {
        Self(RandomizedNonceKey::new(&AES_256_GCM, bytes).expect("a key of the right length"))
    }

    /// Encrypts `plain`, which it wipes, for the place that `binding` names: nonce, text, tag.
    pub(super) fn seal(&self, binding: &Binding, mut plain: Zeroizing<Vec<u8>>) -> Vec<u8> {
        #[allow(clippy::expect_used, reason = "it fails for texts of 64 GiB only")]
        let nonce =
            self.0.seal_in_place_append_tag(Aad::from(&binding.0), &mut *plain).expect("a short text");
        let mut sealed = Vec::with_capacity(NONCE_LEN + plain.len());
        sealed.extend_from_slice(nonce.as_ref());
        sealed.extend_from_slice(&plain);
        sealed
    }

    /// Decrypts what was sealed for the same place; `None` if it was not, or was altered.
    pub(super) fn open(&self, binding: &Binding, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, text) = sealed.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut text = Zeroizing::new(text.to_vec());
        let length = self.0.open_in_place(nonce, Aad::from(&binding.0), &mut text).ok()?.len();
        text.truncate(length);
        Some(text)
    }
}

impl std::fmt::Debug for FolderKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FolderKey(***)")
    }
}

/// What a sealed file belongs to. The encoding is injective: each part is preceded by its length.
#[derive(Debug)]
pub(super) struct Binding(Vec<u8>);

impl Binding {
    /// `purpose` keeps files of different kinds apart.
    pub(super) fn new(purpose: &str, parts: &[&str]) -> Self {
        let mut bytes = Vec::with_capacity(128);
        for part in std::iter::once(&purpose).chain(parts) {
            bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
            bytes.extend_from_slice(part.as_bytes());
        }
        Self(bytes)
    }
}

/// Writes a key to a new file of the owner's only, whole or not at all.
fn write(path: &Path, key: &[u8; 32]) -> io::Result<()> {
    let mut text = Zeroizing::new(STANDARD.encode(key));
    text.push('\n');
    let temporary = path.with_extension("key.new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::ErrorKind;
    use crate::random::SystemRandom;

    #[test]
    fn a_key_is_made_for_its_owner_only_and_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let source = KeySource::File(folder.path().join("secrets.key"));
        assert!(FolderKey::find(&source).unwrap().is_none());
        let made = FolderKey::find_or_make(&source, &SystemRandom).unwrap();
        let mode = fs::metadata(folder.path().join("secrets.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let sealed = made.seal(&Binding::new("a", &[]), Zeroizing::new(b"x".to_vec()));
        let found = FolderKey::find_or_make(&source, &SystemRandom).unwrap();
        assert_eq!(**found.open(&Binding::new("a", &[]), &sealed).unwrap(), *b"x");
    }

    #[test]
    fn what_is_sealed_for_one_place_opens_at_no_other() {
        let key = FolderKey::new(&[7; 32]);
        let sealed = key.seal(&Binding::new("version", &["a", "1"]), Zeroizing::new(b"hunter2".to_vec()));
        assert!(key.open(&Binding::new("version", &["a", "1"]), &sealed).is_some());
        for other in [["b", "1"], ["a", "2"], ["a1", ""]] {
            assert!(key.open(&Binding::new("version", &other), &sealed).is_none());
        }
        for index in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[index] ^= 1;
            assert!(key.open(&Binding::new("version", &["a", "1"]), &altered).is_none());
            assert!(key.open(&Binding::new("version", &["a", "1"]), &sealed[..index]).is_none());
        }
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("k");
        fs::write(&path, STANDARD.encode([7; 32])).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = FolderKey::find(&KeySource::File(path)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains("mode 640") && error.to_string().contains("chmod 600"), "{error}");
    }

    #[test]
    fn what_is_no_key_is_refused_and_not_shown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("k");
        for text in ["", "hunter2", "aHVudGVyMg==", &STANDARD.encode([7; 33])] {
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            for source in [KeySource::File(path.clone()), KeySource::Given(text.into())] {
                let error = FolderKey::find(&source).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Configuration);
                assert!(!format!("{error:?}").contains("hunter2"));
            }
        }
    }
}
