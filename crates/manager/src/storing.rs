//! The last step of a write: one transaction that stores documents and completes their intents, and what follows it.

mod together;

use serde_json::Value;
use strongroom_entities::EntityKind;
use strongroom_metastore::{
    Claim, Intent, IntentKind, JournalEntry, NewIntent, Opened, OwnReference, Owner, Relationship,
    StoreError, Transaction,
};
use uuid::Uuid;

use crate::crash::{Step, reach};
use crate::error::WriteError;
use crate::placing::{Placed, Prepared, id_of};
use crate::sorting::fully_qualified_name;
use crate::{Keeping, Manager};

/// What one transaction stores.
#[derive(Debug)]
pub(crate) struct Storing<'a> {
    pub(crate) kind: EntityKind,
    pub(crate) id: Uuid,
    /// The row as it was read; `None` creates it.
    pub(crate) before: Option<&'a Value>,
    pub(crate) document: &'a Value,
    pub(crate) history: Option<&'a Value>,
    pub(crate) relationships: &'a [Relationship],
    pub(crate) placed: &'a [Placed],
    pub(crate) prepared: &'a [&'a Prepared],
    /// The migration that this is part of.
    pub(crate) run: Option<Uuid>,
    /// Secrets that lose their last reference stay in their vault, though nobody owns them any more: a migration leaves the old
    /// place as it was.
    pub(crate) keep_dropped: bool,
}

impl Manager {
    /// Stores a document whose values are placed. If it cannot be stored, what was placed is taken back.
    pub(crate) async fn store_document(&self, storing: Storing<'_>) -> Result<(), WriteError> {
        self.store_documents(&[storing]).await.pop().unwrap_or(Err(WriteError::Changed))
    }

