//! What a token says, and what the vault believes.

use serde::{Deserialize, Serialize};
use strongroom_secrets::Random;

use super::SigningKey;
use crate::access::Principal;
use crate::error::Error;

/// How long a token is good for, in seconds. Entra ID's are good for an hour, too.
pub(crate) const LIFETIME: i64 = 3600;

/// How far another machine's clock may be off, in seconds.
const LEEWAY: i64 = 60;

/// A longer text is no token of ours; nothing of it is decoded.
const MAX_LENGTH: usize = 8 * 1024;

/// The audience that tokens for the real service have.
const KEY_VAULT: &str = "https://vault.azure.net";

/// The claims of an access token (<https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference>).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Claims {
    pub(super) aud: String,
    pub(super) iss: String,
    pub(super) iat: i64,
    pub(super) nbf: i64,
    pub(super) exp: i64,
    pub(super) appid: String,
    pub(super) oid: String,
    pub(super) sub: String,
    pub(super) tid: String,
    pub(super) uti: String,
    pub(super) ver: String,
}

/// Who a token is for, once it has been checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verified {
    pub(crate) client_id: String,
    pub(crate) object_id: String,
    pub(crate) issuer: String,
}

/// Why a token is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenFault {
    /// Not a token, a wrong or missing signature, an unknown key.
    Invalid,
    /// Issued by somebody else.
    Issuer,
    /// Issued for another service.
    Audience,
    /// Its time is over.
    Expired,
    /// Its time has not come.
    NotYetValid,
}

/// Issues tokens and checks them.
#[derive(Debug)]
pub(crate) struct Authority {
    domain: String,
    /// The newest first: it signs, all of them check.
    keys: Vec<SigningKey>,
}

impl Authority {
    /// `keys` has at least one key, the newest first.
    pub(crate) fn new(domain: &str, keys: Vec<SigningKey>) -> Self {
        Self { domain: domain.to_owned(), keys }
    }

    pub(super) fn keys(&self) -> &[SigningKey] {
        &self.keys
    }

    /// Who issues a tenant's tokens. Without a port: the same vault may be reached through several.
    fn issuer(&self, tenant: &str) -> String {
        format!("https://login.{}/{tenant}/v2.0", self.domain)
    }

    /// Issues a token that is good from now on.
    pub(super) fn issue(
        &self,
        tenant: &str,
        audience: &str,
        principal: &Principal,
        now: i64,
        random: &dyn Random,
    ) -> Result<String, Error> {
        let object_id = principal.object_id.to_string();
        let claims = Claims {
            aud: audience.to_owned(),
            iss: self.issuer(tenant),
            iat: now,
            nbf: now,
            exp: now + LIFETIME,
            appid: principal.client_id.clone(),
            oid: object_id.clone(),
            sub: object_id,
            tid: tenant.to_owned(),
            uti: random.uuid().to_string(),
            ver: "1.0".to_owned(),
        };
        self.keys
            .first()
            .ok_or_else(|| Error::new(crate::ErrorKind::Certificate, "there is no signing key"))?
            .sign(&claims)
            .map_err(|_| Error::new(crate::ErrorKind::Certificate, "the signing key does not sign"))
    }

    /// Checks signature, key, issuer, audience and time.
    pub(crate) fn verify(&self, token: &str, now: i64) -> Result<Verified, TokenFault> {
        if token.len() > MAX_LENGTH {
            return Err(TokenFault::Invalid);
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| TokenFault::Invalid)?;
        let kid = header.kid.ok_or(TokenFault::Invalid)?;
        let key = self.keys.iter().find(|key| key.kid() == kid).ok_or(TokenFault::Invalid)?;
        let claims: Claims = key.verify(token).map_err(|_| TokenFault::Invalid)?;
        if claims.iss != self.issuer(&claims.tid) {
            return Err(TokenFault::Issuer);
        }
        if !self.is_audience(&claims.aud) {
            return Err(TokenFault::Audience);
        }
        if now >= claims.exp.saturating_add(LEEWAY) {
            return Err(TokenFault::Expired);
        }
        if now < claims.nbf.saturating_sub(LEEWAY) {
            return Err(TokenFault::NotYetValid);
        }
        Ok(Verified { client_id: claims.appid, object_id: claims.oid, issuer: claims.iss })
    }

    /// The real service's name, or what our challenge calls the resource: the domain, with whatever port it is reached at.
    fn is_audience(&self, audience: &str) -> bool {
        let audience = audience.strip_suffix('/').unwrap_or(audience);
        if audience.eq_ignore_ascii_case(KEY_VAULT) {
            return true;
        }
        let Some(host) = audience.strip_prefix("https://") else { return false };
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.parse::<u16>().is_ok() => name,
            Some(_) => return false,
            None => host,
        };
        name.eq_ignore_ascii_case(&self.domain)
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use jsonwebtoken::{Algorithm, EncodingKey, Header};
    use serde_json::json;
    use strongroom_secrets::random::SystemRandom;

