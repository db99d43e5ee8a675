//! Which vault, through which token endpoint, as whom, for how long.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use azure_core::http::Url;

use super::Credential;
use crate::clock::SystemClock;
use crate::transport::Trust;
use crate::{Clock, Error, ErrorKind, Result};

/// How long one call may take, all its retries included.
pub const DEFAULT_CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// All that an [`AzureProvider`](super::AzureProvider) needs to know.
#[derive(Debug, Clone)]
pub struct AzureConfig {
    /// The vault.
    pub vault: VaultUrl,
    /// Where tokens come from.
    pub authority: AuthorityHost,
    /// Who we are.
    pub credential: Credential,
    /// Whose certificates are trusted, for the vault and the token endpoint alike.
    pub trust: Trust,
    /// How long one call may take, all its retries included; for a listing, one page.
    pub call_timeout: Duration,
    /// By which a token's end and an assertion's times are told.
    pub clock: Arc<dyn Clock>,
}

impl AzureConfig {
    /// A configuration for `vault` as `credential`, with the public cloud's token endpoint, the installed certificate
    /// authorities, [`DEFAULT_CALL_TIMEOUT`] and the machine's clock.
    pub fn new(vault: VaultUrl, credential: Credential) -> Self {
        Self {
            vault,
            authority: AuthorityHost::default(),
            credential,
            trust: Trust::default(),
            call_timeout: DEFAULT_CALL_TIMEOUT,
            clock: Arc::new(SystemClock),
        }
    }
}

/// The address of a vault: `https://<vault>.<domain>[:port]`.
#[derive(Clone, PartialEq, Eq)]
pub struct VaultUrl(Url);

impl VaultUrl {
    /// The vault called `name` in Azure's public cloud: `https://<name>.vault.azure.net`.
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration) if Azure cannot have a vault of that name: 3 to 24 letters, digits and
    /// single hyphens, first a letter, last no hyphen
    /// (<https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules#microsoftkeyvault>).
    pub fn from_vault_name(name: &str) -> Result<Self> {
        Self::from_name_in(name, "vault.azure.net")
    }

    /// The vault called `name` in the cloud that keeps its vaults below `domain`.
    pub(super) fn from_name_in(name: &str, domain: &str) -> Result<Self> {
        let legal = (3..=24).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && name.starts_with(|first: char| first.is_ascii_alphabetic())
            && !name.ends_with('-')
            && !name.contains("--");
        if !legal {
            let hint = "3 to 24 letters, digits and single hyphens, beginning with a letter; for another host give the \
                        vault's URL";
            return Err(configuration(format!("{name:?} is not the name of a Key Vault")).with_hint(hint));
        }
        format!("https://{}.{domain}", name.to_ascii_lowercase()).parse()
    }

    /// The host, without a port.
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    pub(super) fn url(&self) -> &Url {
        &self.0
    }
}

impl FromStr for VaultUrl {
    type Err = Error;

    /// Takes an `https` URL with a host of at least two labels, and nothing else: no user, path, query or fragment.
    fn from_str(text: &str) -> Result<Self> {
        let url = https_origin("vault URL", text)?;
        let host = url.host_str().unwrap_or_default();
        let address = host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
        if address || !host.trim_matches('.').contains('.') {
            let hint = "a vault is told apart by its host, and its tokens are bound to the domain above it";
            return Err(configuration(format!("the vault URL {url} names no host like <vault>.<domain>"))
                .with_hint(hint));
        }
        if host.ends_with('.') {
            return Err(configuration(format!("the host of the vault URL {url} ends in a dot"))
                .with_hint("leave the dot out: certificates and tokens are for the name without it"));
        }
        Ok(Self(url))
    }
}

impl fmt::Display for VaultUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

impl fmt::Debug for VaultUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The host that gives out tokens: Microsoft Entra ID's, a sovereign cloud's, or one's own.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthorityHost(Url);

impl AuthorityHost {
    /// Azure's public cloud.
    pub const PUBLIC_CLOUD: &str = "https://login.microsoftonline.com";