    /// Stores documents whose values are placed, in one commit: each of them whole or not at all, whatever becomes of the
    /// others. Where one cannot be stored, what was placed for it is taken back.
    pub(crate) async fn store_documents(&self, storings: &[Storing<'_>]) -> Vec<Result<(), WriteError>> {
        let mut unreachable = false;
        let mut outcomes = match self.transact(storings).await {
            Ok(outcomes) => outcomes,
            // Nothing was committed, or nobody knows: then whoever can claim the intents knows that it was not.
            Err(error) => {
                let mut outcomes = Vec::with_capacity(storings.len());
                for storing in storings {
                    // Each question would wait for a database that is away.
                    let outcome = match unreachable {
                        true => Err(WriteError::Store(error.repeated())),
                        false => self.after_failed_commit(storing, &error, &mut unreachable).await,
                    };
                    outcomes.push(outcome);
                }
                outcomes
            }
        };
        if outcomes.iter().any(Result::is_ok) {
            reach(Step::Committed);
        }
        let mut results = Vec::with_capacity(outcomes.len());
        for (storing, outcome) in storings.iter().zip(outcomes.drain(..)) {
            results.push(match outcome {
                Ok(dropped) => {
                    self.delete_dropped(dropped).await;
                    Ok(())
                }
                // What was placed is taken back when its intents are settled.
                Err(error) if unreachable => Err(error),
                Err(error) => {
                    match &self.keeping {
                        Keeping::Managed(vault) => self.undo_quietly(vault, storing.prepared).await,
                        Keeping::InDatabase(_) => self.lift_quietly(storing.prepared).await,
                    }
                    Err(error)
                }
            });
        }
        results
    }

    /// One transaction: what fails of it is rolled back to where it began, and the rest is committed. Answers with what each
    /// document no longer refers to; an error means that the commit failed.
    async fn transact(
        &self,
        storings: &[Storing<'_>],
    ) -> Result<Vec<Result<Vec<Intent>, WriteError>>, StoreError> {
        self.store.repeat(|| self.transact_once(storings)).await
    }

    async fn transact_once(
        &self,
        storings: &[Storing<'_>],
    ) -> Result<Vec<Result<Vec<Intent>, WriteError>>, StoreError> {
        let mut transaction = self.store.begin().await?;
        let mut outcomes = Vec::with_capacity(storings.len());
        let mut waits = true;
        if storings.len() > 1 {
            transaction.mark().await?;
            match self.put_together(&mut transaction, storings).await {
                Ok(true) => outcomes.resize_with(storings.len(), || Ok(Vec::new())),
                Err(error) if error.ends_transaction() => return Err(error),
                // One of them is not as it should be: one by one it will be seen which. If somebody has one of them, that was waited
                // for already, on behalf of all.
                put => {
                    waits = !matches!(put, Err(StoreError::InUse(_)));
                    transaction.return_to_mark().await?;
                }
            }
        }
        for storing in storings.iter().skip(outcomes.len()) {
            transaction.mark().await?;
            let outcome = self.put(&mut transaction, storing, waits).await;
            match &outcome {
                Ok(_) => {}
                Err(WriteError::Store(error)) if error.ends_transaction() => return Err(error.repeated()),
                Err(_) => transaction.return_to_mark().await?,
            }
            outcomes.push(outcome);
        }
        reach(Step::DocumentStored);
        transaction.commit().await?;
        Ok(outcomes)
    }

    /// Whether a document was stored by a transaction whose commit gave no clear answer. If nobody answers that either, the database
    /// is `unreachable`.
    async fn after_failed_commit(
        &self,
        storing: &Storing<'_>,
        error: &StoreError,
        unreachable: &mut bool,
    ) -> Result<Vec<Intent>, WriteError> {
        let committed = match &self.keeping {
            _ if storing.prepared.is_empty() => Ok(false),
            Keeping::Managed(vault) => self.was_committed(vault, storing.prepared).await,
            Keeping::InDatabase(_) => self.was_lifted(storing.prepared).await,
        };
        *unreachable = matches!(committed, Err(WriteError::Store(StoreError::Gone(_))));
        // Intents to delete what lost its last reference are in the database then: they are settled when their lease ends.
        if committed? { Ok(Vec::new()) } else { Err(WriteError::Store(error.repeated())) }
    }

    async fn put(
        &self,
        transaction: &mut Transaction,
        storing: &Storing<'_>,
        waits: bool,
    ) -> Result<Vec<Intent>, WriteError> {
        let Storing { kind, id, document, .. } = *storing;
        let row = match waits {
            true => transaction.lock(kind, id).await?,
            false => transaction.lock_now(kind, id).await?,
        };
        if row.as_ref().map(|row| &row.json) != storing.before {
            return Err(if storing.before.is_some() {
                WriteError::Changed
            } else {
                WriteError::AlreadyExists
            });
        }
        match &row {
            Some(row) => transaction.update(row, document).await?,
            None => {
                let hash = strongroom_entities::fqn_hash(&fully_qualified_name(document));
                transaction.insert(kind, &hash, document).await?;
            }
        }
        reach(Step::RowsUpdated);
        if let Some(history) = storing.history {
            transaction.keep_version(kind, id, history).await?;
        }
        for relationship in storing.relationships {
            transaction.relate(relationship).await?;
        }
        let claims: Vec<Claim> = storing.prepared.iter().map(|item| item.claim).collect();
        if !transaction.complete_intents(&self.holder, &claims).await? {
            return Err(WriteError::Changed);
        }
        let dropped = self.write_owners(transaction, storing).await?;
        if let Some(run) = storing.run {
            reach(Step::OwnersWritten);
            let entries: Vec<JournalEntry> = storing.placed.iter().map(journal_entry).collect();
            transaction.journal(run, &entries).await?;
        }
        Ok(dropped)
    }

    /// Writes down whose secrets are whose after this document is stored, and opens an intent to delete each secret that
    /// lost its last reference.
    async fn write_owners(
        &self,
        transaction: &mut Transaction,
        storing: &Storing<'_>,
    ) -> Result<Vec<Intent>, WriteError> {
        let Storing { kind, id, document, placed, .. } = *storing;
        for item in placed {
            let (name, field) = (item.name.clone(), item.owner.field.to_string());
            let version = item.version.clone();
            transaction.put_owner(&Owner { name, kind, entity: id, field, version }).await?;
        }
        let owned = transaction.owned_by(id).await?;
        let (own, dropped) = part(owned, &self.references(kind, id, document));
        transaction.put_own_references(id, &own).await?;
        if storing.keep_dropped {
            return self.disown(transaction, dropped).await;
        }
        self.drop_owners(transaction, dropped).await
    }

    async fn disown(
        &self,
        transaction: &mut Transaction,
        dropped: Vec<Owner>,
    ) -> Result<Vec<Intent>, WriteError> {
        for owner in &dropped {
            transaction.forget_owner(&owner.name).await?;
        }
        Ok(Vec::new())
    }

    async fn drop_owners(
        &self,
        transaction: &mut Transaction,
        dropped: Vec<Owner>,
    ) -> Result<Vec<Intent>, WriteError> {
        let mut intents = Vec::new();
        for owner in &dropped {
            transaction.forget_owner(&owner.name).await?;
            intents.push(NewIntent {
                id: self.random.uuid(),
                kind: IntentKind::Delete,
                name: owner.name.clone(),
                entity_kind: owner.kind,
                entity: owner.entity,
                field: owner.field.clone(),
                vault: self.vault().map(id_of),
            });
        }
        intents.sort_by(|one, other| one.name.cmp(&other.name));
        match transaction.open_intents(&self.holder, &intents, self.timing.lease).await? {
            Opened::Taken(name) => Err(WriteError::Busy { name }),
            Opened::All(claims) => Ok(intents
                .into_iter()
                .zip(claims)
                .map(|(intent, claim)| Intent {
                    claim,
                    holder: self.holder.clone(),
                    kind: intent.kind,
                    name: intent.name,
                    entity_kind: intent.entity_kind,
                    entity: intent.entity,
                    field: intent.field,
                    version_before: None,
                    deleted_before: false,
                    vault: intent.vault,
                })
                .collect()),
        }
    }

    /// Removes an entity's row and everything that hangs on it, in one transaction.
    pub(crate) async fn remove(&self, kind: EntityKind, id: Uuid) -> Result<Vec<Intent>, WriteError> {
        let removed = self.store.repeat(|| async {
            match self.remove_once(kind, id).await {
                Err(WriteError::Store(again @ StoreError::Again(_))) => Err(again),
                done => Ok(done),
            }
        });
        removed.await?
    }

    async fn remove_once(&self, kind: EntityKind, id: Uuid) -> Result<Vec<Intent>, WriteError> {
        let mut transaction = self.store.begin().await?;
        if transaction.lock(kind, id).await?.is_none() {
            return Err(WriteError::NotFound);
        }
        transaction.delete(kind, id).await?;
        reach(Step::RowsUpdated);
        transaction.forget_history(id).await?;
        transaction.unrelate(id).await?;
        transaction.put_own_references(id, &[]).await?;
        let owned = transaction.owned_by(id).await?;
        let dropped = self.drop_owners(&mut transaction, owned).await?;
        reach(Step::DocumentStored);
        transaction.commit().await?;
        reach(Step::Committed);
        Ok(dropped)
    }

    /// Deletes the secrets that lost their last reference. What fails now is done when its intent is settled.
    pub(crate) async fn delete_dropped(&self, dropped: Vec<Intent>) {
        let Keeping::Managed(vault) = &self.keeping else { return };
        for intent in dropped {
            if let Err(error) = self.settle(vault, &intent).await {
                tracing::warn!(name = %intent.name, %error, "a secret that is no longer needed could not be deleted; it will be tried again");
            }
        }
    }
}

/// Parts an entity's references into the users' own, and the secrets kept for it into those that it still refers to and those that
/// it does not; the latter are answered.
fn part(owned: Vec<Owner>, references: &[OwnReference]) -> (Vec<OwnReference>, Vec<Owner>) {
    let is_kept = |owner: &Owner, reference: &OwnReference| {
        owner.name == reference.name && owner.field == reference.field
    };
    let own = references
        .iter()
        .filter(|reference| !owned.iter().any(|owner| is_kept(owner, reference)))
        .cloned()
        .collect();
    let dropped = owned
        .into_iter()
        .filter(|owner| !references.iter().any(|reference| is_kept(owner, reference)))
        .collect();
    (own, dropped)
}

fn journal_entry(placed: &Placed) -> JournalEntry {
    JournalEntry {
        kind: placed.owner.kind,
        entity: placed.owner.entity,
        field: placed.owner.field.to_string(),
        name: placed.name.clone(),
        version: placed.version.clone(),
        vault: Some(placed.vault.clone()),
    }
}
