//! Scans: ways through tables, a page at a time, for whoever looks at everything. What is in hand is one page, however much there is.
//!
//! A scan is where it is: if a page cannot be read, or nobody waits for it any more, the next call reads the same page.

use std::collections::VecDeque;

use strongroom_entities::EntityKind;

use crate::{DocumentTable, Metastore, Row, StoreError, StoredDocument};

/// A way through all entities of some kinds, soft-deleted ones too, kind by kind in the order of their ids.
#[derive(Debug, Clone)]
pub struct RowScan {
    /// The kinds that are still to come; the first is the one under way.
    kinds: VecDeque<EntityKind>,
    after: Option<String>,
    limit: u32,
}

/// A page of entities of one kind. It can be empty.
#[derive(Debug)]
pub struct RowPage {
    /// The kind.
    pub kind: EntityKind,
    /// The rows; an `Err` is a broken one.
    pub rows: Vec<Result<Row, StoreError>>,
}

impl RowScan {
    /// Begins a scan in pages of `limit` rows.
    pub fn new(kinds: impl IntoIterator<Item = EntityKind>, limit: u32) -> Self {
        Self { kinds: kinds.into_iter().collect(), after: None, limit }
    }

    /// The next page; `None` at the end.
    ///
    /// # Errors
    /// If the database fails. A broken row does not end the scan.
    pub async fn next(&mut self, store: &Metastore) -> Result<Option<RowPage>, StoreError> {
        let Some(kind) = self.kinds.front().copied() else { return Ok(None) };
        let page = store.inventory(kind, self.after.as_deref(), self.limit).await?;
        self.after = page.next;
        if self.after.is_none() {
            self.kinds.pop_front();
        }
        Ok(Some(RowPage { kind, rows: page.rows }))
    }

    /// Whether there is no page to come.
    pub fn is_done(&self) -> bool {
        self.kinds.is_empty()
    }
}

/// A way through the documents of some tables that contain one of some texts, table by table in the order of their keys.
#[derive(Debug, Clone)]
pub struct DocumentScan {
    /// The tables that are still to come; the first is the one under way.
    tables: VecDeque<DocumentTable>,
    marks: &'static [&'static str],
    after: Option<Vec<String>>,
    limit: u32,
}

/// A page of documents of one table. It can be empty.
#[derive(Debug)]
pub struct DocumentPage {
    /// The table.
    pub table: DocumentTable,
    /// The documents.
    pub documents: Vec<StoredDocument>,
}

impl DocumentScan {
    /// Begins a scan for documents that contain one of `marks`, in pages of `limit`.
    pub fn new(
        tables: impl IntoIterator<Item = DocumentTable>,
        marks: &'static [&'static str],
        limit: u32,
    ) -> Self {
        Self { tables: tables.into_iter().collect(), marks, after: None, limit }
    }

    /// The next page; `None` at the end.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn next(&mut self, store: &Metastore) -> Result<Option<DocumentPage>, StoreError> {
        let Some(table) = self.tables.front().copied() else { return Ok(None) };
        let documents = store.documents(&table, self.marks, self.after.as_deref(), self.limit).await?;
        self.after = match documents.len() == self.limit as usize {
            true => documents.last().map(|document| document.key.clone()),
            false => None,
        };
        if self.after.is_none() {
            self.tables.pop_front();
        }
        Ok(Some(DocumentPage { table, documents }))
    }
}
