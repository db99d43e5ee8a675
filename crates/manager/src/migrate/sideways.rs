//! From one vault to another: the value is read where the reference leads, written to the configured vault under the same name, and
//! the row keeps its reference.
//!
//! What was read must not be older than what is stored: a server that still works with the old vault could write between our
//! reading and our commit. Its writes hold an intent on the name. So once we hold one, no write is under way, and what is the
//! latest version then stays so; if it is not the one that was read, the entity is taken up anew.

use std::collections::BTreeMap;
use std::ops::Range;

use futures::{StreamExt, stream};
use strongroom_entities::FieldPath;
use strongroom_secrets::SecretName;

use super::MigrateError;
use super::apply::Run;
use super::course::Course;
use super::inventory::Entry;
use super::leads::Found;
use crate::Manager;
use crate::error::WriteError;
use crate::placing::{Batch, Guarded, Prepared};

/// Which of a batch's values come from another vault, by their place in the batch.
#[derive(Debug, Default)]
pub(super) struct Moves(BTreeMap<usize, Found>);

impl Moves {
    /// The value at `place` was found in another vault, if it was.
    pub(super) fn note(&mut self, place: usize, found: Option<Found>) {
        if let Some(found) = found {
            self.0.insert(place, found);
        }
    }

    /// Whether any of the values at these places was found in another vault.
    pub(super) fn any_of(&self, places: &Range<usize>) -> bool {
        self.0.range(places.clone()).next().is_some()
    }
}

/// The guards on names that the values get other names than, by their place in the batch.
#[derive(Debug, Default)]
pub(super) struct MoveGuards(BTreeMap<usize, Prepared>);

impl MoveGuards {
    /// The guards of the values at these places.
    pub(super) fn of(&self, places: &Range<usize>) -> impl Iterator<Item = &Prepared> {
        self.0.range(places.clone()).map(|(_, guard)| guard)
    }
}

impl Run<'_> {
    /// What a reference leads to, if that has to move to the vault or to another name there; and whether it keeps its name.
    pub(super) async fn away(
        &self,
        entry: &Entry,
        field: &FieldPath,
        name: &SecretName,
    ) -> Result<Option<(Found, bool)>, WriteError> {
        match self.manager.course(entry, field, name, self.options).await? {
            Course::Stays => Ok(None),
            Course::Moves { found, keeps_name } => Ok(Some((found, keeps_name))),
            Course::LeftBehind => Err(left_behind(field)),
            Course::Nowhere => Err(nowhere(field, name)),
        }
    }

    /// Makes sure that nobody changes what was found until it is stored, and that nobody has. A value for which that cannot be is
    /// refused in the batch.
    pub(super) async fn guard_moves(
        &self,
        moves: &Moves,
        batch: &mut Batch,
    ) -> Result<MoveGuards, MigrateError> {
        let manager = self.manager;
        let mut guards = MoveGuards::default();
        let renamed = moves.0.iter().filter_map(|(place, found)| match &batch.items[*place] {
            // The intent under which it is written guards the name that it has.
            Ok(prepared) if prepared.name != found.name => Some((*place, guarded(prepared, found))),
            _ => None,
        });
        let renamed: Vec<(usize, Guarded)> = renamed.collect();
        if !renamed.is_empty() {
            let mut opened =
                manager.guard(renamed.iter().map(|(_, guarded)| guarded.clone()).collect()).await?;
            for (place, Guarded { name, .. }) in renamed {
                match opened.by_name.remove(&name) {
                    Some(Ok(guard)) => {
                        guards.0.insert(place, guard);
                    }
                    Some(Err(error)) => refuse(manager, batch, place, error).await?,
                    // Another field of this batch leads there too, and holds the guard.
                    None => {}
                }
            }
        }
        let looks: Vec<_> =
            moves.0.iter().map(|(place, found)| async move { (*place, found.is_current().await) }).collect();
        let looks: Vec<_> = stream::iter(looks).buffered(Manager::CONCURRENCY).collect().await;
        for (place, is_current) in looks {
            match is_current {
                Ok(true) => {}
                Ok(false) => refuse(manager, batch, place, WriteError::Changed).await?,
                Err(error) => refuse(manager, batch, place, error).await?,
            }
        }
        Ok(guards)
    }
}

fn guarded(prepared: &Prepared, found: &Found) -> Guarded {
    let wanted = &prepared.wanted;
    Guarded { owner: wanted.owner.clone(), fqn: wanted.fqn.clone(), name: found.name.clone() }
}

/// Takes a value out of a batch whose intents are open.
async fn refuse(
    manager: &Manager,
    batch: &mut Batch,
    place: usize,
    error: WriteError,
) -> Result<(), MigrateError> {
    if let Ok(prepared) = std::mem::replace(&mut batch.items[place], Err(error)) {
        manager.release(&[prepared.claim]).await?;
        batch.lease.let_go(&[prepared.claim]);
    }
    Ok(())
}

/// A user's own reference, which the configured provider does not resolve.
pub(super) fn left_behind(field: &FieldPath) -> WriteError {
    WriteError::InvalidField { field: field.clone(), reason: LEFT_BEHIND.to_owned() }
}

/// A reference to a secret of ours that is nowhere.
pub(super) fn nowhere(field: &FieldPath, name: &SecretName) -> WriteError {
    WriteError::InvalidField {
        field: field.clone(),
        reason: format!("refers to the secret {name}, {NOWHERE}"),
    }
}

/// What is the matter with a user's own reference, as the rest of a sentence.
pub(super) const LEFT_BEHIND: &str = "refers to a user's own secret, which the configured provider would not resolve: put that \
     secret into the configured vault, or type the password";

/// What is the matter with a reference of ours, as the rest of a sentence.
pub(super) const NOWHERE: &str = "which no configured vault holds: describe the vault that it is in, too, in \
     secretsManagerConfiguration.parameters, or type the password again";
