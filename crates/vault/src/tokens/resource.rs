//! What tokens can be for: the audiences that are known here.

use crate::azure;

/// Key Vault's application id: clients may name it in the place of its address.
const KEY_VAULT_ID: &str = "cfa8b339-82a2-471a-a3c9-0fc0be7a4093";

/// Key Vault's addresses, as the real service is asked for.
const KEY_VAULT: [&str; 2] = ["https://vault.azure.net", KEY_VAULT_ID];

/// Azure Resource Manager's; `az` still asks for the older one.
const RESOURCE_MANAGER: [&str; 3] = [
    "https://management.azure.com",
    "https://management.core.windows.net",
    "797f4846-ba00-4fd7-ba43-dac1f8f63013",
];

/// Other services of Microsoft that stand in every tenant. Nothing here believes these tokens; programs that also use
/// such a service get theirs as they would from Entra ID.
const ELSEWHERE: [&str; 10] = [
    "https://graph.microsoft.com",
    "https://graph.windows.net",
    "https://managedhsm.azure.net",
    "https://storage.azure.com",
    "https://database.windows.net",
    "https://ossrdbms-aad.database.windows.net",
    "https://servicebus.azure.net",
    "https://eventhubs.azure.net",
    "https://azconfig.io",
    "api://azureadtokenexchange",
];

/// Who is to believe a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    /// The vaults.
    KeyVault,
    /// What `az` takes for Azure Resource Manager.
    ResourceManager,
}

impl Audience {
    /// Whether a token's `aud` means it: one of the real service's names, or a name under our domain with whatever port it
    /// is reached at. The challenge calls the vaults' resource `https://<domain>:<port>`.
    pub(crate) fn is(self, audience: &str, domain: &str) -> bool {
        let audience = audience.trim_end_matches('/');
        let named = |names: &[&str]| names.iter().any(|name| audience.eq_ignore_ascii_case(name));
        match self {
            Self::KeyVault => {
                named(&KEY_VAULT)
                    || host(audience).is_some_and(|host| is(host, domain) || is(host, azure::VAULTS))
            }
            Self::ResourceManager => {
                named(&RESOURCE_MANAGER)
                    || host(audience)
                        .and_then(|host| host.split_once('.'))
                        .is_some_and(|(label, rest)| is(label, "management") && is(rest, domain))
            }
        }
    }
}

/// Whether a token can be had for a resource. Entra ID refuses those that no service of the tenant has, which are
/// mostly misspelt.
pub(crate) fn is_known(resource: &str, client_id: &str, domain: &str) -> bool {
    let bare = resource.trim_end_matches('/');
    let own = bare.strip_prefix("api://").unwrap_or(bare);
    Audience::KeyVault.is(resource, domain)
        || Audience::ResourceManager.is(resource, domain)
        || ELSEWHERE.iter().any(|known| bare.eq_ignore_ascii_case(known))
        || host(bare).is_some_and(|host| host.to_ascii_lowercase().ends_with(&format!(".{domain}")))
        || own.eq_ignore_ascii_case(client_id)
}

/// The host name of an `https` address without a path.
fn host(audience: &str) -> Option<&str> {
    let host =
        audience.get(..8).filter(|scheme| scheme.eq_ignore_ascii_case("https://")).map(|_| &audience[8..])?;
    match host.rsplit_once(':') {
        Some((name, port)) => port.parse::<u16>().is_ok().then_some(name),
        None => Some(host),
    }
}

fn is(name: &str, other: &str) -> bool {
    name.eq_ignore_ascii_case(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOMAIN: &str = "vault.localhost";

    #[test]
    fn the_vaults_audience_is_the_real_services_or_the_challenges_resource_at_any_port() {
        for audience in [
            "https://vault.azure.net",
            "https://vault.azure.net/",
            "HTTPS://vault.azure.net",
            KEY_VAULT_ID,
            "https://vault.localhost",
            "https://vault.localhost:8443",
            "https://VAULT.localhost:1/",
        ] {
            assert!(Audience::KeyVault.is(audience, DOMAIN), "{audience}");
            assert!(is_known(audience, "client", DOMAIN), "{audience}");
        }
        for audience in [
            "https://management.azure.com",
            "https://vault.localhost.evil.example",
            "https://vault.localhost:8443:1",
            "https://vault.localhost:x",
            "https://management.vault.localhost",
            "http://vault.localhost",
            "vault.localhost",
            "https://",
            "éhttps://vault.localhost",
            "",
        ] {
            assert!(!Audience::KeyVault.is(audience, DOMAIN), "{audience}");
        }
    }

    #[test]
    fn the_resource_manager_has_its_own_audience() {
        for audience in [
            "https://management.core.windows.net/",
            "https://management.azure.com",
            "https://management.vault.localhost:8443/",
        ] {
            assert!(Audience::ResourceManager.is(audience, DOMAIN), "{audience}");
        }
        for audience in
            ["https://vault.azure.net", "https://management.evil.example", "https://vault.localhost"]
        {
            assert!(!Audience::ResourceManager.is(audience, DOMAIN), "{audience}");
        }
    }

    #[test]
    fn a_resource_that_no_service_has_is_not_known() {
        for resource in [
            "https://graph.microsoft.com",
            "https://storage.azure.com/",
            "api://client",
            "client",
            "https://v1.vault.localhost:8443",
        ] {
            assert!(is_known(resource, "client", DOMAIN), "{resource}");
        }
        for resource in
            ["https://vault.azure.com", "https://vault.azure.net.evil.example", "api://other", "x"]
        {
            assert!(!is_known(resource, "client", DOMAIN), "{resource}");
        }
    }
}
