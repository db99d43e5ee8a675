//! Certificates whose holders may sign in: what Entra ID calls an application's key credential.

use aws_lc_rs::digest::{Algorithm as Digest, SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::PublicKey;

/// What clients sign with: msal with RS256, or, where it gives the newer thumbprint, with PS256.
const ALGORITHMS: [Algorithm; 2] = [Algorithm::RS256, Algorithm::PS256];

/// A certificate of a principal. Only its key is trusted, whoever signed it; so a self-signed one will do.
#[derive(Clone)]
pub(crate) struct Certificate {
    /// base64url of SHA-1, as the header `x5t` gives it (RFC 7515, section 4.1.7).
    sha1: String,
    /// base64url of SHA-256, as `x5t#S256` gives it.
    sha256: String,
    key: DecodingKey,
    /// Unix seconds, as the next.
    not_before: i64,
    not_after: i64,
}

impl Certificate {
    /// Reads the first certificate of a PEM text; a private key beside it is passed over.
    ///
    /// # Errors
    /// Why it cannot be used, as the rest of a sentence.
    pub(crate) fn from_pem(pem: &[u8]) -> Result<Self, &'static str> {
        let der = CertificateDer::from_pem_slice(pem).map_err(|_| "holds no PEM certificate")?;
        let (_, certificate) =
            X509Certificate::from_der(&der).map_err(|_| "holds a certificate that cannot be read")?;
        let key = certificate.public_key();
        match key.parsed() {
            // What AWS-LC checks signatures with.
            Ok(PublicKey::RSA(rsa)) if (2048..=8192).contains(&rsa.key_size()) => {}
            _ => {
                return Err(
                    "holds a certificate without an RSA key of 2048 to 8192 bits, which is what Entra ID takes",
                );
            }
        }
        let thumbprint = |algorithm: &'static Digest| URL_SAFE_NO_PAD.encode(digest(algorithm, &der));
        Ok(Self {
            sha1: thumbprint(&SHA1_FOR_LEGACY_USE_ONLY),
            sha256: thumbprint(&SHA256),
            key: DecodingKey::from_rsa_der(&key.subject_public_key.data),
            not_before: certificate.validity().not_before.timestamp(),
            not_after: certificate.validity().not_after.timestamp(),
        })
    }

    /// Whether a thumbprint of an assertion's header is this certificate's. The newer one decides, if both are given.
    pub(crate) fn has_thumbprint(&self, sha1: Option<&str>, sha256: Option<&str>) -> bool {
        // MSAL for Go writes it in the other alphabet of base64, and padded, and Entra ID takes it.
        let bare = |text: &str| text.trim_end_matches('=').replace('+', "-").replace('/', "_");
        match (sha1, sha256) {
            (_, Some(sha256)) => bare(sha256) == self.sha256,
            (Some(sha1), None) => bare(sha1) == self.sha1,
            (None, None) => false,
        }
    }

    /// Whether the certificate's own time has come and is not over.
    pub(crate) fn is_valid_at(&self, now: i64) -> bool {
        (self.not_before..=self.not_after).contains(&now)
    }

    /// Whether its key made a signature.
    pub(crate) fn verifies(&self, message: &str, signature: &str, algorithm: Algorithm) -> bool {
        ALGORITHMS.contains(&algorithm)
            && jsonwebtoken::crypto::verify(signature, message.as_bytes(), &self.key, algorithm)
                .unwrap_or(false)
    }
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificate").field("sha256", &self.sha256).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::EncodingKey;
    use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, RsaKeySize};

    use super::*;

    fn self_signed(key: &KeyPair) -> String {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.not_before = time::macros::datetime!(2026-01-01 00:00 UTC);
        params.not_after = time::macros::datetime!(2027-01-01 00:00 UTC);
        params.self_signed(key).unwrap().pem()
    }

    #[test]
    fn a_signature_of_its_key_is_recognised_with_either_padding() {
        let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
        // As `openssl req -newkey` users keep them: the key in the same file.
        let pem = format!("{}{}", key.serialize_pem(), self_signed(&key));
        let certificate = Certificate::from_pem(pem.as_bytes()).unwrap();
        let signing = EncodingKey::from_rsa_pem(key.serialize_pem().as_bytes()).unwrap();
        for algorithm in [Algorithm::RS256, Algorithm::PS256, Algorithm::RS512] {
            let signature = jsonwebtoken::crypto::sign(b"message", &signing, algorithm).unwrap();
            assert_eq!(certificate.verifies("message", &signature, algorithm), algorithm != Algorithm::RS512);
            assert!(!certificate.verifies("massage", &signature, algorithm));
            assert!(!certificate.verifies("message", &signature, Algorithm::HS256));
        }
        assert!(!certificate.verifies("message", "", Algorithm::RS256));
    }

    #[test]
    fn a_thumbprint_names_it_and_its_time_is_its_own() {
        let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
        let certificate = Certificate::from_pem(self_signed(&key).as_bytes()).unwrap();
        let (sha1, sha256) = (certificate.sha1.as_str(), certificate.sha256.as_str());
        assert!(
            certificate.has_thumbprint(Some(sha1), None) && certificate.has_thumbprint(None, Some(sha256))
        );
        let as_go_writes_it = format!("{}=", sha1.replace('-', "+").replace('_', "/"));
        assert!(certificate.has_thumbprint(Some(&as_go_writes_it), None));
        assert!(
            !certificate.has_thumbprint(Some(sha1), Some("other")) && !certificate.has_thumbprint(None, None)
        );
        let day = |date: time::OffsetDateTime| date.unix_timestamp();
        assert!(certificate.is_valid_at(day(time::macros::datetime!(2026-06-01 00:00 UTC))));
        assert!(!certificate.is_valid_at(day(time::macros::datetime!(2025-12-31 00:00 UTC))));
        assert!(!certificate.is_valid_at(day(time::macros::datetime!(2027-01-02 00:00 UTC))));
    }

    #[test]
    fn what_cannot_be_used_is_refused() {
        let elliptic = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        assert!(Certificate::from_pem(self_signed(&elliptic).as_bytes()).unwrap_err().contains("RSA"));
        assert!(Certificate::from_pem(elliptic.serialize_pem().as_bytes()).unwrap_err().contains("no PEM"));
        assert!(Certificate::from_pem(b"").is_err());
    }
}
