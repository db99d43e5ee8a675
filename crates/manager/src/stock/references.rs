//! Every name that the database refers to, in fields of the catalogue and in any others: what may be deleted is asked of this.

use std::collections::HashSet;

use strongroom_entities::fernet::{self, FernetError};
use strongroom_entities::literals::literals;
use strongroom_entities::reference::{self, FieldText};
use strongroom_metastore::{DocumentScan, DocumentTable, StoredDocument};
use strongroom_secrets::SecretName;

use super::latest::name_mark;
use crate::Manager;
use crate::error::WriteError;
use crate::migrate::Watcher;

/// How many documents are in hand at a time.
const PAGE: u32 = 64;
/// How many documents that cannot be decrypted are named.
const NAMED: usize = 20;
/// What a text begins with that can refer to a secret: a reference, or one that is encrypted.
const REFERRING: &[&str] = &[reference::PREFIX, fernet::PREFIX];

/// The names that all rows refer to, as far as a set of them is enough.
#[derive(Debug, Default)]
pub(crate) struct ReferredNames(HashSet<[u8; 16]>);

impl ReferredNames {
    pub(crate) fn insert(&mut self, name: &SecretName) {
        self.0.insert(name_mark(name));
    }

    pub(crate) fn contains(&self, name: &SecretName) -> bool {
        self.0.contains(&name_mark(name))
    }
}

impl Manager {
    /// Calls `see` with every name that a document refers to, in whatever field; names documents that no key opens.
    pub(super) async fn each_reference(
        &self,
        watcher: &dyn Watcher,
        mut see: impl FnMut(&SecretName) + Send,
        undecryptable: &mut Vec<String>,
    ) -> Result<(), WriteError> {
        let tables = DocumentTable::all().filter(|table| !table.is_history);
        let mut scan = DocumentScan::new(tables, REFERRING, PAGE);
        while let Some(page) = scan.next(&self.store).await? {
            watcher.advance(page.documents.len() as u64);
            for document in &page.documents {
                let is_open = self.references_in(document, &mut see);
                if !is_open && undecryptable.len() < NAMED {
                    undecryptable.push(format!("{} {}", page.table.name, page.table.key_label(document)));
                }
            }
        }
        Ok(())
    }

    /// Calls `see` with every name that a document refers to. Answers whether all that is encrypted in it could be opened.
    fn references_in(&self, document: &StoredDocument, see: &mut impl FnMut(&SecretName)) -> bool {
        let mut is_open = true;
        for literal in literals(&document.text, REFERRING) {
            let token = match reference::classify(&literal.text) {
                FieldText::Reference(reference) => {
                    see(reference.name());
                    continue;
                }
                FieldText::Fernet(token) => token,
                _ => continue,
            };
            match self.fernet.as_ref().map(|keys| keys.decrypt(token)) {
                Some(Ok(text)) => {
                    if let FieldText::Reference(reference) = reference::classify(text.expose()) {
                        see(reference.name());
                    }
                }
                Some(Err(FernetError::NoKeyOpens)) | None => is_open = false,
                // No token, or no text: so no reference either.
                Some(Err(_)) => {}
            }
        }
        is_open
    }
}
