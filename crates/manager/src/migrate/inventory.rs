//! The inventory: what each secret field of a row holds.

use serde_json::Value;
use strongroom_entities::{EntityKind, FieldPath};
use strongroom_metastore::{Row, RowScan};
use strongroom_secrets::{SecretName, SecretValue};

use super::leftovers::{Leftovers, label};
use super::{MigrateOptions, Selection};
use crate::Manager;
use crate::held::{Held, What};
use crate::ownership::FieldOwner;

/// How many rows are in hand at a time.
pub(crate) const PAGE: u32 = 64;

/// What a field holds.
#[derive(Debug)]
pub(crate) enum Content {
    /// A password that is not in the vault; `plain` if it stands in the row unencrypted.
    Value { value: SecretValue, plain: bool },
    /// A reference; `plain` if it stands in the row unencrypted.
    Reference { name: SecretName, plain: bool },
    /// An empty password; `plain` if it stands in the row unencrypted.
    Empty { plain: bool },
    /// Something that only the user can decide about.
    Doubtful(String),
}

/// A row and what its secret fields hold.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) row: Row,
    pub(crate) fqn: String,
    pub(crate) fields: Vec<(FieldPath, Content)>,
    /// What it holds besides, and keeps as it is.
    pub(crate) left: Leftovers,
}

/// All kinds that a migration goes through, in order.
pub(crate) fn all_kinds() -> impl Iterator<Item = &'static EntityKind> {
    EntityKind::WITH_SECRETS.iter().chain(EntityKind::SETTINGS)
}

/// A way through the rows of all kinds that can be meant.
pub(crate) fn scan(selection: &Selection) -> RowScan {
    RowScan::new(all_kinds().copied().filter(|kind| selection.may_take(*kind)), PAGE)
}

impl Entry {
    /// Whether it is a setting of which nothing is worked on: then it does not count as an entity.
    pub(crate) fn is_beside_the_point(&self) -> bool {
        self.row.kind.is_setting() && self.fields.is_empty()
    }

    pub(crate) fn owner(&self, field: &FieldPath) -> FieldOwner {
        FieldOwner { kind: self.row.kind, entity: self.row.id, field: field.clone() }
    }

    /// The entity, for people.
    pub(crate) fn label(&self) -> String {
        format!("{} {}", self.row.kind, self.fqn)
    }

    /// A field of it, for people.
    pub(crate) fn field_label(&self, field: &FieldPath) -> String {
        format!("{}: {field}", self.label())
    }

    pub(crate) fn doubts(&self) -> impl Iterator<Item = (&FieldPath, &String)> {
        self.fields.iter().filter_map(|(field, content)| match content {
            Content::Doubtful(reason) => Some((field, reason)),
            _ => None,
        })
    }
}

impl Manager {
    /// Looks into a row.
    pub(crate) fn take_stock(&self, row: Row, options: &MigrateOptions) -> Entry {
        let (fields, left) = self.sift(&row, options);
        Entry { fqn: label(&row), row, fields, left }
    }

    pub(crate) fn content(&self, document: &Value, field: &FieldPath, options: &MigrateOptions) -> Content {
        let held = Held::of(document, field, self.fernet.as_ref());
        let plain = held.is_plain();
        let value = match held.what {
            What::Empty => return Content::Empty { plain },
            What::Reference(name) => return Content::Reference { name, plain },
            What::Odd => {
                return Content::Doubtful(
                    "holds something else than a text where a password should be: correct the entity"
                        .to_owned(),
                );
            }
            What::Unopened => {
                return Content::Doubtful(
                    "cannot be decrypted with the configured Fernet key: add the key that it was encrypted with \
                     (fernetConfiguration.fernetKey takes several, separated by commas)"
                        .to_owned(),
                );
            }
            What::Malformed { wrong, .. } if !options.literal => {
                return Content::Doubtful(format!(
                    "begins with secret:, which marks a reference, but {wrong}: correct it, or say with --literal that \
                     it is a password"
                ));
            }
            What::Malformed { text: value, .. } | What::Value(value) => value,
        };
        match value.len() > SecretValue::MAX_BYTES {
            true => Content::Doubtful(format!(
                "is {} bytes long, and a vault takes {} at most",
                value.len(),
                SecretValue::MAX_BYTES
            )),
            false => Content::Value { value, plain },
        }
    }
}
