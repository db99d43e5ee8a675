//! A secret's value: wiped when dropped, and impossible to print by accident.

use std::fmt;

use zeroize::{Zeroize, Zeroizing};

/// The text that a secret holds.
///
/// It has no `Display` and no `Serialize`, and its `Debug` shows nothing, not even the length. [`SecretValue::expose`] is
/// the only way to the text; each call is a place to look at in a review.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SecretValue(Zeroizing<String>);

impl SecretValue {
    /// The largest value that Azure Key Vault stores, in bytes of UTF-8
    /// (<https://learn.microsoft.com/azure/key-vault/secrets/about-secrets>: 25 KB).
    pub const MAX_BYTES: usize = 25_600;

    /// Takes ownership of `text`; the text is wiped when the value is dropped.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text itself. Hand it to what needs it, and to nothing else.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Length in bytes of UTF-8.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the text is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Compares in a time that depends on the lengths only, for values that a caller presents.
    pub fn matches(&self, other: &Self) -> bool {
        aws_lc_rs::constant_time::verify_slices_are_equal(self.0.as_bytes(), other.0.as_bytes()).is_ok()
    }
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretValue(***)")
    }
}

impl From<String> for SecretValue {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<&str> for SecretValue {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl Zeroize for SecretValue {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}

impl<'de> serde::Deserialize<'de> for SecretValue {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_neither_text_nor_length() {
        assert_eq!(format!("{:?}", SecretValue::new("hunter2")), "SecretValue(***)");
        assert_eq!(format!("{:?}", SecretValue::default()), "SecretValue(***)");
    }
}
