//! Orphans: secrets of this installation in the vault to which no row refers. Soft-deleted entities refer to theirs; what belongs
//! to other installations is never ours.
//!
//! Any text of a stored document that is a reference counts (`references`), in a field of the catalogue or not. The rows are read twice, before
//! and after the vault is listed, and what somebody has in hand is left alone: so nothing that is written meanwhile is taken for
//! an orphan.

use std::collections::HashSet;
use std::sync::Arc;

use futures::{StreamExt, stream};
use serde::Serialize;
use strongroom_entities::EntityKind;
use strongroom_metastore::{Intent, IntentKind, NewIntent, Opened};
use strongroom_secrets::{ErrorKind, ListScope, Provider, SecretName};
use uuid::Uuid;

use super::references::ReferredNames;
use crate::Manager;
use crate::crash::{Step, reach};
use crate::error::WriteError;
use crate::migrate::inventory::all_kinds;
use crate::migrate::{MIGRATION_HOLDER, Watcher};
use crate::ownership::TaggedOwner;
use crate::placing::id_of;

/// How many secrets are deleted between two readings of the rows.
const BATCH: usize = 500;

/// What became of an orphan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state", content = "reason")]
pub enum Fate {
    /// It stands in the vault.
    Found,
    /// It was deleted.
    Deleted,
    /// It was left, for a reason.
    Left(String),
    /// It could not be deleted.
    Failed(String),
}

/// A secret to which no row refers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Orphan {
    /// Its name.
    pub name: String,
    /// The entity that it was kept for, by its tags; without one it only has a name under our prefix, and is never deleted.
    pub entity: Option<Uuid>,
    /// The field that it was kept for.
    pub field: Option<String>,
    /// When its latest version was made, in Unix seconds.
    pub created: Option<i64>,
    /// What became of it.
    #[serde(flatten)]
    pub fate: Fate,
}

/// What a search for orphans found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Orphans {
    /// The orphans, by name.
    pub orphans: Vec<Orphan>,
    /// How many secrets of ours the vault holds in all.
    pub ours: u64,
    /// Documents that hold something that no Fernet key opens: it may be a reference. While there are any, nothing is deleted.
    pub undecryptable: Vec<String>,
}

impl Orphan {
    /// Whether it says by its tags that it is ours.
    pub fn is_tagged(&self) -> bool {
        self.entity.is_some()
    }

    fn secret_name(&self) -> Option<SecretName> {
        SecretName::new(self.name.clone()).ok()
    }
}

