//! Applying a plan: page by page, a page's secrets side by side; each entity whole or not at all, a page in one commit.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde_json::Value;
use strongroom_entities::{EntityKind, FieldPath};
use strongroom_metastore::Row;
use strongroom_secrets::{ErrorKind, Provider, SecretName};
use tokio::time::Instant;

use super::inventory::{Content, Entry, PAGE};
use super::plan::Plan;
use super::report::{Failure, Report};
use super::{MigrateError, MigrateOptions, Watcher};
use crate::error::WriteError;
use crate::placing::{Batch, Custom, Placed, Prepared, Wanted};
use crate::sorting::refer;
use crate::storing::Storing;
use crate::{Keeping, Manager};

/// How often a row that changes under our hands is planned anew.
const ATTEMPTS: usize = 3;

/// A migration under way.
struct Run<'a> {
    manager: &'a Manager,
    vault: &'a Arc<dyn Provider>,
    options: MigrateOptions,
    plan: &'a Plan,
    custom: Custom,
    report: Report,
}

/// An entity in hand, and where its wanted values stand in the batch.
struct InHand {
    entry: Entry,
    wanted: std::ops::Range<usize>,
    /// The fields that want them, for messages.
    fields: Vec<String>,
}

/// An entity whose values are in the vault, before its row is updated.
struct Ready<'p> {
    document: Value,
    placed: Vec<Placed>,
    prepared: Vec<&'p Prepared>,
    changes_row: bool,
}

