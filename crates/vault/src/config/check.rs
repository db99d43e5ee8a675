//! The rules of the file, and what the service works with once they are kept.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;

use super::roles::Unknown;
use super::{
    AdminListen, AuditSettings, Delays, Limits, ManagedIdentity, VaultConfig, VaultSettings, credentials,
    delays, merge, roles,
};
use crate::access::Identities;
use crate::access::{Principal, Principals, Roles};
use crate::directory::stored::Stored;
use crate::error::{Error, Result};

/// A configuration that keeps all rules.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) listen: SocketAddr,
    /// In lower case.
    pub(crate) domain: String,
    pub(crate) tenant: String,
    pub(crate) tenants: Vec<String>,
    /// By name in lower case.
    pub(crate) vaults: BTreeMap<String, VaultSettings>,
    pub(crate) principals: Principals,
    pub(crate) delays: Delays,
    pub(crate) audit: AuditSettings,
    pub(crate) managed_identity: Option<ManagedIdentity>,
    pub(crate) identities: Identities,
    pub(crate) limits: Limits,
    pub(crate) admin: AdminListen,
    /// How long a key signs tokens.
    pub(crate) signing_key_days: u32,
}

impl VaultConfig {
    /// Checks all rules.
    pub(crate) fn check(&self) -> Result<Checked> {
        self.check_all(&Stored::default(), Unknown::Refused)
    }

    /// Checks all rules but those that ask what else there is: vaults and roles that the file does not know may have been
    /// made at run time.
    pub(crate) fn check_alone(&self) -> Result<Checked> {
        self.check_all(&Stored::default(), Unknown::PassedOver)
    }

    /// Checks all rules together with what the store keeps.
    pub(crate) fn check_with(&self, stored: &Stored) -> Result<Checked> {
        self.check_all(stored, Unknown::Refused)
    }

    fn check_all(&self, stored: &Stored, unknown: Unknown) -> Result<Checked> {
        let domain = self.domain.to_ascii_lowercase();
        check_domain(&domain)?;
        check_tenant("tenant", &self.tenant)?;
        self.tenants.iter().try_for_each(|tenant| check_tenant("tenants", tenant))?;
        self.audit.check()?;
        let mut vaults = check_vaults(&self.vaults)?;
        let mut roles = Roles::default();
        roles::define(&mut roles, &self.roles)?;
        merge::vaults(&mut vaults, &stored.vaults)?;
        merge::roles(&mut roles, &stored.roles)?;
        let mut principals = check_principals(self, &vaults, &roles, unknown)?;
        merge::principals(&mut principals, &self.principals, &stored.principals, &vaults, &roles)?;
        let principals = Principals::new(principals);
        self.limits.check()?;
        if !(2..=3650).contains(&self.signing_key_days) {
            return Err(Error::configuration(format!(
                "signingKeyDays is {}, it must be from 2 to 3650",
                self.signing_key_days
            )));
        }
        let (listen, tenant) = (self.listen_address()?, self.tenant.to_ascii_lowercase());
        let (managed_identity, identities) = match &self.managed_identity {
            Some(section) => {
                (Some(section.check(listen)?), section.identities(&self.principals, &principals, &tenant)?)
            }
            None => (None, Identities::default()),
        };
        Ok(Checked {
            listen,
            domain,
            tenant,
            managed_identity,
            identities,
            limits: self.limits.clone(),
            signing_key_days: self.signing_key_days,
            admin: AdminListen::check(self.admin_listen.as_deref(), listen)?,
            tenants: self.tenants.clone(),
            vaults,
            principals,
            delays: delays::check(self)?,
            audit: self.audit.clone(),
        })
    }

    /// The address to listen on.
    pub(crate) fn listen_address(&self) -> Result<SocketAddr> {
        self.listen.parse().map_err(|_| {
            Error::configuration(format!("listen: {:?} is not an IP address and a port", self.listen))
                .with_hint("write it like 127.0.0.1:8443 or [::1]:8443")
        })
    }
}

fn check_domain(domain: &str) -> Result<()> {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    // A vault's name and its dot come in front, and a DNS name ends at 253 characters.
    if domain.len() > 220 || !domain.split('.').all(label) || domain.parse::<std::net::Ipv4Addr>().is_ok() {
        return Err(Error::configuration(format!("domain: {domain:?} is not a DNS name"))
            .with_hint("write it like vault.localhost"));
    }
    Ok(())
}

