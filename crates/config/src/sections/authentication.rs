//! `authenticationConfiguration`: how people sign in, and whose tokens are trusted.

use crate::error::ConfigError;
use crate::found::Found;
use crate::section::{Keys, Section};

/// How people sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthenticationSettings {
    /// The identity provider: `basic` (name and password) unless configured.
    pub provider: String,
    /// `public` unless configured.
    pub client_type: String,
    /// Where the keys of trusted tokens are published. Our own keys are known without asking.
    pub public_key_urls: Vec<String>,
    /// The claims of a token that may name the user, in this order: `email`, `preferred_username`, `sub`.
    pub jwt_principal_claims: Vec<String>,
    /// Claims by purpose, as `username:claim` and `email:claim`; they win over [`Self::jwt_principal_claims`].
    pub jwt_principal_claims_mapping: Vec<String>,
    /// Whether people may make their own accounts.
    pub enable_self_signup: bool,
}

const AUTHENTICATION: Keys = Keys {
    ours: &[
        "provider",
        "clientType",
        "publicKeyUrls",
        "jwtPrincipalClaims",
        "jwtPrincipalClaimsMapping",
        "enableSelfSignup",
    ],
    others: &[
        "authority",
        "callbackUrl",
        "clientId",
        "emailClaim",
        "displayNameClaim",
        "enableAutoRedirect",
        "forceSecureSessionCookie",
        "jwtTeamClaimMapping",
        "ldapConfiguration",
        "maxActiveSessionsPerUser",
        "oidcConfiguration",
        "providerName",
        "responseType",
        "samlConfiguration",
        "sessionExpiry",
        "tokenValidationAlgorithm",
    ],
    open: true,
};

pub(crate) fn read(root: &Section<'_>) -> Result<AuthenticationSettings, ConfigError> {
    let section = root.section("authenticationConfiguration", &AUTHENTICATION)?;
    let text = |key, variable: &str, default: &str| -> Result<String, ConfigError> {
        Ok(section.text(key, &[variable])?.map_or_else(|| default.to_owned(), Found::into_text))
    };
    let list = |key, variable: &str, default: &[&str]| -> Result<Vec<String>, ConfigError> {
        Ok(match section.list(key, &[variable])? {
            Some(entries) => entries.into_iter().map(Found::into_text).collect(),
            None => default.iter().map(|&entry| entry.to_owned()).collect(),
        })
    };
    Ok(AuthenticationSettings {
        provider: text("provider", "AUTHENTICATION_PROVIDER", "basic")?,
        client_type: text("clientType", "AUTHENTICATION_CLIENT_TYPE", "public")?,
        public_key_urls: list("publicKeyUrls", "AUTHENTICATION_PUBLIC_KEYS", &[])?,
        jwt_principal_claims: list(
            "jwtPrincipalClaims",
            "AUTHENTICATION_JWT_PRINCIPAL_CLAIMS",
            &["email", "preferred_username", "sub"],
        )?,
        jwt_principal_claims_mapping: list(
            "jwtPrincipalClaimsMapping",
            "AUTHENTICATION_JWT_PRINCIPAL_CLAIMS_MAPPING",
            &[],
        )?,
        enable_self_signup: section.flag("enableSelfSignup", &["AUTHENTICATION_ENABLE_SELF_SIGNUP"], true)?,
    })
}
