//! Placing values in the vault, under intents: what writes through the API and migrations have in common.
//!
//! [`Manager::prepare`] chooses names, opens the intents and looks at what the vault holds; nothing is written there yet.
//! [`Manager::carry_out`] writes. The transaction that stores the documents completes the intents
//! ([`crate::storing`]); if it does not come to that, [`Manager::undo`] puts everything back.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, stream};
use strongroom_metastore::{Before, Claim, Intent, IntentKind, NewIntent, Opened};
use strongroom_secrets::{
    Error, ErrorKind, ListScope, NewSecret, Provider, SecretName, SecretProperties, SecretValue,
    SecretVersion, Tags,
};
use tokio::time::Instant;

use crate::Manager;
use crate::crash::{Step, reach};
use crate::error::WriteError;
use crate::lease::Lease;
use crate::naming::{NamingError, NamingScheme};
use crate::ownership::{FieldOwner, TaggedOwner};

/// How often a write looks whether a name that is in another's hands has become free.
const POLL: Duration = Duration::from_millis(50);

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
    /// The keys of all names that are soft-deleted, if they were listed: spares a call a secret.
    pub(crate) deleted: Option<Arc<HashSet<String>>>,
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
    progress: Progress,
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
}

/// A batch whose intents are open.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) lease: Lease,
    /// In the order of what was wanted.
    pub(crate) items: Vec<Result<Prepared, WriteError>>,
}

/// A value with the name that is tried for it.
#[derive(Debug)]
struct Candidate {
    /// Its place in what was wanted.
    index: usize,
    wanted: Wanted,
    /// How many names were tried before.
    attempt: usize,
    name: SecretName,
}