impl Manager {
    /// Settles what a migration, a deletion of orphans or an acceptance left half-way. The caller holds the migration lock, so whoever
    /// it was is dead.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn settle_dead_migrations(&self) -> Result<(), WriteError> {
        self.settle_abandoned(&[MIGRATION_HOLDER]).await?;
        Ok(())
    }

    /// Looks for secrets of this installation to which no row refers.
    ///
    /// # Errors
    /// If the vault cannot be listed or the database fails.
    pub async fn find_orphans(
        &self,
        vault: &Arc<dyn Provider>,
        watcher: &dyn Watcher,
    ) -> Result<Orphans, WriteError> {
        let mut referred = ReferredNames::default();
        let mut found = Orphans::default();
        self.each_reference(watcher, |name| referred.insert(name), &mut found.undecryptable).await?;
        let mut candidates = Vec::new();
        let mut secrets = vault.list(ListScope::Secrets);
        while let Some(secret) = secrets.next().await {
            let secret = secret?;
            let (entity, field) = match TaggedOwner::read(&secret.tags, self.installation) {
                TaggedOwner::Ours { entity, field } => (Some(entity), Some(field)),
                TaggedOwner::Nobody if self.naming.is_ours(&secret.name) => (None, None),
                TaggedOwner::Nobody | TaggedOwner::Other => continue,
            };
            found.ours += 1;
            if !referred.contains(&secret.name) {
                let (name, created) = (secret.name.to_string(), secret.created);
                candidates.push(Orphan { name, entity, field, created, fate: Fate::Found });
            }
        }
        drop(referred);
        self.withdraw_referred(&mut candidates, watcher).await?;
        for orphan in candidates {
            let Some(name) = orphan.secret_name() else { continue };
            // Whoever has it in hand has either committed before this look at the tables, or has an intent.
            if !self.store.is_in_hand(&name).await? && !self.store.is_known_as_referred_to(&name).await? {
                found.orphans.push(orphan);
            }
        }
        found.orphans.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(found)
    }

    /// Deletes those orphans that are tagged as ours and to which still no row refers. Each is told in its fate.
    ///
    /// # Errors
    /// If the database fails; what goes wrong with one secret is its fate.
    pub async fn delete_orphans(
        &self,
        vault: &Arc<dyn Provider>,
        found: &mut Orphans,
        watcher: &dyn Watcher,
    ) -> Result<(), WriteError> {
        if !found.undecryptable.is_empty() {
            let reason = "the database holds what no Fernet key opens, which may refer to it";
            found.orphans.iter_mut().for_each(|orphan| orphan.fate = Fate::Left(reason.to_owned()));
            return Ok(());
        }
        for batch in found.orphans.chunks_mut(BATCH) {
            if let Some(why) = watcher.why_stop() {
                batch.iter_mut().for_each(|orphan| orphan.fate = Fate::Left(why.to_owned()));
                continue;
            }
            self.delete_batch(vault, batch, watcher).await?;
        }
        Ok(())
    }

    async fn delete_batch(
        &self,
        vault: &Arc<dyn Provider>,
        batch: &mut [Orphan],
        watcher: &dyn Watcher,
    ) -> Result<(), WriteError> {
        let mut intents = Vec::with_capacity(batch.len());
        for (index, orphan) in batch.iter_mut().enumerate() {
            let (Some(name), Some(entity)) = (orphan.secret_name(), orphan.entity) else {
                orphan.fate = Fate::Left(
                    "it has no tags of ours, only a name under our prefix: delete it by hand if nobody needs it"
                        .to_owned(),
                );
                continue;
            };
            let field = orphan.field.clone().unwrap_or_default();
            match self.open_deletion(vault, name, entity, field).await? {
                Some(intent) => intents.push((index, intent)),
                None => orphan.fate = Fate::Left("somebody is writing it just now".to_owned()),
            }
        }
        reach(Step::IntentsOpened);
        // From here on nobody writes these names: who came before has committed, and is seen now.
        let mut referred = HashSet::new();
        let names: HashSet<String> = intents.iter().map(|(_, intent)| intent.name.key()).collect();
        let mut undecryptable = Vec::new();
        self.each_reference(
            watcher,
            |name| {
                let key = name.key();
                if names.contains(&key) {
                    referred.insert(key);
                }
            },
            &mut undecryptable,
        )
        .await?;
        let (spared, doomed): (Vec<_>, Vec<_>) = intents
            .into_iter()
            .partition(|(_, intent)| referred.contains(&intent.name.key()) || !undecryptable.is_empty());
        for (index, intent) in spared {
            self.release(&[intent.claim]).await?;
            batch[index].fate = Fate::Left("a row refers to it now".to_owned());
        }
        for some in doomed.chunks(Self::CONCURRENCY) {
            // The reading took its time: without a whole lease ahead the vault must not be called.
            let claims: Vec<_> = some.iter().map(|(_, intent)| intent.claim).collect();
            if let Some(why) = watcher.why_stop() {
                self.release(&claims).await?;
                for (index, _) in some {
                    batch[*index].fate = Fate::Left(why.to_owned());
                }
                continue;
            }
            if !self.store.renew_leases(&self.holder, &claims, self.timing.lease).await? {
                for (index, _) in some {
                    batch[*index].fate = Fate::Left("another process took it in hand".to_owned());
                }
                continue;
            }
            let fates: Vec<_> = some.iter().map(|(_, intent)| self.delete_orphan(vault, intent)).collect();
            let fates: Vec<Fate> = stream::iter(fates).buffered(Self::CONCURRENCY).collect().await;
            for ((index, _), fate) in some.iter().zip(fates) {
                batch[*index].fate = fate;
            }
        }
        Ok(())
    }

    async fn delete_orphan(&self, vault: &Arc<dyn Provider>, intent: &Intent) -> Fate {
        match self.settle(vault, intent).await {
            Ok(()) => self.fate_of(vault, &intent.name).await,
            Err(error) => Fate::Failed(error.to_string()),
        }
    }

    /// Opens an intent to delete a secret; `None` if somebody has the name.
    async fn open_deletion(
        &self,
        vault: &Arc<dyn Provider>,
        name: SecretName,
        entity: Uuid,
        field: String,
    ) -> Result<Option<Intent>, WriteError> {
        let id = self.random.uuid();
        // Of an entity that is gone nobody knows what it was; the name tells, and nothing depends on it.
        let entity_kind = self.kind_of(&name);
        let vault = Some(id_of(vault));
        let new = NewIntent { id, kind: IntentKind::Delete, name, entity_kind, entity, field, vault };
        let opened =
            self.store.open_intents(&self.holder, std::slice::from_ref(&new), self.timing.lease).await?;
        let Opened::All(claims) = opened else { return Ok(None) };
        Ok(claims.first().map(|claim| Intent {
            claim: *claim,
            holder: self.holder.clone(),
            kind: new.kind,
            name: new.name,
            entity_kind,
            entity,
            field: new.field,
            vault: new.vault,
            version_before: None,
            deleted_before: false,
        }))
    }

    /// What became of a secret whose deletion was settled: whoever has taken it meanwhile keeps it.
    async fn fate_of(&self, vault: &Arc<dyn Provider>, name: &SecretName) -> Fate {
        match vault.get(name, None).await {
            Err(error) if error.kind() == ErrorKind::NotFound => Fate::Deleted,
            Ok(_) => Fate::Left("it is no longer tagged as ours, or a row refers to it now".to_owned()),
            Err(error) => Fate::Failed(error.to_string()),
        }
    }

    /// Takes those off the list to which a row refers after all.
    async fn withdraw_referred(
        &self,
        candidates: &mut Vec<Orphan>,
        watcher: &dyn Watcher,
    ) -> Result<(), WriteError> {
        if candidates.is_empty() {
            return Ok(());
        }
        let names: HashSet<String> = candidates.iter().map(|orphan| orphan.name.to_lowercase()).collect();
        let mut referred = HashSet::new();
        let gather = |name: &SecretName| {
            let key = name.key();
            if names.contains(&key) {
                referred.insert(key);
            }
        };
        self.each_reference(watcher, gather, &mut Vec::new()).await?;
        candidates.retain(|orphan| !referred.contains(&orphan.name.to_lowercase()));
        Ok(())
    }

    /// What kind of entity a secret was kept for, as its name tells.
    fn kind_of(&self, name: &SecretName) -> EntityKind {
        let key = name.key();
        let kinds = all_kinds();
        let told = kinds.filter(|kind| key.contains(&format!("-{}-", kind.name_segment())));
        told.copied().next().unwrap_or(EntityKind::Bot)
    }
}
