//! What a token says, and what the vault believes.

use std::sync::Arc;

use arc_swap::ArcSwap;
use jsonwebtoken::Header;
use serde::{Deserialize, Serialize};
use strongroom_secrets::Random;

use super::resource::Audience;
use super::signing::SigningKey;
use super::tenants::Tenants;
use crate::access::Principal;
use crate::error::Error;

/// How long an application's token is good for, in seconds. Entra ID's are good for an hour, too.
pub(crate) const LIFETIME: i64 = 3600;

/// The same for a managed identity's: a day, as on Azure. No token is good for longer.
pub(crate) const IDENTITY_LIFETIME: i64 = 24 * 60 * 60;

/// How far another machine's clock may be off, in seconds.
const LEEWAY: i64 = 60;

/// A longer text is no token of ours; nothing of it is decoded.
const MAX_LENGTH: usize = 8 * 1024;

/// The claims of an access token for an application
/// (<https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference>). Their form is version 1.0, whichever
/// endpoint was asked: the resource decides it, and Key Vault and Resource Manager take that.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Claims {
    pub(super) aud: String,
    pub(super) iss: String,
    pub(super) iat: i64,
    pub(super) nbf: i64,
    pub(super) exp: i64,
    pub(super) appid: String,
    /// How the application proved who it is: 1 by a secret, 2 by a certificate or a like of it.
    pub(super) appidacr: &'static str,
    pub(super) idp: String,
    pub(super) idtyp: &'static str,
    pub(super) oid: String,
    pub(super) sub: String,
    pub(super) tid: String,
    pub(super) uti: String,
    pub(super) ver: &'static str,
    /// The resource that a managed identity is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) xms_mirid: Option<String>,
}

/// What is looked at when a token comes back.
#[derive(Debug, Deserialize)]
struct Presented {
    aud: String,
    iss: String,
    nbf: i64,
    exp: i64,
    appid: String,
    oid: String,
    tid: String,
}

/// What a token is to say.
#[derive(Debug)]
pub(crate) struct Grant<'a> {
    /// In lower case.
    pub(crate) tenant: &'a str,
    pub(crate) audience: &'a str,
    pub(crate) principal: &'a Principal,
    pub(crate) proof: Strength,
    /// In seconds.
    pub(crate) lifetime: i64,
    /// Of a managed identity.
    pub(crate) resource_id: Option<&'a str>,
}

/// What stood behind a sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strength {
    Secret,
    Key,
}

/// Who a token is for, once it has been checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verified {
    pub(crate) client_id: String,
    pub(crate) object_id: String,
    pub(crate) issuer: String,
    /// Unix seconds, as is the next one.
    pub(crate) not_before: i64,
    pub(crate) expires: i64,
}

impl Verified {
    /// Whether it is the token's time, give or take what clocks differ.
    pub(crate) fn holds_at(&self, now: i64) -> bool {
        now < self.expires.saturating_add(LEEWAY) && now >= self.not_before.saturating_sub(LEEWAY)
    }
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
    tenants: Tenants,
    /// The newest first: the first whose time has come signs, all of them check.
    keys: ArcSwap<Vec<SigningKey>>,
}

impl Authority {
    /// `keys` has at least one key, the newest first.
    pub(crate) fn new(domain: &str, tenants: Tenants, keys: Vec<SigningKey>) -> Self {
        Self { domain: domain.to_owned(), tenants, keys: ArcSwap::from_pointee(keys) }
    }

    pub(crate) fn tenants(&self) -> &Tenants {
        &self.tenants
    }

    /// All keys, the newest first.
    pub(crate) fn keys(&self) -> Arc<Vec<SigningKey>> {
        self.keys.load_full()
    }

    /// Takes other keys from now on; at least one, the newest first.
    pub(crate) fn replace_keys(&self, keys: Vec<SigningKey>) {
        self.keys.store(Arc::new(keys));
    }

    /// Whether the key is here that a token says it was signed with. What is no token is nobody's.
    pub(crate) fn knows_key_of(&self, token: &str) -> bool {
        if token.len() > MAX_LENGTH {
            return true;
        }
        match jsonwebtoken::decode_header(token) {
            Ok(Header { kid: Some(kid), .. }) => self.keys.load().iter().any(|key| key.kid() == kid),
            _ => true,
        }
    }

