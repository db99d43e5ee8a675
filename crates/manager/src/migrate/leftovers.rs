//! What holds a secret and is left where it is, unless the user says otherwise: connections of a type that the catalogue does not
//! have, entries of free maps, and settings, which OpenMetadata's own server cannot resolve from a vault.

use serde::Serialize;
use strongroom_entities::path::Step;
use strongroom_entities::unlisted::is_option;
use strongroom_entities::{EntityKind, FieldPath, secret_options};
use strongroom_metastore::{Elsewhere, Form, Row, Search};

use super::inventory::Content;
use super::report::MOST;
use super::{MigrateError, MigrateOptions};
use crate::sorting::fully_qualified_name;
use crate::{Keeping, Manager};

/// Tables with secrets in columns of their own, or of sessions.
const TABLES: [&str; 4] = ["oauth_clients", "oauth_access_tokens", "oauth_refresh_tokens", "user_tokens"];

/// The member of a webhook with the headers that it sends.
const HEADERS: &str = "headers";

/// What stays as it is. Names and places, no values.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Leftovers {
    /// Entities with a connection of a type that the catalogue does not have.
    pub unknown_types: Vec<UnknownType>,
    /// Secrets in `connectionOptions` and `connectionArguments`.
    pub options: Vec<LeftField>,
    /// Secrets of settings, event subscriptions and applications.
    pub settings: Vec<LeftField>,
    /// Tables with secrets that are no documents, and how many rows of each hold some.
    pub tables: Vec<LeftTable>,
    /// Columns of any other tables that hold secrets: copies that OpenMetadata's server made, and what newer releases of it have.
    pub elsewhere: Vec<LeftColumn>,
    /// Tables that could not be looked through for such columns.
    pub unread: Vec<UnreadTable>,
    /// How many more there are of the first three, which are not listed.
    pub unlisted: u64,
}

/// An entity that is left untouched, since nobody knows which of its fields are secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UnknownType {
    /// The entity.
    pub entity: String,
    /// The type of its connection.
    pub connection_type: String,
    /// The fields that are secret in connections of other types, and hold something.
    pub fields: Vec<String>,
}

/// A field that is left as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LeftField {
    /// The entity.
    pub entity: String,
    /// The field.
    pub field: String,
}

/// A table whose secrets are left as they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LeftTable {
    /// Its name.
    pub table: String,
    /// How many of its rows hold a secret.
    pub rows: u64,
}

/// A column whose secrets are left as they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LeftColumn {
    /// Its table.
    pub table: String,
    /// Its name.
    pub column: String,
    /// How many rows hold a secret there.
    pub rows: u64,
    /// Whether it stands there as it was typed, and not encrypted with a Fernet key.
    pub in_clear_text: bool,
}

/// A table that could not be looked through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UnreadTable {
    /// Its name.
    pub table: String,
    /// Why not.
    pub reason: String,
}

impl Leftovers {
    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.unlisted += add(&mut self.unknown_types, &other.unknown_types)
            + add(&mut self.options, &other.options)
            + add(&mut self.settings, &other.settings);
    }
}

/// Adds to a list, as long as anybody would read it. Answers how many are not in it.
fn add<T: Clone>(list: &mut Vec<T>, more: &[T]) -> u64 {
    let room = MOST.saturating_sub(list.len()).min(more.len());
    list.extend_from_slice(&more[..room]);
    (more.len() - room) as u64
}

/// The fields of a row that are worked on, and what of it is left.
pub(super) type Sifted = (Vec<(FieldPath, Content)>, Leftovers);

impl Manager {
    /// Parts the secret fields of a row into those that are worked on and those that are left. References of ours are always
    /// worked on, wherever they stand: their secrets would be lost otherwise when a vault is left.
    pub(super) fn sift(&self, row: &Row, options: &MigrateOptions) -> Sifted {
        let Row { kind, json, .. } = row;
        let entity = || format!("{kind} {}", label(row));
        let mut left = Leftovers::default();
        let walk = strongroom_entities::walk(*kind, json);
        let mut fields: Vec<(FieldPath, Content)> = Vec::with_capacity(walk.fields.len());
        let mut unknown = Vec::new();
        for field in walk.fields {
            let content = self.content(json, &field, options);
            let refers = matches!(content, Content::Reference { plain: true, .. });
            if walk.unknown_type.is_some() && !refers {
                unknown.push(field.to_string());
            } else if kind.is_setting() && !refers && !self.takes_settings(&content, options) {
                if holds_something(&content) {
                    left.settings.push(LeftField { entity: entity(), field: field.to_string() });
                }
            } else {
                fields.push((field, content));
            }
        }
        if let Some(connection_type) = &walk.unknown_type {
            let connection_type = connection_type.clone();
            left.unknown_types.push(UnknownType { entity: entity(), connection_type, fields: unknown });
        }
        if kind.is_setting() {
            return (fields, left);
        }
        for field in secret_options(json) {
            let content = self.content(json, &field, options);
            match content {
                Content::Reference { .. } => fields.push((field, content)),
                Content::Value { .. }
                    if options.include_options && self.is_managed() && walk.unknown_type.is_none() =>
                {
                    fields.push((field, content));
                }
                _ => left.options.push(LeftField { entity: entity(), field: field.to_string() }),
            }
        }
        (fields, left)
    }

    /// Counts what lies in tables that nothing here works on.
    pub(super) async fn count_left(&self, left: &mut Leftovers) -> Result<(), MigrateError> {
        for table in TABLES {
            if let Some(rows) = self.store.count_encrypted(table).await?.filter(|rows| *rows > 0) {
                left.tables.push(LeftTable { table: table.to_owned(), rows });
            }
        }
        let Search { found, unread } = self.store.secrets_elsewhere(&TABLES).await?;
        left.elsewhere = found
            .into_iter()
            .map(|Elsewhere { table, column, rows, form, .. }| LeftColumn {
                table,
                column,
                rows,
                in_clear_text: form == Form::ClearText,
            })
            .collect();
        left.unread = unread.into_iter().map(|(table, reason)| UnreadTable { table, reason }).collect();
        Ok(())
    }

    fn takes_settings(&self, content: &Content, options: &MigrateOptions) -> bool {
        let is_value = matches!(content, Content::Value { .. } | Content::Reference { .. });
        options.include_settings && self.is_managed() && is_value
    }

    pub(super) fn is_managed(&self) -> bool {
        matches!(self.keeping, Keeping::Managed(_))
    }

    /// Whether a field's value lies in the database in clear text, since whoever reads it there decrypts nothing: of settings
    /// OpenMetadata's server encrypts the mail server's password and what is a text as a whole (Slack's), of a webhook all but its headers.
    pub(super) fn is_kept_in_clear(kind: EntityKind, field: &FieldPath) -> bool {
        let is_listed = || {
            strongroom_entities::catalogue::place(kind, field)
                == strongroom_entities::catalogue::Place::SecretField
        };
        match kind {
            EntityKind::App | EntityKind::AppDefinition => !is_listed(),
            EntityKind::Setting => field.steps().len() > 1,
            EntityKind::EventSubscription => {
                field.steps().iter().any(|step| matches!(step, Step::Key(key) if key == HEADERS))
            }
            _ => is_option(field),
        }
    }
}

fn holds_something(content: &Content) -> bool {
    !matches!(content, Content::Empty { .. })
}

/// What people call the entity of a row: its fully qualified name; the type of a setting, which has no name.
pub(crate) fn label(row: &Row) -> String {
    match row.kind {
        EntityKind::Setting => row.hash.clone(),
        _ => fully_qualified_name(&row.json),
    }
}
