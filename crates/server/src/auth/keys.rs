//! The RSA keys that our tokens are signed with.
//!
//! Files are DER as OpenMetadata has them: PKCS#8 for the private key, SubjectPublicKeyInfo for the public one.

use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use jsonwebtoken::{DecodingKey, EncodingKey};
use serde_json::{Value, json};
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

/// The files of [`TokenKeys::load_or_generate`].
const PRIVATE_FILE: &str = "private_key.der";
const PUBLIC_FILE: &str = "public_key.der";
/// The shortest modulus that is accepted, in bytes: 2048 bits.
const MIN_MODULUS: usize = 256;

/// Why a pair of keys cannot be used. Never holds any part of a key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// A file cannot be read or written.
    #[error("the key file {} cannot be {doing}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// `read` or `written`.
        doing: &'static str,
        /// The cause.
        source: io::Error,
    },
    /// The private key is none.
    #[error(
        "the private key is not an RSA key of 2048 bits or more in PKCS#8 DER form: make one with openssl genpkey -algorithm RSA | openssl pkcs8 -topk8 -nocrypt -outform DER -out FILE"
    )]
    PrivateKey,
    /// The public key is none.
    #[error("the public key is not an RSA key of 2048 bits or more in DER form (SubjectPublicKeyInfo)")]
    PublicKey,
    /// The two do not belong together.
    #[error("the public key does not belong to the private key: check jwtTokenConfiguration")]
    Mismatch,
    /// No key could be made.
    #[error("the system could not make an RSA key")]
    Generate,
}

/// A pair of keys and its id.
pub struct TokenKeys {
    pub(crate) kid: String,
    pub(crate) signing: EncodingKey,
    pub(crate) verifying: DecodingKey,
    public_der: Vec<u8>,
    /// As in the key's DER form, with a leading zero byte if the first bit is set.
    modulus: Vec<u8>,
    exponent: Vec<u8>,
}

impl TokenKeys {
    /// Takes a pair of keys; `kid` is the id that tokens name it by.
    ///
    /// # Errors
    /// If one of them is no RSA key, or they do not belong together.
    pub fn from_der(private: &[u8], public: &[u8], kid: &str) -> Result<Self, KeyError> {
        let pair = KeyPair::from_pkcs8(private).map_err(|_| KeyError::PrivateKey)?;
        let (modulus, exponent) = components(public)?;
        let own: PublicKeyX509Der<'_> = pair.public_key().as_der().map_err(|_| KeyError::PrivateKey)?;
        if components(own.as_ref())? != (modulus.clone(), exponent.clone()) {
            return Err(KeyError::Mismatch);
        }
        let pem =
            format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(private));
        let signing = EncodingKey::from_rsa_pem(pem.as_bytes()).map_err(|_| KeyError::PrivateKey)?;
        let unpadded = modulus.strip_prefix(&[0]).unwrap_or(&modulus);
        let verifying = DecodingKey::from_rsa_raw_components(unpadded, &exponent);
        Ok(Self { kid: kid.to_owned(), signing, verifying, public_der: public.to_vec(), modulus, exponent })
    }

    /// Reads a pair of keys from its two files.
    ///
    /// # Errors
    /// If a file cannot be read, or as [`TokenKeys::from_der`].
    pub fn load_der(private: &Path, public: &Path, kid: &str) -> Result<Self, KeyError> {
        Self::from_der(&read(private)?, &read(public)?, kid)
    }

    /// Makes a new pair of keys.
    ///
    /// # Errors
    /// If the system cannot.
    pub fn generate(kid: &str) -> Result<Self, KeyError> {
        let (private, public) = generate_der()?;
        Self::from_der(&private, &public, kid)
    }

    /// Reads the pair of keys in a folder, or makes one there (mode 0600) if there is none. A public key that is missing is made
    /// from the private one.
    ///
    /// # Errors
    /// If a file cannot be read or written, or holds no such key.
    pub fn load_or_generate(folder: &Path, kid: &str) -> Result<Self, KeyError> {
        let (private, public) = (folder.join(PRIVATE_FILE), folder.join(PUBLIC_FILE));
        if !private.exists() {
            let (private_der, public_der) = generate_der()?;
            // The public key first: once the private one is there, the pair is.
            write(&public, &public_der)?;
            write(&private, &private_der)?;
        } else if !public.exists() {
            let pair = KeyPair::from_pkcs8(&read(&private)?).map_err(|_| KeyError::PrivateKey)?;
            let own: PublicKeyX509Der<'_> = pair.public_key().as_der().map_err(|_| KeyError::PrivateKey)?;
            write(&public, own.as_ref())?;
        }
        Self::load_der(&private, &public, kid)
    }

    /// SHA-256 of the public key's DER form in lower-case hexadecimal: what a well-known key is recognised by.
    pub fn fingerprint(&self) -> String {
        hex(digest(&SHA256, &self.public_der).as_ref())
    }

    /// The public key as `GET system/config/jwks` answers it: base64url with padding, the modulus with its leading zero byte, as
    /// the reference writes it.
    pub(crate) fn jwks(&self) -> Value {
        json!({"keys": [{
            "kty": "RSA",
            "kid": self.kid,
            "n": URL_SAFE.encode(&self.modulus),
            "e": URL_SAFE.encode(&self.exponent),
            "alg": "RS256",
            "use": "sig",
        }]})
    }
}

