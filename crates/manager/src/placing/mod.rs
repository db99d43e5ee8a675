//! Placing values in the vault, under intents: what writes through the API and migrations have in common.
//!
//! [`Manager::prepare`] chooses names (`candidates`), opens the intents and looks at what the vault holds (`looking`); nothing is
//! written there yet. [`Manager::carry_out`] writes (`carrying`). The transaction that stores the documents completes the intents
//! ([`crate::storing`]); if it does not come to that, [`Manager::undo`] puts everything back.

mod candidates;
mod carrying;
mod guarding;
mod looking;

use std::collections::HashSet;
use std::sync::Arc;

use futures::{StreamExt, stream};
use strongroom_metastore::{Before, Claim, Intent, IntentKind};
use strongroom_secrets::{Provider, SecretName, SecretProperties, SecretValue, SecretVersion, Tags};
use tokio::time::Instant;

use self::candidates::Candidate;
pub(crate) use self::guarding::Guarded;
use self::looking::Look;
pub(crate) use self::looking::{DeletedNames, latest_properties};
use crate::Manager;
use crate::crash::{Step, reach};
use crate::error::WriteError;
use crate::lease::Lease;
use crate::naming::NamingScheme;
use crate::ownership::FieldOwner;

/// A value that has to be kept in the vault.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    /// The field it is for.
    pub(crate) owner: FieldOwner,
    /// The entity's fully qualified name.
    pub(crate) fqn: String,
    /// The value.
    pub(crate) value: SecretValue,
    /// The name that the row refers to now.
    pub(crate) current: Option<SecretName>,
}

/// How to treat what the vault holds already.
#[derive(Debug, Clone, Default)]
pub(crate) struct Custom {
    /// Take secrets that are not ours, whatever they hold.
    pub(crate) adopt: bool,
    /// The names that are soft-deleted, if they were listed: spares a call a secret.
    pub(crate) deleted: Option<Arc<DeletedNames>>,
}

/// A value whose name is taken and whose fate is decided.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) wanted: Wanted,
    pub(crate) name: SecretName,
    pub(crate) claim: Claim,
    before: Option<SecretVersion>,
    deleted_before: bool,
    action: Action,
    kept: Kept,
    progress: Progress,
    /// The vault that it is written to; `None` for a guard, under which nothing is.
    vault: Option<String>,
}

/// What others gave to the version before, and a new version of the same secret keeps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Kept {
    content_type: Option<String>,
    not_before: Option<i64>,
    expires: Option<i64>,
    tags: Tags,
}

impl From<&SecretProperties> for Kept {
    fn from(before: &SecretProperties) -> Self {
        Self {
            content_type: before.content_type.clone(),
            not_before: before.not_before,
            expires: before.expires,
            tags: before.tags.clone(),
        }
    }
}

/// What will be done at the vault.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Action {
    /// The latest version is ours and holds this value.
    Keep(SecretVersion),
    /// The latest version holds this value and gets our tags.
    Adopt(SecretVersion, Tags),
    /// A new version is written.
    Write,
    /// The name is soft-deleted, and was ours: it is recovered, then a new version is written.
    RecoverAndWrite,
}

/// What has been done at the vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Nothing,
    /// A call was started whose outcome is unknown: a late write can still land.
    Unknown,
    Written,
}

/// Where a value is now.
#[derive(Debug, Clone)]
pub(crate) struct Placed {
    pub(crate) owner: FieldOwner,
    pub(crate) name: SecretName,
    pub(crate) version: SecretVersion,
    /// Whether a new version was written.
    pub(crate) written: bool,
    /// The vault, by the name that intents and the journal have for it.
    pub(crate) vault: String,
}

/// A batch whose intents are open.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) lease: Lease,
    /// In the order of what was wanted.
    pub(crate) items: Vec<Result<Prepared, WriteError>>,
}

