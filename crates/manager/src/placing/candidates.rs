//! Names that can be tried for a value, and the intents that keep others away from them.

use std::collections::HashSet;
use std::time::Duration;

use strongroom_metastore::{Claim, IntentKind, NewIntent, Opened};
use strongroom_secrets::SecretName;
use tokio::time::Instant;

use super::Wanted;
use crate::Manager;
use crate::error::WriteError;
use crate::naming::{NamingError, NamingScheme};
use crate::ownership::FieldOwner;

/// How often a write looks whether a name that is in another's hands has become free.
const POLL: Duration = Duration::from_millis(50);
/// How many names are tried for a value.
const ATTEMPTS: usize = 3;

/// A value with the name that is tried for it.
#[derive(Debug)]
pub(super) struct Candidate {
    /// Its place in what was wanted.
    pub(super) index: usize,
    pub(super) wanted: Wanted,
    /// How many names were tried before.
    pub(super) attempt: usize,
    pub(super) name: SecretName,
}

impl Manager {
    /// The first name from `attempt` on that no row of this database uses for something else.
    pub(super) async fn free_name(
        &self,
        wanted: &Wanted,
        attempt: usize,
        taken_here: &HashSet<SecretName>,
        in_use: &HashSet<String>,
    ) -> Result<Result<(SecretName, usize), WriteError>, WriteError> {
        let mut refusal = None;
        for attempt in attempt..ATTEMPTS {
            let name = match self.candidate(wanted, attempt) {
                Ok(Some(name)) => name,
                Ok(None) => continue,
                Err(error) => {
                    let field = wanted.owner.field.clone();
                    return Ok(Err(WriteError::InvalidField {
                        field,
                        reason: format!("cannot be named: {error}"),
                    }));
                }
            };
            let used_by = if taken_here.contains(&name) {
                Some("another field of the same change".to_owned())
            } else if in_use.contains(&name.key()) {
                self.used_by_other(&name, &wanted.owner).await?
            } else {
                None
            };
            match used_by {
                None => return Ok(Ok((name, attempt))),
                Some(owner) => refusal = Some(WriteError::Taken { name, owner }),
            }
        }
        Ok(Err(refusal.unwrap_or(WriteError::Changed)))
    }

    /// The names, without case, of all that could be tried for these values that something in this database uses, be it the very
    /// field: most are used by nothing, and need no further look.
    pub(super) async fn names_in_use(&self, wanted: &[&Wanted]) -> Result<HashSet<String>, WriteError> {
        let tried =
            wanted.iter().flat_map(|wanted| (0..ATTEMPTS).map(|attempt| self.candidate(wanted, attempt)));
        // One that cannot be made is told when it is its turn.
        let names: Vec<SecretName> = tried.filter_map(|name| name.ok().flatten()).collect();
        let owners = self.store.owners(&names).await?;
        let mut in_use: HashSet<String> = owners.iter().map(|owner| owner.name.key()).collect();
        in_use.extend(self.store.names_that_users_typed(&names).await?);
        Ok(in_use)
    }

    /// The names that a value can have, in the order of preference: the one that the row refers to, if it is this field's
    /// own; the plain one; the one with the entity's id in its hash.
    fn candidate(&self, wanted: &Wanted, attempt: usize) -> Result<Option<SecretName>, NamingError> {
        let FieldOwner { kind, entity, field } = &wanted.owner;
        match attempt {
            0 => Ok(wanted.current.clone()),
            1 => self.naming.name(*kind, &wanted.fqn, field).map(Some),
            _ if self.naming.scheme() == NamingScheme::Guide => {
                self.naming.name_with_id(*kind, &wanted.fqn, field, *entity).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Who else in this database uses a name: a field that it is kept for, or one whose user referred to it.
    pub(crate) async fn used_by_other(
        &self,
        name: &SecretName,
        field: &FieldOwner,
    ) -> Result<Option<String>, WriteError> {
        let text = field.field.to_string();
        if let Some(owner) = self.store.owner(name).await?
            && (owner.entity, &owner.field) != (field.entity, &text)
            && let Some(row) = self.store.get(owner.kind, owner.entity).await?
        {
            let entity = row.json.get("name").and_then(|name| name.as_str()).unwrap_or_default();
            return Ok(Some(format!("{} of the {} {entity}", owner.field, owner.kind)));
        }
        for (entity, other) in self.store.own_references(name).await? {
            if (entity, &other) != (field.entity, &text) {
                return Ok(Some(format!("{other} of the entity {entity}, whose user refers to it")));
            }
        }
        Ok(None)
    }

    /// Opens the intents of all candidates. A name that stays in another's hands longer than our patience drops out.
    ///
    /// `vault` is where they will be written to; `None` if they are only guarded.
    pub(super) async fn open_candidates(
        &self,
        mut candidates: Vec<Candidate>,
        vault: Option<&str>,
    ) -> Result<(Vec<(Candidate, Claim)>, Vec<(usize, WriteError)>), WriteError> {
        let mut busy = Vec::new();
        let mut patience_ends = Instant::now() + self.timing.patience;
        // The store opens them in this order, so that two writers of the same names never wait for each other.
        candidates.sort_by(|one, other| one.name.cmp(&other.name));
        while !candidates.is_empty() {
            let intents: Vec<NewIntent> = candidates
                .iter()
                .map(|candidate| NewIntent {
                    id: self.random.uuid(),
                    kind: IntentKind::Write,
                    name: candidate.name.clone(),
                    entity_kind: candidate.wanted.owner.kind,
                    entity: candidate.wanted.owner.entity,
                    field: candidate.wanted.owner.field.to_string(),
                    vault: vault.map(str::to_owned),
                })
                .collect();
            match self.store.open_intents(&self.holder, &intents, self.timing.lease).await? {
                Opened::All(claims) => return Ok((candidates.into_iter().zip(claims).collect(), busy)),
                Opened::Taken(_) if Instant::now() < patience_ends => {
                    // Whoever held it may be gone: then it is free as soon as what it left is settled.
                    self.settle_abandoned(&[]).await?;
                    tokio::time::sleep(POLL).await;
                }
                Opened::Taken(name) => {
                    candidates.retain(|candidate| {
                        let taken = candidate.name == name;
                        if taken {
                            busy.push((candidate.index, WriteError::Busy { name: name.clone() }));
                        }
                        !taken
                    });
                    // The others have waited as long already: one more look is enough for each.
                    patience_ends = Instant::now();
                }
            }
        }
        Ok((Vec::new(), busy))
    }
}
