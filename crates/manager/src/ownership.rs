//! The tags by which a secret in the vault says whose it is.

use strongroom_entities::{EntityKind, FieldPath};
use strongroom_metastore::IntentId;
use strongroom_secrets::Tags;
use strongroom_secrets::provider::MAX_TAGS;
use uuid::Uuid;

const INSTALLATION: &str = "strongroom-installation";
const ENTITY: &str = "strongroom-entity";
const FIELD: &str = "strongroom-field";
pub(crate) const INTENT: &str = "strongroom-intent";
const ADOPTED: &str = "strongroom-adopted";
const OURS: [&str; 5] = [INSTALLATION, ENTITY, FIELD, INTENT, ADOPTED];

/// The longest tag value that every version of the service takes, in characters.
const MAX_TAG: usize = 256;

/// A field of an entity, as an owner.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct FieldOwner {
    /// What the entity is.
    pub(crate) kind: EntityKind,
    /// The entity.
    pub(crate) entity: Uuid,
    /// The field.
    pub(crate) field: FieldPath,
}

/// Whom the tags of a secret name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TaggedOwner {
    /// Nobody: no tag of ours.
    Nobody,
    /// A field of this installation.
    Ours {
        /// The entity.
        entity: Uuid,
        /// The field, as the tag says it.
        field: String,
    },
    /// Another installation, or tags that make no sense.
    Other,
}

impl FieldOwner {
    /// The tags of a version that is written for this field under `intent`: the configured ones, ours, and as many of those
    /// that others put on the version before (`theirs`) as there is room for.
    pub(crate) fn tags(&self, installation: Uuid, intent: IntentId, users: &Tags, theirs: &Tags) -> Tags {
        let mut tags = users.clone();
        tags.extend(self.owner_tags(installation));
        tags.insert(INTENT.to_owned(), intent.to_string());
        let others = theirs.iter().filter(|(name, _)| !OURS.contains(&name.as_str()));
        for (name, value) in others {
            if tags.len() < MAX_TAGS || tags.contains_key(name) {
                tags.entry(name.clone()).or_insert_with(|| value.clone());
            } else {
                tracing::warn!(tag = name, "a version has no room for a tag of the version before");
            }
        }
        tags
    }

    /// The tags of a version that is there already and becomes this field's under `intent`: those it has, and ours.
    pub(crate) fn adopting_tags(&self, installation: Uuid, intent: IntentId, theirs: &Tags) -> Tags {
        let mut tags = theirs.clone();
        tags.extend(self.owner_tags(installation));
        // Not the tag of a written version: to take this one back is to take our tags off, not to delete it.
        tags.insert(ADOPTED.to_owned(), intent.to_string());
        tags
    }

    fn owner_tags(&self, installation: Uuid) -> Tags {
        Tags::from([
            (INSTALLATION.to_owned(), installation.to_string()),
            (ENTITY.to_owned(), self.entity.to_string()),
            (FIELD.to_owned(), self.field_tag()),
        ])
    }

    /// Whether a tag that reads `tagged` means this field.
    pub(crate) fn is_field(&self, tagged: &str) -> bool {
        self.field_tag() == tagged
    }

    /// The field as a tag's value. Only a path through free maps can be too long; its end tells more than its beginning.
    pub(crate) fn field_tag(&self) -> String {
        let text = self.field.to_string();
        let length = text.chars().count();
        text.chars().skip(length.saturating_sub(MAX_TAG)).collect()
    }
}

impl TaggedOwner {
    /// Reads the tags of a secret.
    pub(crate) fn read(tags: &Tags, installation: Uuid) -> Self {
        let Some(tagged) = tags.get(INSTALLATION) else { return Self::Nobody };
        let entity = tags.get(ENTITY).and_then(|text| Uuid::parse_str(text).ok());
        match (entity, tags.get(FIELD)) {
            (Some(entity), Some(field)) if *tagged == installation.to_string() => {
                Self::Ours { entity, field: field.clone() }
            }
            _ => Self::Other,
        }
    }
}

/// The intent under which a version was written.
pub(crate) fn intent_of(tags: &Tags) -> Option<IntentId> {
    tags.get(INTENT).and_then(|text| Uuid::parse_str(text).ok())
}

/// The tags that a version had before it was adopted under `intent`; `None` if it was not.
pub(crate) fn before_adoption(tags: &Tags, intent: IntentId) -> Option<Tags> {
    let adopted = tags.get(ADOPTED).is_some_and(|tagged| *tagged == intent.to_string());
    let ours = [INSTALLATION, ENTITY, FIELD, ADOPTED];
    adopted.then(|| {
        tags.iter()
            .filter(|(name, _)| !ours.contains(&name.as_str()))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect()
    })
}
