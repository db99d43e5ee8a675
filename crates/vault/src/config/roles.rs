//! What principals may do: the sections `roles`, and the `roles` of each principal.

use serde::{Deserialize, Serialize};
use strongroom_secrets::SecretName;

use super::suggest;
use crate::access::{Action, Actions, Principal, Roles};
use crate::error::{Error, Result};

/// A role of one's own.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RoleSettings {
    /// Its name, another than those of Azure's roles.
    pub name: String,
    /// What it grants: Azure's data actions for secrets, with asterisks as Azure takes them.
    pub actions: Vec<String>,
}

/// One role in one vault.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RoleAssignment {
    /// The vault's name.
    pub vault: String,
    /// The role's name, or the id that Azure gave to it.
    pub role: String,
    /// The one secret that it is for; all of the vault's, if there is none. Listings need a role for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

impl RoleAssignment {
    /// A role for all secrets of a vault.
    pub fn new(vault: impl Into<String>, role: impl Into<String>) -> Self {
        Self { vault: vault.into(), role: role.into(), secret: None }
    }
}

/// What becomes of a vault or role that an assignment names and that is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unknown {
    Refused,
    PassedOver,
}

/// Checks roles of one's own and adds them to all that there are.
pub(crate) fn define(roles: &mut Roles, settings: &[RoleSettings]) -> Result<()> {
    for RoleSettings { name, actions } in settings {
        if name.trim().is_empty() {
            return Err(Error::configuration("roles: one has an empty name"));
        }
        let mut granted = Actions::default();
        for action in actions {
            let found = Actions::matching(action).ok_or_else(|| {
                Error::configuration(format!(
                    "roles: {name:?} names an action {action:?}, which does not exist"
                ))
                .with_hint(suggest(action, Action::ALL.iter().map(|action| action.name())))
            })?;
            granted = granted.and(found);
        }
        if actions.is_empty() {
            return Err(Error::configuration(format!("roles: {name:?} grants no action"))
                .with_hint("name one, such as Microsoft.KeyVault/vaults/secrets/getSecret/action"));
        }
        roles.define(name, granted).map_err(|_| {
            Error::configuration(format!("roles: there is a role {name:?} already"))
                .with_hint("names of roles compare without case; Azure's own cannot be defined anew")
        })?;
    }
    Ok(())
}

/// Grants a principal what its assignments say.
pub(super) fn assign<'a>(
    principal: &mut Principal,
    assignments: &[RoleAssignment],
    vaults: impl Iterator<Item = &'a str> + Clone,
    roles: &Roles,
    unknown: Unknown,
) -> Result<()> {
    let name = principal.name.clone();
    for RoleAssignment { vault, role, secret } in assignments {
        if !vaults.clone().any(|known| known.eq_ignore_ascii_case(vault)) {
            if unknown == Unknown::PassedOver {
                continue;
            }
            return Err(Error::configuration(format!(
                "principals: {name:?} has a role in the vault {vault:?}, which is not in the list of vaults"
            ))
            .with_hint(suggest(vault, vaults)));
        }
        let actions = match roles.find(role) {
            Some(actions) => actions,
            None if unknown == Unknown::PassedOver => continue,
            None => {
                return Err(Error::configuration(format!(
                    "principals: {name:?} has a role {role:?}, which does not exist"
                ))
                .with_hint(suggest(role, roles.names())));
            }
        };
        if let Some(Err(error)) = secret.as_deref().map(SecretName::new) {
            return Err(Error::configuration(format!(
                "principals: {name:?} has a role for a secret whose name is not legal: {error}"
            )));
        }
        principal.grant(&vault.to_ascii_lowercase(), secret.as_deref(), actions);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{BuiltIn, Credentials, Scope};

    fn role(name: &str, actions: &[&str]) -> RoleSettings {
        RoleSettings {
            name: name.into(),
            actions: actions.iter().map(|action| (*action).to_owned()).collect(),
        }
    }

    fn define(settings: &[RoleSettings]) -> Result<Roles> {
        let mut roles = Roles::default();
        super::define(&mut roles, settings).map(|()| roles)
    }

    fn assign(principal: &mut Principal, assignments: &[RoleAssignment]) -> Result<()> {
        super::assign(principal, assignments, ["v1"].into_iter(), &Roles::default(), Unknown::Refused)
    }

    fn fault(settings: RoleSettings) -> String {
        let error = define(&[settings]).unwrap_err();
        assert!(error.is_usage());
        error.to_string()
    }

    #[test]
    fn actions_and_asterisks_add_up() {
        let settings = [role(
            "Carrier",
            &[
                "Microsoft.KeyVault/vaults/secrets/*ackup/action",
                "Microsoft.KeyVault/vaults/secrets/restore/*",
            ],
        )];
        let roles = define(&settings).unwrap();
        assert_eq!(roles.find("carrier"), Some(Actions::of(&[Action::Backup, Action::Restore])));
    }

    #[test]
    fn each_broken_rule_has_its_own_message() {
        let every = "Microsoft.KeyVault/vaults/secrets/*";
        for (message, part) in [
            (
                fault(role("r", &["Microsoft.KeyVault/vaults/secrets/getSecrets/action"])),
                "did you mean \"Microsoft.KeyVault/vaults/secrets/getSecret/action\"?",
            ),
            (fault(role("r", &["Microsoft.KeyVault/vaults/keys/*"])), "which does not exist"),
            (fault(role(" ", &[every])), "empty name"),
            (fault(role("r", &[])), "grants no action"),
            (fault(role("key vault READER", &[every])), "already"),
        ] {
            assert!(message.contains(part), "{message:?} does not contain {part:?}");
        }
        assert!(define(&[role("r", &[every]), role("R", &[every])]).is_err());
    }

    #[test]
    fn an_assignment_reaches_one_secret_or_all() {
        let mut principal = Principal::new("p", "id", Credentials::default());
        let one = RoleAssignment {
            secret: Some("One".into()),
            ..RoleAssignment::new("V1", BuiltIn::SecretsUser.name())
        };
        let reader = RoleAssignment::new("v1", BuiltIn::Reader.id());
        assign(&mut principal, &[one.clone(), reader]).unwrap();
        assert!(principal.may("v1", Action::Get, Scope::Secret("one")));
        assert!(!principal.may("v1", Action::Get, Scope::Secret("two")));
        assert!(principal.may("v1", Action::ReadMetadata, Scope::Vault));

        let illegal = RoleAssignment { secret: Some("hunter_2".into()), ..one };
        let error = assign(&mut principal, &[illegal]).unwrap_err();
        assert!(!error.to_string().contains("hunter"), "{error}");
    }
}
