//! Names as Azure Key Vault takes them.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

/// The name of a secret: 1 to 127 of `[0-9A-Za-z-]`
/// (<https://learn.microsoft.com/azure/key-vault/general/about-keys-secrets-certificates>).
///
/// Names compare without case, as the service does, and keep the case in which they were written.
#[derive(Clone)]
pub struct SecretName(String);

/// Why a text is not a [`SecretName`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// Nothing at all.
    #[error("a secret's name cannot be empty")]
    Empty,
    /// More than [`SecretName::MAX_LENGTH`] characters.
    #[error("a secret's name has at most 127 characters, this one has {0}")]
    TooLong(usize),
    /// A character outside the alphabet.
    #[error("a secret's name is made of letters, digits and hyphens (a-z, A-Z, 0-9, -), not of {0:?}")]
    Character(char),
}

impl SecretName {
    /// The longest name, in characters.
    pub const MAX_LENGTH: usize = 127;

    /// Checks `text` and takes it as a name.
    ///
    /// # Errors
    /// [`InvalidName`] says what is wrong with it. The text itself is not in the error: it may be a misplaced password.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidName> {
        let text = text.into();
        if text.is_empty() {
            return Err(InvalidName::Empty);
        }
        if let Some(wrong) = text.chars().find(|c| !(c.is_ascii_alphanumeric() || *c == '-')) {
            return Err(InvalidName::Character(wrong));
        }
        if text.len() > Self::MAX_LENGTH {
            return Err(InvalidName::TooLong(text.len()));
        }
        Ok(Self(text))
    }

    /// The name as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name in lower case: what two names are compared by, and the key of a table of names.
    pub fn key(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl PartialEq for SecretName {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for SecretName {}

impl PartialOrd for SecretName {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for SecretName {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

impl Hash for SecretName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for byte in self.0.bytes() {
            state.write_u8(byte.to_ascii_lowercase());
        }
        state.write_u8(0xff);
    }
}

impl fmt::Debug for SecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for SecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for SecretName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_compare_without_case_and_keep_it() {
        let upper = SecretName::new("Sales-Password").unwrap();
        let lower = SecretName::new("sales-password").unwrap();
        assert_eq!(upper, lower);
        assert_eq!(upper.as_str(), "Sales-Password");
        assert_eq!(std::collections::HashSet::from([upper, lower]).len(), 1);
    }

    #[test]
    fn what_key_vault_refuses_is_refused() {
        assert_eq!(SecretName::new(""), Err(InvalidName::Empty));
        assert_eq!(SecretName::new("a_b"), Err(InvalidName::Character('_')));
        assert_eq!(SecretName::new("ä"), Err(InvalidName::Character('ä')));
        assert_eq!(SecretName::new("a".repeat(128)), Err(InvalidName::TooLong(128)));
        assert!(SecretName::new("a".repeat(127)).is_ok());
    }
}
