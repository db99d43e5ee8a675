//! Applying a plan: page by page, a page's secrets side by side; each entity whole or not at all, a page in one commit.

use serde_json::Value;
use strongroom_metastore::Row;
use strongroom_secrets::ErrorKind;
use tokio::time::Instant;

use super::inventory::{Content, Entry, PAGE, all_kinds};
use super::plan::Plan;
use super::report::{Failure, Report};
use super::runs::Log;
use super::{MigrateError, MigrateOptions, Watcher};
use crate::error::WriteError;
use crate::placing::{Custom, Placed, Prepared};
use crate::storing::Storing;
use crate::{Keeping, Manager};

/// How often a row that changes under our hands is planned anew.
const ATTEMPTS: usize = 3;

/// A migration under way.
pub(super) struct Run<'a> {
    pub(super) manager: &'a Manager,
    options: &'a MigrateOptions,
    plan: &'a Plan,
    pub(super) custom: Custom,
    pub(super) report: Report,
    log: Log,
}

/// An entity whose values are where they shall be, before its row is updated.
pub(super) struct Ready<'p> {
    pub(super) document: Value,
    pub(super) placed: Vec<Placed>,
    pub(super) prepared: Vec<&'p Prepared>,
    /// Whether the row changes, or another vault holds one of its secrets now.
    pub(super) changes: bool,
    /// How many values it brings from a vault into the database.
    pub(super) returned: u64,
}

/// What became of an entity.
pub(super) enum Outcome {
    Changed,
    Unchanged,
    /// The row is no longer what was read.
    Again,
    Failed {
        field: String,
        error: WriteError,
    },
}

impl Manager {
    /// Carries out a plan. The caller holds the migration lock.
    ///
    /// # Errors
    /// [`MigrateError`] if the vault or the database cannot be worked with at all; what goes wrong with one entity is in the
    /// report.
    pub async fn apply_migration(
        &self,
        plan: &Plan,
        options: &MigrateOptions,
        watcher: &dyn Watcher,
    ) -> Result<Report, MigrateError> {
        let started = Instant::now();
        let run = plan.report.run;
        // We hold the lock, so whoever migrated before is dead. What was left half-way must be put right before anything is
        // read where it was left.
        self.settle_abandoned(&[MIGRATION_HOLDER]).await?;
        self.recheck_settled().await?;
        self.need_run(run).await?;
        let (conflicts, left) = (plan.report.conflicts.clone(), plan.report.left.clone());
        let report = Report { run, conflicts, left, ..Report::default() };
        let custom = Custom { adopt: options.adopt, deleted: Some(plan.deleted.clone()) };
        let mut log = Log::of(run);
        log.progress.total = plan.report.entities.seen;
        let mut run = Run { manager: self, options, plan, custom, report, log };
        watcher.total(plan.report.entities.seen);
        run.go(watcher).await?;
        run.log.note_now(self).await?;
        let mut report = run.report;
        report.seconds = started.elapsed().as_secs_f64();
        let outcome = if report.failures.is_empty() { "done" } else { "failed" };
        self.store.end_run(report.run, self.clock.now_millis(), outcome).await?;
        Ok(report)
    }
}

/// What the holder's name of every migration begins with.
pub(crate) const MIGRATION_HOLDER: &str = "migration:";

