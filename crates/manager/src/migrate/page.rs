//! A page of the inventory: the entities in it that a migration is about.

use std::collections::HashMap;

use strongroom_entities::{EntityKind, FieldPath};
use strongroom_metastore::{JournalEntry, Owner, Row, RowScan, StoreError};
use uuid::Uuid;

use super::inventory::{Content, Entry};
use super::leftovers::Leftovers;
use super::report::Failure;
use super::{MigrateError, MigrateOptions};
use crate::Manager;

/// A page of rows, looked into.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// How many rows it has, whatever they are.
    pub(super) rows: u64,
    pub(super) entries: Vec<Entry>,
    pub(super) broken: Vec<StoreError>,
    /// What a rollback leaves.
    pub(super) stays: Vec<Failure>,
    /// What holds secrets and is not worked on.
    pub(super) left: Leftovers,
}

impl Manager {
    /// The next page of a scan, with the kind of its entities; `None` at the end.
    pub(super) async fn page(
        &self,
        scan: &mut RowScan,
        options: &MigrateOptions,
    ) -> Result<Option<(EntityKind, Page)>, MigrateError> {
        let Some(found) = scan.next(&self.store).await? else { return Ok(None) };
        let mut page = Page { rows: found.rows.len() as u64, ..Page::default() };
        let mut rows = Vec::with_capacity(found.rows.len());
        for row in found.rows {
            match row {
                Ok(row) => rows.push(row),
                Err(broken) => page.broken.push(broken),
            }
        }
        self.look_into(rows, options, &mut page).await?;
        Ok(Some((found.kind, page)))
    }

    /// Looks into rows, and adds to a page what the migration is about.
    pub(super) async fn look_into(
        &self,
        rows: Vec<Row>,
        options: &MigrateOptions,
        page: &mut Page,
    ) -> Result<(), MigrateError> {
        let entries = rows.into_iter().map(|row| self.take_stock(row, options));
        let mut entries: Vec<Entry> = entries.filter(|entry| is_meant(entry, options)).collect();
        for entry in &entries {
            page.left.add(&entry.left);
        }
        entries.retain(|entry| !entry.is_beside_the_point());
        if let Some(run) = options.rollback {
            entries = self.of_run(run, entries, &mut page.stays).await?;
        }
        page.entries.append(&mut entries);
        Ok(())
    }

    /// The entities that a run moved something of, with these fields and no others. One that the run's reference is no longer in is
    /// left as it is.
    async fn of_run(
        &self,
        run: Uuid,
        entries: Vec<Entry>,
        stays: &mut Vec<Failure>,
    ) -> Result<Vec<Entry>, MigrateError> {
        let ids: Vec<Uuid> = entries.iter().map(|entry| entry.row.id).collect();
        let mut journal: HashMap<(Uuid, String), JournalEntry> = HashMap::new();
        for moved in self.store.journal_of(run, &ids).await? {
            journal.insert((moved.entity, moved.field.clone()), moved);
        }
        let owners = self.store.owned_by_any(&ids).await?;
        let mut kept = Vec::new();
        for mut entry in entries {
            let id = entry.row.id;
            entry.fields.retain(|(field, _)| journal.contains_key(&(id, field.to_string())));
            let changed = entry.fields.iter().find_map(|(field, content)| {
                let moved = journal.get(&(id, field.to_string()))?;
                why_left(field, content, moved, &owners).map(|why| (field.to_string(), why))
            });
            match changed {
                Some((field, error)) => stays.push(Failure { entity: entry.label(), field, error }),
                None if entry.fields.is_empty() => {}
                None => kept.push(entry),
            }
        }
        Ok(kept)
    }
}

/// Whether a migration is about an entity.
pub(super) fn is_meant(entry: &Entry, options: &MigrateOptions) -> bool {
    let name = entry.row.json.get("name").and_then(serde_json::Value::as_str).unwrap_or_default();
    options.selection.takes(entry.row.kind, &entry.fqn, name)
}

/// Why a field is no longer as a run had made it; `None` if it is, or has come back to the database already.
fn why_left(field: &FieldPath, content: &Content, moved: &JournalEntry, owners: &[Owner]) -> Option<String> {
    let Content::Reference { name, .. } = content else { return None };
    if *name != moved.name {
        return Some(format!(
            "refers to {name} by now, and the run had moved it to {}: it is left as it is",
            moved.name
        ));
    }
    let text = field.to_string();
    let is_its_own =
        |owner: &Owner| owner.name == *name && owner.entity == moved.entity && owner.field == text;
    match owners.iter().any(is_its_own) {
        true => None,
        false => Some(format!("refers to {name}, which is no longer kept for it: it is left as it is")),
    }
}