impl Prepared {
    /// Whether the vault or the row will change.
    pub(crate) fn changes(&self) -> bool {
        !matches!(self.action, Action::Keep(_)) || self.wanted.current.as_ref() != Some(&self.name)
    }

    fn intent(&self, holder: &str) -> Intent {
        Intent {
            claim: self.claim,
            holder: holder.to_owned(),
            kind: IntentKind::Write,
            name: self.name.clone(),
            entity_kind: self.wanted.owner.kind,
            entity: self.wanted.owner.entity,
            field: self.wanted.owner.field.to_string(),
            version_before: self.before.clone(),
            deleted_before: self.deleted_before,
            vault: self.vault.clone(),
        }
    }
}

/// What intents and the journal call a vault: the name that it has for people, which says where it is.
pub(crate) fn id_of(vault: &Arc<dyn Provider>) -> String {
    vault.to_string()
}

impl Batch {
    /// A batch of nothing.
    pub(crate) fn empty(manager: &Manager) -> Self {
        Self { lease: manager.lease(Vec::new(), Instant::now()), items: Vec::new() }
    }

    /// The claims of everything that is prepared.
    pub(crate) fn claims(&self) -> Vec<Claim> {
        self.items.iter().flatten().map(|item| item.claim).collect()
    }
}

impl Manager {
    /// Chooses a name for each value, opens the intents and looks at the vault. Nothing is written there.
    pub(crate) async fn prepare(
        &self,
        vault: &Arc<dyn Provider>,
        wanted: Vec<Wanted>,
        custom: &Custom,
    ) -> Result<Batch, WriteError> {
        let since = Instant::now();
        let vault_id = id_of(vault);
        let mut results: Vec<Option<Result<Prepared, WriteError>>> = wanted.iter().map(|_| None).collect();
        let mut pending: Vec<(usize, Wanted, usize)> =
            wanted.into_iter().enumerate().map(|(index, wanted)| (index, wanted, 0)).collect();
        // Each round tries the next name of whatever is still without one; nothing has more than three.
        while !pending.is_empty() {
            let in_use = pending.iter().map(|(_, wanted, _)| wanted).collect::<Vec<_>>();
            let in_use = self.names_in_use(&in_use).await?;
            let mut candidates = Vec::new();
            let mut taken: HashSet<SecretName> =
                results.iter().flatten().flatten().map(|prepared| prepared.name.clone()).collect();
            for (index, wanted, attempt) in pending.drain(..) {
                match self.free_name(&wanted, attempt, &taken, &in_use).await? {
                    Ok((name, attempt)) => {
                        taken.insert(name.clone());
                        candidates.push(Candidate { index, wanted, attempt, name });
                    }
                    Err(refusal) => results[index] = Some(Err(refusal)),
                }
            }
            let (opened, busy) = self.open_candidates(candidates, Some(&vault_id)).await?;
            for (index, error) in busy {
                results[index] = Some(Err(error));
            }
            reach(Step::IntentsOpened);
            let lease = self.lease(opened.iter().map(|(_, claim)| *claim).collect(), since);
            let looks: Vec<_> =
                opened.iter().map(|(candidate, _)| self.look(vault, candidate, custom, &lease)).collect();
            let looks: Vec<_> = stream::iter(looks).buffered(Self::CONCURRENCY).collect().await;
            let mut released = Vec::new();
            for ((candidate, claim), look) in opened.into_iter().zip(looks) {
                let Candidate { index, wanted, attempt, name } = candidate;
                let refusal = match look {
                    Ok(Look::Free { before, deleted_before, action, kept }) => {
                        let progress = Progress::Nothing;
                        results[index] = Some(Ok(Prepared {
                            wanted,
                            name,
                            claim,
                            before,
                            deleted_before,
                            action,
                            kept,
                            progress,
                            vault: Some(vault_id.clone()),
                        }));
                        continue;
                    }
                    Ok(Look::NotOurs(refusal)) => refusal,
                    Err(error) => error,
                };
                released.push(claim);
                if matches!(refusal, WriteError::Taken { .. }) && self.naming.scheme() == NamingScheme::Guide
                {
                    pending.push((index, wanted, attempt + 1));
                } else {
                    results[index] = Some(Err(refusal));
                }
            }
            self.release(&released).await?;
        }
        let items: Vec<_> =
            results.into_iter().map(|result| result.unwrap_or(Err(WriteError::Changed))).collect();
        let claims = items.iter().flatten().map(|item| item.claim).collect();
        let batch = Batch { lease: self.lease(claims, since), items };
        let found: Vec<Before> = batch
            .items
            .iter()
            .flatten()
            .map(|item| Before {
                claim: item.claim,
                version: item.before.clone(),
                deleted: item.deleted_before,
            })
            .collect();
        if !found.is_empty() && !self.store.record_before(&self.holder, &found).await? {
            // Whoever claimed them saw that nothing was written.
            return Err(WriteError::Changed);
        }
        reach(Step::BeforeRecorded);
        Ok(batch)
    }

