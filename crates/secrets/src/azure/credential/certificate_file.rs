//! A file with a certificate and its key: PEM, as OpenSSL writes it, or PKCS#12 (`.pfx`, `.p12`), as Azure hands it out.

use std::path::Path;

use aws_lc_rs::signature::{KeyPair as _, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use p12_keystore::Pkcs12Archive;
use p12_keystore::error::Error as P12Error;
use pkcs8::EncryptedPrivateKeyInfoRef;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

use crate::{Error, ErrorKind, Result, SecretValue};

/// The longest file that is read; one with a chain of certificates has a few KiB.
const MAX_BYTES: u64 = 1024 * 1024;

/// A key, and the certificates of a chain, that of the key first.
pub(super) struct KeyAndCertificates {
    pub(super) key: RsaKeyPair,
    /// In DER.
    pub(super) certificates: Vec<Vec<u8>>,
}

/// Why a file cannot be used, as the end of a sentence. Nothing of the file is repeated.
type Why = String;

/// Reads a file with certificate and key.
///
/// # Errors
/// [`Configuration`](ErrorKind::Configuration) names the file and says what is wrong with it.
pub(super) fn read(file: &Path, password: Option<&SecretValue>) -> Result<KeyAndCertificates> {
    let unusable = |why: Why| {
        Error::new(ErrorKind::Configuration, format!("the client certificate {} {why}", file.display()))
            .with_hint("it is a PEM or PKCS#12 file with a certificate and its RSA key")
    };
    let length = std::fs::metadata(file).map_err(|error| unusable(format!("cannot be read: {error}")))?.len();
    if length > MAX_BYTES {
        return Err(unusable("is too long to be one".to_owned()));
    }
    let content = std::fs::read(file).map_err(|error| unusable(format!("cannot be read: {error}")))?;
    let content = Zeroizing::new(content);
    let is_pem = content.windows(b"-----BEGIN ".len()).any(|part| part == b"-----BEGIN ");
    let is_der = content.first() == Some(&0x30);
    let found = match (is_pem, is_der) {
        (true, _) => pem(&content, password),
        (false, true) => pkcs12(&content, password),
        (false, false) => Err("is neither PEM nor PKCS#12".to_owned()),
    };
    found.map_err(unusable)
}

fn pem(content: &[u8], password: Option<&SecretValue>) -> Result<KeyAndCertificates, Why> {
    if content.windows(OLD_ENCRYPTION.len()).any(|part| part == OLD_ENCRYPTION) {
        return Err(
            "holds a key that is encrypted in OpenSSL's old way; `openssl pkcs8 -topk8` writes it anew"
                .to_owned(),
        );
    }
    let certificates: Vec<Vec<u8>> = CertificateDer::pem_slice_iter(content)
        .map(|certificate| certificate.map(|certificate| certificate.to_vec()))
        .collect::<Result<_, _>>()
        .map_err(|_| "holds a certificate that cannot be read".to_owned())?;
    if certificates.is_empty() {
        return Err("holds no certificate".to_owned());
    }
    if let Some(encrypted) = section(content, "ENCRYPTED PRIVATE KEY") {
        let password = password.ok_or("has a password, which is not given")?;
        let encrypted = EncryptedPrivateKeyInfoRef::try_from(&encrypted[..])
            .map_err(|_| "holds an encrypted key that cannot be read".to_owned())?;
        let key = encrypted.decrypt(password.expose()).map_err(|_| {
            "cannot be opened with this password, or its key is encrypted in a way that is not known"
                .to_owned()
        })?;
        return together(rsa_from_pkcs8(key.as_bytes())?, certificates);
    }
    let key = PrivateKeyDer::from_pem_slice(content).map_err(|_| "holds no private key".to_owned())?;
    let key = match &key {
        PrivateKeyDer::Pkcs1(key) => RsaKeyPair::from_der(key.secret_pkcs1_der()).map_err(|_| not_rsa())?,
        PrivateKeyDer::Pkcs8(key) => rsa_from_pkcs8(key.secret_pkcs8_der())?,
        _ => return Err(not_rsa()),
    };
    together(key, certificates)
}

/// How a key says that it is encrypted in a way that has no name of its own.
const OLD_ENCRYPTION: &[u8] = b"Proc-Type: 4,ENCRYPTED";

/// The bytes of the first section with this label.
fn section(content: &[u8], label: &str) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(content).ok()?;
    let (_, rest) = text.split_once(&format!("-----BEGIN {label}-----"))?;
    let (encoded, _) = rest.split_once("-----END ")?;
    let encoded: String = encoded.split_whitespace().collect();
    STANDARD.decode(encoded).ok()
}

fn pkcs12(content: &[u8], password: Option<&SecretValue>) -> Result<KeyAndCertificates, Why> {
    let archive = Pkcs12Archive::from_pkcs12(content, password.map_or("", SecretValue::expose));
    let archive = archive.map_err(|error| match (error, password) {
        (P12Error::MacError(_), None) => "has a password, which is not given".to_owned(),
        (P12Error::MacError(_), Some(_)) => "cannot be opened with this password".to_owned(),
        _ => "is damaged, or no PKCS#12 file, or encrypted in a way that is not known".to_owned(),
    })?;
    let certificates = archive.certs.iter().map(|bag| bag.cert.as_der().to_vec()).collect();
    let keys: Vec<_> = archive.keys.iter().collect();
    match keys[..] {
        [] => Err("holds no private key".to_owned()),
        [bag] => together(rsa_from_pkcs8(bag.key.as_der())?, certificates),
        _ => Err("holds several private keys".to_owned()),
    }
}

