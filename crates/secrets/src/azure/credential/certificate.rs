//! Client assertions that a certificate's key signs
//! (<https://learn.microsoft.com/entra/identity-platform/certificate-credentials>).

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom as KeyRandom;
use aws_lc_rs::signature::{RSA_PSS_SHA256, RsaKeyPair};
use azure_core::credentials::TokenCredential;
use azure_core::http::{ClientMethodOptions, ClientOptions};
use azure_identity::{ClientAssertion, ClientAssertionCredential, ClientAssertionCredentialOptions};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;

use super::{no_tenant, not_empty};
use crate::azure::AuthorityHost;
use crate::clock::SystemClock;
use crate::random::SystemRandom;
use crate::{Clock, Error, ErrorKind, Random, Result};

/// How long an assertion is good, in seconds: it is used at once.
const LIFETIME: i64 = 10 * 60;

/// The longest file that is read; one with a chain of certificates has a few KiB.
const MAX_BYTES: u64 = 1024 * 1024;

/// An app registration with a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The directory: an id, a domain, or `adfs`.
    pub tenant: String,
    /// The application (client) id.
    pub client_id: String,
    /// A PEM file with the certificate and its RSA key, unencrypted.
    pub file: PathBuf,
}

impl ClientCertificate {
    pub(super) fn build(
        &self,
        authority: &AuthorityHost,
        options: ClientOptions,
    ) -> Result<Arc<dyn TokenCredential>> {
        let Self { tenant, client_id, file } = self;
        not_empty(&[("tenant id", tenant.is_empty()), ("client id", client_id.is_empty())])?;
        let (thumbprint, key) = read(file)?;
        let audience = format!("{authority}/{tenant}/oauth2/v2.0/token");
        let signer = Signer { client_id: client_id.clone(), audience, thumbprint, key };
        let options = ClientAssertionCredentialOptions { client_options: options };
        let credential =
            ClientAssertionCredential::new(tenant.clone(), client_id.clone(), signer, Some(options))
                .map_err(|_| no_tenant(tenant))?;
        Ok(credential)
    }
}

/// Reads a file with certificate and key; no message repeats what is in it.
fn read(file: &Path) -> Result<(String, RsaKeyPair)> {
    let unusable = |why: String| {
        Error::new(ErrorKind::Configuration, format!("the client certificate {} {why}", file.display()))
            .with_hint("it is a PEM file with a certificate and its RSA key, without a password")
    };
    let length = std::fs::metadata(file).map_err(|error| unusable(format!("cannot be read: {error}")))?.len();
    if length > MAX_BYTES {
        return Err(unusable("is too long to be one".to_owned()));
    }
    let pem = zeroize::Zeroizing::new(
        std::fs::read(file).map_err(|error| unusable(format!("cannot be read: {error}")))?,
    );
    let certificate =
        CertificateDer::from_pem_slice(&pem).map_err(|_| unusable("holds no certificate".to_owned()))?;
    let key = PrivateKeyDer::from_pem_slice(&pem).map_err(|_| unusable("holds no private key".to_owned()))?;
    let key = match &key {
        PrivateKeyDer::Pkcs1(key) => RsaKeyPair::from_der(key.secret_pkcs1_der()),
        PrivateKeyDer::Pkcs8(key) => RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()),
        _ => return Err(unusable("holds a key that is not RSA".to_owned())),
    };
    let key = key.map_err(|_| unusable("holds a key that is not RSA, or too small".to_owned()))?;
    Ok((URL_SAFE_NO_PAD.encode(digest(&SHA256, &certificate)), key))
}

/// Signs an assertion each time that a token is due.
struct Signer {
    client_id: String,
    audience: String,
    /// `x5t#S256`.
    thumbprint: String,
    key: RsaKeyPair,
}

