//! The keys that sign tokens: RSA of 2048 bits, made on the first start, kept encrypted in the database.

use jsonwebtoken::jwk::{Jwk, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use rcgen::{KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::error::{Error, ErrorKind, Result};
use crate::keys::{Binding, Keyring};
use crate::store::SealedSigningKey;

/// A key that signs and checks tokens.
pub(crate) struct SigningKey {
    kid: String,
    /// From when on it signs, in Unix seconds.
    created: i64,
    encoding: EncodingKey,
    decoding: DecodingKey,
    /// The public half, as the JWKS shows it.
    jwk: Jwk,
}

impl SigningKey {
    /// Draws a key that signs from `created` on, in Unix seconds. Takes some tenths of a second.
    pub(crate) fn generate(keyring: &Keyring, created: i64) -> Result<(Self, SealedSigningKey)> {
        let pair = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).map_err(|error| {
            Error::new(ErrorKind::Certificate, format!("cannot make a signing key: {error}"))
        })?;
        let pem = Zeroizing::new(pair.serialize_pem());
        let key = Self::from_pem(&pem, created)?;
        let sealed = keyring.seal(&Binding::signing_key(&key.kid), pem.as_bytes());
        let sealed = SealedSigningKey { kid: key.kid.clone(), sealed, created };
        Ok((key, sealed))
    }

    /// Opens a key of the database.
    pub(crate) fn open(keyring: &Keyring, stored: &SealedSigningKey) -> Result<Self> {
        keyring
            .unseal(&Binding::signing_key(&stored.kid), stored.sealed.key, &stored.sealed.bytes)
            .ok()
            .and_then(|pem| Some(Zeroizing::new(std::str::from_utf8(&pem).ok()?.to_owned())))
            .ok_or_else(|| {
                Error::new(
                    ErrorKind::Database,
                    format!("the signing key {} of the database is damaged", stored.kid),
                )
                .with_hint("restore the database from a backup")
            })
            .and_then(|pem| Self::from_pem(&pem, stored.created))
    }

    fn from_pem(pem: &str, created: i64) -> Result<Self> {
        let unusable = |_| Error::new(ErrorKind::Certificate, "a signing key cannot be used");
        let encoding = EncodingKey::from_rsa_pem(pem.as_bytes()).map_err(unusable)?;
        let mut jwk = Jwk::from_encoding_key(&encoding, Algorithm::RS256).map_err(unusable)?;
        let kid = jwk.thumbprint(ThumbprintHash::SHA256).map_err(unusable)?;
        jwk.common.key_id = Some(kid.clone());
        jwk.common.public_key_use = Some(jsonwebtoken::jwk::PublicKeyUse::Signature);
        let decoding = DecodingKey::from_jwk(&jwk).map_err(unusable)?;
        Ok(Self { kid, created, encoding, decoding, jwk })
    }

    pub(crate) fn kid(&self) -> &str {
        &self.kid
    }

    /// From when on it signs, in Unix seconds.
    pub(crate) fn created(&self) -> i64 {
        self.created
    }

    pub(crate) fn jwk(&self) -> &Jwk {
        &self.jwk
    }

    /// Signs claims.
    pub(crate) fn sign(&self, claims: &impl Serialize) -> Result<String, jsonwebtoken::errors::Error> {
        let mut header = Header::new(Algorithm::RS256);
        header.kid = Some(self.kid.clone());
        jsonwebtoken::encode(&header, claims, &self.encoding)
    }

    /// Signs texts, whatever they are.
    #[cfg(feature = "fuzzing")]
    pub(crate) fn sign_texts(
        &self,
        header: &[u8],
        claims: &[u8],
    ) -> Result<String, jsonwebtoken::errors::Error> {
        use base64::Engine;
        use base64::engine::general_purpose::URL_SAFE_NO_PAD;
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &self.encoding, Algorithm::RS256)?;
        Ok(format!("{message}.{signature}"))
    }

    /// Checks the signature, and that it is RS256, whatever the token's header claims. What the claims say is left to the
    /// caller, who has a clock.
    pub(crate) fn verify<T: DeserializeOwned>(&self, token: &str) -> Result<T, jsonwebtoken::errors::Error> {
        let mut validation = jsonwebtoken::Validation::new(Algorithm::RS256);
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_aud = false;
        Ok(jsonwebtoken::decode(token, &self.decoding, &validation)?.claims)
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}
