//! Trust in one certificate that no authority has signed.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, SignatureScheme};

use crate::{Error, ErrorKind, Result};

/// A TLS configuration for clients that trusts the certificate with this SHA-1 `thumbprint` (hexadecimal, as Windows shows
/// it) and no other, whatever name and dates it has.
///
/// # Errors
/// [`Configuration`](ErrorKind::Configuration) if that is no thumbprint.
pub(super) fn client_config(thumbprint: &str) -> Result<rustls::ClientConfig> {
    let thumbprint: String = thumbprint.chars().filter(|c| !matches!(c, ':' | ' ')).collect();
    if thumbprint.len() != 40 || !thumbprint.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let message = "the thumbprint of the endpoint's certificate is not 40 hexadecimal digits";
        return Err(
            Error::new(ErrorKind::Configuration, message).with_hint("look at IDENTITY_SERVER_THUMBPRINT")
        );
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = Arc::new(Pinned { thumbprint, provider: Arc::clone(&provider) });
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::new(ErrorKind::Configuration, "cannot set up TLS").with_source(error))?;
    Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
}

#[derive(Debug)]
struct Pinned {
    thumbprint: String,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let digest = digest(&SHA1_FOR_LEGACY_USE_ONLY, end_entity);
        let found: String = digest.as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
        if found.eq_ignore_ascii_case(&self.thumbprint) {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes(thumbprint: &str, certificate: &[u8]) -> bool {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let pinned = Pinned { thumbprint: thumbprint.to_owned(), provider };
        let name = ServerName::try_from("localhost").unwrap();
        let certificate = CertificateDer::from(certificate.to_vec());
        pinned.verify_server_cert(&certificate, &[], &name, &[], UnixTime::now()).is_ok()
    }

    #[test]
    fn the_certificate_with_the_thumbprint_is_trusted_and_no_other() {
        // SHA-1 of "abc", from FIPS 180-1.
        let thumbprint = "A9993E364706816ABA3E25717850C26C9CD0D89D";
        assert!(takes(thumbprint, b"abc") && takes(&thumbprint.to_lowercase(), b"abc"));
        assert!(!takes(thumbprint, b"abd"));
    }

    #[test]
    fn what_is_no_thumbprint_is_refused() {
        assert!(client_config("A9:99:3E:36:47:06:81:6A:BA:3E:25:71:78:50:C2:6C:9C:D0:D8:9D").is_ok());
        for text in ["", "A9", "G9993E364706816ABA3E25717850C26C9CD0D89D"] {
            assert!(client_config(text).is_err(), "{text}");
        }
    }
}
