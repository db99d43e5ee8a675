//! Client assertions that a certificate's key signs
//! (<https://learn.microsoft.com/entra/identity-platform/certificate-credentials>).

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom as KeyRandom;
use aws_lc_rs::signature::RSA_PSS_SHA256;
use azure_core::credentials::TokenCredential;
use azure_core::http::ClientMethodOptions;
use azure_identity::{ClientAssertion, ClientAssertionCredential, ClientAssertionCredentialOptions};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::json;

use super::certificate_file::{self, KeyAndCertificates};
use super::{Surroundings, no_tenant, not_empty};
use crate::random::SystemRandom;
use crate::{Clock, Random, Result, SecretValue};

/// How long an assertion is good, in seconds: it is used at once.
const LIFETIME: i64 = 10 * 60;

/// An app registration with a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The directory: an id, a domain, or `adfs`.
    pub tenant: String,
    /// The application (client) id.
    pub client_id: String,
    /// A file with the certificate and its RSA key, as PEM or PKCS#12. It is read again for each token.
    pub file: PathBuf,
    /// The file's password, if it has one.
    pub password: Option<SecretValue>,
    /// Whether the certificates that vouch for this one are sent too: an app registration can trust an authority and a name
    /// in the place of a certificate.
    pub send_chain: bool,
}

impl ClientCertificate {
    pub(super) fn build(&self, surroundings: &Surroundings) -> Result<Arc<dyn TokenCredential>> {
        let Self { tenant, client_id, file, password, send_chain } = self;
        not_empty(&[("tenant id", tenant.is_empty()), ("client id", client_id.is_empty())])?;
        let identity = certificate_file::read(file, password.as_ref())?;
        let signer = Signer {
            client_id: client_id.clone(),
            audience: format!("{}/{tenant}/oauth2/v2.0/token", surroundings.authority),
            identity,
            send_chain: *send_chain,
            clock: Arc::clone(&surroundings.clock),
        };
        let options = ClientAssertionCredentialOptions { client_options: surroundings.options.clone() };
        let credential =
            ClientAssertionCredential::new(tenant.clone(), client_id.clone(), signer, Some(options))
                .map_err(|_| no_tenant(tenant))?;
        Ok(credential)
    }
}

/// Signs an assertion each time that a token is due.
struct Signer {
    client_id: String,
    audience: String,
    identity: KeyAndCertificates,
    send_chain: bool,
    clock: Arc<dyn Clock>,
}

impl Signer {
    /// The assertion, as a JSON Web Token.
    fn sign(&self, now: i64, random: &dyn Random) -> Option<String> {
        let KeyAndCertificates { key, certificates } = &self.identity;
        let thumbprint = URL_SAFE_NO_PAD.encode(digest(&SHA256, certificates.first()?));
        let mut header = json!({"alg": "PS256", "typ": "JWT", "x5t#S256": thumbprint});
        if self.send_chain {
            header["x5c"] = certificates.iter().map(|certificate| STANDARD.encode(certificate)).collect();
        }
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
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign(&RSA_PSS_SHA256, &KeyRandom::new(), text.as_bytes(), &mut signature).ok()?;
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
        self.sign(self.clock.now_seconds(), &SystemRandom).ok_or_else(|| {
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
    use crate::clock::SystemClock;

    #[test]
    fn an_assertion_is_signed_by_the_key_and_names_the_certificate() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("client.pem");
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
        let certificate = rcgen::CertificateParams::new(vec![]).unwrap().self_signed(&key).unwrap();
        std::fs::write(&file, [key.serialize_pem(), certificate.pem()].concat()).unwrap();
        for send_chain in [false, true] {
            let signer = Signer {
                client_id: "app".into(),
                audience: "aud".into(),
                identity: certificate_file::read(&file, None).unwrap(),
                send_chain,
                clock: Arc::new(SystemClock),
            };
            let public = signer.identity.key.public_key().as_ref().to_vec();
            let text = signer.sign(1_800_000_000, &SystemRandom).unwrap();
            let parts: Vec<_> = text.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).unwrap()).collect();
            let (signed, _) = text.rsplit_once('.').unwrap();
            UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, public)
                .verify(signed.as_bytes(), &parts[2])
                .unwrap();
            let header: serde_json::Value = serde_json::from_slice(&parts[0]).unwrap();
            let thumbprint = URL_SAFE_NO_PAD.encode(digest(&SHA256, certificate.der()));
            let mut expected = json!({"alg": "PS256", "typ": "JWT", "x5t#S256": thumbprint});
            if send_chain {
                expected["x5c"] = json!([STANDARD.encode(certificate.der())]);
            }
            assert_eq!(header, expected);
            let claims: serde_json::Value = serde_json::from_slice(&parts[1]).unwrap();
            assert_eq!(
                (claims["iss"].as_str(), claims["sub"].as_str(), claims["aud"].as_str()),
                (Some("app"), Some("app"), Some("aud"))
            );
            assert_eq!(claims["exp"].as_i64(), Some(1_800_000_000 + LIFETIME));
        }
    }
}