fn rsa_from_pkcs8(key: &[u8]) -> Result<RsaKeyPair, Why> {
    RsaKeyPair::from_pkcs8(key).map_err(|_| not_rsa())
}

fn not_rsa() -> Why {
    "holds a key that is not RSA, or too small".to_owned()
}

/// Puts the certificate of the key first.
fn together(key: RsaKeyPair, mut certificates: Vec<Vec<u8>>) -> Result<KeyAndCertificates, Why> {
    let public = key.public_key().as_ref();
    // A certificate holds its public key in just this form.
    let is_its = |certificate: &Vec<u8>| certificate.windows(public.len()).any(|part| part == public);
    let own = certificates.iter().position(is_its).ok_or("holds no certificate of its key")?;
    certificates.swap(0, own);
    Ok(KeyAndCertificates { key, certificates })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn kept(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/certificates").join(name)
    }

    fn refused(file: &Path, password: Option<&str>) -> String {
        let password = password.map(SecretValue::from);
        let error = read(file, password.as_ref()).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        error.to_string()
    }

    fn written(content: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("client.pem");
        std::fs::write(&file, content).unwrap();
        (folder, file)
    }

    /// A key and its certificate, as PEM.
    fn identity() -> [String; 2] {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
        let certificate = rcgen::CertificateParams::new(vec![]).unwrap().self_signed(&key).unwrap();
        [key.serialize_pem(), certificate.pem()]
    }

    #[test]
    fn what_openssl_writes_is_read_with_its_password() {
        let certificate = std::fs::read(kept("certificate.pem")).unwrap();
        let certificate = CertificateDer::from_pem_slice(&certificate).unwrap();
        for (name, password, chain) in [
            ("modern.pfx", Some("hunter2"), 2),
            ("legacy.pfx", Some("hunter2"), 1),
            ("no-password.pfx", None, 1),
            ("encrypted.pem", Some("hunter2"), 1),
        ] {
            let found = read(&kept(name), password.map(SecretValue::from).as_ref()).unwrap();
            assert_eq!(found.certificates[0], &certificate[..], "{name}");
            assert_eq!(found.certificates.len(), chain, "{name}");
        }
    }

    #[test]
    fn a_wrong_or_missing_password_is_told() {
        for name in ["modern.pfx", "legacy.pfx", "encrypted.pem"] {
            let wrong = refused(&kept(name), Some("hunter3"));
            assert!(wrong.contains("cannot be opened with this password") && wrong.contains(name), "{wrong}");
            assert!(!wrong.contains("hunter3"), "{wrong}");
            let missing = refused(&kept(name), None);
            assert!(missing.contains("has a password, which is not given"), "{missing}");
        }
    }

    #[test]
    fn the_certificate_of_the_key_goes_first_wherever_it_stands() {
        let [key, certificate] = identity();
        let [_, another] = identity();
        let own = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
        for content in [[&key, &certificate, &another], [&another, &certificate, &key]] {
            let (_folder, file) = written(content.map(String::as_str).concat().as_bytes());
            assert_eq!(read(&file, None).unwrap().certificates[0], &own[..]);
        }
        let (_folder, file) = written([key, another].concat().as_bytes());
        assert!(refused(&file, None).contains("no certificate of its key"));
    }

    #[test]
    fn a_file_that_cannot_be_used_is_named_and_not_repeated() {
        let [_, certificate] = identity();
        let elliptic = rcgen::KeyPair::generate().unwrap().serialize_pem();
        let sec1 = "-----BEGIN EC PRIVATE KEY-----\naHVudGVyMg==\n-----END EC PRIVATE KEY-----\n";
        let old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,94\n\naHVu\n-----END RSA PRIVATE KEY-----\n";
        for (content, part) in [
            ("hunter2".to_owned(), "is neither PEM nor PKCS#12"),
            ("0hunter2".to_owned(), "is damaged"),
            (certificate.clone(), "holds no private key"),
            (format!("{certificate}{sec1}"), "not RSA"),
            (format!("{certificate}{elliptic}"), "not RSA"),
            (format!("{certificate}{old}"), "openssl pkcs8 -topk8"),
            (sec1.to_owned(), "holds no certificate"),
        ] {
            let (_folder, file) = written(content.as_bytes());
            let error = refused(&file, None);
            assert!(error.contains(part) && error.contains("client.pem"), "{error}");
            assert!(!error.contains("hunter2") && !error.contains("aHVu"), "{error}");
        }
        assert!(refused(Path::new("/nowhere/client.pem"), None).contains("cannot be read"));
        let (_folder, file) = written(&vec![0; 1024 * 1024 + 1]);
        assert!(refused(&file, None).contains("too long"));
    }
}