    /// `AZURE_AUTHORITY_HOST` of an environment, else the public cloud.
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration) if the variable is no `https` URL.
    pub fn from_environment(variable: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        match variable("AZURE_AUTHORITY_HOST").filter(|text| !text.is_empty()) {
            Some(text) => text.parse(),
            None => Ok(Self::default()),
        }
    }

    /// The host, without a port.
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    pub(super) fn url(&self) -> &Url {
        &self.0
    }
}

impl Default for AuthorityHost {
    #[allow(clippy::expect_used, reason = "a constant, and a test parses it")]
    fn default() -> Self {
        Self::PUBLIC_CLOUD.parse().expect("the public cloud's URL is well formed")
    }
}

impl FromStr for AuthorityHost {
    type Err = Error;

    /// Takes an `https` URL, or a bare host as Microsoft's tables write it (`login.microsoftonline.us`).
    fn from_str(text: &str) -> Result<Self> {
        let url = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
        https_origin("authority host", &url).map(Self)
    }
}

impl fmt::Display for AuthorityHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

impl fmt::Debug for AuthorityHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Parses a URL of which only scheme, host and port may be there. What is wrong is said without repeating the text, which
/// may hold a password in front of the host.
fn https_origin(what: &str, text: &str) -> Result<Url> {
    let url = Url::parse(text.trim())
        .map_err(|error| configuration(format!("the {what} is not a URL: {error}")))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            configuration(format!("the {what} holds a user name or password")).with_hint("leave it out")
        );
    }
    if url.scheme() != "https" {
        let message = format!("the {what} {url} does not begin with https://");
        return Err(configuration(message).with_hint("tokens are never sent without TLS"));
    }
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        let origin = url.origin().ascii_serialization();
        return Err(
            configuration(format!("the {what} has more than a host")).with_hint(format!("write {origin}"))
        );
    }
    Ok(url)
}

fn configuration(message: String) -> Error {
    Error::new(ErrorKind::Configuration, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vault_name_stands_for_a_host_of_the_public_cloud() {
        assert_eq!(
            VaultUrl::from_vault_name("Sales-1").unwrap().to_string(),
            "https://sales-1.vault.azure.net"
        );
    }

    #[test]
    fn names_that_azure_cannot_have_are_refused() {
        for name in
            ["", "ab", "1ab", "a_b", "ab-", "a--b", "a.b", "abcdefghijklmnopqrstuvwxy", "evil.example/a"]
        {
            assert!(VaultUrl::from_vault_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_vault_url_is_https_with_a_host_below_a_domain_and_nothing_else() {
        let with_port: VaultUrl = "https://v1.vault.localhost:8443/".parse().unwrap();
        assert_eq!(with_port.to_string(), "https://v1.vault.localhost:8443");
        for text in [
            "http://v1.vault.azure.net",
            "v1.vault.azure.net",
            "https://localhost:8443",
            "https://127.0.0.1:8443",
            "https://[::1]:8443",
            "https://v1.vault.azure.net/secrets",
            "https://v1.vault.azure.net/?a=b",
            "https://v1.vault.azure.net/#a",
            "https://v1.vault.azure.net.",
            "https://2130706433",
            "https://0x7f.1",
            "",
        ] {
            assert_eq!(text.parse::<VaultUrl>().unwrap_err().kind(), ErrorKind::Configuration, "{text}");
        }
    }

    #[test]
    fn a_password_in_a_url_is_refused_and_not_repeated() {
        let error = "https://me:hunter2@v1.vault.azure.net".parse::<VaultUrl>().unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }

    #[test]
    fn an_authority_can_be_a_bare_host_and_defaults_to_the_public_cloud() {
        let bare: AuthorityHost = "login.microsoftonline.us".parse().unwrap();
        assert_eq!(bare.to_string(), "https://login.microsoftonline.us");
        let unset = AuthorityHost::from_environment(&|_| Some(String::new())).unwrap();
        assert_eq!(unset.to_string(), AuthorityHost::PUBLIC_CLOUD);
        assert!("http://login.example".parse::<AuthorityHost>().is_err());
    }
}
