//! What the fields hold, and which key opens what.

use super::{Field, Holds, Tally};

/// What the secret fields hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contents {
    /// All fields.
    pub fields: u64,
    /// Values that are encrypted.
    pub encrypted: u64,
    /// Values that stand in clear text.
    pub clear: Tally,
    /// References.
    pub references: u64,
    /// By key, in the order of the setting: how many tokens it opens.
    pub opened: Vec<u64>,
    /// Tokens that no key opens.
    pub unopened: Tally,
    /// Texts that begin with `secret:` and are no reference.
    pub malformed: Tally,
    /// Fields that hold no text.
    pub odd: Tally,
}

impl Contents {
    /// Values that are in the database itself, encrypted or not.
    pub fn values(&self) -> u64 {
        self.encrypted + self.clear.count
    }

    /// How many tokens a key opens, counted from 0.
    pub fn opened_by(&self, key: usize) -> u64 {
        self.opened.get(key).copied().unwrap_or_default()
    }

    pub(super) fn add(&mut self, field: &Field<'_>) {
        self.fields += 1;
        let key = match &field.holds {
            Holds::Empty => None,
            Holds::Value { key: Some(key) } => {
                self.encrypted += 1;
                Some(*key)
            }
            Holds::Value { key: None } => {
                self.clear.add(|| field.label());
                None
            }
            Holds::Reference { key, .. } => {
                self.references += 1;
                *key
            }
            Holds::Malformed { key } => {
                self.malformed.add(|| field.label());
                *key
            }
            Holds::Unopened => {
                self.unopened.add(|| field.label());
                None
            }
            Holds::Odd => {
                self.odd.add(|| field.label());
                None
            }
        };
        if let Some(key) = key {
            if self.opened.len() <= key {
                self.opened.resize(key + 1, 0);
            }
            self.opened[key] += 1;
        }
    }
}
