//! To the vault: the values of entities are written to the configured vault, from the database or from another vault, and their
//! rows refer to them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use futures::{StreamExt, stream};
use serde_json::Value;
use strongroom_entities::FieldPath;
use strongroom_secrets::{ErrorKind, Provider};

use super::MigrateError;
use super::apply::{Outcome, Ready, Run, secrets};
use super::inventory::{Content, Entry};
use super::leads::Found;
use super::sideways::Moves;
use crate::Manager;
use crate::error::WriteError;
use crate::placing::{Batch, Placed, Prepared, Wanted};

/// An entity in hand, and where its wanted values stand in the batch.
struct InHand {
    entry: Entry,
    wanted: std::ops::Range<usize>,
    /// The fields that want them, for messages.
    fields: Vec<String>,
}

impl Run<'_> {
    /// Moves the values of entities to the vault, and from another vault to this one.
    pub(super) async fn batch(
        &self,
        vault: &Arc<dyn Provider>,
        entries: Vec<Entry>,
    ) -> Result<Vec<(Entry, Outcome)>, MigrateError> {
        let mut wanted = Vec::new();
        let mut in_hand = Vec::with_capacity(entries.len());
        let mut refused_early = Vec::new();
        let mut moves = Moves::default();
        // The futures are made before the stream: a closure within it would make this future no longer `Send`.
        let looks: Vec<_> = entries.iter().map(|entry| self.wanted_of(vault, entry)).collect();
        let looks: Vec<_> = stream::iter(looks).buffered(Manager::CONCURRENCY).collect().await;
        for (entry, look) in entries.into_iter().zip(looks) {
            let values = match look {
                Ok(values) => values,
                Err((field, error)) => {
                    refused_early.push((entry, Outcome::Failed { field, error }));
                    continue;
                }
            };
            let (start, mut fields) = (wanted.len(), Vec::new());
            for (value, found) in values {
                moves.note(wanted.len(), found);
                fields.push(value.owner.field.to_string());
                wanted.push(value);
            }
            in_hand.push(InHand { wanted: start..wanted.len(), entry, fields });
        }
        let mut batch = if wanted.is_empty() {
            Batch::empty(self.manager)
        } else {
            self.manager.prepare(vault, wanted, &self.custom).await?
        };
        let guards = self.guard_moves(&moves, &mut batch).await?;
        // An entity moves as a whole: where one of its fields is refused, the others are not written.
        let mut refusals = self.withdraw_refused(&in_hand, &mut batch).await?;
        let mut placed: Vec<Option<Result<Placed, WriteError>>> =
            self.manager.carry_out(vault, &mut batch, true).await.into_iter().map(Some).collect();
        let mut outcomes: Vec<Option<Outcome>> = Vec::with_capacity(in_hand.len());
        let mut ready = Vec::new();
        for (index, entity) in in_hand.iter().enumerate() {
            let wanted = &entity.wanted;
            let results = placed[wanted.clone()].iter_mut().filter_map(Option::take).collect();
            let mut prepared: Vec<&Prepared> = batch.items[wanted.clone()].iter().flatten().collect();
            prepared.extend(guards.of(wanted));
            let outcome = match refusals.remove(&index) {
                Some((_, WriteError::Changed)) => {
                    self.manager.lift_quietly(&guards.of(wanted).collect::<Vec<_>>()).await;
                    Some(Outcome::Again)
                }
                Some((field, error)) => {
                    self.manager.lift_quietly(&guards.of(wanted).collect::<Vec<_>>()).await;
                    Some(Outcome::Failed { field, error })
                }
                None => {
                    match self.make_ready(vault, entity, moves.any_of(wanted), results, prepared).await? {
                        Ok(entity) => {
                            ready.push((index, entity));
                            None
                        }
                        Err(outcome) => Some(outcome),
                    }
                }
            };
            outcomes.push(outcome);
        }
        let entries: Vec<&Entry> = in_hand.iter().map(|in_hand| &in_hand.entry).collect();
        for (index, outcome) in self.store(&entries, ready).await {
            outcomes[index] = Some(outcome);
        }
        let entries = in_hand.into_iter().map(|in_hand| in_hand.entry);
        let done =
            entries.zip(outcomes).map(|(entry, outcome)| (entry, outcome.unwrap_or(Outcome::Unchanged)));
        Ok(refused_early.into_iter().chain(done).collect())
    }

    /// What the fields of an entity bring to the vault; an error names its field.
    async fn wanted_of(
        &self,
        vault: &Arc<dyn Provider>,
        entry: &Entry,
    ) -> Result<Vec<(Wanted, Option<Found>)>, (String, WriteError)> {
        let mut values = Vec::new();
        for (field, content) in &entry.fields {
            let wanted = self.wanted(vault, entry, field, content).await;
            values.extend(wanted.map_err(|error| (field.to_string(), error))?);
        }
        Ok(values)
    }

    /// What a field brings to the vault: its value; for a reference to a vault that is left, the value that stands there; for one
    /// to what OpenMetadata's own server wrote, the value that stands here, so that it becomes known as ours.
    async fn wanted(
        &self,
        vault: &Arc<dyn Provider>,
        entry: &Entry,
        field: &FieldPath,
        content: &Content,
    ) -> Result<Option<(Wanted, Option<Found>)>, WriteError> {
        let owner = entry.owner(field);
        let fqn = entry.fqn.clone();
        let name = match content {
            Content::Value { value, .. } => {
                return Ok(Some((Wanted { owner, fqn, value: value.clone(), current: None }, None)));
            }
            Content::Reference { name, .. } => name,
            Content::Empty { .. } | Content::Doubtful(_) => return Ok(None),
        };
        if let Some((found, keeps_name)) = self.away(entry, field, name).await? {
            let current = keeps_name.then(|| name.clone());
            let wanted = Wanted { owner, fqn, value: found.value.clone(), current };
            return Ok(Some((wanted, Some(found))));
        }
        if !self.manager.would_be_named(entry, field, name) || self.manager.store.owner(name).await?.is_some()
        {
            return Ok(None);
        }
        match vault.get(name, None).await {
            Ok(secret) => {
                let wanted = Wanted { owner, fqn, value: secret.value, current: Some(name.clone()) };
                Ok(Some((wanted, None)))
            }
            // A reference that points nowhere stays the user's own.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Disabled) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn withdraw_refused(
        &self,
        in_hand: &[InHand],
        batch: &mut Batch,
    ) -> Result<HashMap<usize, (String, WriteError)>, MigrateError> {
        let mut refusals = HashMap::new();
        let mut withdrawn = HashSet::new();
        for (index, InHand { wanted, fields, .. }) in in_hand.iter().enumerate() {
            let Some(refused) = wanted.clone().find(|position| batch.items[*position].is_err()) else {
                continue;
            };
            let mut refusal = WriteError::Changed;
            for position in wanted.clone() {
                let item = std::mem::replace(&mut batch.items[position], Err(WriteError::Changed));
                match item {
                    Err(error) if position == refused => refusal = error,
                    Err(_) => {}
                    Ok(prepared) => {
                        withdrawn.insert(prepared.claim);
                    }
                }
            }
            refusals.insert(index, (fields[refused - wanted.start].clone(), refusal));
        }
        let withdrawn: Vec<_> = withdrawn.into_iter().collect();
        self.manager.release(&withdrawn).await?;
        batch.lease.let_go(&withdrawn);
        Ok(refusals)
    }

    /// Makes the document of an entity whose values are in the vault; an `Err` is an outcome that needs no storing.
    async fn make_ready<'p>(
        &self,
        vault: &Arc<dyn Provider>,
        InHand { entry, fields, .. }: &InHand,
        moved: bool,
        results: Vec<Result<Placed, WriteError>>,
        prepared: Vec<&'p Prepared>,
    ) -> Result<Result<Ready<'p>, Outcome>, MigrateError> {
        let mut placed = Vec::with_capacity(results.len());
        for (field, result) in fields.iter().zip(results) {
            match result {
                Ok(item) => placed.push(item),
                Err(error) => {
                    self.manager.undo_quietly(vault, &prepared).await;
                    return Ok(Err(Outcome::Failed { field: field.clone(), error }));
                }
            }
        }
        let document = self.document(entry, &placed);
        let changes = moved || document != entry.row.json;
        if !changes && placed.is_empty() && self.references_are_known(entry, &document).await? {
            self.keeps(secrets(entry));
            return Ok(Err(Outcome::Unchanged));
        }
        Ok(Ok(Ready { document, placed, prepared, changes, returned: 0 }))
    }

    /// The row's new document: references plainly, empty passwords as empty texts, nothing else touched.
    fn document(&self, entry: &Entry, placed: &[Placed]) -> Value {
        let mut document = entry.row.json.clone();
        for (field, content) in &entry.fields {
            match content {
                Content::Reference { name, plain } if *plain == self.manager.wraps(field) => {
                    self.manager.refer(&mut document, field, name);
                }
                Content::Empty { plain: false } => {
                    field.set(&mut document, Value::String(String::new()));
                }
                _ => {}
            }
        }
        for item in placed {
            self.manager.refer(&mut document, &item.owner.field, &item.name);
        }
        document
    }
}
