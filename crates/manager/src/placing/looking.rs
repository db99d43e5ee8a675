//! What the vault holds under a name already, and what that means for a field that wants the name.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures::StreamExt;
use strongroom_entities::EntityKind;
use strongroom_secrets::{
    Error, ErrorKind, ListScope, Provider, SecretName, SecretProperties, SecretVersion, Tags,
};
use uuid::Uuid;

use super::candidates::Candidate;
use super::{Action, Custom, Kept, Wanted};
use crate::Manager;
use crate::error::WriteError;
use crate::lease::Lease;
use crate::ownership::{FieldOwner, TaggedOwner};

/// What a look at the vault says about a name.
pub(super) enum Look {
    Free { before: Option<SecretVersion>, deleted_before: bool, action: Action, kept: Kept },
    NotOurs(WriteError),
}

/// The names that were soft-deleted when the vault was asked for all of them. A list for as long as this manager deletes
/// nothing itself: settling and taking back do.
#[derive(Debug, Default)]
pub(crate) struct DeletedNames {
    keys: HashSet<String>,
    /// How many secrets this manager had begun to delete before.
    deletions: u64,
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

impl DeletedNames {
    /// Adds a name that the vault listed.
    pub(crate) fn insert(&mut self, name: &SecretName) {
        self.keys.insert(name.key());
    }
}

impl Manager {
    /// A list of deleted names that is about to be filled.
    pub(crate) fn deleted_names(&self) -> DeletedNames {
        DeletedNames { keys: HashSet::new(), deletions: self.deletions.load(Ordering::Relaxed) }
    }

    /// Whether a list proves that a name is not soft-deleted.
    fn is_not_deleted(&self, listed: &DeletedNames, name: &SecretName) -> bool {
        !listed.keys.contains(&name.key()) && listed.deletions == self.deletions.load(Ordering::Relaxed)
    }

    /// Looks at what the vault holds under a name and decides what to do about it.
    pub(super) async fn look(
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
        let free =
            |action, kept| Ok(Look::Free { before: before.clone(), deleted_before: false, action, kept });
        let kept = || Kept::from(&latest);
        match self.holder_of(&latest.tags, name, &wanted.owner).await? {
            HeldBy::ThisField => match &before {
                Some(version) if equal => free(Action::Keep(version.clone()), kept()),
                _ => free(Action::Write, kept()),
            },
            HeldBy::Gone => free(Action::Write, Kept::default()),
            HeldBy::Other(owner) => Ok(Look::NotOurs(WriteError::Taken { name: name.clone(), owner })),
            HeldBy::Nobody => match &before {
                Some(version) if equal => free(Action::Adopt(version.clone(), latest.tags.clone()), kept()),
                _ if custom.adopt || self.is_named_by_reference(wanted, name) => free(Action::Write, kept()),
                _ => Ok(Look::NotOurs(WriteError::Foreign { name: name.clone() })),
            },
        }
    }

    pub(super) async fn look_at_deleted(
        &self,
        vault: &Arc<dyn Provider>,
        wanted: &Wanted,
        name: &SecretName,
        custom: &Custom,
    ) -> Result<Look, WriteError> {
        let free = |deleted_before, action, kept| Look::Free { before: None, deleted_before, action, kept };
        let absent = Ok(free(false, Action::Write, Kept::default()));
        if !vault.capabilities().soft_delete
            || custom.deleted.as_ref().is_some_and(|listed| self.is_not_deleted(listed, name))
        {
            return absent;
        }
        let latest = match vault.get_deleted(name).await {
            Ok(deleted) => deleted.properties,
            Err(error) if error.kind() == ErrorKind::NotFound => return absent,
            Err(error) => return Err(error.into()),
        };
        let recover = |kept| Ok(free(true, Action::RecoverAndWrite, kept));
        match self.holder_of(&latest.tags, name, &wanted.owner).await? {
            HeldBy::ThisField => recover(Kept::from(&latest)),
            HeldBy::Gone => recover(Kept::default()),
            HeldBy::Nobody if custom.adopt || self.is_named_by_reference(wanted, name) => {
                recover(Kept::from(&latest))
            }
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

    async fn exists(&self, entity: Uuid) -> Result<bool, WriteError> {
        for kind in EntityKind::WITH_SECRETS {
            // An older OpenMetadata has not all of the tables.
            if self.store.has_kind(*kind).await? && self.store.get(*kind, entity).await?.is_some() {
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
