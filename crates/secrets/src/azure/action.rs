//! What is done with secrets, and what it takes to be allowed to.

use crate::SecretName;

/// How a refusal by a vault's own access policies is told from one by roles.
pub(super) const POLICIES: &str = "goes by access policies";

/// Something that is done with a vault's secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Get,
    Set,
    Update,
    List,
    GetDeleted,
    Delete,
    Recover,
    Purge,
}

impl Action {
    #[cfg(test)]
    pub(super) const ALL: [Self; 8] = [
        Self::Get,
        Self::Set,
        Self::Update,
        Self::List,
        Self::GetDeleted,
        Self::Delete,
        Self::Recover,
        Self::Purge,
    ];

    /// The data action of Azure's roles that allows it
    /// (<https://learn.microsoft.com/azure/role-based-access-control/permissions/security#microsoftkeyvault>).
    fn data_action(self) -> &'static str {
        match self {
            Self::Get => "Microsoft.KeyVault/vaults/secrets/getSecret/action",
            Self::Set => "Microsoft.KeyVault/vaults/secrets/setSecret/action",
            Self::Update => "Microsoft.KeyVault/vaults/secrets/update/action",
            Self::List | Self::GetDeleted => "Microsoft.KeyVault/vaults/secrets/readMetadata/action",
            Self::Delete => "Microsoft.KeyVault/vaults/secrets/delete",
            Self::Recover => "Microsoft.KeyVault/vaults/secrets/recover/action",
            Self::Purge => "Microsoft.KeyVault/vaults/secrets/purge/action",
        }
    }

    /// The secret permission of a vault's own access policies that allows it, where a vault goes by these.
    fn permission(self) -> &'static str {
        match self {
            Self::Get | Self::GetDeleted => "get",
            Self::Set | Self::Update => "set",
            Self::List => "list",
            Self::Delete => "delete",
            Self::Recover => "recover",
            Self::Purge => "purge",
        }
    }

    /// Which role to ask for.
    pub(super) fn role_hint(self) -> String {
        let role = match self {
            Self::Get | Self::List | Self::GetDeleted => {
                "Key Vault Secrets User (or Key Vault Secrets Officer, to write too)"
            }
            Self::Set | Self::Update | Self::Delete | Self::Recover | Self::Purge => {
                "Key Vault Secrets Officer"
            }
        };
        let action = self.data_action();
        let hint = format!(
            "give the identity the role {role} on this vault, which grants {action}; a new assignment takes some minutes"
        );
        match self {
            Self::Recover => hint + ". Or have somebody who has it recover the secret",
            _ => hint,
        }
    }

    /// Which access policy to ask for.
    pub(super) fn policy_hint(self) -> String {
        format!(
            "this vault {POLICIES}, not by roles: add the secret permission {} for the identity to them",
            self.permission()
        )
    }
}

/// What to do about a name that a soft-deleted secret holds.
pub(super) fn recover_hint(name: &SecretName) -> String {
    format!(
        "recover it, as `strongroom vault recover {name}` does with the role Key Vault Secrets Officer, or purge it"
    )
}
