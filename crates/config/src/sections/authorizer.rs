//! `authorizerConfiguration`: who is an administrator, and of which domain people are.

use strongroom_secrets::SecretValue;

use crate::error::ConfigError;
use crate::found::Found;
use crate::section::{Keys, Section};

/// Who may do what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizerSettings {
    /// The administrators; `admin` if none is configured.
    pub admin_principals: Vec<AdminPrincipal>,
    /// The domain of the administrators' e-mail addresses: `open-metadata.org` unless configured.
    pub principal_domain: String,
    /// Whether only people of [`Self::principal_domain`] may sign in.
    pub enforce_principal_domain: bool,
    /// Further domains whose people may sign in.
    pub allowed_domains: Vec<String>,
}

/// An administrator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminPrincipal {
    /// The user's name, without domain.
    pub name: String,
    /// The first password, if the entry is `name:password`.
    pub password: Option<SecretValue>,
}

const AUTHORIZER: Keys = Keys {
    ours: &["adminPrincipals", "principalDomain", "enforcePrincipalDomain", "allowedDomains"],
    others: &[
        "allowedEmailRegistrationDomains",
        "botPrincipals",
        "className",
        "containerRequestFilter",
        "enableSecureSocketConnection",
        "testPrincipals",
        "useRolesFromProvider",
    ],
    open: true,
};

pub(crate) fn read(root: &Section<'_>) -> Result<AuthorizerSettings, ConfigError> {
    let section = root.section("authorizerConfiguration", &AUTHORIZER)?;
    let admin_principals = match section.list("adminPrincipals", &["AUTHORIZER_ADMIN_PRINCIPALS"])? {
        Some(entries) => {
            let is_secret = |entry: &&Found| entry.text().contains(':');
            entries.iter().filter(is_secret).for_each(|entry| section.source().note_secret(entry));
            entries.iter().map(principal).collect::<Result<_, _>>()?
        }
        None => vec![AdminPrincipal { name: "admin".into(), password: None }],
    };
    let domain = section.text("principalDomain", &["AUTHORIZER_PRINCIPAL_DOMAIN"])?;
    let allowed = section.list("allowedDomains", &["AUTHORIZER_ALLOWED_DOMAINS"])?.unwrap_or_default();
    Ok(AuthorizerSettings {
        admin_principals,
        principal_domain: domain.map_or_else(|| "open-metadata.org".to_owned(), Found::into_text),
        enforce_principal_domain: section.flag(
            "enforcePrincipalDomain",
            &["AUTHORIZER_ENFORCE_PRINCIPAL_DOMAIN"],
            false,
        )?,
        allowed_domains: allowed.into_iter().map(Found::into_text).collect(),
    })
}

/// `name` or `name:password`; later colons belong to the password.
fn principal(entry: &Found) -> Result<AdminPrincipal, ConfigError> {
    let (name, password) = match entry.text().split_once(':') {
        Some((name, password)) => (name, Some(password)),
        None => (entry.text(), None),
    };
    let name = name.trim();
    if name.is_empty() || password.is_some_and(str::is_empty) {
        return Err(entry
            .fault("the entry has no name, or a colon and no password")
            .hint("write name or name:password"));
    }
    Ok(AdminPrincipal { name: name.to_owned(), password: password.map(SecretValue::from) })
}
