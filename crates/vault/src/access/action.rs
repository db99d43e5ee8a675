//! Actions, as Azure's role-based access control names them
//! (<https://learn.microsoft.com/azure/role-based-access-control/permissions/security#microsoftkeyvault>).

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
    Backup,
    Restore,
}

impl Action {
    pub(crate) const ALL: &[Self] = &[
        Self::Set,
        Self::Get,
        Self::Update,
        Self::Delete,
        Self::ReadMetadata,
        Self::Purge,
        Self::Recover,
        Self::Backup,
        Self::Restore,
    ];

    /// The data action's name, as a refusal shows it.
    pub(crate) const fn name(self) -> &'static str {
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

/// A set of actions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Actions(u16);

impl Actions {
    /// Every action that there is.
    pub(crate) const EVERY: Self = Self::of(Action::ALL);

    pub(crate) const fn of(actions: &[Action]) -> Self {
        let (mut bits, mut at) = (0, 0);
        while at < actions.len() {
            bits |= 1 << actions[at] as u16;
            at += 1;
        }
        Self(bits)
    }

    /// The actions that a name means, which may hold asterisks as Azure's may: each stands for any text. `None` if there is
    /// no such action.
    pub(crate) fn matching(pattern: &str) -> Option<Self> {
        let pattern = pattern.to_ascii_lowercase();
        let found: Vec<_> = Action::ALL
            .iter()
            .copied()
            .filter(|action| matches(&pattern, &action.name().to_ascii_lowercase()))
            .collect();
        (!found.is_empty()).then(|| Self::of(&found))
    }

    pub(crate) const fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// The names of the actions.
    pub(crate) fn names(self) -> impl Iterator<Item = &'static str> {
        Action::ALL.iter().filter(move |action| self.contain(**action)).map(|action| action.name())
    }

    pub(crate) const fn contain(self, action: Action) -> bool {
        self.0 & (1 << action as u16) != 0
    }
}

/// Whether a text is what a pattern with asterisks means. Each asterisk takes as little as it can, which is enough: what
/// follows the last one must end the text.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(first) else { return false };
    let mut rest = rest;
    while let Some((part, further)) = rest.split_once('*') {
        let Some(at) = text.find(part) else { return false };
        text = &text[at + part.len()..];
        rest = further;
    }
    text.ends_with(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_is_found_by_its_name_without_case_and_no_other() {
        for action in Action::ALL {
            assert_eq!(Actions::matching(&action.name().to_uppercase()), Some(Actions::of(&[*action])));
        }
        for unknown in [
            "",
            "getSecret",
            "Microsoft.KeyVault/vaults/secrets/getSecret",
            "Microsoft.KeyVault/vaults/secrets/getSecret/action ",
            "Microsoft.KeyVault/vaults/keys/*",
            "Microsoft.KeyVault/vaults/secrets/get*Secret*x",
        ] {
            assert_eq!(Actions::matching(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn an_asterisk_stands_for_any_text() {
        for every in ["*", "Microsoft.KeyVault/*", "microsoft.keyvault/vaults/secrets/*", "*/secrets/*"] {
            assert_eq!(Actions::matching(every), Some(Actions::EVERY), "{every}");
        }
        let all_but_delete = Actions::matching("Microsoft.KeyVault/vaults/secrets/*/action").unwrap();
        for action in Action::ALL {
            assert_eq!(all_but_delete.contain(*action), *action != Action::Delete, "{action:?}");
        }
        assert_eq!(
            Actions::matching("*/re*e/action"),
            Some(Actions::of(&[Action::Restore])),
            "neither recover nor readMetadata"
        );
    }

    #[test]
    fn a_set_holds_what_was_put_into_it() {
        let set = Actions::of(&[Action::Get]).and(Actions::of(&[Action::Restore]));
        for action in Action::ALL {
            assert_eq!(set.contain(*action), matches!(action, Action::Get | Action::Restore));
            assert!(Actions::EVERY.contain(*action) && !Actions::default().contain(*action));
        }
    }
}
