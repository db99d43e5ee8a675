//! Azure's own names, for who sends their traffic here: clients whose vault URL is fixed.

use crate::host::Host;
use crate::service::Service;

/// The domain of the real vaults.
pub(crate) const VAULTS: &str = "vault.azure.net";

/// The real token endpoints.
pub(crate) const LOGIN: &str = "login.microsoftonline.com";

/// Whether a name that a client gives in its handshake is one of Azure's that are answered here.
pub(crate) fn is_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name == LOGIN || name.strip_suffix(VAULTS).is_some_and(|label| label.ends_with('.'))
}

impl Service {
    /// The domain that the vault of this host lies under: Azure's, if the client uses it and this service answers to it.
    pub(crate) fn vault_domain(&self, host: &Host) -> &str {
        if self.answers_as_azure && host.is_under(VAULTS) { VAULTS } else { self.domain() }
    }

    /// The name of the token endpoints for a client that calls this host.
    pub(crate) fn login_name(&self, host: &Host) -> String {
        match self.vault_domain(host) {
            VAULTS => LOGIN.to_owned(),
            domain => format!("login.{domain}"),
        }
    }

    /// The names, and all under them, at which the token endpoints are ours.
    pub(crate) fn own_names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.domain()).chain(self.answers_as_azure.then_some(LOGIN))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_vaults_and_of_the_token_endpoints_are_azures() {
        for name in ["v1.vault.azure.net", "V1.Vault.Azure.net", "login.microsoftonline.com"] {
            assert!(is_name(name), "{name}");
        }
        for name in
            ["vault.azure.net", "xvault.azure.net", "azure.net", "management.azure.com", "v1.vault.localhost"]
        {
            assert!(!is_name(name), "{name}");
        }
    }
}
