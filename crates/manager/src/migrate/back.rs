//! Back to the database: what a vault holds for a field is encrypted into the row again, as under `db` and `azure-kv`. The vault
//! is left as it is.
//!
//! While a secret is read and its row is stored, a guard keeps writers away from it: what is stored is what the vault holds then.

use std::collections::HashMap;

use futures::{StreamExt, stream};
use serde_json::Value;
use strongroom_entities::reference::{self, FieldText};
use strongroom_entities::{EntityKind, FieldPath};
use strongroom_secrets::SecretValue;

use super::MigrateError;
use super::apply::{Outcome, Ready, Run, secrets};
use super::course::Course;
use super::inventory::{Content, Entry};
use super::leads::KeptFor;
use super::sideways::{left_behind, nowhere};
use crate::Manager;
use crate::error::WriteError;
use crate::placing::{Guarded, Prepared};

/// A value that comes back, before its row is updated.
type Returned = Result<String, WriteError>;

impl Run<'_> {
    /// Brings the values of entities back to the database, and encrypts those that stand there in clear text.
    pub(super) async fn batch_back(
        &self,
        entries: Vec<Entry>,
    ) -> Result<Vec<(Entry, Outcome)>, MigrateError> {
        let manager = self.manager;
        let mut guarded: Vec<Guarded> = Vec::new();
        for entry in &entries {
            for (field, content) in &entry.fields {
                let Content::Reference { name, .. } = content else { continue };
                // A user's own secret that is copied is guarded by nobody: it is not ours.
                if matches!(manager.kept_for(entry, field, name).await?, KeptFor::ThisField(_)) {
                    let (owner, fqn, name) = (entry.owner(field), entry.fqn.clone(), name.clone());
                    guarded.push(Guarded { owner, fqn, name });
                }
            }
        }
        let guards = manager.guard(guarded.clone()).await?;
        // Where the intents could outlast their lease, nothing is read under them.
        let held = guards.by_name.is_empty() || guards.lease.covers_a_call().await?;
        let readings: Vec<_> = entries.iter().map(|entry| self.returned(entry)).collect();
        let readings: Vec<_> = stream::iter(readings).buffered(Manager::CONCURRENCY).collect().await;

        let mut guards = guards.by_name;
        let mut in_hand: Vec<(Entry, Vec<Prepared>)> = Vec::with_capacity(entries.len());
        let mut refusals: Vec<Option<WriteError>> = Vec::with_capacity(entries.len());
        for entry in entries {
            let (mut own, mut refusal) = (Vec::new(), (!held).then_some(WriteError::Changed));
            for Guarded { name, .. } in guarded.iter().filter(|secret| secret.owner.entity == entry.row.id) {
                match guards.remove(name) {
                    Some(Ok(guard)) => own.push(guard),
                    Some(Err(error)) => refusal = Some(error),
                    // Another entity of this page refers to it too, and holds the guard.
                    None => {}
                }
            }
            in_hand.push((entry, own));
            refusals.push(refusal);
        }
        let mut outcomes: Vec<Option<Outcome>> = Vec::with_capacity(in_hand.len());
        let mut ready = Vec::new();
        let readings = refusals.into_iter().zip(readings);
        for (index, ((entry, own), (refusal, reading))) in in_hand.iter().zip(readings).enumerate() {
            let reading = match refusal {
                Some(error) => Err((String::new(), error)),
                None => reading,
            };
            let outcome = match self.make_ready_back(entry, own, reading).await? {
                Ok(entity) => {
                    ready.push((index, entity));
                    None
                }
                Err(outcome) => {
                    manager.lift_quietly(&own.iter().collect::<Vec<_>>()).await;
                    Some(outcome)
                }
            };
            outcomes.push(outcome);
        }
        let rows: Vec<&Entry> = in_hand.iter().map(|(entry, ..)| entry).collect();
        for (index, outcome) in self.store(&rows, ready).await {
            outcomes[index] = Some(outcome);
        }
        let entries = in_hand.into_iter().map(|(entry, ..)| entry);
        Ok(entries
            .zip(outcomes)
            .map(|(entry, outcome)| (entry, outcome.unwrap_or(Outcome::Unchanged)))
            .collect())
    }

    /// What the fields of an entity shall hold that refer to secrets of ours, or hold clear text; an error names its field.
    async fn returned(
        &self,
        entry: &Entry,
    ) -> Result<HashMap<FieldPath, (String, bool)>, (String, WriteError)> {
        let mut returned = HashMap::new();
        for (field, content) in &entry.fields {
            let failed = |error: WriteError| (field.to_string(), error);
            match content {
                Content::Value { value, plain: true } if self.manager.fernet.is_some() => {
                    let encrypted =
                        self.manager.as_database_keeps(entry.row.kind, field, value).map_err(failed)?;
                    returned.insert(field.clone(), (encrypted, false));
                }
                Content::Reference { name, .. } => {
                    match self.manager.course(entry, field, name, self.options).await.map_err(failed)? {
                        Course::Stays => {}
                        Course::Moves { found, .. } => {
                            let text: Returned =
                                self.manager.as_database_keeps(entry.row.kind, field, &found.value);
                            returned.insert(field.clone(), (text.map_err(failed)?, true));
                        }
                        Course::LeftBehind => return Err(failed(left_behind(field))),
                        Course::Nowhere => return Err(failed(nowhere(field, name))),
                    }
                }
                _ => {}
            }
        }
        Ok(returned)
    }

    /// Makes the document of an entity whose values were read; an `Err` is an outcome that needs no storing.
    async fn make_ready_back<'p>(
        &self,
        entry: &Entry,
        guards: &'p [Prepared],
        returned: Result<HashMap<FieldPath, (String, bool)>, (String, WriteError)>,
    ) -> Result<Result<Ready<'p>, Outcome>, MigrateError> {
        let returned = match returned {
            Ok(returned) => returned,
            Err((_, WriteError::Changed)) => return Ok(Err(Outcome::Again)),
            Err((field, error)) => return Ok(Err(Outcome::Failed { field, error })),
        };
        let mut document = entry.row.json.clone();
        let count = returned.values().filter(|(_, from_vault)| *from_vault).count() as u64;
        for (field, (text, _)) in returned {
            field.set(&mut document, Value::String(text));
        }
        let changes = document != entry.row.json;
        if !changes && self.references_are_known(entry, &document).await? {
            self.keeps(secrets(entry));
            return Ok(Err(Outcome::Unchanged));
        }
        let prepared = guards.iter().collect();
        Ok(Ok(Ready { document, placed: Vec::new(), prepared, changes, returned: count }))
    }
}

impl Manager {
    /// A value as the database keeps it, after a look that it can be read again for what it is.
    fn as_database_keeps(&self, kind: EntityKind, field: &FieldPath, value: &SecretValue) -> Returned {
        let invalid =
            |reason: &str| WriteError::InvalidField { field: field.clone(), reason: reason.to_owned() };
        match reference::classify(value.expose()) {
            FieldText::Reference(_) | FieldText::MalformedReference(_) => {
                return Err(invalid(
                    "has a value that begins with secret:, which in the database marks a reference",
                ));
            }
            FieldText::Fernet(_) if self.fernet.is_none() || Self::is_kept_in_clear(kind, field) => {
                return Err(invalid(
                    "has a value that begins with fernet:, which in the database marks what is encrypted",
                ));
            }
            _ => {}
        }
        if Self::is_kept_in_clear(kind, field) {
            return Ok(value.expose().to_owned());
        }
        let text = self.encrypted(value);
        match self.readable(field, &text)? == *value {
            true => Ok(text),
            false => Err(invalid("cannot be read again after its encryption")),
        }
    }
}
