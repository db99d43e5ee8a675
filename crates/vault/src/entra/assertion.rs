//! Client assertions: a signed statement in the place of a secret (RFC 7523).
//!
//! One that the client issues itself is signed with the key of a certificate; any other comes from a foreign issuer, such
//! as a Kubernetes cluster, whom the principal's federated credentials name. Nothing that the assertion says about where
//! keys are (`x5c`, `jku`, `jwk`) is looked at.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde::{Deserialize, Deserializer};

use super::fault::{Fault, Mismatch};
use crate::access::{Credentials, FederatedCredential};

/// How far another machine's clock may be off, in seconds: Entra ID allows five minutes.
const LEEWAY: i64 = 300;

/// The longest that an assertion may be good for, in seconds. Clients make them for ten minutes, Kubernetes for an hour,
/// and at most a day in its default configuration of tokens for pods.
const MAX_AHEAD: i64 = 24 * 60 * 60;

/// An assertion that has been taken apart, and not yet believed.
#[derive(Debug)]
pub(crate) struct Assertion<'a> {
    /// What is signed: header and claims.
    message: &'a str,
    signature: &'a str,
    header: Header,
    claims: Claims,
}

#[derive(Debug, Deserialize)]
struct Header {
    alg: Algorithm,
    kid: Option<String>,
    x5t: Option<String>,
    #[serde(rename = "x5t#S256")]
    x5t_s256: Option<String>,
    /// Names of extensions that must be understood; none is.
    crit: Option<serde::de::IgnoredAny>,
}

#[derive(Debug, Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    #[serde(deserialize_with = "one_or_many")]
    aud: Vec<String>,
    #[serde(deserialize_with = "seconds")]
    exp: i64,
    #[serde(default, deserialize_with = "maybe_seconds")]
    nbf: Option<i64>,
}

fn one_or_many<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        One(String),
        Many(Vec<String>),
    }
    Ok(match Either::deserialize(input)? {
        Either::One(one) => vec![one],
        Either::Many(many) => many,
    })
}

/// A date may have a fraction (RFC 7519, section 2), and msal's for Python has one.
#[allow(clippy::cast_possible_truncation, reason = "a cast of a float stops at the ends of the range")]
fn seconds<'de, D: Deserializer<'de>>(input: D) -> Result<i64, D::Error> {
    f64::deserialize(input).map(|seconds| seconds.floor() as i64)
}

fn maybe_seconds<'de, D: Deserializer<'de>>(input: D) -> Result<Option<i64>, D::Error> {
    seconds(input).map(Some)
}

impl<'a> Assertion<'a> {
    /// Takes a compact serialization apart.
    pub(crate) fn parse(text: &'a str) -> Result<Self, Fault> {
        let (message, signature) = text.rsplit_once('.').ok_or(Fault::MalformedAssertion)?;
        let (header, claims) = message.split_once('.').ok_or(Fault::MalformedAssertion)?;
        let (header, claims): (Header, Claims) = (part(header)?, part(claims)?);
        if header.crit.is_some() {
            return Err(Fault::MalformedAssertion);
        }
        Ok(Self { message, signature, header, claims })
    }

    /// Checks that it proves to be `client_id`, for a token endpoint of `tenant`.
    pub(super) async fn check(
        &self,
        client_id: &str,
        credentials: &Credentials,
        is_own_endpoint: impl Fn(&str) -> bool,
        now: i64,
    ) -> Result<(), Fault> {
        if self.claims.iss.eq_ignore_ascii_case(client_id) {
            self.check_certificate(client_id, credentials, is_own_endpoint, now)
        } else {
            self.check_federated(credentials, now).await
        }
    }

