//! Encryption at rest: a master key wraps data keys, data keys encrypt everything else.
//!
//! AES-256-GCM throughout. What a ciphertext belongs to is bound to it as additional data ([`Binding`]), so that one
//! moved to another row does not open. [`master`] is the key that lies outside the database, [`custody`] where it lies, and
//! [`keyring`] holds the data keys of a running vault, which can be changed while it runs.

mod custody;
mod keyring;
mod master;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use zeroize::Zeroizing;

pub(crate) use custody::Custody;
pub use custody::MASTER_KEY_VARIABLE;
pub(crate) use keyring::{Keyring, WrappedKey};
pub(crate) use master::{FileKey, MasterKey};

/// Bytes that do not open: altered, or moved, or sealed with another key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotAuthentic;

/// What a ciphertext belongs to. The encoding is injective: each part is preceded by its length.
#[derive(Debug)]
pub(crate) struct Binding(Vec<u8>);

impl Binding {
    /// `purpose` keeps ciphertexts of different kinds apart.
    pub(crate) fn new(purpose: &str, parts: &[&str]) -> Self {
        let mut bytes = Vec::with_capacity(128);
        for part in std::iter::once(&purpose).chain(parts) {
            bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
            bytes.extend_from_slice(part.as_bytes());
        }
        Self(bytes)
    }

    /// A value belongs to its vault (by its name in lower case), name and version, and opens nowhere else.
    pub(crate) fn value(vault: &str, name: &str, version: &str) -> Self {
        Self::new("value", &[vault, &name.to_ascii_lowercase(), version])
    }

    /// A key that signs tokens belongs to its number.
    pub(crate) fn signing_key(kid: &str) -> Self {
        Self::new("signing key", &[kid])
    }

    /// An entry of the directory belongs to its kind and key.
    pub(crate) fn directory_entry(kind: &str, key: &str) -> Self {
        Self::new("directory entry", &[kind, key])
    }
}

/// One AES-256-GCM key. Ciphertexts are nonce, text, tag.
struct SealingKey(RandomizedNonceKey);

impl SealingKey {
    fn new(bytes: &[u8; 32]) -> Self {
        #[allow(clippy::expect_used, reason = "32 bytes are what AES-256 takes")]
        Self(RandomizedNonceKey::new(&AES_256_GCM, bytes).expect("a key of the right length"))
    }

    fn seal(&self, binding: &Binding, plain: &[u8]) -> Vec<u8> {
        let mut sealed = Vec::with_capacity(NONCE_LEN + plain.len() + AES_256_GCM.tag_len());
        let mut text = Zeroizing::new(Vec::with_capacity(plain.len() + AES_256_GCM.tag_len()));
        text.extend_from_slice(plain);
        #[allow(clippy::expect_used, reason = "it fails for texts of 64 GiB only")]
        let nonce = self.0.seal_in_place_append_tag(Aad::from(&binding.0), &mut *text).expect("a short text");
        sealed.extend_from_slice(nonce.as_ref());
        sealed.extend_from_slice(&text);
        sealed
    }

    fn open(&self, binding: &Binding, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, NotAuthentic> {
        let (nonce, text) = sealed.split_at_checked(NONCE_LEN).ok_or(NotAuthentic)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| NotAuthentic)?;
        let mut text = Zeroizing::new(text.to_vec());
        let length =
            self.0.open_in_place(nonce, Aad::from(&binding.0), &mut text).map_err(|_| NotAuthentic)?.len();
        text.truncate(length);
        Ok(text)
    }
}

/// Something encrypted, and the number of the data key that opens it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sealed {
    pub(crate) key: i64,
    pub(crate) bytes: Vec<u8>,
}

#[cfg(test)]
mod tests {
    use strongroom_secrets::random::SystemRandom;

    use super::*;

    fn keyring() -> Keyring {
        Keyring::alone(&SystemRandom)
    }

    #[test]
    fn what_is_sealed_opens_for_the_same_binding_only() {
        let keyring = keyring();
        let binding = Binding::new("value", &["v1", "a", "1"]);
        let sealed = keyring.seal(&binding, b"hunter2");
        assert_eq!(&**keyring.unseal(&binding, 1, &sealed.bytes).unwrap(), b"hunter2");
        for other in [["v2", "a", "1"], ["v1", "b", "1"], ["v1", "a", "2"], ["v1a", "", "1"]] {
            let other = Binding::new("value", &other);
            assert_eq!(keyring.unseal(&other, 1, &sealed.bytes), Err(NotAuthentic));
        }
        assert_eq!(keyring.unseal(&binding, 2, &sealed.bytes), Err(NotAuthentic));
    }

    #[test]
    fn an_altered_or_cut_text_does_not_open() {
        let keyring = keyring();
        let binding = Binding::new("value", &[]);
        let sealed = keyring.seal(&binding, b"").bytes;
        for index in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[index] ^= 1;
            assert_eq!(keyring.unseal(&binding, 1, &altered), Err(NotAuthentic));
            assert_eq!(keyring.unseal(&binding, 1, &sealed[..index]), Err(NotAuthentic));
        }
    }

    #[test]
    fn the_same_text_is_sealed_differently_each_time() {
        let keyring = keyring();
        let binding = Binding::new("value", &[]);
        assert_ne!(keyring.seal(&binding, b"a"), keyring.seal(&binding, b"a"));
    }
}
