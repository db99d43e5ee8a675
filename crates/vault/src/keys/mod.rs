//! Encryption at rest: a master key wraps data keys, data keys encrypt everything else.
//!
//! AES-256-GCM throughout. What a ciphertext belongs to is bound to it as additional data ([`Binding`]), so that one
//! moved to another row does not open. [`master`] is the key that lies outside the database.

mod master;

use std::collections::HashMap;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use strongroom_secrets::Random;
use zeroize::Zeroizing;

pub(crate) use master::MasterKey;

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

/// The data keys of a database, opened.
pub(crate) struct Keyring {
    keys: HashMap<i64, SealingKey>,
    current: i64,
}

/// A data key as the database holds it.
#[derive(Debug, Clone)]
pub(crate) struct WrappedKey {
    pub(crate) id: i64,
    pub(crate) wrapped: Vec<u8>,
}

impl Keyring {
    /// Draws a data key and wraps it.
    pub(crate) fn generate(id: i64, master: &MasterKey, random: &dyn Random) -> WrappedKey {
        let key = Zeroizing::new(random.bytes::<32>());
        WrappedKey { id, wrapped: master.wrap(id, &key) }
    }

    /// Opens wrapped keys; the one with the highest number seals.
    pub(crate) fn open(master: &MasterKey, wrapped: &[WrappedKey]) -> Result<Self, NotAuthentic> {
        let mut keys = HashMap::with_capacity(wrapped.len());
        for key in wrapped {
            keys.insert(key.id, SealingKey::new(&*master.unwrap(key.id, &key.wrapped)?));
        }
        let current = keys.keys().copied().max().ok_or(NotAuthentic)?;
        Ok(Self { keys, current })
    }

    /// Encrypts with the current data key.
    pub(crate) fn seal(&self, binding: &Binding, plain: &[u8]) -> Sealed {
        Sealed { key: self.current, bytes: self.keys[&self.current].seal(binding, plain) }
    }

    /// Decrypts what belongs to `binding`.
    pub(crate) fn unseal(
        &self,
        binding: &Binding,
        key: i64,
        bytes: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, NotAuthentic> {
        self.keys.get(&key).ok_or(NotAuthentic)?.open(binding, bytes)
    }
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keyring").field("current", &self.current).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use strongroom_secrets::random::SystemRandom;

    use super::*;

    fn keyring() -> Keyring {
        let master = MasterKey::generate(&SystemRandom);
        Keyring::open(&master, &[Keyring::generate(1, &master, &SystemRandom)]).unwrap()
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

    #[test]
    fn another_master_key_opens_nothing() {
        let (ours, theirs) = (MasterKey::generate(&SystemRandom), MasterKey::generate(&SystemRandom));
        let wrapped = Keyring::generate(1, &ours, &SystemRandom);
        assert!(Keyring::open(&theirs, &[wrapped]).is_err());
    }
}
