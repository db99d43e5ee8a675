//! Intents: what is under way between the vault and the database, so that a crash between the two loses nothing.
//!
//! An intent is open from before the first call to the vault until the transaction that stores the document deletes it:
//! gone means committed. An intent that its holder left behind is claimed by another, settled, and kept for a while:
//! settled means not committed. The lease is measured by the clock of the database alone.

mod abandoned;
mod holding;

use std::time::Duration;

use sqlx::Row as _;
use sqlx::any::AnyRow;
use strongroom_entities::EntityKind;
use strongroom_secrets::{SecretName, SecretVersion};
use uuid::Uuid;

use crate::StoreError;

const COLUMNS: &str =
    "id, kind, name, entity_type, entity_id, field, holder, claim, version_before, deleted_before, vault";

/// The id of an intent; the version that was written under it carries it as a tag.
pub type IntentId = Uuid;

/// What is intended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IntentKind {
    /// A new version is written, then a row will refer to it.
    Write,
    /// No row refers to the secret any more, and it will be deleted.
    Delete,
}

/// Whether an intent is still under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IntentState {
    /// Its holder may be at work.
    Open,
    /// It came to nothing, and what it left at the vault was put right.
    Settled,
}

/// An intent to be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewIntent {
    /// Its id.
    pub id: IntentId,
    /// What is intended.
    pub kind: IntentKind,
    /// The secret.
    pub name: SecretName,
    /// What the entity is.
    pub entity_kind: EntityKind,
    /// The entity whose field it is about.
    pub entity: Uuid,
    /// The field, as text.
    pub field: String,
    /// The vault that is written to, by the name that it has for people; `None` if nothing is written.
    pub vault: Option<String>,
}

/// What proves that one holds an intent: it is void as soon as another has claimed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Claim {
    /// The intent.
    pub id: IntentId,
    /// How often it was claimed.
    pub number: i64,
}

/// An intent as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// The claim that its holder has.
    pub claim: Claim,
    /// Who holds it.
    pub holder: String,
    /// What is intended.
    pub kind: IntentKind,
    /// The secret.
    pub name: SecretName,
    /// What the entity is.
    pub entity_kind: EntityKind,
    /// The entity whose field it is about.
    pub entity: Uuid,
    /// The field, as text.
    pub field: String,
    /// The version that was the latest before anything was written.
    pub version_before: Option<SecretVersion>,
    /// Whether the secret was soft-deleted before anything was written.
    pub deleted_before: bool,
    /// The vault that is written to; `None` if nothing is written.
    pub vault: Option<String>,
}

/// What came of [`Metastore::open_intents`](crate::Metastore::open_intents).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// All of them are open; the claims are in the order of the names.
    All(Vec<Claim>),
    /// None was opened, since this name is in another's hands.
    Taken(SecretName),
}

/// What was found at the vault before a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Before {
    /// The intent.
    pub claim: Claim,
    /// The latest version, if there is one.
    pub version: Option<SecretVersion>,
    /// Whether the secret was soft-deleted.
    pub deleted: bool,
}

fn decode(row: &AnyRow) -> Result<Intent, StoreError> {
    let id: String = row.try_get("id")?;
    let broken = |reason: &str| StoreError::BrokenRow {
        table: "strongroom_intent",
        id: id.clone(),
        reason: reason.to_owned(),
    };
    let parse = |column| -> Result<Uuid, StoreError> {
        Uuid::parse_str(row.try_get(column)?).map_err(|_| broken("an id in it is not a UUID"))
    };
    let kind: &str = row.try_get("kind")?;
    Ok(Intent {
        claim: Claim { id: parse("id")?, number: row.try_get("claim")? },
        holder: row.try_get("holder")?,
        kind: if kind == "delete" { IntentKind::Delete } else { IntentKind::Write },
        name: SecretName::new(row.try_get::<String, _>("name")?)
            .map_err(|_| broken("its name is not legal"))?,
        entity_kind: EntityKind::from_entity_type(row.try_get("entity_type")?)
            .ok_or_else(|| broken("its entity type is unknown"))?,
        entity: parse("entity_id")?,
        field: row.try_get("field")?,
        version_before: row.try_get::<Option<String>, _>("version_before")?.map(SecretVersion::new),
        deleted_before: row.try_get::<i64, _>("deleted_before")? != 0,
        vault: row.try_get("vault")?,
    })
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
