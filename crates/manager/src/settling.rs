//! Settling: an intent that came to nothing is taken back at the vault, so that every field resolves to what the database
//! says.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::StreamExt;
use strongroom_metastore::{Intent, IntentKind, NewIntent, Opened, Owner};
use strongroom_secrets::{
    ErrorKind, ListScope, NewSecret, Provider, SecretName, SecretProperties, SecretUpdate,
};

use crate::Manager;
use crate::crash::{Step, reach};
use crate::error::WriteError;
use crate::lease::Lease;
use crate::ownership::{TaggedOwner, before_adoption, intent_of};
use crate::placing::{id_of, latest_properties};

/// How many intents one round takes on.
const ROUND: u32 = 100;
/// How many rounds follow each other at most. What is left then is for the next time.
const MOST_ROUNDS: u32 = 1000;
/// How long settled intents are kept, for whoever wants to know what happened.
const KEEP_SETTLED: Duration = Duration::from_secs(24 * 60 * 60);

/// Where an abandoned intent has to be settled.
enum Place<'a> {
    /// At this vault.
    Known(&'a Arc<dyn Provider>),
    /// At a vault that is not described here.
    Unknown(&'a str),
    /// Nowhere: nothing is written under it.
    Nowhere,
}

impl Manager {
    /// Settles the intents that nobody works on any more: those whose lease is long over, and those whose holder's name
    /// begins with one of `dead_holders`; each at the vault that it is about. Answers how many were settled. One that cannot be
    /// settled now is left for later.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn settle_abandoned(&self, dead_holders: &[&str]) -> Result<usize, WriteError> {
        let mut settled = 0;
        for _ in 0..MOST_ROUNDS {
            let abandoned = self.store.abandoned_intents(self.timing.grace(), dead_holders, ROUND).await?;
            let before = settled;
            for intent in abandoned {
                settled += usize::from(self.settle_one_abandoned(intent).await?);
            }
            if settled == before {
                break;
            }
        }
        Ok(settled)
    }

    async fn settle_one_abandoned(&self, intent: Intent) -> Result<bool, WriteError> {
        let Some(claim) = self.store.claim_intent(&intent, &self.holder, self.timing.lease).await? else {
            return Ok(false);
        };
        reach(Step::IntentClaimed);
        let intent = Intent { claim, holder: self.holder.clone(), ..intent };
        let done = match self.place_of(&intent) {
            Place::Known(vault) => self.settle(vault, &intent).await,
            Place::Nowhere => self.mark_settled(&intent, self.timing.grace()).await,
            // Its name is free again here. Whoever works with that vault next finds it by its recheck, which is due at once.
            Place::Unknown(vault) => {
                tracing::warn!(name = %intent.name, vault, "an interrupted write to a vault that is not configured here will be taken back by the next migration that is");
                self.mark_settled(&intent, Duration::ZERO).await
            }
        };
        if let Err(error) = &done {
            tracing::warn!(name = %intent.name, %error, "an interrupted write could not be settled; it will be tried again");
        }
        Ok(done.is_ok())
    }

    /// Where what an intent may have left has to be looked for.
    fn place_of<'a>(&'a self, intent: &'a Intent) -> Place<'a> {
        let Some(id) = intent.vault.as_deref() else { return Place::Nowhere };
        match self.vaults().find(|vault| id_of(vault) == id) {
            Some(vault) => Place::Known(vault),
            None => Place::Unknown(id),
        }
    }

    /// What a running server does every now and then: settles what was abandoned, looks once more at what was settled, and
    /// forgets what is old.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn sweep(&self) -> Result<(), WriteError> {
        self.settle_abandoned(&[]).await?;
        self.recheck_settled().await?;
        self.store.forget_settled(KEEP_SETTLED).await?;
        Ok(())
    }

    /// Looks once more at what was settled, in each vault that is known.
    pub(crate) async fn recheck_settled(&self) -> Result<(), WriteError> {
        for vault in self.vaults() {
            for intent in self.store.due_rechecks(&id_of(vault), ROUND).await? {
                self.recheck(vault, &intent).await?;
            }
        }
        Ok(())
    }

    /// Takes back what an intent of ours did at the vault, and settles it.
    pub(crate) async fn settle(&self, vault: &Arc<dyn Provider>, intent: &Intent) -> Result<(), WriteError> {
        let lease = self.lease_on(intent.claim);
        self.put_right(vault, intent, &lease).await?;
        reach(Step::VaultPutRight);
        self.mark_settled(intent, self.timing.grace()).await
    }

    async fn mark_settled(&self, intent: &Intent, recheck: Duration) -> Result<(), WriteError> {
        self.store.settle_intent(&self.holder, intent.claim, recheck).await?;
        reach(Step::IntentSettled);
        Ok(())
    }

    /// Looks once more at the name of a settled intent: a write that was under way when it was settled may have landed.
    async fn recheck(&self, vault: &Arc<dyn Provider>, settled: &Intent) -> Result<(), WriteError> {
        // An intent of our own keeps writers away from the name meanwhile; if one is at work, it looks itself.
        let guard = NewIntent {
            id: self.random.uuid(),
            kind: settled.kind,
            name: settled.name.clone(),
            entity_kind: settled.entity_kind,
            entity: settled.entity,
            field: settled.field.clone(),
            vault: None,
        };
        let opened = self.store.open_intents(&self.holder, &[guard], self.timing.lease).await?;
        let Opened::All(claims) = opened else { return Ok(()) };
        reach(Step::IntentsOpened);
        let done = match claims.first() {
            Some(claim) => self.put_right(vault, settled, &self.lease_on(*claim)).await,
            None => Ok(()),
        };
        self.release(&claims).await?;
        match done {
            Ok(()) => {
                self.store.rechecked(settled.claim.id).await?;
                reach(Step::IntentRechecked);
            }
            Err(error) => {
                tracing::warn!(name = %settled.name, %error, "a settled write could not be looked at again; it will be tried again");
            }
        }
        Ok(())
    }

    async fn put_right(
        &self,
        vault: &Arc<dyn Provider>,
        intent: &Intent,
        lease: &Lease,
    ) -> Result<(), WriteError> {
        self.may_call(lease, &intent.name).await?;
        let latest = match vault.get(&intent.name, None).await {
            Ok(secret) => secret.properties,
            // Never written, or deleted already.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) if error.kind() == ErrorKind::Disabled => {
                latest_properties(vault, &intent.name).await?
            }
            Err(error) => return Err(error.into()),
        };
        // Whoever came later found that very version right and committed it, so there is nothing to take back.
        if let Some(owner) = self.store.owner(&intent.name).await?
            && latest.version.as_ref() == Some(&owner.version)
        {
            return Ok(());
        }
        let ours = match TaggedOwner::read(&latest.tags, self.installation) {
            TaggedOwner::Ours { .. } => true,
            TaggedOwner::Nobody | TaggedOwner::Other => false,
        };
        if let (Some(theirs), Some(version)) =
            (before_adoption(&latest.tags, intent.claim.id), &latest.version)
        {
            self.may_call(lease, &intent.name).await?;
            vault.update(&intent.name, version, SecretUpdate::tags(theirs)).await?;
            return Ok(());
        }
        let referred_to = self.store.begin().await?.is_referred_to(&intent.name).await?;
        match intent.kind {
            IntentKind::Delete if ours && !referred_to => {
                self.delete_secret(vault, &intent.name, lease).await
            }
            IntentKind::Delete => Ok(()),
            // It stood deleted before, was recovered for this write, and nobody has come to use it.
            IntentKind::Write if intent.deleted_before && ours && !referred_to => {
                self.delete_secret(vault, &intent.name, lease).await
            }
            IntentKind::Write if intent_of(&latest.tags) != Some(intent.claim.id) => {
                self.note_set_again(vault, &intent.name, &latest).await
            }
            IntentKind::Write => match version_before(vault, intent).await? {
                Some(older) => self.set_again(vault, intent, older, lease).await,
                None if referred_to => Ok(()),
                None => self.delete_secret(vault, &intent.name, lease).await,
            },
        }
    }

    async fn delete_secret(
        &self,
        vault: &Arc<dyn Provider>,
        name: &SecretName,
        lease: &Lease,
    ) -> Result<(), WriteError> {
        self.may_call(lease, name).await?;
        self.deletions.fetch_add(1, Ordering::Relaxed);
        match vault.delete(name).await {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
            Ok(()) | Err(_) => {
                reach(Step::SecretDeleted);
                Ok(())
            }
        }
    }

    /// Makes an older version the latest again, with its tags and attributes.
    async fn set_again(
        &self,
        vault: &Arc<dyn Provider>,
        intent: &Intent,
        older: SecretProperties,
        lease: &Lease,
    ) -> Result<(), WriteError> {
        self.may_call(lease, &intent.name).await?;
        let value = match vault.get(&intent.name, older.version.as_ref()).await {
            Ok(secret) => secret.value,
            Err(error) if error.kind() == ErrorKind::Disabled => {
                tracing::warn!(name = %intent.name, "the version before an interrupted write is disabled, so it cannot be set again");
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        let again = NewSecret {
            value,
            content_type: older.content_type.clone(),
            tags: older.tags.clone(),
            enabled: Some(older.enabled),
            not_before: older.not_before,
            expires: older.expires,
            mark: None,
        };
        self.may_call(lease, &intent.name).await?;
        let written = vault.set(&intent.name, again).await?;
        reach(Step::OlderVersionSet);
        self.note_copy(&intent.name, &older, &written).await
    }

    /// Writes down what an earlier attempt to settle could not, if it died just after it had set an older version again.
    async fn note_set_again(
        &self,
        vault: &Arc<dyn Provider>,
        name: &SecretName,
        latest: &SecretProperties,
    ) -> Result<(), WriteError> {
        let Some(owner) = self.store.owner(name).await? else { return Ok(()) };
        if latest.version.as_ref() == Some(&owner.version) {
            return Ok(());
        }
        let mut versions = vault.list(ListScope::Versions(name));
        while let Some(version) = versions.next().await {
            let version = version?;
            // A copy has the tags of its original, the intent's among them; nobody else writes those.
            if version.version.as_ref() == Some(&owner.version) && version.tags == latest.tags {
                return self.note_copy(name, &version, latest).await;
            }
        }
        Ok(())
    }

    /// A copy of the committed version holds the same value under a version of its own: what is known as committed follows.
    async fn note_copy(
        &self,
        name: &SecretName,
        original: &SecretProperties,
        copy: &SecretProperties,
    ) -> Result<(), WriteError> {
        if let (Some(owner), Some(version)) = (self.store.owner(name).await?, copy.version.clone())
            && Some(&owner.version) == original.version.as_ref()
        {
            let mut transaction = self.store.begin().await?;
            transaction.put_owner(&Owner { version, ..owner }).await?;
            transaction.commit().await?;
        }
        Ok(())
    }
}

/// The newest version that was not written under `intent`: the one that was recorded before it, if it still stands.
async fn version_before(
    vault: &Arc<dyn Provider>,
    intent: &Intent,
) -> Result<Option<SecretProperties>, WriteError> {
    let mut newest: Option<SecretProperties> = None;
    let mut versions = vault.list(ListScope::Versions(&intent.name));
    while let Some(version) = versions.next().await {
        let version = version?;
        if intent_of(&version.tags) == Some(intent.claim.id) {
            continue;
        }
        // Times are whole seconds: among equals the recorded version is the newest that we know of.
        let recorded = version.version.is_some() && version.version == intent.version_before;
        let newer = newest.as_ref().is_none_or(|newest| {
            newest.created < version.created || (newest.created == version.created && recorded)
        });
        if newer {
            newest = Some(version);
        }
    }
    Ok(newest)
}