    fn check_certificate(
        &self,
        client_id: &str,
        credentials: &Credentials,
        is_own_endpoint: impl Fn(&str) -> bool,
        now: i64,
    ) -> Result<(), Fault> {
        if !self.claims.sub.eq_ignore_ascii_case(client_id) {
            return Err(Fault::AssertionOfAnother);
        }
        if !self.claims.aud.iter().any(|audience| is_own_endpoint(audience)) {
            return Err(Fault::AssertionAudience);
        }
        self.check_time(now)?;
        let Header { alg, x5t, x5t_s256, .. } = &self.header;
        let certificate = credentials
            .certificates()
            .iter()
            .find(|known| known.has_thumbprint(x5t.as_deref(), x5t_s256.as_deref()))
            .ok_or(Fault::AssertionSignature("no certificate of the application has this thumbprint"))?;
        if !certificate.is_valid_at(now) {
            return Err(Fault::AssertionSignature("the certificate has expired or is not valid yet"));
        }
        if !certificate.verifies(self.message, self.signature, *alg) {
            return Err(Fault::AssertionSignature("the signature is not the certificate's"));
        }
        Ok(())
    }

    async fn check_federated(&self, credentials: &Credentials, now: i64) -> Result<(), Fault> {
        let matching = self.federated_credential(credentials.federated())?;
        self.check_time(now)?;
        let key = matching
            .keys
            .find(self.header.kid.as_deref(), now)
            .await
            .map_err(|_| Fault::IssuerUnavailable(self.claims.iss.clone()))?
            .ok_or(Fault::AssertionSignature("the issuer has no such key"))?;
        if !key.verifies(self.message, self.signature, self.header.alg) {
            return Err(Fault::AssertionSignature("the signature is not the issuer's"));
        }
        Ok(())
    }

    /// The credential for this issuer, subject and audience. All three compare letter for letter, as in Entra ID; the error
    /// tells the first one that none has.
    fn federated_credential<'b>(
        &self,
        federated: &'b [FederatedCredential],
    ) -> Result<&'b FederatedCredential, Fault> {
        let Claims { iss, sub, aud, .. } = &self.claims;
        if federated.is_empty() {
            return Err(Fault::NotFederated);
        }
        let mut issuers = federated.iter().filter(|known| known.issuer == *iss).peekable();
        issuers.peek().ok_or_else(|| Fault::Mismatch(Mismatch::Issuer, iss.clone()))?;
        let mut subjects = issuers.filter(|known| known.subject == *sub).peekable();
        subjects.peek().ok_or_else(|| Fault::Mismatch(Mismatch::Subject, sub.clone()))?;
        subjects
            .find(|known| aud.contains(&known.audience))
            .ok_or_else(|| Fault::Mismatch(Mismatch::Audience, aud.join(", ")))
    }

    fn check_time(&self, now: i64) -> Result<(), Fault> {
        let Claims { exp, nbf, .. } = self.claims;
        let begun = nbf.is_none_or(|nbf| nbf <= now.saturating_add(LEEWAY));
        let ends = now.saturating_sub(LEEWAY) < exp && exp <= now.saturating_add(MAX_AHEAD + LEEWAY);
        if begun && ends { Ok(()) } else { Err(Fault::AssertionTime) }
    }
}