/// What a look at the vault says about a name.
enum Look {
    Free { before: Option<SecretVersion>, deleted_before: bool, action: Action },
    NotOurs(WriteError),
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
        }
    }
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
        let mut results: Vec<Option<Result<Prepared, WriteError>>> = wanted.iter().map(|_| None).collect();
        let mut pending: Vec<(usize, Wanted, usize)> =
            wanted.into_iter().enumerate().map(|(index, wanted)| (index, wanted, 0)).collect();
        // Each round tries the next name of whatever is still without one; nothing has more than three.
        while !pending.is_empty() {
            let mut candidates = Vec::new();
            let mut taken: HashSet<SecretName> =
                results.iter().flatten().flatten().map(|prepared| prepared.name.clone()).collect();
            for (index, wanted, attempt) in pending.drain(..) {
                match self.free_name(&wanted, attempt, &taken).await? {
                    Ok((name, attempt)) => {
                        taken.insert(name.clone());
                        candidates.push(Candidate { index, wanted, attempt, name });
                    }
                    Err(refusal) => results[index] = Some(Err(refusal)),
                }
            }
            let (opened, busy) = self.open_candidates(candidates).await?;
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
                    Ok(Look::Free { before, deleted_before, action }) => {
                        let progress = Progress::Nothing;
                        results[index] = Some(Ok(Prepared {
                            wanted,
                            name,
                            claim,
                            before,
                            deleted_before,
                            action,
                            progress,
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
            }
        }
        Ok(())
    }

    /// The first name from `attempt` on that no row of this database uses for something else.
    async fn free_name(
        &self,
        wanted: &Wanted,
        attempt: usize,
        taken_here: &HashSet<SecretName>,
    ) -> Result<Result<(SecretName, usize), WriteError>, WriteError> {
        let mut refusal = None;
        for attempt in attempt..3 {
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
            } else {
                self.used_by_other(&name, &wanted.owner).await?
            };
            match used_by {
                None => return Ok(Ok((name, attempt))),
                Some(owner) => refusal = Some(WriteError::Taken { name, owner }),
            }
        }
        Ok(Err(refusal.unwrap_or(WriteError::Changed)))
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
    async fn open_candidates(
        &self,
        mut candidates: Vec<Candidate>,
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

    /// Looks at what the vault holds under a name and decides what to do about it.
    async fn look(
        &self,
        vault: &Arc<dyn Provider>,
        candidate: &Candidate,
        custom: &Custom,
        lease: &Lease,
    ) -> Result<Look, WriteError> {
        let Candidate { wanted, name, .. } = candidate;
        self.may_call(lease, name).await?;
        let (latest, value) = match vault.get(name, None).await {
            Ok(secret) => (secret.properties, Some(secret.value)),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return self.look_at_deleted(vault, wanted, name, custom).await;
            }
            Err(error) if error.kind() == ErrorKind::Disabled => {
                (latest_properties(vault, name).await?, None)
            }
            Err(error) => return Err(error.into()),
        };
        let equal = value.as_ref() == Some(&wanted.value);
        let before = latest.version.clone();
        let free = |action| Ok(Look::Free { before: before.clone(), deleted_before: false, action });
        match self.holder_of(&latest.tags, name, &wanted.owner).await? {
            HeldBy::ThisField => match &before {
                Some(version) if equal => free(Action::Keep(version.clone())),
                _ => free(Action::Write),
            },
            HeldBy::Gone => free(Action::Write),
            HeldBy::Other(owner) => Ok(Look::NotOurs(WriteError::Taken { name: name.clone(), owner })),
            HeldBy::Nobody => match &before {
                Some(version) if equal => free(Action::Adopt(version.clone(), latest.tags.clone())),
                _ if custom.adopt || self.is_named_by_reference(wanted, name) => free(Action::Write),
                _ => Ok(Look::NotOurs(WriteError::Foreign { name: name.clone() })),
            },
        }
    }

    async fn look_at_deleted(
        &self,
        vault: &Arc<dyn Provider>,
        wanted: &Wanted,
        name: &SecretName,
        custom: &Custom,
    ) -> Result<Look, WriteError> {
        let absent = Ok(Look::Free { before: None, deleted_before: false, action: Action::Write });
        if custom.deleted.as_ref().is_some_and(|listed| !listed.contains(&name.key())) {
            return absent;
        }
        let tags = match vault.get_deleted(name).await {
            Ok(deleted) => deleted.properties.tags,
            Err(error) if error.kind() == ErrorKind::NotFound => return absent,
            Err(error) => return Err(error.into()),
        };
        let recover = Ok(Look::Free { before: None, deleted_before: true, action: Action::RecoverAndWrite });
        match self.holder_of(&tags, name, &wanted.owner).await? {
            HeldBy::ThisField | HeldBy::Gone => recover,
            HeldBy::Nobody if custom.adopt || self.is_named_by_reference(wanted, name) => recover,
            HeldBy::Nobody => Ok(Look::NotOurs(WriteError::Foreign { name: name.clone() })),
            HeldBy::Other(owner) => Ok(Look::NotOurs(WriteError::Taken { name: name.clone(), owner })),
        }
    }

    /// Whom a secret with these tags belongs to, seen from `field`.
    async fn holder_of(
        &self,
        tags: &Tags,
        name: &SecretName,
        field: &FieldOwner,
    ) -> Result<HeldBy, WriteError> {
        match TaggedOwner::read(tags, self.installation) {
            TaggedOwner::Nobody => Ok(HeldBy::Nobody),
            TaggedOwner::Other => Ok(HeldBy::Other("another installation of Strongroom".to_owned())),
            TaggedOwner::Ours { entity, field: tagged } => {
                if entity == field.entity && field.is_field(&tagged) {
                    return Ok(HeldBy::ThisField);
                }
                // A tag can outlive what it names: the row decides.
                match self.store.owner(name).await? {
                    Some(owner) if self.store.get(owner.kind, owner.entity).await?.is_some() => {
                        Ok(HeldBy::Other(format!("{} of the {} {}", owner.field, owner.kind, owner.entity)))
                    }
                    _ if self.exists(entity).await? => {
                        Ok(HeldBy::Other(format!("{tagged} of the entity {entity}")))
                    }
                    _ => Ok(HeldBy::Gone),
                }
            }
        }
    }

    async fn exists(&self, entity: uuid::Uuid) -> Result<bool, WriteError> {
        for kind in strongroom_entities::EntityKind::WITH_SECRETS {
            if self.store.get(*kind, entity).await?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether the row refers to `name`, and OpenMetadata's own server would give it that name: then it is what that server
    /// wrote for this very field.
    fn is_named_by_reference(&self, wanted: &Wanted, name: &SecretName) -> bool {
        wanted.current.as_ref() == Some(name)
            && self
                .naming
                .openmetadata_name(wanted.owner.kind, &wanted.fqn, &wanted.owner.field)
                .is_ok_and(|computed| computed == *name)
    }

    async fn place(
        &self,
        vault: &Arc<dyn Provider>,
        prepared: &mut Prepared,
        lease: &Lease,
        verify: bool,
    ) -> Result<Placed, WriteError> {
        let name = prepared.name.clone();
        let owner = prepared.wanted.owner.clone();
        let (version, written) = match prepared.action.clone() {
            Action::Keep(version) => (version, false),
            Action::Adopt(version, mut tags) => {
                self.may_call(lease, &name).await?;
                // Without the intent's tag: there is nothing that settling should take back.
                tags.extend(owner.adoption_tags(self.installation));
                vault.set_tags(&name, &version, tags).await?;
                reach(Step::SecretAdopted);
                (version, false)
            }
            action => {
                if action == Action::RecoverAndWrite {
                    self.may_call(lease, &name).await?;
                    vault.recover(&name).await?;
                    prepared.progress = Progress::Written;
                    reach(Step::SecretRecovered);
                }
                (self.write_version(vault, prepared, lease).await?, true)
            }
        };
        if verify {
            self.may_call(lease, &name).await?;
            let latest = vault.get(&name, None).await?;
            if latest.properties.version.as_ref() != Some(&version) || latest.value != prepared.wanted.value {
                return Err(WriteError::Unverified { name });
            }
            reach(Step::VersionVerified);
        }
        Ok(Placed { owner, name, version, written })
    }

    async fn write_version(
        &self,
        vault: &Arc<dyn Provider>,
        prepared: &mut Prepared,
        lease: &Lease,
    ) -> Result<SecretVersion, WriteError> {
        self.may_call(lease, &prepared.name).await?;
        let new = NewSecret {
            value: prepared.wanted.value.clone(),
            tags: prepared.wanted.owner.tags(self.installation, prepared.claim.id, &self.tags),
            ..NewSecret::default()
        };
        let progress = prepared.progress;
        prepared.progress = Progress::Unknown;
        match vault.set(&prepared.name, new).await {
            Ok(SecretProperties { version: Some(version), .. }) => {
                prepared.progress = Progress::Written;
                reach(Step::VersionWritten);
                Ok(version)
            }
            Ok(_) => Err(Error::new(
                ErrorKind::Other,
                format!("{vault} took the secret {} but named no version", prepared.name),
            )
            .into()),
            Err(error) => {
                if !may_have_taken_effect(&error) {
                    prepared.progress = progress;
                }
                Err(error.into())
            }
        }
    }

    /// Refuses a call to the vault that could outlast the lease.
    pub(crate) async fn may_call(&self, lease: &Lease, name: &SecretName) -> Result<(), WriteError> {
        if lease.covers_a_call().await? { Ok(()) } else { Err(WriteError::Busy { name: name.clone() }) }
    }
}

/// Whom a secret in the vault belongs to, seen from a field that wants its name.
enum HeldBy {
    /// The field itself.
    ThisField,
    /// An entity of this installation that does not exist any more.
    Gone,
    /// Somebody else, who is described.
    Other(String),
    /// Nobody says that it is theirs.
    Nobody,
}

/// Whether a write that failed like this may have reached the vault all the same.
fn may_have_taken_effect(error: &Error) -> bool {
    !matches!(
        error.kind(),
        ErrorKind::PermissionDenied
            | ErrorKind::Unauthenticated
            | ErrorKind::InvalidInput
            | ErrorKind::NotFound
            | ErrorKind::Deleted
            | ErrorKind::Untrusted
            | ErrorKind::Configuration
            | ErrorKind::Unsupported
    )
}

/// The properties of the newest version, for a secret that cannot be read since it is disabled.
pub(crate) async fn latest_properties(
    vault: &Arc<dyn Provider>,
    name: &SecretName,
) -> Result<SecretProperties, WriteError> {
    let mut newest: Option<SecretProperties> = None;
    let mut versions = vault.list(ListScope::Versions(name));
    while let Some(version) = versions.next().await {
        let version = version?;
        if newest.as_ref().is_none_or(|newest| newest.created < version.created) {
            newest = Some(version);
        }
    }
    newest.ok_or_else(|| Error::new(ErrorKind::NotFound, format!("{vault} has no version of {name}")).into())
}
