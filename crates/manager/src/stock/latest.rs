//! What the vault says of the latest version of a secret: read one by one, or from the vault's list.

use std::collections::HashMap;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use futures::StreamExt;
use strongroom_secrets::{
    Error, ErrorKind, ListScope, Provider, SecretName, SecretProperties, SecretVersion,
};
use uuid::Uuid;

use crate::error::WriteError;
use crate::ownership::{FieldOwner, TaggedOwner};
use crate::placing::latest_properties;

/// Whose a version is by its tags, seen from a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    /// That field's.
    ThisField,
    /// Another field's of this installation.
    AnotherField,
    /// Another installation's.
    OtherInstallation,
    /// Nobody's: it has no tags of ours.
    Nobody,
}

/// What is known of a version.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) version: Option<SecretVersion>,
    pub(super) created: Option<i64>,
    pub(super) expires: Option<i64>,
    pub(super) not_before: Option<i64>,
    pub(super) enabled: bool,
    pub(super) whose: Whose,
}

/// What came of a look at a secret.
#[derive(Debug)]
pub(super) enum Latest {
    There(Seen),
    /// There is no such secret; perhaps a soft-deleted one.
    Gone {
        soft_deleted: bool,
    },
    Failed(Error),
}

/// The vault's list, as much of it as is needed: 60 bytes for each secret.
#[derive(Debug, Default)]
pub(super) struct Listing(HashMap<[u8; 16], Listed>);

#[derive(Debug)]
struct Listed {
    created: Option<i64>,
    expires: Option<i64>,
    not_before: Option<i64>,
    enabled: bool,
    owner: ListedOwner,
}

#[derive(Debug)]
enum ListedOwner {
    Nobody,
    Other,
    Ours([u8; 8]),
}

impl Seen {
    fn of(properties: &SecretProperties, whose: Whose) -> Self {
        Self {
            version: properties.version.clone(),
            created: properties.created,
            expires: properties.expires,
            not_before: properties.not_before,
            enabled: properties.enabled,
            whose,
        }
    }
}

impl Listing {
    /// Goes through the vault's list once.
    pub(super) async fn of(vault: &Arc<dyn Provider>, installation: Uuid) -> Result<Self, WriteError> {
        let mut listing = HashMap::new();
        let mut secrets = vault.list(ListScope::Secrets);
        while let Some(secret) = secrets.next().await {
            let secret = secret?;
            let owner = match TaggedOwner::read(&secret.tags, installation) {
                TaggedOwner::Nobody => ListedOwner::Nobody,
                TaggedOwner::Other => ListedOwner::Other,
                TaggedOwner::Ours { entity, field } => ListedOwner::Ours(owner_mark(entity, &field)),
            };
            let SecretProperties { created, expires, not_before, enabled, .. } = secret;
            listing.insert(name_mark(&secret.name), Listed { created, expires, not_before, enabled, owner });
        }
        Ok(Self(listing))
    }

    /// What the list says of a secret, seen from a field.
    pub(super) fn get(&self, name: &SecretName, field: &FieldOwner) -> Option<Seen> {
        let listed = self.0.get(&name_mark(name))?;
        let this_field = owner_mark(field.entity, &field.field_tag());
        Some(Seen {
            version: None,
            created: listed.created,
            expires: listed.expires,
            not_before: listed.not_before,
            enabled: listed.enabled,
            whose: match &listed.owner {
                ListedOwner::Nobody => Whose::Nobody,
                ListedOwner::Other => Whose::OtherInstallation,
                ListedOwner::Ours(mark) if *mark == this_field => Whose::ThisField,
                ListedOwner::Ours(_) => Whose::AnotherField,
            },
        })
    }
}

/// Reads the latest version of a secret. Its value is dropped at once.
pub(super) async fn read(
    vault: &Arc<dyn Provider>,
    name: &SecretName,
    field: &FieldOwner,
    installation: Uuid,
) -> Latest {
    let properties = match vault.get(name, None).await {
        Ok(secret) => Ok(secret.properties),
        Err(error) if error.kind() == ErrorKind::Disabled => {
            match latest_properties(vault, name).await {
                // Whatever the list of versions says: it cannot be read.
                Ok(properties) => Ok(SecretProperties { enabled: false, ..properties }),
                Err(_) => Err(error),
            }
        }
        Err(error) => Err(error),
    };
    match properties {
        Ok(properties) => {
            let whose = match TaggedOwner::read(&properties.tags, installation) {
                TaggedOwner::Nobody => Whose::Nobody,
                TaggedOwner::Other => Whose::OtherInstallation,
                TaggedOwner::Ours { entity, field: tagged } => {
                    match entity == field.entity && field.is_field(&tagged) {
                        true => Whose::ThisField,
                        false => Whose::AnotherField,
                    }
                }
            };
            Latest::There(Seen::of(&properties, whose))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let soft_deleted = vault.capabilities().soft_delete && vault.get_deleted(name).await.is_ok();
            Latest::Gone { soft_deleted }
        }
        Err(error) => Latest::Failed(error),
    }
}

/// A name without case, in 16 bytes: no two names of a vault have the same.
pub(super) fn name_mark(name: &SecretName) -> [u8; 16] {
    first_bytes(name.key().as_bytes())
}

fn owner_mark(entity: Uuid, field: &str) -> [u8; 8] {
    first_bytes(&[entity.as_bytes(), field.as_bytes()].concat())
}

fn first_bytes<const N: usize>(of: &[u8]) -> [u8; N] {
    let hash = digest(&SHA256, of);
    let mut bytes = [0; N];
    bytes.iter_mut().zip(hash.as_ref()).for_each(|(byte, first)| *byte = *first);
    bytes
}
