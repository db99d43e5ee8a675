//! The JSON that answers are made of. What is not set is left out, as the real service does.

use serde_json::{Map, Value, json};

use super::Context;
use crate::store::Record;

/// What the id at the top of a bundle points to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Id {
    /// The secret: entries of a listing of secrets.
    Secret,
    /// One version of it.
    Version,
}

/// All but the value, in the order in which the real service writes it.
pub(super) fn bundle(context: &Context<'_>, record: &Record, id: Id) -> Map<String, Value> {
    let Context { host, .. } = context;
    let name = &record.name;
    let mut bundle = Map::new();
    if let Some(content_type) = &record.attributes.content_type {
        bundle.insert("contentType".into(), content_type.as_str().into());
    }
    bundle.insert(
        "id".into(),
        match id {
            Id::Secret => format!("https://{host}/secrets/{name}"),
            Id::Version => format!("https://{host}/secrets/{name}/{}", record.version),
        }
        .into(),
    );
    bundle.insert("attributes".into(), attributes(context, record).into());
    if let Some(tags) = &record.attributes.tags {
        bundle.insert("tags".into(), json!(tags));
    }
    bundle
}

/// A bundle with its value in front.
pub(super) fn with_value(context: &Context<'_>, record: &Record, value: &str) -> Value {
    let mut answer = Map::new();
    answer.insert("value".into(), value.into());
    answer.extend(bundle(context, record, Id::Version));
    answer.into()
}

/// A bundle of a soft-deleted secret.
pub(super) fn deleted(context: &Context<'_>, record: &Record, id: Id) -> Value {
    let mut answer = Map::new();
    let Context { host, .. } = context;
    answer.insert("recoveryId".into(), format!("https://{host}/deletedsecrets/{}", record.name).into());
    answer.insert("deletedDate".into(), record.deleted_at.into());
    answer.insert("scheduledPurgeDate".into(), record.purge_at.into());
    answer.extend(bundle(context, record, id));
    answer.into()
}

fn attributes(context: &Context<'_>, record: &Record) -> Map<String, Value> {
    let mut attributes = Map::new();
    attributes.insert("enabled".into(), record.enabled.into());
    if let Some(not_before) = record.attributes.not_before {
        attributes.insert("nbf".into(), not_before.into());
    }
    if let Some(expires) = record.attributes.expires {
        attributes.insert("exp".into(), expires.into());
    }
    attributes.insert("created".into(), record.created.into());
    attributes.insert("updated".into(), record.updated.into());
    let (days, protected) = (context.vault.retention_days, context.vault.purge_protection);
    attributes.insert("recoveryLevel".into(), recovery_level(days, protected).into());
    attributes.insert("recoverableDays".into(), days.into());
    attributes
}

fn recovery_level(days: u32, purge_protection: bool) -> &'static str {
    match (days, purge_protection) {
        (90, false) => "Recoverable+Purgeable",
        (90, true) => "Recoverable",
        (_, false) => "CustomizedRecoverable+Purgeable",
        (_, true) => "CustomizedRecoverable",
    }
}
