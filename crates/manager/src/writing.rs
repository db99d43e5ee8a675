//! The write path: a document with passwords comes in, the vault gets the passwords, the database the references.

use std::sync::Arc;

use serde_json::Value;
use strongroom_entities::{EntityKind, FieldPath};
use strongroom_metastore::{Relationship, Row};
use strongroom_secrets::Provider;
use uuid::Uuid;

use crate::error::WriteError;
use crate::placing::{Batch, Custom, Placed, Prepared};
use crate::sorting::Sorted;
use crate::storing::Storing;
use crate::{Keeping, Manager};

/// A change that somebody wants to make to an entity.
#[derive(Debug)]
pub struct Change<'a> {
    /// What the entity is.
    pub kind: EntityKind,
    /// The entity.
    pub id: Uuid,
    /// The stored document that the change was made from; `None` creates the entity.
    pub before: Option<&'a Value>,
    /// The wanted document. A secret field holds a password, the mask (keep what is stored), a reference, an empty text or
    /// null.
    pub after: Value,
}

/// A document whose secret fields are decided, before it is stored.
#[derive(Debug)]
pub struct Draft {
    /// The document as the database will hold it: references, or encrypted values.
    pub document: Value,
    /// The secret fields whose value or reference changes.
    pub changed_fields: Vec<FieldPath>,
}

/// What to store for a [`Draft`].
#[derive(Debug)]
pub struct Stored {
    /// The document, with versions and times filled in. Its secret fields must be those of the draft.
    pub document: Value,
    /// The document before, for the version history.
    pub history: Option<Value>,
    /// Relationships that are stored with it.
    pub relationships: Vec<Relationship>,
}

/// What came of a write.
#[derive(Debug)]
pub struct WriteOutcome {
    /// The document as it is stored now.
    pub document: Value,
    /// Whether anything was written.
    pub written: bool,
}

impl Manager {
    /// Stores a change. `finish` is called when every value is decided and nothing is written yet; it says what to store, or
    /// `None` if nothing changes after all: then neither the vault nor the database is touched.
    ///
    /// # Errors
    /// [`WriteError::Changed`] if the stored row is not `change.before`; every other error leaves vault and database as they
    /// were, or to be settled so.
    pub async fn write(
        &self,
        change: Change<'_>,
        finish: impl FnOnce(Draft) -> Option<Stored> + Send,
    ) -> Result<WriteOutcome, WriteError> {
        let Change { kind, id, before, after } = change;
        let sorted = self.sort(kind, id, before, after).await?;
        match &self.keeping {
            Keeping::Managed(vault) if !sorted.wanted.is_empty() => {
                self.write_with_vault(vault, kind, id, before, sorted, finish).await
            }
            _ => {
                let draft = Draft { document: sorted.document, changed_fields: sorted.changed };
                self.store_draft(kind, id, before, finish(draft), &[], &[]).await
            }
        }
    }

    async fn write_with_vault(
        &self,
        vault: &Arc<dyn Provider>,
        kind: EntityKind,
        id: Uuid,
        before: Option<&Value>,
        sorted: Sorted,
        finish: impl FnOnce(Draft) -> Option<Stored> + Send,
    ) -> Result<WriteOutcome, WriteError> {
        let Sorted { mut document, wanted, mut changed } = sorted;
        let mut batch = self.prepare(vault, wanted, &Custom::default()).await?;
        if let Some(error) = take_error(&mut batch) {
            self.release(&batch.claims()).await?;
            return Err(error);
        }
        // The intents are open: from here on no other write of ours touches these secrets, so the row is read again.
        if self.store.get(kind, id).await?.as_ref().map(|row| &row.json) != before {
            self.release(&batch.claims()).await?;
            return Err(if before.is_some() { WriteError::Changed } else { WriteError::AlreadyExists });
        }
        for item in batch.items.iter().flatten() {
            self.refer(&mut document, &item.wanted.owner.field, &item.name);
            if item.changes() {
                changed.push(item.wanted.owner.field.clone());
            }
        }
        let Some(stored) = finish(Draft { document, changed_fields: changed }) else {
            self.release(&batch.claims()).await?;
            return self.store_draft(kind, id, before, None, &[], &[]).await;
        };
        let placed: Result<Vec<Placed>, WriteError> =
            self.carry_out(vault, &mut batch, false).await.into_iter().collect();
        let prepared: Vec<&Prepared> = batch.items.iter().flatten().collect();
        match placed {
            Ok(placed) => self.store_draft(kind, id, before, Some(stored), &placed, &prepared).await,
            Err(error) => {
                self.undo_quietly(vault, &prepared).await;
                Err(error)
            }
        }
    }

    /// Stores what `finish` said, or nothing.
    async fn store_draft(
        &self,
        kind: EntityKind,
        id: Uuid,
        before: Option<&Value>,
        stored: Option<Stored>,
        placed: &[Placed],
        prepared: &[&Prepared],
    ) -> Result<WriteOutcome, WriteError> {
        let Some(stored) = stored else {
            let document = before.cloned().unwrap_or_default();
            return Ok(WriteOutcome { document, written: false });
        };
        let storing = Storing {
            kind,
            id,
            before,
            document: &stored.document,
            history: stored.history.as_ref(),
            relationships: &stored.relationships,
            placed,
            prepared,
            run: None,
            keep_dropped: false,
        };
        self.store_document(storing).await?;
        Ok(WriteOutcome { document: stored.document, written: true })
    }

    /// Deletes an entity for good: its row, history and relationships, then the secrets that were kept for it.
    ///
    /// # Errors
    /// [`WriteError::NotFound`] if it is gone already; [`WriteError::Busy`] while one of its secrets is being written.
    pub async fn delete(&self, kind: EntityKind, before: &Row) -> Result<(), WriteError> {
        let dropped = self.remove(kind, before.id).await?;
        self.delete_dropped(dropped).await;
        Ok(())
    }

    /// Puts back what can be put back now; the rest is settled when its lease is over, so a failure is only reported.
    pub(crate) async fn undo_quietly(&self, vault: &Arc<dyn Provider>, prepared: &[&Prepared]) {
        if let Err(error) = self.undo(vault, prepared).await {
            tracing::warn!(%error, "a failed write could not be taken back at once; it will be settled later");
        }
    }
}

/// The first refusal of a batch, if there is one.
fn take_error(batch: &mut Batch) -> Option<WriteError> {
    let index = batch.items.iter().position(Result::is_err)?;
    batch.items.swap_remove(index).err()
}