/// What became of an entity.
enum Outcome {
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
        options: MigrateOptions,
        watcher: &dyn Watcher,
    ) -> Result<Report, MigrateError> {
        let Keeping::Managed(vault) = &self.keeping else {
            return Err(MigrateError::NotManaged(self.provider_name().to_owned()));
        };
        let started = Instant::now();
        let run = plan.report.run;
        // We hold the lock, so whoever migrated before is dead.
        self.settle_abandoned(&[MIGRATION_HOLDER]).await?;
        self.store.start_run(run, self.clock.now_millis()).await?;
        let report = Report { run, conflicts: plan.report.conflicts.clone(), ..Report::default() };
        let custom = Custom { adopt: options.adopt, deleted: Some(plan.deleted.clone()) };
        let mut run = Run { manager: self, vault, options, plan, custom, report };
        watcher.total(plan.report.entities.seen);
        run.go(watcher).await?;
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
        for kind in EntityKind::WITH_SECRETS {
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
            for (entry, outcome) in self.batch(entries).await? {
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
                    Outcome::Again => self.fail(entry.label(), String::new(), &WriteError::Changed),
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
        if self.plan.in_conflict.contains(&entry.row.id) || entry.doubts().next().is_some() {
            self.report.entities.seen += 1;
            self.report.entities.failed += 1;
            return None;
        }
        Some(entry)
    }

    async fn batch(&mut self, entries: Vec<Entry>) -> Result<Vec<(Entry, Outcome)>, MigrateError> {
        let mut wanted = Vec::new();
        let mut in_hand = Vec::with_capacity(entries.len());
        for entry in entries {
            let (start, mut fields) = (wanted.len(), Vec::new());
            for (field, content) in &entry.fields {
                if let Some(value) = self.wanted(&entry, field, content).await? {
                    wanted.push(value);
                    fields.push(field.to_string());
                }
            }
            in_hand.push(InHand { wanted: start..wanted.len(), entry, fields });
        }
        let mut batch = if wanted.is_empty() {
            Batch::empty(self.manager)
        } else {
            self.manager.prepare(self.vault, wanted, &self.custom).await?
        };
        // An entity moves as a whole: where one of its fields is refused, the others are not written.
        let mut refusals = self.withdraw_refused(&in_hand, &mut batch).await?;
        let mut placed: Vec<Option<Result<Placed, WriteError>>> =
            self.manager.carry_out(self.vault, &mut batch, true).await.into_iter().map(Some).collect();
        let mut outcomes: Vec<Option<Outcome>> = Vec::with_capacity(in_hand.len());
        let mut ready = Vec::new();
        for (index, InHand { entry, wanted, fields }) in in_hand.iter().enumerate() {
            let results = placed[wanted.clone()].iter_mut().filter_map(Option::take).collect();
            let prepared: Vec<&Prepared> = batch.items[wanted.clone()].iter().flatten().collect();
            let outcome = match refusals.remove(&index) {
                Some((field, error)) => Some(Outcome::Failed { field, error }),
                None => match self.make_ready(entry, fields, results, prepared).await? {
                    Ok(entity) => {
                        ready.push((index, entity));
                        None
                    }
                    Err(outcome) => Some(outcome),
                },
            };
            outcomes.push(outcome);
        }
        for (index, outcome) in self.store(&in_hand, ready).await {
            outcomes[index] = Some(outcome);
        }
        let entries = in_hand.into_iter().map(|in_hand| in_hand.entry);
        Ok(entries
            .zip(outcomes)
            .map(|(entry, outcome)| (entry, outcome.unwrap_or(Outcome::Unchanged)))
            .collect())
    }

    /// What a field brings to the vault: its value, or, for a reference to what OpenMetadata's own server wrote, the value
    /// that stands there, so that it becomes known as ours.
    async fn wanted(
        &self,
        entry: &Entry,
        field: &FieldPath,
        content: &Content,
    ) -> Result<Option<Wanted>, MigrateError> {
        let owner = entry.owner(field);
        let fqn = entry.fqn.clone();
        match content {
            Content::Value(value) => Ok(Some(Wanted { owner, fqn, value: value.clone(), current: None })),
            Content::Reference { name, .. } if self.may_be_ours(entry, field, name).await? => {
                match self.vault.get(name, None).await {
                    Ok(secret) => {
                        Ok(Some(Wanted { owner, fqn, value: secret.value, current: Some(name.clone()) }))
                    }
                    // A reference that points nowhere stays the user's own.
                    Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Disabled) => {
                        Ok(None)
                    }
                    Err(error) => Err(WriteError::from(error).into()),
                }
            }
            _ => Ok(None),
        }
    }

    /// Whether a reference that nobody is known to own has the name that OpenMetadata's server, or we, would give it.
    async fn may_be_ours(
        &self,
        entry: &Entry,
        field: &FieldPath,
        name: &SecretName,
    ) -> Result<bool, MigrateError> {
        let naming = &self.manager.naming;
        let kind = entry.row.kind;
        let computed = [
            naming.openmetadata_name(kind, &entry.fqn, field),
            naming.name(kind, &entry.fqn, field),
            naming.name_with_id(kind, &entry.fqn, field, entry.row.id),
        ];
        Ok(computed.iter().flatten().any(|computed| computed == name)
            && self.manager.store.owner(name).await?.is_none())
    }

    async fn withdraw_refused(
        &self,
        in_hand: &[InHand],
        batch: &mut Batch,
    ) -> Result<HashMap<usize, (String, WriteError)>, MigrateError> {
        let mut refusals = HashMap::new();
        let mut withdrawn = HashSet::new();
        for (index, InHand { wanted, fields, .. }) in in_hand.iter().enumerate() {
            let Some(refused) = wanted.clone().find(|position| batch.items[*position].is_err()) else {
                continue;
            };
            let mut refusal = WriteError::Changed;
            for position in wanted.clone() {
                let item = std::mem::replace(&mut batch.items[position], Err(WriteError::Changed));
                match item {
                    Err(error) if position == refused => refusal = error,
                    Err(_) => {}
                    Ok(prepared) => {
                        withdrawn.insert(prepared.claim);
                    }
                }
            }
            refusals.insert(index, (fields[refused - wanted.start].clone(), refusal));
        }
        let withdrawn: Vec<_> = withdrawn.into_iter().collect();
        self.manager.release(&withdrawn).await?;
        batch.lease.let_go(&withdrawn);
        Ok(refusals)
    }

    /// Makes the document of an entity whose values are in the vault; an `Err` is an outcome that needs no storing.
    async fn make_ready<'p>(
        &mut self,
        entry: &Entry,
        fields: &[String],
        results: Vec<Result<Placed, WriteError>>,
        prepared: Vec<&'p Prepared>,
    ) -> Result<Result<Ready<'p>, Outcome>, MigrateError> {
        let mut placed = Vec::with_capacity(results.len());
        for (field, result) in fields.iter().zip(results) {
            match result {
                Ok(item) => placed.push(item),
                Err(error) => {
                    self.manager.undo_quietly(self.vault, &prepared).await;
                    return Ok(Err(Outcome::Failed { field: field.clone(), error }));
                }
            }
        }
        let document = self.document(entry, &placed);
        let changes_row = document != entry.row.json;
        if !changes_row && placed.is_empty() && self.references_are_known(entry, &document).await? {
            self.report.secrets.kept += secrets(entry);
            return Ok(Err(Outcome::Unchanged));
        }
        Ok(Ok(Ready { document, placed, prepared, changes_row }))
    }

    /// Stores the entities of a page in one commit, since each commit waits for the disk.
    async fn store(&mut self, in_hand: &[InHand], ready: Vec<(usize, Ready<'_>)>) -> Vec<(usize, Outcome)> {
        let storings: Vec<Storing<'_>> = ready
            .iter()
            .map(|(index, entity)| {
                let row = &in_hand[*index].entry.row;
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
                    self.report.secrets.kept += secrets(&in_hand[*index].entry).saturating_sub(written);
                    if entity.changes_row { Outcome::Changed } else { Outcome::Unchanged }
                }
                Err(WriteError::Changed) => Outcome::Again,
                Err(error) => Outcome::Failed { field: String::new(), error },
            };
            outcomes.push((*index, outcome));
        }
        outcomes
    }

    /// The row's new document: references plainly, empty passwords as empty texts, nothing else touched.
    fn document(&self, entry: &Entry, placed: &[Placed]) -> Value {
        let mut document = entry.row.json.clone();
        for (field, content) in &entry.fields {
            match content {
                Content::Reference { name, plain: false } => refer(&mut document, field, name),
                Content::Empty { plain: false } => {
                    field.set(&mut document, Value::String(String::new()));
                }
                _ => {}
            }
        }
        for item in placed {
            refer(&mut document, &item.owner.field, &item.name);
        }
        document
    }

    /// Whether the users' own references of a row are written down already.
    async fn references_are_known(&self, entry: &Entry, document: &Value) -> Result<bool, MigrateError> {
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
fn secrets(entry: &Entry) -> u64 {
    let has_one = |content: &Content| matches!(content, Content::Value(_) | Content::Reference { .. });
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
