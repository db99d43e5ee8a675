//! Applying a plan: page by page, a page's secrets side by side; each entity whole or not at all, a page in one commit.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use strongroom_entities::EntityKind;
use strongroom_metastore::{Row, RowScan, StoreError};
use strongroom_secrets::ErrorKind;
use tokio::sync::Mutex as AsyncMutex;
use tokio::time::Instant;
use uuid::Uuid;

use super::inventory::{Content, Entry, all_kinds, scan};
use super::page::Page;
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
    pub(super) options: &'a MigrateOptions,
    pub(super) plan: &'a Plan,
    pub(super) custom: Custom,
    tally: Mutex<Tally>,
}

/// What came of a migration so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) report: Report,
    /// What the pass under way has done.
    pass: Pass,
    /// The entities that failed, which no later pass tries again.
    failed: HashSet<Uuid>,
    /// Whether it ended before it had gone through everything.
    ended_early: bool,
    /// When a row was changed last.
    pub(super) last_change: Option<Instant>,
}

/// Reads the tables page by page.
#[derive(Debug)]
struct Reader {
    scan: RowScan,
    /// Why no more pages are to be read, though there may be more.
    stopped: Option<&'static str>,
}

/// What those share who go through the tables together.
struct Shared<'a> {
    nth: u64,
    watcher: &'a dyn Watcher,
    reader: AsyncMutex<Reader>,
    log: AsyncMutex<&'a mut Log>,
}

impl Reader {
    fn is_done(&self) -> bool {
        self.stopped.is_some() || self.scan.is_done()
    }

    /// The next page; `None` at the end.
    async fn next(&mut self, run: &Run<'_>) -> Result<Option<Page>, MigrateError> {
        let page = run.manager.page(&mut self.scan, run.options).await?;
        Ok(page.map(|(_, page)| page))
    }
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

/// What came of going through the tables once.
#[derive(Debug, Default)]
pub(super) struct Pass {
    /// Whether it ended early.
    pub(super) stopped: bool,
    /// The entities that were changed, as far as somebody may want to know which; and how many there were.
    pub(super) changed: Vec<String>,
    pub(super) count: u64,
}

/// How many changed entities of a pass are remembered by name.
const REMEMBERED: usize = 100;

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
        self.check_rows_can_be_written(options).await?;
        self.settle_before_migration().await?;
        self.need_run(run).await?;
        let (conflicts, left) = (plan.report.conflicts.clone(), plan.report.left.clone());
        let report = Report { run, conflicts, left, unlisted: plan.report.unlisted, ..Report::default() };
        let custom = Custom { adopt: options.adopt, deleted: Some(plan.deleted.clone()) };
        let mut log = Log::of(run, plan.report.entities.seen);
        let tally = Mutex::new(Tally { report, ..Tally::default() });
        let run = Run { manager: self, options, plan, custom, tally };
        watcher.total(plan.report.entities.seen);
        if self.is_managed() && plan.report.entities.changed > 0 {
            self.owe_reclaim().await?;
        }
        let gone_through = async {
            run.all_passes(watcher, &mut log).await?;
            log.note_now(self).await
        };
        if let Err(error) = gone_through.await {
            // What was in hand is settled by the next run.
            run.stopped(error.stops_all().ok_or(error)?);
        }
        let tally = run.tally.into_inner().unwrap_or_else(PoisonError::into_inner);
        let (ended_early, mut report) = (tally.ended_early, tally.report);
        if !ended_early {
            self.end_with_history(&mut report, options, watcher).await;
        }
        report.seconds = started.elapsed().as_secs_f64();
        let outcome = if report.is_whole() { "done" } else { "incomplete" };
        let noted = self.end_run(report.run, outcome).await;
        // What was not done says more than that this could not be noted.
        if report.is_whole() {
            noted?;
        }
        Ok(report)
    }

    /// Makes sure that rows can be changed, before anything is written to a vault.
    async fn check_rows_can_be_written(&self, options: &MigrateOptions) -> Result<(), MigrateError> {
        let is_meant = |kind: &&EntityKind| {
            options.selection.may_take(**kind) && (options.include_settings || !kind.is_setting())
        };
        for kind in all_kinds().filter(is_meant) {
            self.store.check_writable(*kind).await?;
        }
        Ok(())
    }

    /// Puts right what was left half-way, wherever that was: we hold the migration lock, so whoever migrated before is dead.
    pub(super) async fn settle_before_migration(&self) -> Result<(), MigrateError> {
        self.settle_abandoned(&[MIGRATION_HOLDER]).await?;
        self.recheck_settled().await?;
        Ok(())
    }
}