/// Tenants are ids or domain names; Entra ID has no other form, and the text becomes part of URLs.
fn is_tenant(tenant: &str) -> bool {
    (1..=128).contains(&tenant.len())
        && tenant.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
        && tenant.bytes().any(|byte| byte.is_ascii_alphanumeric())
}

fn check_tenant(key: &str, tenant: &str) -> Result<()> {
    // Entra ID's paths have these words in the place of a tenant.
    let reserved =
        ["common", "organizations", "consumers"].iter().any(|word| tenant.eq_ignore_ascii_case(word));
    if is_tenant(tenant) && !reserved {
        return Ok(());
    }
    Err(Error::configuration(format!("{key}: {tenant:?} is not a tenant id"))
        .with_hint("write an id, a domain name, or adfs"))
}

/// Azure's rules but for the lower bound of three characters
/// (<https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules#microsoftkeyvault>).
fn vault_name_fault(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        return Some("is empty");
    }
    if name.len() > 24 {
        return Some("has more than 24 characters");
    }
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        return Some("has characters other than letters, digits and hyphens");
    }
    if !name.starts_with(|first: char| first.is_ascii_alphabetic()) {
        return Some("does not start with a letter");
    }
    if name.ends_with('-') || name.contains("--") {
        return Some("has a hyphen at its end or two in a row");
    }
    None
}

/// Checks what is said about one vault.
pub(crate) fn check_vault(vault: &VaultSettings) -> Result<()> {
    let name = &vault.name;
    if let Some(fault) = vault_name_fault(name) {
        return Err(Error::configuration(format!("vaults: the name {name:?} {fault}")).with_hint(
            "a vault's name is part of a host name: up to 24 letters, digits and hyphens, a letter first",
        ));
    }
    let days = vault.soft_delete_retention_in_days;
    if !(7..=90).contains(&days) {
        return Err(Error::configuration(format!(
            "vaults: softDeleteRetentionInDays of {name:?} is {days}, it must be from 7 to 90"
        )));
    }
    Ok(())
}

fn check_vaults(vaults: &[VaultSettings]) -> Result<BTreeMap<String, VaultSettings>> {
    let mut checked = BTreeMap::new();
    for vault in vaults {
        check_vault(vault)?;
        if checked.insert(vault.name.to_ascii_lowercase(), vault.clone()).is_some() {
            return Err(Error::configuration(format!("vaults: {:?} is there twice", vault.name))
                .with_hint("names of vaults compare without case"));
        }
    }
    Ok(checked)
}

/// An id is what stands in token requests and messages.
pub(crate) fn check_client_id(name: &str, id: &str) -> Result<()> {
    if is_tenant(id) {
        return Ok(());
    }
    Err(Error::configuration(format!("principals: the clientId of {name:?} is not an id"))
        .with_hint("it is a UUID, or another word of letters, digits, hyphens, dots and underscores"))
}

fn check_principals(
    config: &VaultConfig,
    vaults: &BTreeMap<String, VaultSettings>,
    roles: &Roles,
    unknown: Unknown,
) -> Result<Vec<Principal>> {
    let mut names = HashMap::new();
    let mut checked: Vec<Principal> = Vec::with_capacity(config.principals.len());
    for settings in &config.principals {
        let name = &settings.name;
        if name.trim().is_empty() {
            return Err(Error::configuration("principals: one has an empty name"));
        }
        if names.insert(name.clone(), ()).is_some() {
            return Err(Error::configuration(format!("principals: {name:?} is there twice")));
        }
        let id = &settings.client_id;
        check_client_id(name, id)?;
        if let Some(other) = checked.iter().find(|other| other.client_id.eq_ignore_ascii_case(id)) {
            return Err(Error::configuration(format!(
                "principals: {:?} and {name:?} have the same clientId {id}",
                other.name
            )));
        }
        let mut principal =
            Principal::new(name, id, credentials::check(settings, config.is_managed_identity(name))?);
        let vaults = || vaults.values().map(|vault| vault.name.as_str());
        roles::assign(&mut principal, &settings.roles, vaults(), roles, unknown)?;
        checked.push(principal);
    }
    Ok(checked)
}

#[cfg(test)]
mod tests {
    use strongroom_secrets::SecretValue;

    use super::super::{ManagedIdentitySettings, PrincipalSettings, RoleAssignment};
    use super::*;