    /// Who issues a tenant's tokens. Without a port: the same vault may be reached through several.
    fn issuer(&self, tenant: &str) -> String {
        format!("https://login.{}/{tenant}/v2.0", self.domain)
    }

    /// Issues a token that is good from now on.
    pub(crate) fn issue(&self, grant: &Grant<'_>, now: i64, random: &dyn Random) -> Result<String, Error> {
        let object_id = grant.principal.object_id.to_string();
        let issuer = self.issuer(grant.tenant);
        let claims = Claims {
            aud: grant.audience.to_owned(),
            iss: issuer.clone(),
            iat: now,
            nbf: now,
            exp: now + grant.lifetime,
            appid: grant.principal.client_id.clone(),
            appidacr: match grant.proof {
                Strength::Secret => "1",
                Strength::Key => "2",
            },
            idp: issuer,
            idtyp: "app",
            oid: object_id.clone(),
            sub: object_id,
            tid: grant.tenant.to_owned(),
            uti: random.uuid().to_string(),
            ver: "1.0",
            xms_mirid: grant.resource_id.map(str::to_owned),
        };
        let keys = self.keys.load();
        keys.iter()
            .find(|key| key.created() <= now)
            // The clock may have gone back behind the first one.
            .or(keys.last())
            .ok_or_else(|| Error::new(crate::ErrorKind::Certificate, "there is no signing key"))?
            .sign(&claims)
            .map_err(|_| Error::new(crate::ErrorKind::Certificate, "the signing key does not sign"))
    }

