//! An issuer that signs anything, and tells what of it is to be believed.

use serde_json::Value;
use strongroom_secrets::random::SystemRandom;

use crate::access::{Credentials, Principal};
use crate::keys::Keyring;
use crate::tokens::{
    Audience, Authority, Believed, Grant, LIFETIME, SigningKey, Strength, Tenants, TokenFault, Verified,
};

const NOW: i64 = 1_800_000_000;
/// How far another machine's clock may be off, in seconds.
const LEEWAY: i64 = 60;
const DOMAIN: &str = "vault.localhost";

/// See the module.
pub(crate) struct Issuer {
    authority: Authority,
    /// Tokens that were believed before must not help others.
    believed: Believed,
    good: String,
    header: Vec<u8>,
    claims: Vec<u8>,
}

impl Issuer {
    pub(crate) fn new() -> Self {
        let keyring = Keyring::alone(&SystemRandom);
        let (key, _) = SigningKey::generate(&keyring, 0).unwrap();
        let authority = Authority::new(DOMAIN, Tenants::new("adfs", []), vec![key]);
        let principal = Principal::new("server", "client-1", Credentials::default());
        let grant = Grant {
            tenant: "adfs",
            audience: "https://vault.azure.net",
            principal: &principal,
            proof: Strength::Secret,
            lifetime: LIFETIME,
            resource_id: None,
        };
        let good = authority.issue(&grant, NOW, &SystemRandom).unwrap();
        let part = |index| {
            use base64::Engine;
            use base64::engine::general_purpose::URL_SAFE_NO_PAD;
            URL_SAFE_NO_PAD.decode(good.split('.').nth(index).unwrap()).unwrap()
        };
        let issuer =
            Self { header: part(0), claims: part(1), authority, believed: Believed::default(), good };
        issuer.verify(issuer.good()).expect("a good token is believed");
        issuer
    }

    /// A token that is believed.
    pub(crate) fn good(&self) -> &str {
        &self.good
    }

    /// Its header, as JSON.
    pub(crate) fn header(&self) -> &[u8] {
        &self.header
    }

    /// Its claims, as JSON.
    pub(crate) fn claims(&self) -> &[u8] {
        &self.claims
    }

    /// A token with our signature, whatever it says.
    pub(crate) fn signed(&self, header: &[u8], claims: &[u8]) -> String {
        self.authority.keys()[0].sign_texts(header, claims).unwrap()
    }

    /// The vault's judgement.
    pub(crate) fn verify(&self, token: &str) -> Result<Verified, TokenFault> {
        let check = || self.authority.verify(token, Audience::KeyVault, NOW);
        self.believed.or_check(token, NOW, check).map(|verified| (*verified).clone())
    }

    /// The judgement that claims deserve if our key has signed them, found in another way than the vault's.
    pub(crate) fn expected(&self, said: &Value) -> Result<Verified, TokenFault> {
        let text = |name: &str| said[name].as_str().ok_or(TokenFault::Invalid);
        let number = |name: &str| said[name].as_i64().ok_or(TokenFault::Invalid);
        let (aud, iss, tid) = (text("aud")?, text("iss")?, text("tid")?);
        let (appid, oid) = (text("appid")?, text("oid")?);
        let (not_before, expires) = (number("nbf")?, number("exp")?);
        let (now, leeway) = (i128::from(NOW), i128::from(LEEWAY));
        let over = i128::from(expires) + leeway <= now;
        let too_early = i128::from(not_before) - leeway > now;
        match () {
            () if tid != "adfs" || iss != "https://login.vault.localhost/adfs/v2.0" => {
                Err(TokenFault::Issuer)
            }
            () if !is_ours(aud) => Err(TokenFault::Audience),
            () if over || too_early && expires <= NOW => Err(TokenFault::Expired),
            () if too_early => Err(TokenFault::NotYetValid),
            () => Ok(Verified {
                client_id: appid.into(),
                object_id: oid.into(),
                issuer: iss.into(),
                not_before,
                expires,
            }),
        }
    }
}

/// Key Vault's names and the challenge's resource at any port, in any case and with any slashes behind them.
fn is_ours(audience: &str) -> bool {
    let audience = audience.to_ascii_lowercase();
    let audience = audience.trim_end_matches('/');
    let at_a_port = || audience.strip_prefix("https://vault.localhost:").map(str::parse::<u16>);
    matches!(
        audience,
        "https://vault.azure.net" | "cfa8b339-82a2-471a-a3c9-0fc0be7a4093" | "https://vault.localhost"
    ) || at_a_port().is_some_and(|port| port.is_ok())
}
