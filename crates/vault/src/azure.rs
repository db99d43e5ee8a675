//! Azure's own names, for who sends their traffic here: clients whose vault URL is fixed.

/// The domain of the real vaults.
pub(crate) const VAULTS: &str = "vault.azure.net";

/// The real token endpoints.
pub(crate) const LOGIN: &str = "login.microsoftonline.com";

/// Whether a name that a client gives in its handshake is one of Azure's that are answered here.
pub(crate) fn is_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name == LOGIN || name.strip_suffix(VAULTS).is_some_and(|label| label.ends_with('.'))
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
