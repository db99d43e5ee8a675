//! Roles: Azure's own (<https://learn.microsoft.com/azure/role-based-access-control/built-in-roles/security>), and those
//! that a configuration defines.

use std::collections::BTreeMap;

use super::{Action, Actions};

/// A built-in role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum BuiltIn {
    /// Everything with secrets.
    SecretsOfficer,
    /// Reads values and lists.
    SecretsUser,
    /// Lists.
    Reader,
    /// Everything; in Azure with keys and certificates too.
    Administrator,
}

impl BuiltIn {
    pub(crate) const ALL: &[Self] =
        &[Self::SecretsOfficer, Self::SecretsUser, Self::Reader, Self::Administrator];

    /// The role's name in Azure.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::SecretsOfficer => "Key Vault Secrets Officer",
            Self::SecretsUser => "Key Vault Secrets User",
            Self::Reader => "Key Vault Reader",
            Self::Administrator => "Key Vault Administrator",
        }
    }

    /// The id of the role's definition, the same in every tenant.
    pub(crate) const fn id(self) -> &'static str {
        match self {
            Self::SecretsOfficer => "b86a8fe4-44ce-4948-aee5-eccb2c155cd7",
            Self::SecretsUser => "4633458b-17de-408a-b874-0445c86b69e6",
            Self::Reader => "21090545-7ca7-4776-b22c-e363652d74d2",
            Self::Administrator => "00482a5a-887f-4fb3-b363-3b7fe8e74483",
        }
    }

    /// What it grants.
    pub(crate) const fn actions(self) -> Actions {
        match self {
            Self::SecretsOfficer | Self::Administrator => Actions::EVERY,
            Self::SecretsUser => Actions::of(&[Action::Get, Action::ReadMetadata]),
            Self::Reader => Actions::of(&[Action::ReadMetadata]),
        }
    }
}

/// All roles that can be assigned.
#[derive(Debug, Clone, Default)]
pub(crate) struct Roles {
    /// By name in lower case: the name as it was given, and what it grants.
    custom: BTreeMap<String, (String, Actions)>,
}

impl Roles {
    /// Adds a role of the user's own.
    ///
    /// # Errors
    /// If a role of that name exists.
    pub(crate) fn define(&mut self, name: &str, actions: Actions) -> Result<(), NameTaken> {
        if self.find(name).is_some() {
            return Err(NameTaken);
        }
        self.custom.insert(name.to_lowercase(), (name.to_owned(), actions));
        Ok(())
    }

    /// What a role grants, found by name or, for a built-in one, by id; without case.
    pub(crate) fn find(&self, text: &str) -> Option<Actions> {
        BuiltIn::ALL
            .iter()
            .find(|role| text.eq_ignore_ascii_case(role.name()) || text.eq_ignore_ascii_case(role.id()))
            .map(|role| role.actions())
            .or_else(|| self.custom.get(&text.to_lowercase()).map(|(_, actions)| *actions))
    }

    /// The names of all roles.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> + Clone {
        let custom = self.custom.values().map(|(name, _)| name.as_str());
        BuiltIn::ALL.iter().map(|role| role.name()).chain(custom)
    }
}

/// A role of that name exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NameTaken;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_built_in_role_is_found_by_name_and_by_id_and_cannot_be_defined_anew() {
        let mut roles = Roles::default();
        for role in BuiltIn::ALL {
            assert_eq!(roles.find(&role.name().to_lowercase()), Some(role.actions()));
            assert_eq!(roles.find(&role.id().to_uppercase()), Some(role.actions()));
            assert_eq!(roles.define(&role.name().to_uppercase(), Actions::EVERY), Err(NameTaken));
            assert_eq!(roles.define(role.id(), Actions::EVERY), Err(NameTaken));
        }
        assert_eq!(roles.find("Owner"), None);
    }

    #[test]
    fn a_role_of_ones_own_is_found_without_case_and_defined_once() {
        let mut roles = Roles::default();
        let backup = Actions::of(&[Action::Backup]);
        roles.define("Nightly Backup", backup).unwrap();
        assert_eq!(roles.find("nightly backup"), Some(backup));
        assert_eq!(roles.define("NIGHTLY BACKUP", Actions::EVERY), Err(NameTaken));
        assert!(roles.names().any(|name| name == "Nightly Backup"));
    }
}