impl fmt::Debug for TokenKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenKeys").field("kid", &self.kid).finish_non_exhaustive()
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Modulus and exponent of a public key.
fn components(public: &[u8]) -> Result<(Vec<u8>, Vec<u8>), KeyError> {
    let (_, info) = SubjectPublicKeyInfo::from_der(public).map_err(|_| KeyError::PublicKey)?;
    let Ok(PublicKey::RSA(key)) = info.parsed() else { return Err(KeyError::PublicKey) };
    if key.modulus.strip_prefix(&[0]).unwrap_or(key.modulus).len() < MIN_MODULUS {
        return Err(KeyError::PublicKey);
    }
    Ok((key.modulus.to_vec(), key.exponent.to_vec()))
}

fn generate_der() -> Result<(Vec<u8>, Vec<u8>), KeyError> {
    let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|_| KeyError::Generate)?;
    let private: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| KeyError::Generate)?;
    let public: PublicKeyX509Der<'_> = pair.public_key().as_der().map_err(|_| KeyError::Generate)?;
    Ok((private.as_ref().to_vec(), public.as_ref().to_vec()))
}

fn read(path: &Path) -> Result<Vec<u8>, KeyError> {
    fs::read(path).map_err(|source| KeyError::File { path: path.to_owned(), doing: "read", source })
}

/// Writes a file that only its owner may read, complete or not at all.
fn write(path: &Path, bytes: &[u8]) -> Result<(), KeyError> {
    let failed = |source| KeyError::File { path: path.to_owned(), doing: "written", source };
    let new = path.with_extension("new");
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&new).map_err(failed)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed)?;
    fs::rename(&new, path).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_were_made_are_read_again_and_only_their_owner_may_read_them() {
        let folder = tempfile::tempdir().unwrap();
        let made = TokenKeys::load_or_generate(folder.path(), "k").unwrap();
        let read = TokenKeys::load_or_generate(folder.path(), "k").unwrap();
        assert_eq!(made.fingerprint(), read.fingerprint());
        #[cfg(unix)]
        for file in [PRIVATE_FILE, PUBLIC_FILE] {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(folder.path().join(file)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{file}");
        }
    }

    #[test]
    fn a_public_key_that_was_lost_is_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let made = TokenKeys::load_or_generate(folder.path(), "k").unwrap();
        fs::remove_file(folder.path().join(PUBLIC_FILE)).unwrap();
        assert_eq!(
            TokenKeys::load_or_generate(folder.path(), "k").unwrap().fingerprint(),
            made.fingerprint()
        );
    }

    #[test]
    fn keys_of_two_pairs_are_refused() {
        let (private, _) = generate_der().unwrap();
        let (_, public) = generate_der().unwrap();
        assert!(matches!(TokenKeys::from_der(&private, &public, "k"), Err(KeyError::Mismatch)));
        assert!(matches!(TokenKeys::from_der(b"nonsense", &public, "k"), Err(KeyError::PrivateKey)));
        assert!(matches!(TokenKeys::from_der(&private, b"nonsense", "k"), Err(KeyError::PublicKey)));
    }

    #[test]
    fn the_published_key_has_padding_and_the_leading_zero_byte() {
        let jwks = TokenKeys::generate("the-kid").unwrap().jwks();
        let key = &jwks["keys"][0];
        let n = URL_SAFE.decode(key["n"].as_str().unwrap()).unwrap();
        assert_eq!((n.len(), n[0]), (257, 0));
        assert_eq!(key["e"], "AQAB");
        assert_eq!(
            (&key["kid"], &key["kty"], &key["alg"], &key["use"]),
            (&json!("the-kid"), &json!("RSA"), &json!("RS256"), &json!("sig"))
        );
    }
}