fn part<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, Fault> {
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| Fault::MalformedAssertion)?;
    serde_json::from_slice(&bytes).map_err(|_| Fault::MalformedAssertion)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::access::{IssuerKeys, KeySource};

    const NOW: i64 = 1_800_000_000;

    fn text(header: &Value, claims: &Value) -> String {
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.AAAA", encode(header), encode(claims))
    }

    fn claims(change: impl FnOnce(&mut Value)) -> Value {
        let mut claims =
            json!({"iss": "c", "sub": "c", "aud": "here", "nbf": NOW, "exp": NOW + 600, "jti": "1"});
        change(&mut claims);
        claims
    }

    async fn check(claims: &Value, credentials: &Credentials) -> Result<(), Fault> {
        let text = text(&json!({"alg": "RS256", "x5t": "t", "kid": "k"}), claims);
        Assertion::parse(&text).unwrap().check("C", credentials, |audience| audience == "here", NOW).await
    }

    #[tokio::test]
    async fn a_client_speaks_for_itself_to_this_service_and_in_time() {
        let nobody = Credentials::default();
        let unsigned = Fault::AssertionSignature("no certificate of the application has this thumbprint");
        for (change, fault) in [
            (json!({}), unsigned.clone()),
            (json!({"iss": "C", "sub": "C"}), unsigned.clone()),
            (json!({"aud": ["elsewhere", "here"]}), unsigned.clone()),
            (json!({"exp": NOW as f64 + 600.25, "nbf": NOW as f64 + 0.5}), unsigned.clone()),
            (json!({"exp": NOW - 299}), unsigned.clone()),
            (json!({"nbf": NOW + 300}), unsigned),
            (json!({"sub": "d"}), Fault::AssertionOfAnother),
            (json!({"aud": "elsewhere"}), Fault::AssertionAudience),
            (json!({"aud": []}), Fault::AssertionAudience),
            (json!({"exp": NOW - 300}), Fault::AssertionTime),
            (json!({"nbf": NOW + 301}), Fault::AssertionTime),
            (json!({"exp": NOW + 90_000}), Fault::AssertionTime),
            (json!({"exp": i64::MAX}), Fault::AssertionTime),
            (json!({"exp": -1e300}), Fault::AssertionTime),
            (json!({"iss": "https://cluster"}), Fault::NotFederated),
        ] {
            let claims = claims(|claims| {
                for (name, value) in change.as_object().unwrap() {
                    claims[name] = value.clone();
                }
            });
            assert_eq!(check(&claims, &nobody).await, Err(fault), "{change}");
        }
    }

    #[tokio::test]
    async fn the_first_of_issuer_subject_and_audience_that_does_not_match_is_told() {
        let mut credentials = Credentials::default();
        for (issuer, subject) in [("https://cluster", "system:serviceaccount:ns:a"), ("https://other", "b")] {
            credentials.add_federated(FederatedCredential {
                issuer: issuer.into(),
                subject: subject.into(),
                audience: "api://AzureADTokenExchange".into(),
                keys: IssuerKeys::new(KeySource::File("/nowhere/jwks.json".into())),
            });
        }
        let presented = |issuer: &str, subject: &str, audience: Value| {
            claims(|claims| {
                claims["iss"] = json!(issuer);
                claims["sub"] = json!(subject);
                claims["aud"] = audience;
            })
        };
        let right = json!(["x", "api://AzureADTokenExchange"]);
        let subject = "system:serviceaccount:ns:a";
        for (claims, fault) in [
            (
                presented("https://cluster/", subject, right.clone()),
                Fault::Mismatch(Mismatch::Issuer, "https://cluster/".into()),
            ),
            (
                presented("https://cluster", "b", right.clone()),
                Fault::Mismatch(Mismatch::Subject, "b".into()),
            ),
            (
                presented("https://cluster", subject, json!("x")),
                Fault::Mismatch(Mismatch::Audience, "x".into()),
            ),
            (
                presented("https://cluster", subject, right),
                Fault::IssuerUnavailable("https://cluster".into()),
            ),
        ] {
            assert_eq!(check(&claims, &credentials).await, Err(fault));
        }
    }

    #[test]
    fn what_is_no_signed_statement_is_refused_whole() {
        let good = claims(|_| ());
        let header = json!({"alg": "RS256"});
        assert!(Assertion::parse(&text(&header, &good)).is_ok());
        for (header, claims) in [
            (json!({"alg": "none"}), good.clone()),
            (json!({"alg": "RS256", "crit": ["b64"]}), good.clone()),
            (json!({}), good.clone()),
            (header.clone(), json!({"iss": "c", "sub": "c", "aud": "a"})),
            (header.clone(), claims(|claims| claims["aud"] = json!(1))),
            (header.clone(), claims(|claims| claims["exp"] = json!("soon"))),
            (header.clone(), claims(|claims| claims["nbf"] = json!(null))),
            (header, json!([])),
        ] {
            let text = text(&header, &claims);
            assert_eq!(Assertion::parse(&text).unwrap_err(), Fault::MalformedAssertion, "{claims}");
        }
        for text in ["", ".", "..", "a.b.c", "....", "e30.e30.", "é.é.é"] {
            assert_eq!(Assertion::parse(text).unwrap_err(), Fault::MalformedAssertion, "{text}");
        }
    }
}