    /// Checks signature, key, issuer, audience and time.
    pub(crate) fn verify(&self, token: &str, audience: Audience, now: i64) -> Result<Verified, TokenFault> {
        if token.len() > MAX_LENGTH {
            return Err(TokenFault::Invalid);
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| TokenFault::Invalid)?;
        let kid = header.kid.ok_or(TokenFault::Invalid)?;
        let keys = self.keys.load();
        let key = keys.iter().find(|key| key.kid() == kid).ok_or(TokenFault::Invalid)?;
        let claims: Presented = key.verify(token).map_err(|_| TokenFault::Invalid)?;
        if !self.tenants.issues(&claims.tid) || claims.iss != self.issuer(&claims.tid) {
            return Err(TokenFault::Issuer);
        }
        if !audience.is(&claims.aud, &self.domain) {
            return Err(TokenFault::Audience);
        }
        let verified = Verified {
            client_id: claims.appid,
            object_id: claims.oid,
            issuer: claims.iss,
            not_before: claims.nbf,
            expires: claims.exp,
        };
        match () {
            () if verified.holds_at(now) => Ok(verified),
            () if now >= verified.expires => Err(TokenFault::Expired),
            () => Err(TokenFault::NotYetValid),
        }
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use jsonwebtoken::{Algorithm, EncodingKey};
    use serde_json::{Value, json};
    use strongroom_secrets::random::SystemRandom;

    use super::*;
    use crate::access::Credentials;
    use crate::keys::Keyring;

    const NOW: i64 = 1_800_000_000;
    const KEY_VAULT: &str = "https://vault.azure.net";

    fn authority() -> Authority {
        let keyring = Keyring::alone(&SystemRandom);
        let (key, stored) = SigningKey::generate(&keyring, NOW).unwrap();
        assert_eq!(SigningKey::open(&keyring, &stored).unwrap().kid(), key.kid());
        Authority::new("vault.localhost", Tenants::new("adfs", []), vec![key])
    }

    fn claims(authority: &Authority) -> Value {
        let principal = Principal::new("server", "client-1", Credentials::default());
        let grant = Grant {
            tenant: "adfs",
            audience: KEY_VAULT,
            principal: &principal,
            proof: Strength::Secret,
            lifetime: LIFETIME,
            resource_id: None,
        };
        let token = authority.issue(&grant, NOW, &SystemRandom).unwrap();
        authority.keys()[0].verify(&token).unwrap()
    }

    fn check(name: &str, value: impl Into<Value>) -> Result<Verified, TokenFault> {
        let authority = authority();
        let mut claims = claims(&authority);
        claims[name] = value.into();
        authority.verify(&authority.keys()[0].sign(&claims).unwrap(), Audience::KeyVault, NOW)
    }

    #[test]
    fn what_it_issues_it_believes() {
        let verified = check("iat", NOW).unwrap();
        assert_eq!(verified.client_id, "client-1");
        assert_eq!(verified.issuer, "https://login.vault.localhost/adfs/v2.0");
    }

    #[test]
    fn a_token_for_another_service_is_not_believed() {
        assert_eq!(check("aud", "https://management.azure.com"), Err(TokenFault::Audience));
        assert!(check("aud", "https://vault.localhost:8443").is_ok());
    }

    #[test]
    fn another_issuer_is_not_believed() {
        for issuer in ["https://sts.windows.net/adfs/", "https://login.vault.localhost/other/v2.0", ""] {
            assert_eq!(check("iss", issuer), Err(TokenFault::Issuer));
        }
        let authority = authority();
        let mut claims = claims(&authority);
        claims["tid"] = "other".into();
        claims["iss"] = "https://login.vault.localhost/other/v2.0".into();
        let token = authority.keys()[0].sign(&claims).unwrap();
        assert_eq!(
            authority.verify(&token, Audience::KeyVault, NOW),
            Err(TokenFault::Issuer),
            "no such tenant"
        );
    }

    #[test]
    fn time_is_checked_at_both_ends() {
        assert!(check("exp", NOW - 59).is_ok());
        assert_eq!(check("exp", NOW - 60), Err(TokenFault::Expired));
        assert!(check("nbf", NOW + 60).is_ok());
        assert_eq!(check("nbf", NOW + 61), Err(TokenFault::NotYetValid));
        assert_eq!(check("exp", i64::MIN), Err(TokenFault::Expired));
        assert_eq!(check("nbf", i64::MAX), Err(TokenFault::NotYetValid));
    }

    #[test]
    fn a_token_without_our_signature_is_not_believed() {
        let authority = authority();
        let claims = claims(&authority);
        let good = authority.keys()[0].sign(&claims).unwrap();
        let parts: Vec<_> = good.split('.').collect();
        let encode = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let keys = authority.keys();
        let kid = keys[0].kid();
        let other = self::authority();
        let forged_elsewhere = other.keys()[0].sign(&claims).unwrap();
        let mut shared = Header::new(Algorithm::HS256);
        shared.kid = Some(kid.to_owned());
        let modulus =
            serde_json::to_value(authority.keys()[0].jwk()).unwrap()["n"].as_str().unwrap().to_owned();
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
            assert_eq!(
                authority.verify(&token, Audience::KeyVault, NOW),
                Err(TokenFault::Invalid),
                "{token}"
            );
        }
        assert!(authority.verify(&good, Audience::KeyVault, NOW).is_ok());
    }

    #[test]
    fn the_newest_key_whose_time_has_come_signs_and_all_of_them_check() {
        let keyring = Keyring::alone(&SystemRandom);
        let key = |created| SigningKey::generate(&keyring, created).unwrap().0;
        let authority =
            Authority::new("vault.localhost", Tenants::new("adfs", []), vec![key(NOW + 100), key(NOW)]);
        let principal = Principal::new("server", "client-1", Credentials::default());
        let issue = |now| {
            let grant = Grant {
                tenant: "adfs",
                audience: KEY_VAULT,
                principal: &principal,
                proof: Strength::Secret,
                lifetime: LIFETIME,
                resource_id: None,
            };
            authority.issue(&grant, now, &SystemRandom).unwrap()
        };
        for (now, signer) in [(NOW - 10, 1), (NOW, 1), (NOW + 99, 1), (NOW + 100, 0)] {
            let token = issue(now);
            let kid = jsonwebtoken::decode_header(&token).unwrap().kid.unwrap();
            assert_eq!(kid, authority.keys()[signer].kid(), "{now}");
            assert!(authority.verify(&token, Audience::KeyVault, now).is_ok());
            assert!(authority.knows_key_of(&token));
        }
        let old = issue(NOW);
        authority.replace_keys(vec![key(NOW + 200)]);
        assert_eq!(authority.verify(&old, Audience::KeyVault, NOW), Err(TokenFault::Invalid));
        assert!(!authority.knows_key_of(&old) && authority.knows_key_of("a.b.c"));
    }
}
