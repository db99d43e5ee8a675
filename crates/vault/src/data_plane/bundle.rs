//! The JSON that answers are made of, in the order in which the real service writes it. What is not set is left out, as
//! there.

use serde::{Serialize, Serializer};

use super::Context;
use crate::store::{Record, Tags};

/// What the id at the top of a bundle points to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Id {
    /// The secret: entries of a listing of secrets.
    Secret,
    /// One version of it.
    Version,
}

/// A secret bundle.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Bundle<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a str>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    deleted: Option<Deleted<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<&'a str>,
    id: Address<'a>,
    attributes: Attributes,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<&'a Tags>,
}

/// What a soft-deleted secret's bundle says more.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Deleted<'a> {
    recovery_id: Address<'a>,
    deleted_date: Option<i64>,
    scheduled_purge_date: Option<i64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Attributes {
    enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    nbf: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
    created: i64,
    updated: i64,
    recovery_level: &'static str,
    recoverable_days: u32,
}

/// The URL of a secret, of one of its versions, or of what is left of it.
struct Address<'a> {
    context: &'a Context<'a>,
    collection: &'static str,
    name: &'a str,
    version: Option<&'a str>,
}

impl Serialize for Address<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { context: Context { host, .. }, collection, name, version } = self;
        match version {
            Some(version) => {
                serializer.collect_str(&format_args!("https://{host}/{collection}/{name}/{version}"))
            }
            None => serializer.collect_str(&format_args!("https://{host}/{collection}/{name}")),
        }
    }
}

impl<'a> Bundle<'a> {
    /// All but the value.
    pub(super) fn new(context: &'a Context<'a>, record: &'a Record, id: Id) -> Self {
        let said = &record.attributes;
        let (days, protected) = (context.vault.retention_days, context.vault.purge_protection);
        Self {
            value: None,
            deleted: None,
            content_type: said.content_type.as_deref(),
            id: Address {
                context,
                collection: "secrets",
                name: &record.name,
                version: (id == Id::Version).then_some(&record.version),
            },
            attributes: Attributes {
                enabled: record.enabled,
                nbf: said.not_before,
                exp: said.expires,
                created: record.created,
                updated: record.updated,
                recovery_level: recovery_level(days, protected),
                recoverable_days: days,
            },
            tags: said.tags.as_ref(),
        }
    }

    /// The same with the value.
    pub(super) fn with_value(mut self, value: &'a str) -> Self {
        self.value = Some(value);
        self
    }

    /// The bundle of a soft-deleted secret.
    pub(super) fn deleted(context: &'a Context<'a>, record: &'a Record, id: Id) -> Self {
        let recovery_id =
            Address { context, collection: "deletedsecrets", name: &record.name, version: None };
        let deleted =
            Deleted { recovery_id, deleted_date: record.deleted_at, scheduled_purge_date: record.purge_at };
        Self { deleted: Some(deleted), ..Self::new(context, record, id) }
    }
}

fn recovery_level(days: u32, purge_protection: bool) -> &'static str {
    match (days, purge_protection) {
        (90, false) => "Recoverable+Purgeable",
        (90, true) => "Recoverable",
        (_, false) => "CustomizedRecoverable+Purgeable",
        (_, true) => "CustomizedRecoverable",
    }
}
