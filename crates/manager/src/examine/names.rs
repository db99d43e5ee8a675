//! The names that fields lay claim to: which of them are claimed twice, and which fields cannot be named at all.
//!
//! Under the scheme `guide` no two fields share a name. Under `openmetadata` they can, so names are remembered by their hash in
//! the first pass; the second names those that were met twice.

use std::collections::{BTreeMap, HashSet};

use strongroom_secrets::SecretName;

use super::{Field, Keys, NAMED, Tally};
use crate::held::What;
use crate::naming::{Naming, NamingScheme};

/// What is wrong with names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NameFaults {
    /// How many names more than one field lays claim to.
    pub collisions: u64,
    /// The first [`NAMED`] of them.
    pub first: Vec<Collision>,
    /// The fields that cannot be named, with the reason.
    pub unnameable: Tally,
    /// The collisions that are being named.
    found: BTreeMap<String, Tally>,
}

/// A name that more than one field lays claim to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collision {
    /// The name.
    pub name: String,
    /// The fields.
    pub fields: Tally,
}

impl NameFaults {
    pub(super) fn settle(&mut self) {
        let found = std::mem::take(&mut self.found);
        self.first = found.into_iter().map(|(name, fields)| Collision { name, fields }).collect();
    }
}

/// The names that were met.
pub(super) struct Claims<'a> {
    naming: &'a Naming,
    keys: Keys,
    claimed: HashSet<u64>,
    /// Names that users refer to.
    referred: HashSet<u64>,
    twice: HashSet<u64>,
}

impl<'a> Claims<'a> {
    pub(super) fn new(naming: &'a Naming) -> Self {
        let (claimed, referred, twice) = (HashSet::new(), HashSet::new(), HashSet::new());
        Self { naming, keys: Keys::default(), claimed, referred, twice }
    }

    /// The name that a field lays claim to: the one that its value would get, or got.
    fn claim(&self, field: &Field<'_>) -> Option<Claim> {
        match &field.held.what {
            What::Value(_) => Some(match self.naming.name(field.kind, field.fqn, field.path) {
                Ok(name) => Claim::Own(name),
                Err(error) => Claim::None(error.to_string()),
            }),
            What::Reference(name) if field.would_be_named(self.naming, name) => {
                Some(Claim::Own(name.clone()))
            }
            What::Reference(name) => Some(Claim::Referred(name.clone())),
            What::Empty | What::Malformed { .. } | What::Unopened | What::Odd => None,
        }
    }

    pub(super) fn add(&mut self, field: &Field<'_>, faults: &mut NameFaults) {
        let Some(claim) = self.claim(field) else { return };
        let twice = match &claim {
            Claim::None(reason) => {
                faults.unnameable.add(|| format!("{}: {reason}", field.label()));
                return;
            }
            _ if self.naming.scheme() == NamingScheme::Guide => return,
            Claim::Own(name) => {
                let key = self.keys.of(name);
                (!self.claimed.insert(key) || self.referred.contains(&key)).then_some(key)
            }
            Claim::Referred(name) => {
                let key = self.keys.of(name);
                self.referred.insert(key);
                self.claimed.contains(&key).then_some(key)
            }
        };
        if let Some(key) = twice
            && self.twice.insert(key)
        {
            faults.collisions += 1;
        }
    }

    pub(super) fn wants_another_pass(&self) -> bool {
        !self.twice.is_empty()
    }

    /// In the second pass: notes a field that lays claim to one of the names that are claimed twice.
    pub(super) fn name(&self, field: &Field<'_>, faults: &mut NameFaults) {
        let Some(Claim::Own(name) | Claim::Referred(name)) = self.claim(field) else { return };
        if !self.twice.contains(&self.keys.of(&name)) {
            return;
        }
        let known = faults.found.len();
        let key = name.key();
        if known < NAMED || faults.found.contains_key(&key) {
            faults.found.entry(key).or_default().add(|| field.label());
        }
    }
}

enum Claim {
    Own(SecretName),
    Referred(SecretName),
    /// There is no name for it, for this reason.
    None(String),
}
