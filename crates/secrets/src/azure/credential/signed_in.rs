//! Who we turned out to be: what a token says of its bearer.

use azure_core::credentials::AccessToken;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

/// Who gave a token, and to whom. Nothing of it was checked: it is to be shown, not to be relied on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// The credential, as people call it: `client secret`, `managed identity`.
    pub credential: &'static str,
    /// The directory that it is for.
    pub tenant: Option<String>,
    /// The application (client) id.
    pub client_id: Option<String>,
    /// The id of the service principal, identity or user.
    pub object_id: Option<String>,
    /// The user's name, if it is a person.
    pub user: Option<String>,
    /// When the token ends, in seconds since the Unix epoch.
    pub expires_on: i64,
}

impl SignedIn {
    /// What `token`, which came by `credential`, says of itself. Of one that is no JSON Web Token only its end is known.
    pub(super) fn read(credential: &'static str, token: &AccessToken) -> Self {
        #[derive(Deserialize, Default)]
        #[serde(default)]
        struct Claims {
            tid: Option<String>,
            appid: Option<String>,
            azp: Option<String>,
            oid: Option<String>,
            upn: Option<String>,
            unique_name: Option<String>,
        }

        let payload =
            token.token.secret().split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
        let claims: Claims =
            payload.and_then(|payload| serde_json::from_slice(&payload).ok()).unwrap_or_default();
        Self {
            credential,
            tenant: claims.tid,
            client_id: claims.appid.or(claims.azp),
            object_id: claims.oid,
            user: claims.upn.or(claims.unique_name),
            expires_on: token.expires_on.unix_timestamp(),
        }
    }
}

#[cfg(test)]
mod tests {
    use azure_core::time::OffsetDateTime;

    use super::*;

    #[test]
    fn a_token_tells_whose_it_is() {
        let end = OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap();
        let read = |token: String| SignedIn::read("client secret", &AccessToken::new(token, end));
        let claims = URL_SAFE_NO_PAD.encode(r#"{"tid":"t","appid":"a","oid":"o","upn":"u"}"#);
        let nobody = SignedIn {
            credential: "client secret",
            tenant: None,
            client_id: None,
            object_id: None,
            user: None,
            expires_on: 1_800_000_000,
        };
        let known = SignedIn {
            tenant: Some("t".into()),
            client_id: Some("a".into()),
            object_id: Some("o".into()),
            user: Some("u".into()),
            ..nobody.clone()
        };
        assert_eq!(read(format!("e30.{claims}.c2ln")), known);
        for opaque in ["", "a.b.c", "e30.e30.c2ln"] {
            assert_eq!(read(opaque.to_owned()), nobody, "{opaque}");
        }
    }
}
