//! What was made at run time, put beside what `vault.yaml` says. A name belongs to one of the two.

use std::collections::BTreeMap;

use super::roles::{self, Unknown};
use super::{PrincipalSettings, RoleSettings, VaultSettings, check_federated};
use crate::access::{Certificate, Credentials, Principal, Roles};
use crate::directory::stored::{StoredPrincipal, StoredProof};
use crate::error::{Error, ErrorKind, Result};

fn both(what: &str, name: &str) -> Error {
    Error::configuration(format!("{what} {name:?} stands in vault.yaml, and was made at run time too"))
        .with_hint("take it out of vault.yaml, or give it another name there")
}

/// Adds vaults, by name in lower case.
pub(super) fn vaults(vaults: &mut BTreeMap<String, VaultSettings>, stored: &[VaultSettings]) -> Result<()> {
    for vault in stored {
        if vaults.insert(vault.name.to_ascii_lowercase(), vault.clone()).is_some() {
            return Err(both("the vault", &vault.name));
        }
    }
    Ok(())
}

pub(super) fn roles(roles: &mut Roles, stored: &[RoleSettings]) -> Result<()> {
    stored.iter().try_for_each(|role| {
        if roles.find(&role.name).is_some() {
            return Err(both("the role", &role.name));
        }
        roles::define(roles, std::slice::from_ref(role))
    })
}

/// Adds principals. A role that is gone, or one in a vault that is no longer served, grants nothing.
pub(super) fn principals(
    principals: &mut Vec<Principal>,
    settings: &[PrincipalSettings],
    stored: &[StoredPrincipal],
    vaults: &BTreeMap<String, VaultSettings>,
    roles: &Roles,
) -> Result<()> {
    for made in stored {
        let name = &made.name;
        if settings.iter().any(|known| known.name.eq_ignore_ascii_case(name)) {
            return Err(both("the principal", name));
        }
        if let Some(other) =
            settings.iter().find(|known| known.client_id.eq_ignore_ascii_case(&made.client_id))
        {
            return Err(Error::configuration(format!(
                "the principal {:?} of vault.yaml has the clientId {} of {name:?}, which was made at run time",
                other.name, made.client_id
            ))
            .with_hint("give it another in vault.yaml"));
        }
        let mut principal = Principal::new(name, &made.client_id, credentials(made)?);
        let vaults = vaults.values().map(|vault| vault.name.as_str());
        roles::assign(&mut principal, &made.roles, vaults, roles, Unknown::PassedOver)?;
        principals.push(principal);
    }
    Ok(())
}

fn credentials(made: &StoredPrincipal) -> Result<Credentials> {
    let unusable = |what: String| {
        Error::new(ErrorKind::Database, format!("the principal {:?} of the database {what}", made.name))
    };
    let mut credentials = Credentials::default();
    for secret in &made.secrets {
        match &secret.proof {
            StoredProof::Sha256(text) => credentials
                .add_digest(text, secret.expires)
                .map_err(|()| unusable(format!("has a secret {:?} that cannot be read", secret.id)))?,
            StoredProof::Argon2id(hash) => credentials.add_slow_hash(hash.clone(), secret.expires),
        }
    }
    for pem in &made.certificates {
        credentials
            .add_certificate(Certificate::from_pem(pem.as_bytes()).map_err(|why| unusable(why.to_owned()))?);
    }
    for federated in &made.federated_credentials {
        credentials.add_federated(
            check_federated(federated)
                .map_err(|why| unusable(format!("has a federated credential that {why}")))?,
        );
    }
    Ok(credentials)
}

#[cfg(test)]
mod tests {
    use super::super::{RoleAssignment, VaultConfig};
    use super::*;
    use crate::access::{Action, Scope};
    use crate::directory::stored::Stored;

    fn made(name: &str, client_id: &str, roles: Vec<RoleAssignment>) -> StoredPrincipal {
        StoredPrincipal {
            name: name.into(),
            client_id: client_id.into(),
            created: 0,
            secrets: vec![],
            certificates: vec![],
            federated_credentials: vec![],
            roles,
        }
    }

    fn config() -> VaultConfig {
        VaultConfig {
            vaults: vec![VaultSettings::named("v1")],
            roles: vec![RoleSettings { name: "Own".into(), actions: vec!["*".into()] }],
            principals: vec![PrincipalSettings {
                name: "server".into(),
                client_id: "ID-1".into(),
                client_secret: Some("hunter2".into()),
                roles: vec![],
                ..PrincipalSettings::default()
            }],
            ..VaultConfig::default()
        }
    }

    #[test]
    fn what_stands_in_the_file_and_was_made_too_is_refused() {
        let fault = |stored: Stored| config().check_with(&stored).unwrap_err().to_string();
        let vault = Stored { vaults: vec![VaultSettings::named("V1")], ..Stored::default() };
        assert!(fault(vault).contains("the vault \"V1\" stands in vault.yaml"));
        let role = RoleSettings { name: "OWN".into(), actions: vec!["*".into()] };
        assert!(fault(Stored { roles: vec![role], ..Stored::default() }).contains("the role \"OWN\""));
        let name = Stored { principals: vec![made("Server", "id-2", vec![])], ..Stored::default() };
        assert!(fault(name).contains("the principal \"Server\""));
        let id = Stored { principals: vec![made("other", "id-1", vec![])], ..Stored::default() };
        assert!(fault(id).contains("has the clientId id-1"));
    }

    #[test]
    fn either_side_may_use_what_the_other_has() {
        let mut config = config();
        config.principals[0].roles = vec![RoleAssignment::new("v2", "Made")];
        assert!(config.check().is_err() && config.check_alone().is_ok());
        let stored = Stored {
            vaults: vec![VaultSettings::named("v2")],
            roles: vec![RoleSettings { name: "Made".into(), actions: vec!["*/getSecret/*".into()] }],
            principals: vec![made(
                "m",
                "id-2",
                vec![
                    RoleAssignment::new("v1", "Own"),
                    RoleAssignment::new("gone", "Own"),
                    RoleAssignment::new("v1", "gone"),
                ],
            )],
            ..Stored::default()
        };
        let checked = config.check_with(&stored).unwrap();
        let may = |id: &str, vault| checked.principals.get(id).unwrap().may(vault, Action::Get, Scope::Vault);
        assert!(may("id-1", "v2") && may("id-2", "v1"));
        assert!(!may("id-2", "v2") && !may("id-2", "gone"));
    }
}