impl Signer {
    /// The assertion, as a JSON Web Token.
    fn sign(&self, now: i64, random: &dyn Random) -> Option<String> {
        let header = json!({"alg": "PS256", "typ": "JWT", "x5t#S256": self.thumbprint});
        let claims = json!({
            "aud": self.audience,
            "iss": self.client_id,
            "sub": self.client_id,
            "jti": random.uuid().to_string(),
            "iat": now,
            "nbf": now,
            "exp": now + LIFETIME,
        });
        let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!("{}.{}", part(header), part(claims));
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key.sign(&RSA_PSS_SHA256, &KeyRandom::new(), text.as_bytes(), &mut signature).ok()?;
        Some(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

#[async_trait]
impl ClientAssertion for Signer {
    async fn secret(&self, _: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        self.sign(SystemClock.now_seconds(), &SystemRandom).ok_or_else(|| {
            azure_core::Error::with_message(
                azure_core::error::ErrorKind::Credential,
                "the certificate's key cannot sign",
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{KeyPair as _, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};

    use super::*;

    fn file(content: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("client.pem");
        std::fs::write(&path, content).unwrap();
        (folder, path)
    }

    fn identity() -> rcgen::CertifiedKey<rcgen::KeyPair> {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
        let params = rcgen::CertificateParams::new(vec!["app".to_owned()]).unwrap();
        rcgen::CertifiedKey { cert: params.self_signed(&key).unwrap(), signing_key: key }
    }

    #[test]
    fn an_assertion_is_signed_by_the_key_and_names_the_certificate() {
        let identity = identity();
        // In either order, as tools write them.
        let parts = [identity.signing_key.serialize_pem(), identity.cert.pem()];
        for content in [parts.concat(), parts.iter().rev().cloned().collect::<String>()] {
            let (_folder, path) = file(&content);
            let (thumbprint, key) = read(&path).unwrap();
            let signer = Signer { client_id: "app".into(), audience: "aud".into(), thumbprint, key };
            let public = signer.key.public_key().as_ref().to_vec();
            let text = signer.sign(1_800_000_000, &SystemRandom).unwrap();
            let parts: Vec<_> = text.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).unwrap()).collect();
            let (signed, _) = text.rsplit_once('.').unwrap();
            UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, public)
                .verify(signed.as_bytes(), &parts[2])
                .unwrap();
            let header: serde_json::Value = serde_json::from_slice(&parts[0]).unwrap();
            let expected = URL_SAFE_NO_PAD.encode(digest(&SHA256, identity.cert.der()));
            assert_eq!(header, json!({"alg": "PS256", "typ": "JWT", "x5t#S256": expected}));
            let claims: serde_json::Value = serde_json::from_slice(&parts[1]).unwrap();
            assert_eq!(
                (claims["iss"].as_str(), claims["sub"].as_str(), claims["aud"].as_str()),
                (Some("app"), Some("app"), Some("aud"))
            );
            assert_eq!(claims["exp"].as_i64(), Some(1_800_000_000 + LIFETIME));
        }
    }

    #[test]
    fn a_file_that_cannot_be_used_is_named_and_not_repeated() {
        let identity = identity();
        let elliptic = rcgen::KeyPair::generate().unwrap().serialize_pem();
        for (content, part) in [
            ("hunter2".to_owned(), "holds no certificate"),
            (identity.cert.pem(), "holds no private key"),
            (
                format!(
                    "{}{}",
                    identity.cert.pem(),
                    "-----BEGIN EC PRIVATE KEY-----\naHVudGVyMg==\n-----END EC PRIVATE KEY-----\n"
                ),
                "not RSA",
            ),
        ] {
            let (_folder, path) = file(&content);
            let error = read(&path).err().unwrap().to_string();
            assert!(error.contains(part) && error.contains("client.pem"), "{error}");
            assert!(!error.contains("hunter2") && !error.contains("aHVu"), "{error}");
        }
        let (_folder, path) = file(&format!("{}{elliptic}", identity.cert.pem()));
        assert!(read(&path).err().unwrap().to_string().contains("not RSA"));
        assert!(read(Path::new("/nowhere/client.pem")).is_err());
    }
}