/// What the holder's name of every migration begins with.
pub(crate) const MIGRATION_HOLDER: &str = "migration:";

impl Run<'_> {
    /// Goes through the tables once. A later pass than the first looks only at what is not known to be as it should be.
    ///
    /// Two pages are in hand at a time: one is stored while the other waits for the vault. Whatever the one waits for, the other
    /// goes on: none may wait for a connection that the other has in its hands.
    pub(super) async fn pass(
        &self,
        nth: u64,
        watcher: &dyn Watcher,
        log: &mut Log,
    ) -> Result<Pass, MigrateError> {
        {
            let mut tally = self.tally();
            tally.report.passes = nth;
            tally.pass = Pass::default();
        }
        let reader = Reader { scan: scan(&self.options.selection), stopped: None };
        let shared = Shared { nth, watcher, reader: AsyncMutex::new(reader), log: AsyncMutex::new(log) };
        // On the heap: they are large, and what waits for them would be as large.
        tokio::try_join!(Box::pin(self.work(&shared)), Box::pin(self.work(&shared)))?;
        let stopped = shared.reader.into_inner().stopped;
        if let Some(reason) = stopped {
            self.stopped(reason);
        }
        Ok(Pass { stopped: stopped.is_some(), ..std::mem::take(&mut self.tally().pass) })
    }

    /// Takes on one page after the other, until there are no more.
    async fn work(&self, shared: &Shared<'_>) -> Result<(), MigrateError> {
        loop {
            let page = {
                let mut reader = shared.reader.lock().await;
                if reader.is_done() {
                    return Ok(());
                }
                if let Some(reason) = shared.watcher.why_stop() {
                    reader.stopped = Some(reason);
                    return Ok(());
                }
                reader.next(self).await?
            };
            let Some(page) = page else { return Ok(()) };
            let rows = page.rows;
            if let Some(reason) = self.take_on(page, shared.nth).await? {
                shared.reader.lock().await.stopped.get_or_insert(reason);
            }
            let changed = self.tally().report.entities.changed;
            let mut log = shared.log.lock().await;
            if shared.nth == 1 {
                shared.watcher.advance(rows);
                log.progress.done += rows;
            }
            log.progress.changed = changed;
            log.note(self.manager).await?;
        }
    }

    /// Migrates a page. Answers why no further one should be begun: every entity that needed the vault failed for want of it, or
    /// nothing can be stored.
    async fn take_on(&self, mut page: Page, nth: u64) -> Result<Option<&'static str>, MigrateError> {
        let first = nth == 1;
        let (mut attempted, mut unserved) = (0_usize, 0_usize);
        let mut stops = None;
        if !first {
            page.broken.clear();
            page.entries = self.still_open(page.entries).await?;
        }
        for attempt in 1..=ATTEMPTS {
            for broken in page.broken.drain(..) {
                self.fail_broken(broken);
            }
            for stays in page.stays.drain(..).filter(|_| first) {
                let mut tally = self.tally();
                tally.report.entities.seen += 1;
                tally.report.entities.failed += 1;
                tally.report.add_stays(stays);
            }
            let entries = std::mem::take(&mut page.entries);
            let entries: Vec<Entry> =
                entries.into_iter().filter_map(|entry| self.free(entry, first)).collect();
            let outcomes = match &self.manager.keeping {
                Keeping::Managed(vault) => self.batch(vault, entries).await?,
                Keeping::InDatabase(_) => self.batch_back(entries).await?,
            };
            let mut again = Vec::new();
            for (entry, outcome) in outcomes {
                match &outcome {
                    Outcome::Again if attempt < ATTEMPTS => {
                        again.push(entry);
                        continue;
                    }
                    Outcome::Failed { error, .. } if is_unserved(error) => unserved += 1,
                    Outcome::Failed { error, .. } => stops = stops.or(error.stops_all()),
                    _ => {}
                }
                attempted += usize::from(!matches!(outcome, Outcome::Unchanged));
                self.count(&entry, outcome, first);
            }
            if again.is_empty() || stops.is_some() {
                break;
            }
            let again = self.read_again(again).await?;
            self.manager.look_into(again, self.options, &mut page).await?;
        }
        let no_vault = attempted > 0 && unserved == attempted;
        Ok(stops.or(no_vault.then_some("the vault answered none of the calls for the last entities")))
    }

    /// Counts what became of an entity.
    fn count(&self, entry: &Entry, outcome: Outcome, first: bool) {
        let mut tally = self.tally();
        if first {
            let entities = &mut tally.report.entities;
            entities.seen += 1;
            *match &outcome {
                Outcome::Changed => &mut entities.changed,
                Outcome::Unchanged => &mut entities.unchanged,
                Outcome::Again | Outcome::Failed { .. } => &mut entities.failed,
            } += 1;
        }
        let (field, error) = match outcome {
            Outcome::Unchanged => return,
            Outcome::Changed => {
                tally.last_change = Some(Instant::now());
                tally.pass.count += 1;
                if tally.pass.changed.len() < REMEMBERED {
                    tally.pass.changed.push(entry.label());
                }
                return;
            }
            Outcome::Again => (String::new(), WriteError::Changed),
            Outcome::Failed { field, error } => (field, error),
        };
        tally.failed.insert(entry.row.id);
        tally.report.add_failure(Failure { entity: entry.label(), field, error: error.to_string() });
    }

    async fn read_again(&self, entries: Vec<Entry>) -> Result<Vec<Row>, MigrateError> {
        let mut rows = Vec::with_capacity(entries.len());
        for entry in entries {
            rows.extend(self.manager.store.get(entry.row.kind, entry.row.id).await?);
        }
        Ok(rows)
    }

    /// An entity, unless it is in conflict or has failed: those are left alone.
    fn free(&self, entry: Entry, first: bool) -> Option<Entry> {
        let in_conflict = self.plan.in_conflict.contains(&entry.row.id) || entry.doubts().next().is_some();
        let mut tally = self.tally();
        if in_conflict && first {
            tally.report.entities.seen += 1;
            tally.report.entities.failed += 1;
        }
        (!in_conflict && !tally.failed.contains(&entry.row.id)).then_some(entry)
    }

    /// Stores the entities of a page in one commit, since each commit waits for the disk.
    pub(super) async fn store(
        &self,
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
                    run: Some(self.plan.report.run),
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
                    {
                        let counts = &mut self.tally().report.secrets;
                        counts.written += written;
                        counts.verified += entity.placed.len() as u64;
                        counts.returned += entity.returned;
                    }
                    self.keeps(secrets(entries[*index]).saturating_sub(written + entity.returned));
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

    /// Counts secrets that stay as they are; a later pass meets the same ones again.
    pub(super) fn keeps(&self, secrets: u64) {
        let mut tally = self.tally();
        if tally.report.passes == 1 {
            tally.report.secrets.kept += secrets;
        }
    }

    /// What came of it so far. Nobody waits for anything while he has it in his hands.
    pub(super) fn tally(&self) -> MutexGuard<'_, Tally> {
        // A poisoned lock only says that another thread panicked; the numbers behind it are whole.
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fail_broken(&self, broken: StoreError) {
        let mut tally = self.tally();
        tally.report.entities.seen += 1;
        tally.report.entities.failed += 1;
        let (entity, field) = (String::new(), String::new());
        tally.report.add_failure(Failure { entity, field, error: WriteError::Store(broken).to_string() });
    }

    /// Reports that the migration ended early. The first reason is the one.
    pub(super) fn stopped(&self, reason: &str) {
        let error =
            format!("the migration ended early, since {reason}: run it again to go on where it stopped");
        let mut tally = self.tally();
        if tally.ended_early {
            return;
        }
        tally.ended_early = true;
        tally.report.add_failure(Failure { entity: String::new(), field: String::new(), error });
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