    use super::*;
    use crate::access::Credentials;
    use crate::keys::{Keyring, MasterKey};

    const NOW: i64 = 1_800_000_000;

    fn authority() -> Authority {
        let master = MasterKey::generate(&SystemRandom);
        let keyring = Keyring::open(&master, &[Keyring::generate(1, &master, &SystemRandom)]).unwrap();
        let (key, stored) = SigningKey::generate(&keyring).unwrap();
        assert_eq!(SigningKey::open(&keyring, &stored).unwrap().kid(), key.kid());
        Authority::new("vault.localhost", vec![key])
    }

    fn claims(authority: &Authority) -> Claims {
        let principal = Principal::new("server", "client-1", Credentials::default());
        let token = authority.issue("adfs", KEY_VAULT, &principal, NOW, &SystemRandom).unwrap();
        authority.keys[0].verify(&token).unwrap()
    }

    fn check(change: impl FnOnce(&mut Claims)) -> Result<Verified, TokenFault> {
        let authority = authority();
        let mut claims = claims(&authority);
        change(&mut claims);
        authority.verify(&authority.keys[0].sign(&claims).unwrap(), NOW)
    }

    #[test]
    fn what_it_issues_it_believes() {
        let verified = check(|_| ()).unwrap();
        assert_eq!(verified.client_id, "client-1");
        assert_eq!(verified.issuer, "https://login.vault.localhost/adfs/v2.0");
    }

    #[test]
    fn the_audience_is_the_service_or_the_challenges_resource_at_any_port() {
        for audience in [
            "https://vault.azure.net",
            "https://vault.azure.net/",
            "https://vault.localhost",
            "https://vault.localhost:8443",
            "https://VAULT.localhost:1/",
        ] {
            assert!(check(|claims| claims.aud = audience.into()).is_ok(), "{audience}");
        }
        for audience in [
            "https://management.azure.com",
            "https://vault.localhost.evil.example",
            "https://vault.localhost:8443:1",
            "https://vault.localhost:x",
            "http://vault.localhost",
            "vault.localhost",
            "",
        ] {
            assert_eq!(check(|claims| claims.aud = audience.into()), Err(TokenFault::Audience), "{audience}");
        }
    }

    #[test]
    fn another_issuer_is_not_believed() {
        for issuer in ["https://sts.windows.net/adfs/", "https://login.vault.localhost/other/v2.0", ""] {
            assert_eq!(check(|claims| claims.iss = issuer.into()), Err(TokenFault::Issuer));
        }
    }

    #[test]
    fn time_is_checked_at_both_ends() {
        assert!(check(|claims| claims.exp = NOW - 59).is_ok());
        assert_eq!(check(|claims| claims.exp = NOW - 60), Err(TokenFault::Expired));
        assert!(check(|claims| claims.nbf = NOW + 60).is_ok());
        assert_eq!(check(|claims| claims.nbf = NOW + 61), Err(TokenFault::NotYetValid));
        assert_eq!(check(|claims| claims.exp = i64::MIN), Err(TokenFault::Expired));
        assert_eq!(check(|claims| claims.nbf = i64::MAX), Err(TokenFault::NotYetValid));
    }

    #[test]
    fn a_token_without_our_signature_is_not_believed() {
        let authority = authority();
        let claims = claims(&authority);
        let good = authority.keys[0].sign(&claims).unwrap();
        let parts: Vec<_> = good.split('.').collect();
        let encode = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let kid = authority.keys[0].kid();
        let other = self::authority();
        let forged_elsewhere = other.keys[0].sign(&claims).unwrap();
        let mut shared = Header::new(Algorithm::HS256);
        shared.kid = Some(kid.to_owned());
        let modulus =
            serde_json::to_value(authority.keys[0].jwk()).unwrap()["n"].as_str().unwrap().to_owned();
        let confused =
            jsonwebtoken::encode(&shared, &claims, &EncodingKey::from_secret(modulus.as_bytes())).unwrap();
        let none = encode(json!({"alg": "none", "typ": "JWT", "kid": kid}));
        let altered = encode(json!({"aud": KEY_VAULT, "appid": "admin"}));
        for token in [
            String::new(),
            "a.b.c".into(),
            ".".repeat(7000),
            "x".repeat(9000),
            format!("{none}.{}.", parts[1]),
            format!("{none}.{}.{}", parts[1], parts[2]),
            format!("{}.{altered}.{}", parts[0], parts[2]),
            format!("{}.{}.", parts[0], parts[1]),
            format!("{}.{}", parts[0], parts[1]),
            confused,
            forged_elsewhere,
        ] {
            assert_eq!(authority.verify(&token, NOW), Err(TokenFault::Invalid), "{token}");
        }
        assert!(authority.verify(&good, NOW).is_ok());
    }
}
