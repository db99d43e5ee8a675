//! Documents that are stored together: a page of a migration in a few statements, where all of them are as they were read.

use std::collections::HashMap;

use strongroom_metastore::{Claim, JournalEntry, Owner, Row, StoreError, Transaction};
use uuid::Uuid;

use super::{Storing, journal_entry, part};
use crate::Manager;
use crate::crash::{Step, reach};

impl Manager {
    /// Stores documents of one kind that are there already. Answers `false`, after which the transaction has to go back to its mark,
    /// if one of them cannot be stored like this: it has changed, its intents are another's, or it lets go of a secret.
    pub(super) async fn put_together(
        &self,
        transaction: &mut Transaction,
        storings: &[Storing<'_>],
    ) -> Result<bool, StoreError> {
        let Some(Storing { kind, run, .. }) = storings.first() else { return Ok(true) };
        let (kind, run) = (*kind, *run);
        let is_plain = |storing: &Storing<'_>| {
            (storing.kind, storing.run) == (kind, run)
                && storing.before.is_some()
                && storing.history.is_none()
                && storing.relationships.is_empty()
        };
        if !storings.iter().all(is_plain) {
            return Ok(false);
        }
        let ids: Vec<Uuid> = storings.iter().map(|storing| storing.id).collect();
        let rows = transaction.lock_all(kind, &ids).await?;
        let mut updates = Vec::with_capacity(storings.len());
        for storing in storings {
            match rows.get(&storing.id) {
                Some(row) if Some(&row.json) == storing.before => updates.push((row, storing.document)),
                Some(Row { .. }) | None => return Ok(false),
            }
        }
        if !transaction.update_all(&updates).await? {
            return Ok(false);
        }
        reach(Step::RowsUpdated);
        let prepared = storings.iter().flat_map(|storing| storing.prepared);
        let claims: Vec<Claim> = prepared.map(|item| item.claim).collect();
        if !transaction.complete_intents(&self.holder, &claims).await? {
            return Ok(false);
        }
        let placed =
            || storings.iter().flat_map(|storing| storing.placed.iter().map(move |item| (storing.id, item)));
        let owners: Vec<Owner> = placed()
            .map(|(entity, item)| Owner {
                name: item.name.clone(),
                kind,
                entity,
                field: item.owner.field.to_string(),
                version: item.version.clone(),
            })
            .collect();
        transaction.put_owners(&owners).await?;
        let mut owned: HashMap<Uuid, Vec<Owner>> = HashMap::new();
        for owner in transaction.owned_by_all(&ids).await? {
            owned.entry(owner.entity).or_default().push(owner);
        }
        let mut own_references = Vec::new();
        for storing in storings {
            let references = self.references(kind, storing.id, storing.document);
            let (mut own, dropped) = part(owned.remove(&storing.id).unwrap_or_default(), &references);
            if !dropped.is_empty() {
                return Ok(false);
            }
            own_references.append(&mut own);
        }
        transaction.put_all_own_references(&ids, &own_references).await?;
        if let Some(run) = run {
            reach(Step::OwnersWritten);
            let entries: Vec<JournalEntry> = placed().map(|(_, item)| journal_entry(item)).collect();
            transaction.journal(run, &entries).await?;
        }
        Ok(true)
    }
}