    /// Writes what was prepared; with `verify`, reads each value back. The results are in the order of what was wanted.
    pub(crate) async fn carry_out(
        &self,
        vault: &Arc<dyn Provider>,
        batch: &mut Batch,
        verify: bool,
    ) -> Vec<Result<Placed, WriteError>> {
        let Batch { lease, items } = batch;
        let lease = &*lease;
        // The futures are made before the stream: a closure within it would make this future no longer `Send`.
        let places = items.iter_mut().map(|item| async move {
            match item {
                Ok(prepared) => self.place(vault, prepared, lease, verify).await,
                Err(_) => Err(WriteError::Changed),
            }
        });
        stream::iter(places.collect::<Vec<_>>()).buffered(Self::CONCURRENCY).collect().await
    }

    /// Puts back what was done for `prepared`: its intent is released if nothing was written, settled if something was,
    /// and left to its lease if that is unknown.
    pub(crate) async fn undo(
        &self,
        vault: &Arc<dyn Provider>,
        prepared: &[&Prepared],
    ) -> Result<(), WriteError> {
        let mut untouched = Vec::new();
        for item in prepared {
            match item.progress {
                Progress::Nothing => untouched.push(item.claim),
                Progress::Written => self.settle(vault, &item.intent(&self.holder)).await?,
                Progress::Unknown => {}
            }
        }
        self.release(&untouched).await
    }

    /// Whether the transaction that was to complete `prepared` took effect, after its commit gave no clear answer. What did
    /// not is put back.
    pub(crate) async fn was_committed(
        &self,
        vault: &Arc<dyn Provider>,
        prepared: &[&Prepared],
    ) -> Result<bool, WriteError> {
        let mut committed = false;
        for item in prepared {
            let intent = item.intent(&self.holder);
            match self.store.claim_intent(&intent, &self.holder, self.timing.lease).await? {
                None => committed = true,
                Some(claim) => self.settle(vault, &Intent { claim, ..intent }).await?,
            }
        }
        Ok(committed)
    }

    fn lease(&self, claims: Vec<Claim>, since: Instant) -> Lease {
        Lease::new(self.store.clone(), self.holder.clone(), self.timing, claims, since)
    }

    pub(crate) fn lease_on(&self, claim: Claim) -> Lease {
        self.lease(vec![claim], Instant::now())
    }

    /// Gives intents back under which nothing was written.
    pub(crate) async fn release(&self, claims: &[Claim]) -> Result<(), WriteError> {
        for claim in claims {
            // One that was claimed by another in the meantime is theirs to settle.
            let mut transaction = self.store.begin().await?;
            if transaction.complete_intents(&self.holder, &[*claim]).await? {
                transaction.commit().await?;
                reach(Step::IntentReleased);
            }
        }
        Ok(())
    }
}
