//! Scans: ways through tables, a page at a time, for whoever looks at everything. What is in hand is one page, however much there is.
//!
//! A scan is where it is: if a page cannot be read, or nobody waits for it any more, the next call reads the same page.

use std::collections::VecDeque;

use strongroom_entities::EntityKind;

use crate::documents::Part;
use crate::{CopyTable, DocumentTable, Metastore, Row, StoreError, StoredDocument};

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

/// How many rows of a table are looked through at a time. What is looked for may be rare, and no statement shall take long.
const WINDOW: u32 = 4096;

/// A way through the documents of some tables that contain one of some texts, table by table in the order of their keys.
#[derive(Debug, Clone)]
pub struct DocumentScan {
    /// The tables that are still to come; the first is the one under way.
    tables: VecDeque<DocumentTable>,
    marks: &'static [&'static str],
    copies: Option<CopyTable>,
    after: Option<Vec<String>>,
    window: Option<Window>,
    limit: u32,
}

/// A part of a table, from where the scan is.
#[derive(Debug, Clone)]
struct Window {
    /// The key of its last row; none if it is the last part of the table.
    until: Option<Vec<String>>,
    rows: u64,
}

/// A page of documents of one table. It can be empty.
#[derive(Debug)]
pub struct DocumentPage {
    /// The table.
    pub table: DocumentTable,
    /// The documents.
    pub documents: Vec<StoredDocument>,
    /// How many rows are done with since the page before, whatever they hold.
    pub passed: u64,
}

impl DocumentScan {
    /// Begins a scan for documents that contain one of `marks`, in pages of `limit`.
    pub fn new(
        tables: impl IntoIterator<Item = DocumentTable>,
        marks: &'static [&'static str],
        limit: u32,
    ) -> Self {
        let tables = tables.into_iter().collect();
        Self { tables, marks, copies: None, after: None, window: None, limit }
    }

    /// Begins a scan for copies that contain one of `marks`; of the version history for all of kinds that can hold secrets.
    pub fn of_copies(table: CopyTable, marks: &'static [&'static str], limit: u32) -> Self {
        Self { copies: Some(table), ..Self::new([table.table()], marks, limit) }
    }

    /// The next page; `None` at the end.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn next(&mut self, store: &Metastore) -> Result<Option<DocumentPage>, StoreError> {
        let Some(table) = self.tables.front().cloned() else { return Ok(None) };
        let window = match &self.window {
            Some(window) => window.clone(),
            None if self.after.is_none() && !store.has_table(&table.name).await? => {
                self.tables.pop_front();
                return Ok(Some(DocumentPage { table, documents: Vec::new(), passed: 0 }));
            }
            None => self.window.insert(window(store, &table, self.after.as_deref()).await?).clone(),
        };
        let filter = match self.copies {
            Some(copies) => copies.filter(store.dialect, self.marks),
            None => table.containing(store.dialect, self.marks),
        };
        let part = Part { after: self.after.as_deref(), until: window.until.as_deref() };
        let documents = store.documents_in(&table, &filter, part, self.limit).await?;
        let is_full = documents.len() == self.limit as usize;
        let last = documents.last().filter(|_| is_full).map(|document| document.key.clone());
        let passed = match last {
            Some(last) => {
                self.after = Some(last);
                0
            }
            None => {
                self.window = None;
                self.after = window.until;
                if self.after.is_none() {
                    self.tables.pop_front();
                }
                window.rows
            }
        };
        Ok(Some(DocumentPage { table, documents, passed }))
    }
}

/// The part of a table that comes next.
async fn window(
    store: &Metastore,
    table: &DocumentTable,
    after: Option<&[String]>,
) -> Result<Window, StoreError> {
    // What is found by itself has no index to go by: there is no part of it that costs less than all.
    if !table.is_column()
        && let Some(until) = store.nth_key(table, after, WINDOW).await?
    {
        return Ok(Window { until: Some(until), rows: u64::from(WINDOW) });
    }
    Ok(Window { until: None, rows: store.rows_after(table, after).await? })
}