impl Run<'_> {
    async fn go(&mut self, watcher: &dyn Watcher) -> Result<(), MigrateError> {
        for kind in all_kinds() {
            let mut after = None;
            loop {
                if watcher.should_stop() {
                    self.stopped("it was asked to stop");
                    return Ok(());
                }
                let page = self.manager.store.inventory(*kind, after.as_deref(), PAGE).await?;
                let count = page.rows.len() as u64;
                let mut rows = Vec::with_capacity(page.rows.len());
                for row in page.rows {
                    match row {
                        Ok(row) => rows.push(row),
                        Err(broken) => self.fail(String::new(), String::new(), &WriteError::Store(broken)),
                    }
                }
                if self.page(rows).await? {
                    self.stopped("the vault answered none of the calls for the last entities");
                    return Ok(());
                }
                watcher.advance(count);
                self.log.progress.done += count;
                self.log.progress.changed = self.report.entities.changed;
                self.log.note(self.manager).await?;
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Migrates the rows of a page. Answers `true` if every entity that needed the vault failed for want of it.
    async fn page(&mut self, rows: Vec<Row>) -> Result<bool, MigrateError> {
        let (mut attempted, mut unserved) = (0_usize, 0_usize);
        let mut rows = rows;
        for attempt in 1..=ATTEMPTS {
            let entries: Vec<Entry> = rows.drain(..).filter_map(|row| self.entry(row)).collect();
            let outcomes = match &self.manager.keeping {
                Keeping::Managed(vault) => self.batch(vault, entries).await?,
                Keeping::InDatabase(_) => self.batch_back(entries).await?,
            };
            for (entry, outcome) in outcomes {
                attempted += 1;
                let entities = &mut self.report.entities;
                match outcome {
                    Outcome::Changed => {
                        entities.seen += 1;
                        entities.changed += 1;
                    }
                    Outcome::Unchanged => {
                        entities.seen += 1;
                        entities.unchanged += 1;
                        attempted -= 1;
                    }
                    Outcome::Again if attempt < ATTEMPTS => {
                        attempted -= 1;
                        if let Some(row) = self.manager.store.get(entry.row.kind, entry.row.id).await? {
                            rows.push(row);
                        }
                    }
                    Outcome::Again => {
                        self.fail(entry.label(), String::new(), &WriteError::Changed);
                    }
                    Outcome::Failed { field, error } => {
                        unserved += usize::from(is_unserved(&error));
                        self.fail(entry.label(), field, &error);
                    }
                }
            }
            if rows.is_empty() {
                break;
            }
        }
        Ok(attempted > 0 && unserved == attempted)
    }

    /// Looks into a row, unless it is in conflict: those are left alone.
    fn entry(&mut self, row: Row) -> Option<Entry> {
        let entry = self.manager.take_stock(row, self.options);
        if entry.is_beside_the_point() {
            return None;
        }
        if self.plan.in_conflict.contains(&entry.row.id) || entry.doubts().next().is_some() {
            self.report.entities.seen += 1;
            self.report.entities.failed += 1;
            return None;
        }
        Some(entry)
    }

    /// Stores the entities of a page in one commit, since each commit waits for the disk.
    pub(super) async fn store(
        &mut self,
        entries: &[&Entry],
        ready: Vec<(usize, Ready<'_>)>,
    ) -> Vec<(usize, Outcome)> {
        let storings: Vec<Storing<'_>> = ready
            .iter()
            .map(|(index, entity)| {
                let row = &entries[*index].row;
                Storing {
                    kind: row.kind,
                    id: row.id,
                    before: Some(&row.json),
                    document: &entity.document,
                    history: None,
                    relationships: &[],
                    placed: &entity.placed,
                    prepared: &entity.prepared,
                    run: Some(self.report.run),
                    keep_dropped: true,
                }
            })
            .collect();
        let stored = match storings.is_empty() {
            true => Vec::new(),
            false => self.manager.store_documents(&storings).await,
        };
        let mut outcomes = Vec::with_capacity(ready.len());
        for ((index, entity), stored) in ready.iter().zip(stored) {
            let outcome = match stored {
                Ok(()) => {
                    let written = entity.placed.iter().filter(|item| item.written).count() as u64;
                    self.report.secrets.written += written;
                    self.report.secrets.verified += entity.placed.len() as u64;
                    self.report.secrets.returned += entity.returned;
                    self.report.secrets.kept +=
                        secrets(entries[*index]).saturating_sub(written + entity.returned);
                    if entity.changes { Outcome::Changed } else { Outcome::Unchanged }
                }
                Err(WriteError::Changed) => Outcome::Again,
                Err(error) => Outcome::Failed { field: String::new(), error },
            };
            outcomes.push((*index, outcome));
        }
        outcomes
    }

    /// Whether the users' own references of a row are written down already.
    pub(super) async fn references_are_known(
        &self,
        entry: &Entry,
        document: &Value,
    ) -> Result<bool, MigrateError> {
        let Row { kind, id, .. } = entry.row;
        for reference in self.manager.references(kind, id, document) {
            let owned = self.manager.store.owner(&reference.name).await?;
            if owned.is_some_and(|owner| owner.entity == id && owner.field == reference.field) {
                continue;
            }
            let known = self.manager.store.own_references(&reference.name).await?;
            if !known.contains(&(id, reference.field)) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn fail(&mut self, entity: String, field: String, error: &WriteError) {
        self.report.entities.seen += 1;
        self.report.entities.failed += 1;
        self.report.failures.push(Failure { entity, field, error: error.to_string() });
    }

    fn stopped(&mut self, reason: &str) {
        let error =
            format!("the migration ended early, since {reason}: run it again to go on where it stopped");
        self.report.failures.push(Failure { entity: String::new(), field: String::new(), error });
    }
}

/// How many of an entity's fields have, or will have, a secret in the vault.
pub(super) fn secrets(entry: &Entry) -> u64 {
    let has_one = |content: &Content| matches!(content, Content::Value { .. } | Content::Reference { .. });
    entry.fields.iter().filter(|(_, content)| has_one(content)).count() as u64
}

/// Whether an entity failed because the vault serves nobody at all just now.
fn is_unserved(error: &WriteError) -> bool {
    match error {
        WriteError::Vault(error) => error.is_transient() || error.kind() == ErrorKind::Unauthenticated,
        _ => false,
    }
}

/// The name under which a migration holds its intents. Any such holder is dead as soon as another has the migration lock.
pub fn holder(run: impl std::fmt::Display) -> String {
    format!("{MIGRATION_HOLDER}{run}")
}