    fn valid() -> VaultConfig {
        VaultConfig {
            vaults: vec![VaultSettings::named("v1")],
            principals: vec![PrincipalSettings {
                name: "server".into(),
                client_id: "11111111-1111-1111-1111-111111111111".into(),
                client_secret: Some(SecretValue::new("hunter2")),
                roles: vec![RoleAssignment::new("V1", "key vault secrets officer")],
                ..PrincipalSettings::default()
            }],
            ..VaultConfig::default()
        }
    }

    fn fault(change: impl FnOnce(&mut VaultConfig)) -> String {
        let mut config = valid();
        change(&mut config);
        let error = config.check().unwrap_err();
        assert!(error.is_usage());
        let message = error.to_string();
        assert!(!message.contains("hunter2"), "{message}");
        message
    }

    #[test]
    fn names_of_vaults_and_roles_compare_without_case() {
        let checked = valid().check().unwrap();
        assert!(checked.vaults.contains_key("v1"));
    }

    #[test]
    fn a_managed_identity_needs_no_secret_and_must_be_a_principal() {
        let mut config = valid();
        config.principals[0].client_secret = None;
        let named = |name: &str| ManagedIdentitySettings {
            system_assigned: Some(name.to_owned()),
            ..ManagedIdentitySettings::default()
        };
        config.managed_identity = Some(named("server"));
        config.check().unwrap();
        let unknown = fault(|c| c.managed_identity = Some(named("sever")));
        assert!(unknown.contains("\"sever\"") && unknown.contains("did you mean \"server\"?"), "{unknown}");
    }

    #[test]
    fn each_broken_rule_has_its_own_message() {
        let cases: Vec<(String, &str)> = vec![
            (
                fault(|c| c.listen = "localhost".into()),
                "listen: \"localhost\" is not an IP address and a port",
            ),
            (fault(|c| c.domain = "a..b".into()), "domain: \"a..b\" is not a DNS name"),
            (fault(|c| c.domain = "127.0.0.1".into()), "is not a DNS name"),
            (fault(|c| c.tenant = "a/b".into()), "tenant: \"a/b\" is not a tenant id"),
            (fault(|c| c.tenants = vec!["Common".into()]), "tenants: \"Common\" is not a tenant id"),
            (fault(|c| c.vaults[0].name = "1v".into()), "does not start with a letter"),
            (fault(|c| c.vaults[0].name = "v--1".into()), "two in a row"),
            (fault(|c| c.vaults[0].name = "v".repeat(25)), "more than 24"),
            (fault(|c| c.vaults[0].name = "v.1".into()), "other than letters"),
            (fault(|c| c.vaults.push(VaultSettings::named("V1"))), "\"V1\" is there twice"),
            (fault(|c| c.vaults[0].soft_delete_retention_in_days = 6), "is 6, it must be from 7 to 90"),
            (fault(|c| c.vaults[0].soft_delete_retention_in_days = 91), "is 91, it must be from 7 to 90"),
            (
                fault(|c| c.delete_delay_seconds = 3601),
                "deleteDelaySeconds is 3601, it must be from 0 to 3600",
            ),
            (fault(|c| c.recover_delay_seconds = 3601), "recoverDelaySeconds is 3601"),
            (fault(|c| c.principals[0].roles[0].vault = "v2".into()), "did you mean \"v1\"?"),
            (
                fault(|c| c.principals[0].roles[0].role = "Key Vault Secret User".into()),
                "Key Vault Secrets User",
            ),
            (fault(|c| c.principals[0].client_id = "a b".into()), "clientId of \"server\" is not an id"),
            (fault(|c| c.principals[0].client_secret = None), "\"server\" has no client secret"),
            (
                fault(|c| c.principals[0].client_secret = Some("".into())),
                "client secret of \"server\" is empty",
            ),
            (fault(|c| c.limits.connections = 0), "connections is 0"),
            (fault(|c| c.signing_key_days = 1), "signingKeyDays is 1, it must be from 2 to 3650"),
            (fault(|c| c.limits.idle_seconds = 0), "idleSeconds is 0, it must be from 1 to 3600"),
            (fault(|c| c.principals.push(c.principals[0].clone())), "\"server\" is there twice"),
            (
                fault(|c| {
                    let mut other = c.principals[0].clone();
                    other.name = "other".into();
                    c.principals.push(other);
                }),
                "have the same clientId",
            ),
        ];
        for (message, part) in cases {
            assert!(message.contains(part), "{message:?} does not contain {part:?}");
        }
    }
}
