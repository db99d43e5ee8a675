//! Azure's clouds: where each keeps its vaults, and who gives tokens for them.

use super::{AuthorityHost, VaultUrl};
use crate::{Error, ErrorKind, Result};

/// One of Azure's clouds.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cloud {
    name: &'static str,
    /// What stands behind a vault's name.
    vaults: &'static str,
    /// The hosts that give tokens, the one to ask first.
    authorities: &'static [&'static str],
}

/// Every cloud, the public one first.
static CLOUDS: [Cloud; 3] = [
    Cloud {
        name: "Azure's public cloud",
        vaults: "vault.azure.net",
        authorities: &[
            "login.microsoftonline.com",
            "login.microsoft.com",
            "login.windows.net",
            "sts.windows.net",
        ],
    },
    Cloud {
        name: "Azure Government",
        vaults: "vault.usgovcloudapi.net",
        authorities: &["login.microsoftonline.us", "login-us.microsoftonline.com"],
    },
    Cloud {
        name: "Azure in China",
        vaults: "vault.azure.cn",
        authorities: &["login.chinacloudapi.cn", "login.partner.microsoftonline.cn"],
    },
];

impl VaultUrl {
    /// The cloud of Azure's that the vault is in; none, if it is not one of Azure's.
    pub(super) fn cloud(&self) -> Option<&'static Cloud> {
        let domain = self.host().split_once('.')?.1;
        CLOUDS.iter().find(|cloud| cloud.vaults == domain)
    }
}

impl AuthorityHost {
    fn cloud(&self) -> Option<&'static Cloud> {
        CLOUDS.iter().find(|cloud| cloud.authorities.contains(&self.host()))
    }
}

/// Which vault, and where tokens for it come from, as a configuration or an environment says it. A vault is named by its URL
/// or, within a cloud of Azure's, by its name; what is not said of the cloud follows from the rest.
///
/// # Errors
/// [`Configuration`](ErrorKind::Configuration) if neither is given, if a part cannot be right, or if the vault is in one of
/// Azure's clouds and the authority in another.
pub fn locate(
    url: Option<&str>,
    name: Option<&str>,
    authority: Option<&str>,
) -> Result<(VaultUrl, AuthorityHost)> {
    let authority: Option<AuthorityHost> = authority.map(str::parse).transpose()?;
    let vault = match (url, name) {
        (Some(url), _) => url.parse()?,
        (None, Some(name)) => {
            let cloud = authority.as_ref().and_then(AuthorityHost::cloud).unwrap_or(&CLOUDS[0]);
            VaultUrl::from_name_in(name, cloud.vaults)?
        }
        (None, None) => {
            return Err(Error::new(ErrorKind::Configuration, "no vault is named")
                .with_hint("give a vault's name or its URL"));
        }
    };
    let (at, by) = (vault.cloud(), authority.as_ref().and_then(AuthorityHost::cloud));
    if let (Some(at), Some(by)) = (at, by)
        && at != by
    {
        let message = format!("the vault {vault} is in {}, but tokens come from {}", at.name, by.name);
        let hint = format!("set AZURE_AUTHORITY_HOST to https://{}, or leave it out", at.authorities[0]);
        return Err(Error::new(ErrorKind::Configuration, message).with_hint(hint));
    }
    let authority = match (authority, at) {
        (Some(authority), _) => authority,
        (None, Some(cloud)) => cloud.authorities[0].parse()?,
        (None, None) => AuthorityHost::default(),
    };
    Ok((vault, authority))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn located(url: Option<&str>, name: Option<&str>, authority: Option<&str>) -> (String, String) {
        let (vault, authority) = locate(url, name, authority).unwrap();
        (vault.to_string(), authority.to_string())
    }

    #[test]
    fn a_name_leads_to_the_cloud_of_the_authority() {
        for (authority, domain) in [
            (None, "vault.azure.net"),
            (Some("https://login.microsoftonline.com/"), "vault.azure.net"),
            (Some("login.microsoftonline.us"), "vault.usgovcloudapi.net"),
            (Some("https://login.chinacloudapi.cn"), "vault.azure.cn"),
            (Some("https://login.partner.microsoftonline.cn"), "vault.azure.cn"),
            (Some("https://login.example"), "vault.azure.net"),
        ] {
            assert_eq!(located(None, Some("sales"), authority).0, format!("https://sales.{domain}"));
        }
    }

    #[test]
    fn an_authority_that_is_not_named_is_that_of_the_vaults_cloud() {
        for (url, authority) in [
            ("https://sales.vault.azure.net", "https://login.microsoftonline.com"),
            ("https://sales.vault.usgovcloudapi.net", "https://login.microsoftonline.us"),
            ("https://SALES.vault.azure.cn/", "https://login.chinacloudapi.cn"),
            ("https://sales.vault.example", "https://login.microsoftonline.com"),
        ] {
            assert_eq!(located(Some(url), None, None).1, authority, "{url}");
        }
    }

    #[test]
    fn a_url_wins_over_a_name_and_an_authority_of_ones_own_is_kept() {
        let own = located(
            Some("https://v1.vault.localhost:8443"),
            Some("sales"),
            Some("https://login.vault.localhost:8443"),
        );
        assert_eq!(own.0, "https://v1.vault.localhost:8443");
        assert_eq!(own.1, "https://login.vault.localhost:8443");
    }

    #[test]
    fn a_vault_and_an_authority_of_different_clouds_are_refused() {
        let error = locate(Some("https://sales.vault.azure.cn"), None, Some("login.microsoftonline.com"));
        let error = error.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains("login.chinacloudapi.cn"), "{error}");
        assert!(locate(None, None, None).is_err());
    }
}
