//! Where references lead: to a secret that can be read, to nothing, or to one that is another field's.
//!
//! Whose a secret is stands in the table of owners, else in its tags. Where neither says it (a database that OpenMetadata's own
//! server migrated), a name that is computed for another field is that field's: this takes the second pass.

use std::collections::HashMap;

use strongroom_entities::EntityKind;
use strongroom_secrets::SecretName;
use uuid::Uuid;

use super::holdings::{Held, Standing};
use super::{ExamineError, Examining, Field, Keys, NAMED, Tally};
use crate::held::What;
use crate::ownership::FieldOwner;
use crate::sorting::fully_qualified_name;

/// The most references of unknown owners that are remembered for the second pass.
const MOST_DOUBTFUL: usize = 10_000;

/// Where references lead.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReferenceFaults {
    /// How many were looked up in the vault.
    pub looked_up: u64,
    /// To a name that the vault does not have.
    pub nowhere: Tally,
    /// To a secret that is soft-deleted.
    pub deleted: Tally,
    /// To a secret that is disabled.
    pub disabled: Tally,
    /// To a secret that is another field's, with whose it is.
    pub foreign: Tally,
}

/// The references that were met.
pub(super) struct Leads<'a> {
    examining: &'a Examining<'a>,
    keys: Keys,
    /// References to names under our own prefix that are not computed for the field that refers to them, by the name's hash.
    doubtful: HashMap<u64, Doubtful>,
}

struct Doubtful {
    name: SecretName,
    referring: Vec<String>,
    /// The field for which the name is computed.
    owner: Option<String>,
}

impl<'a> Leads<'a> {
    pub(super) fn new(examining: &'a Examining<'a>) -> Self {
        Self { examining, keys: Keys::default(), doubtful: HashMap::new() }
    }

    pub(super) async fn add(
        &mut self,
        field: &Field<'_>,
        faults: &mut ReferenceFaults,
    ) -> Result<(), ExamineError> {
        let What::Reference(name) = &field.held.what else { return Ok(()) };
        let mut held = None;
        if let Some(holdings) = self.examining.holdings {
            faults.looked_up += 1;
            held = holdings.look(name).await?;
            let fault = match held.as_ref().map(|held| held.standing) {
                Some(Standing::Live) => None,
                Some(Standing::Disabled) => Some(&mut faults.disabled),
                Some(Standing::Deleted) => Some(&mut faults.deleted),
                None => Some(&mut faults.nowhere),
            };
            if let Some(fault) = fault {
                fault.add(|| format!("{} → {name}", field.label()));
            }
        }
        if let Some(owner) = self.other_owner(field, name, held.as_ref()).await? {
            faults.foreign.add(|| format!("{} → {name}, which is kept for {owner}", field.label()));
        }
        Ok(())
    }

    /// Whose a secret is, if it is known to be another field's.
    async fn other_owner(
        &mut self,
        field: &Field<'_>,
        name: &SecretName,
        held: Option<&Held>,
    ) -> Result<Option<String>, ExamineError> {
        let store = self.examining.store;
        if let Some(owner) = store.owner(name).await? {
            if owner.entity == field.entity && owner.field == field.path.to_string() {
                return Ok(None);
            }
            let entity = self.entity(&[owner.kind], owner.entity).await?;
            let entity = entity.unwrap_or_else(|| format!("{} {}", owner.kind, owner.entity));
            return Ok(Some(format!("{entity}: {}", owner.field)));
        }
        if let Some((entity, tagged)) = held.and_then(|held| held.owner.as_ref()) {
            let this = FieldOwner { kind: field.kind, entity: field.entity, field: field.path.clone() };
            if *entity == field.entity && this.is_field(tagged) {
                return Ok(None);
            }
            // An owner that is gone has no claim to it any more.
            let entity = self.entity(EntityKind::WITH_SECRETS, *entity).await?;
            return Ok(entity.map(|entity| format!("{entity}: {tagged}")));
        }
        let naming = self.examining.naming;
        if naming.is_ours(name) && !field.would_be_named(naming, name) {
            let key = self.keys.of(name);
            if self.doubtful.len() < MOST_DOUBTFUL || self.doubtful.contains_key(&key) {
                let doubtful = self.doubtful.entry(key).or_insert_with(|| Doubtful {
                    name: name.clone(),
                    referring: Vec::new(),
                    owner: None,
                });
                if doubtful.referring.len() < NAMED {
                    doubtful.referring.push(field.label());
                }
            }
        }
        Ok(None)
    }

    /// An entity, for people; `None` if there is none.
    async fn entity(&self, kinds: &[EntityKind], id: Uuid) -> Result<Option<String>, ExamineError> {
        for kind in kinds {
            if let Some(row) = self.examining.store.get(*kind, id).await? {
                return Ok(Some(format!("{kind} {}", fully_qualified_name(&row.json))));
            }
        }
        Ok(None)
    }

    pub(super) fn wants_another_pass(&self) -> bool {
        !self.doubtful.is_empty()
    }

    /// In the second pass: notes whether one of the doubtful names is this field's.
    pub(super) fn name(&mut self, field: &Field<'_>) {
        let naming = self.examining.naming;
        let computed = [
            naming.openmetadata_name(field.kind, field.fqn, field.path),
            naming.name(field.kind, field.fqn, field.path),
        ];
        for name in computed.into_iter().flatten() {
            if let Some(doubtful) = self.doubtful.get_mut(&self.keys.of(&name)) {
                doubtful.owner.get_or_insert_with(|| field.label());
            }
        }
    }

    pub(super) fn settle(&mut self, faults: &mut ReferenceFaults) {
        let mut owned: Vec<_> = std::mem::take(&mut self.doubtful)
            .into_values()
            .filter_map(|doubtful| Some((doubtful.name, doubtful.referring, doubtful.owner?)))
            .collect();
        owned.sort();
        for (name, referring, owner) in owned {
            for field in referring {
                faults.foreign.add(|| format!("{field} → {name}, which is kept for {owner}"));
            }
        }
    }
}
