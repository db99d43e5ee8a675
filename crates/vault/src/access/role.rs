//! Roles and actions, as Azure's role-based access control names them
//! (<https://learn.microsoft.com/azure/role-based-access-control/built-in-roles/security>).

/// What a call does to a vault's secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    Set,
    Get,
    Update,
    Delete,
    ReadMetadata,
    Purge,
    Recover,
    #[allow(dead_code, reason = "the operations come next")]
    Backup,
    #[allow(dead_code, reason = "the operations come next")]
    Restore,
}

impl Action {
    /// The data action's name, as a refusal shows it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Set => "Microsoft.KeyVault/vaults/secrets/setSecret/action",
            Self::Get => "Microsoft.KeyVault/vaults/secrets/getSecret/action",
            Self::Update => "Microsoft.KeyVault/vaults/secrets/update/action",
            // The one data action without the suffix.
            Self::Delete => "Microsoft.KeyVault/vaults/secrets/delete",
            Self::ReadMetadata => "Microsoft.KeyVault/vaults/secrets/readMetadata/action",
            Self::Purge => "Microsoft.KeyVault/vaults/secrets/purge/action",
            Self::Recover => "Microsoft.KeyVault/vaults/secrets/recover/action",
            Self::Backup => "Microsoft.KeyVault/vaults/secrets/backup/action",
            Self::Restore => "Microsoft.KeyVault/vaults/secrets/restore/action",
        }
    }
}

/// A built-in role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Role {
    /// Everything with secrets.
    SecretsOfficer,
    /// Reads values and lists.
    SecretsUser,
}

impl Role {
    pub(crate) const ALL: &[Self] = &[Self::SecretsOfficer, Self::SecretsUser];

    /// The role's name in Azure.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::SecretsOfficer => "Key Vault Secrets Officer",
            Self::SecretsUser => "Key Vault Secrets User",
        }
    }

    /// The id of the role's definition, the same in every tenant.
    pub(crate) fn id(self) -> &'static str {
        match self {
            Self::SecretsOfficer => "b86a8fe4-44ce-4948-aee5-eccb2c155cd7",
            Self::SecretsUser => "4633458b-17de-408a-b874-0445c86b69e6",
        }
    }

    /// Finds a role by name or id, without case.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|role| text.eq_ignore_ascii_case(role.name()) || text.eq_ignore_ascii_case(role.id()))
    }

    /// Whether the role grants an action.
    pub(crate) fn grants(self, action: Action) -> bool {
        match self {
            Self::SecretsOfficer => true,
            Self::SecretsUser => matches!(action, Action::Get | Action::ReadMetadata),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_found_by_name_and_by_id() {
        for role in Role::ALL {
            assert_eq!(Role::parse(role.name()), Some(*role));
            assert_eq!(Role::parse(&role.id().to_uppercase()), Some(*role));
        }
        assert_eq!(Role::parse("Owner"), None);
    }
}
