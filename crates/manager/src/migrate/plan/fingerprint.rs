//! The fingerprint of what a plan was made from: the secret fields of all rows, in the order of the inventory.

use aws_lc_rs::digest::{Context, SHA256};
use data_encoding::HEXLOWER;
use serde_json::Value;
use strongroom_metastore::StoreError;

use crate::migrate::inventory::{Content, Entry};

/// A fingerprint in the making.
pub(super) struct Fingerprint(Context);

impl Default for Fingerprint {
    fn default() -> Self {
        Self(Context::new(&SHA256))
    }
}

impl Fingerprint {
    /// Adds an entity: which one, of what version, and what each of its secret fields holds.
    ///
    /// Of a password in clear text only that it is there: who has the fingerprint could else try passwords until one fits. One
    /// that is changed by a server changes the version, too.
    pub(super) fn add(&mut self, entry: &Entry) {
        let document = &entry.row.json;
        self.part(entry.row.kind.entity_type());
        self.part(&entry.row.id.to_string());
        self.part(&entry.fqn);
        for key in ["version", "updatedAt"] {
            self.part(&document.get(key).map(ToString::to_string).unwrap_or_default());
        }
        for (field, content) in &entry.fields {
            self.part(&field.to_string());
            let stored = field.get(document).and_then(Value::as_str).unwrap_or_default();
            match content {
                Content::Value { plain: true, .. } | Content::Doubtful(_) => self.part("?"),
                Content::Value { .. } | Content::Reference { .. } | Content::Empty { .. } => {
                    self.part(stored);
                }
            }
        }
    }

    /// Adds a row that cannot be read.
    pub(super) fn add_broken(&mut self, broken: &StoreError) {
        self.part(&broken.to_string());
    }

    /// The fingerprint as text.
    pub(super) fn finish(self) -> String {
        HEXLOWER.encode(self.0.finish().as_ref())
    }

    fn part(&mut self, text: &str) {
        self.0.update(&(text.len() as u64).to_be_bytes());
        self.0.update(text.as_bytes());
    }
}
