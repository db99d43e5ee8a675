//! What proves who a principal is.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use strongroom_secrets::SecretValue;

use super::{Busy, Certificate, IssuerKeys, SlowChecks, SlowHash};

/// All that a principal can sign in with; any one of them will do.
#[derive(Debug, Clone, Default)]
pub(crate) struct Credentials {
    secrets: Vec<Expiring<SecretDigest>>,
    slow: Vec<Expiring<SlowHash>>,
    certificates: Vec<Certificate>,
    federated: Vec<FederatedCredential>,
}

/// Something that may have an end, in Unix seconds.
#[derive(Debug, Clone)]
struct Expiring<T> {
    known: T,
    expires: Option<i64>,
}

impl<T> Expiring<T> {
    fn is_over(&self, now: i64) -> bool {
        self.expires.is_some_and(|end| end <= now)
    }
}

/// What a presented secret turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Judgement {
    Right,
    Wrong,
    /// It was right once.
    Expired,
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
        Self { secrets: vec![Expiring { known: SecretDigest::of(secret), expires: None }], ..Self::default() }
    }

    /// A client secret that was drawn here, by the text of its digest.
    pub(crate) fn add_digest(&mut self, text: &str, expires: Option<i64>) -> Result<(), ()> {
        let known = SecretDigest::parse(text).ok_or(())?;
        self.secrets.push(Expiring { known, expires });
        Ok(())
    }

    /// A client secret that somebody chose.
    pub(crate) fn add_slow_hash(&mut self, known: SlowHash, expires: Option<i64>) {
        self.slow.push(Expiring { known, expires });
    }

    /// Whether a wrong secret costs a slow check.
    pub(super) fn is_slow(&self) -> bool {
        !self.slow.is_empty()
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
    ///
    /// # Errors
    /// [`Busy`] if a slow check could not be made in time.
    pub(super) async fn judge(
        &self,
        secret: &SecretValue,
        now: i64,
        checks: &SlowChecks,
    ) -> Result<Judgement, Busy> {
        let given = SecretDigest::of(secret);
        // No text is known whose SHA-256 the zeros are; the comparison is for the time that it takes.
        let _ = self.secrets.is_empty() && given.equals(&SecretDigest([0; 32]));
        let mut judgement = Judgement::Wrong;
        for known in &self.secrets {
            if given.equals(&known.known) {
                judgement = judgement.or_better(known.is_over(now));
            }
        }
        for known in &self.slow {
            if judgement == Judgement::Right {
                break;
            }
            if checks.check(Some(&known.known), secret).await? {
                judgement = judgement.or_better(known.is_over(now));
            }
        }
        Ok(judgement)
    }
}

impl Judgement {
    fn or_better(self, is_over: bool) -> Self {
        if is_over && self != Self::Right { Self::Expired } else { Self::Right }
    }
}

/// A client secret's SHA-256: enough to compare with, and nothing to leak.
#[derive(Clone)]
pub(crate) struct SecretDigest([u8; 32]);

impl SecretDigest {
    pub(crate) fn of(secret: &SecretValue) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, secret.expose().as_bytes()).as_ref());
        Self(bytes)
    }

    fn parse(text: &str) -> Option<Self> {
        URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok().map(Self)
    }

    /// As the store keeps it: base64url.
    pub(crate) fn to_text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
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
