//! JSON Web Tokens: signed with RS256 and nothing else.

use jsonwebtoken::{Algorithm, Header, Validation};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use strongroom_secrets::SecretValue;

use crate::app::App;
use crate::auth::keys::TokenKeys;
use crate::errors::ApiError;

/// How long a person's token is valid, in milliseconds.
pub(crate) const USER_TOKEN_MILLIS: i64 = 3_600_000;
/// The longest token that is looked at, in bytes.
const MAX_BYTES: usize = 8 * 1024;

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum TokenType {
    /// A bot's: valid as long as it is the one that is stored.
    #[serde(rename = "BOT")]
    Bot,
    /// A person's, from a sign-in.
    #[serde(rename = "OM_USER")]
    User,
}

/// What a token says.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Claims {
    pub(crate) iss: String,
    pub(crate) sub: String,
    #[serde(default)]
    pub(crate) email: String,
    #[serde(default, rename = "isBot")]
    pub(crate) is_bot: bool,
    #[serde(rename = "tokenType")]
    pub(crate) token_type: TokenType,
    #[serde(default)]
    pub(crate) iat: i64,
    /// Seconds since the Unix epoch; `None` for a bot's unlimited token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) exp: Option<i64>,
}

/// Why a token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    Invalid,
    Expired,
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        Self::unauthorized(match refusal {
            Refusal::Invalid => "Not Authorized! Invalid Token",
            Refusal::Expired => "Expired token!",
        })
    }
}

impl Claims {
    /// What a token of this user says. A person's ends; a bot's does not.
    pub(crate) fn of_user(app: &App, user: &Value) -> Self {
        let text = |key: &str| user.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let is_bot = user.get("isBot").and_then(Value::as_bool).unwrap_or_default();
        let now = app.clock.now_seconds();
        Self {
            iss: app.options.issuer.clone(),
            sub: text("name"),
            email: text("email"),
            is_bot,
            token_type: if is_bot { TokenType::Bot } else { TokenType::User },
            iat: now,
            exp: (!is_bot).then_some(now + USER_TOKEN_MILLIS / 1000),
        }
    }
}

/// Signs a token.
pub(crate) fn sign(keys: &TokenKeys, claims: &Claims) -> Result<SecretValue, ApiError> {
    let header = Header { kid: Some(keys.kid.clone()), ..Header::new(Algorithm::RS256) };
    jsonwebtoken::encode(&header, claims, &keys.signing).map(SecretValue::new).map_err(ApiError::unexpected)
}

/// Checks a token: RS256, signed by our key under our id, from our issuer, and not ended at `now` (seconds).
pub(crate) fn verify(keys: &TokenKeys, issuer: &str, token: &str, now: i64) -> Result<Claims, Refusal> {
    if token.len() > MAX_BYTES {
        return Err(Refusal::Invalid);
    }
    let header = jsonwebtoken::decode_header(token).map_err(|_| Refusal::Invalid)?;
    if header.kid.as_deref() != Some(keys.kid.as_str()) {
        return Err(Refusal::Invalid);
    }
    let claims = jsonwebtoken::decode::<Claims>(token, &keys.verifying, &validation())
        .map_err(|_| Refusal::Invalid)?
        .claims;
    if claims.iss != issuer {
        return Err(Refusal::Invalid);
    }
    match (claims.token_type, claims.exp) {
        (_, Some(end)) if end <= now => Err(Refusal::Expired),
        (TokenType::User, None) => Err(Refusal::Invalid),
        _ => Ok(claims),
    }
}

