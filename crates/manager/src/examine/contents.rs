//! What the fields hold, and which key opens what.

use super::{Field, Tally};
use crate::held::What;

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
        match &field.held.what {
            What::Empty => {}
            What::Value(_) if field.held.is_plain() => self.clear.add(|| field.label()),
            What::Value(_) => self.encrypted += 1,
            What::Reference(_) => self.references += 1,
            What::Malformed { .. } => self.malformed.add(|| field.label()),
            What::Unopened => self.unopened.add(|| field.label()),
            What::Odd => self.odd.add(|| field.label()),
        }
        self.count_opened(field.held.key);
    }

    /// One more encrypted text, which a key opens or none.
    pub(super) fn add_encrypted(&mut self, key: Option<usize>, label: impl FnOnce() -> String) {
        match key {
            Some(_) => self.encrypted += 1,
            None => self.unopened.add(label),
        }
        self.count_opened(key);
    }

    fn count_opened(&mut self, key: Option<usize>) {
        let Some(key) = key else { return };
        if self.opened.len() <= key {
            self.opened.resize(key + 1, 0);
        }
        self.opened[key] += 1;
    }
}
