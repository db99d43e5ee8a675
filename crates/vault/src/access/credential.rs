//! What proves who a principal is.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use strongroom_secrets::SecretValue;

use super::{Certificate, IssuerKeys};

/// All that a principal can sign in with; any one of them will do.
#[derive(Debug, Clone, Default)]
pub(crate) struct Credentials {
    secrets: Vec<SecretDigest>,
    certificates: Vec<Certificate>,
    federated: Vec<FederatedCredential>,
}

/// A foreign identity that counts as the principal: who issues it, about whom, and for whom.
#[derive(Debug, Clone)]
pub(crate) struct FederatedCredential {
    pub(crate) issuer: String,
    pub(crate) subject: String,
    pub(crate) audience: String,
    pub(crate) keys: IssuerKeys,
}

impl Credentials {
    /// A client secret of the configuration.
    pub(crate) fn of_secret(secret: &SecretValue) -> Self {
        Self { secrets: vec![SecretDigest::of(secret)], ..Self::default() }
    }

    pub(crate) fn add_certificate(&mut self, certificate: Certificate) {
        self.certificates.push(certificate);
    }

    pub(crate) fn add_federated(&mut self, credential: FederatedCredential) {
        self.federated.push(credential);
    }

    pub(crate) fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    pub(crate) fn federated(&self) -> &[FederatedCredential] {
        &self.federated
    }

    /// Whether this is one of the client secrets. Who has none costs as much work as who has one.
    pub(crate) async fn accept_secret(&self, secret: &SecretValue) -> bool {
        let given = SecretDigest::of(secret);
        if self.secrets.is_empty() {
            // No text is known whose SHA-256 this is; the comparison is for the time that it takes.
            let _ = given.equals(&SecretDigest([0; 32]));
            return false;
        }
        self.secrets.iter().fold(false, |found, known| found | given.equals(known))
    }
}

/// A client secret's SHA-256: enough to compare with, and nothing to leak.
#[derive(Clone)]
struct SecretDigest([u8; 32]);

impl SecretDigest {
    fn of(secret: &SecretValue) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, secret.expose().as_bytes()).as_ref());
        Self(bytes)
    }

    /// Takes the same time wherever the two differ.
    fn equals(&self, other: &Self) -> bool {
        verify_slices_are_equal(&self.0, &other.0).is_ok()
    }
}

impl std::fmt::Debug for SecretDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretDigest(***)")
    }
}