/// The library checks algorithm and signature. The times are compared with the clock that was handed in, and our tokens have
/// no audience.
fn validation() -> Validation {
    let mut validation = Validation::new(Algorithm::RS256);
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    validation
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::json;

    use super::*;

    static KEYS: LazyLock<TokenKeys> = LazyLock::new(|| TokenKeys::generate("k").unwrap());
    const NOW: i64 = 1_795_450_000;

    fn claims() -> Claims {
        Claims {
            iss: "us".to_owned(),
            sub: "admin".to_owned(),
            email: String::new(),
            is_bot: false,
            token_type: TokenType::User,
            iat: NOW,
            exp: Some(NOW + 60),
        }
    }

    fn verdict(claims: &Claims) -> Result<String, Refusal> {
        let token = sign(&KEYS, claims).unwrap();
        verify(&KEYS, "us", token.expose(), NOW).map(|claims| claims.sub)
    }

    #[test]
    fn a_token_of_ours_is_accepted_until_it_ends() {
        assert_eq!(verdict(&claims()), Ok("admin".to_owned()));
        assert_eq!(verdict(&Claims { exp: Some(NOW), ..claims() }), Err(Refusal::Expired));
    }

    #[test]
    fn only_a_bot_has_a_token_without_an_end() {
        assert_eq!(verdict(&Claims { exp: None, ..claims() }), Err(Refusal::Invalid));
        assert!(verdict(&Claims { exp: None, token_type: TokenType::Bot, ..claims() }).is_ok());
    }

    #[test]
    fn another_issuer_is_refused() {
        assert_eq!(verdict(&Claims { iss: "them".to_owned(), ..claims() }), Err(Refusal::Invalid));
    }

    #[test]
    fn another_key_and_another_key_id_are_refused() {
        let foreign = TokenKeys::generate("k").unwrap();
        let token = sign(&foreign, &claims()).unwrap();
        assert_eq!(verify(&KEYS, "us", token.expose(), NOW).unwrap_err(), Refusal::Invalid);
        let header = Header { kid: Some("other".to_owned()), ..Header::new(Algorithm::RS256) };
        let token = jsonwebtoken::encode(&header, &claims(), &KEYS.signing).unwrap();
        assert_eq!(verify(&KEYS, "us", &token, NOW).unwrap_err(), Refusal::Invalid);
        let header = Header::new(Algorithm::RS256);
        let token = jsonwebtoken::encode(&header, &claims(), &KEYS.signing).unwrap();
        assert_eq!(verify(&KEYS, "us", &token, NOW).unwrap_err(), Refusal::Invalid);
    }

    #[test]
    fn no_other_algorithm_is_accepted_even_with_a_matching_signature() {
        let header = Header { kid: Some("k".to_owned()), ..Header::new(Algorithm::RS512) };
        let token = jsonwebtoken::encode(&header, &claims(), &KEYS.signing).unwrap();
        assert_eq!(verify(&KEYS, "us", &token, NOW).unwrap_err(), Refusal::Invalid);
        // The public key as the secret of an HMAC: the classic confusion.
        let header = Header { kid: Some("k".to_owned()), ..Header::new(Algorithm::HS256) };
        let secret =
            jsonwebtoken::EncodingKey::from_secret(KEYS.jwks()["keys"][0]["n"].as_str().unwrap().as_bytes());
        let token = jsonwebtoken::encode(&header, &claims(), &secret).unwrap();
        assert_eq!(verify(&KEYS, "us", &token, NOW).unwrap_err(), Refusal::Invalid);
        for alg in ["none", "None", "NONE", ""] {
            let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
            let body = part(&serde_json::to_value(claims()).unwrap());
            let token = format!("{}.{body}.", part(&json!({"alg": alg, "kid": "k", "typ": "JWT"})));
            assert_eq!(verify(&KEYS, "us", &token, NOW).unwrap_err(), Refusal::Invalid);
        }
    }

    #[test]
    fn nonsense_of_any_size_is_refused() {
        for token in [
            String::new(),
            ".".repeat(5_000),
            ".".repeat(1_000_000),
            "a.b.c".to_owned(),
            "secret:x".to_owned(),
        ] {
            assert_eq!(verify(&KEYS, "us", &token, NOW).unwrap_err(), Refusal::Invalid);
        }
    }
}
