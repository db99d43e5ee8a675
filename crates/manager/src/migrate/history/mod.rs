//! The version history and the events: old passwords there are taken out, last of all, and only where the entity's own are safe.
//!
//! A page of copies is one commit. What is done once is found done by the next run, so a run that was killed goes on when it is run
//! again.

mod scrubbing;
mod standing;

use std::collections::HashMap;

use serde::Serialize;
use serde_json::Value;
use strongroom_entities::{EntityKind, text, tokens};
use strongroom_metastore::{CopyTable, DocumentScan, StoreError, StoredDocument};
use uuid::Uuid;

use self::scrubbing::{Scrubber, Subject, body};
use self::standing::Standing;
use super::inventory::PAGE;
use super::report::{Failure, Report};
use super::{MigrateError, MigrateOptions, Plan, Watcher};
use crate::Manager;
use crate::crash::{Step, reach};
use crate::error::WriteError;

/// What one of the texts in which a copy can hold a password contains. It spares the look at all others.
const MARKS: &[&str] = &[
    tokens::START,
    "connection",
    "authenticationMechanism",
    "sourceConfig",
    "destinations",
    "appConfiguration",
    "privateConfiguration",
];

/// The setting that says that room with old passwords in it was not given back yet.
const RECLAIM: &str = "reclaim";

/// How often a page is tried again that the database could not do just now.
const ATTEMPTS: usize = 3;

/// What became of old passwords in the version history and in events, or would become of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoryReport {
    /// The tables, as far as they are there and hold something.
    pub tables: Vec<CopyCounts>,
    /// Whether the room that was freed was given back, so that nothing of it is left in the database's files; `None` if there was
    /// none.
    pub reclaimed: Option<bool>,
}

/// The copies in a table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CopyCounts {
    /// The table.
    pub table: String,
    /// How many were looked at.
    pub seen: u64,
    /// How many hold no old password any more (in a plan: would).
    pub scrubbed: u64,
    /// How many keep one: since that was wished, or since something of their entity is not in the vault.
    pub kept: u64,
}

impl HistoryReport {
    /// How many copies hold no old password any more.
    pub fn scrubbed(&self) -> u64 {
        self.tables.iter().map(|table| table.scrubbed).sum()
    }

    /// How many copies keep one.
    pub fn kept(&self) -> u64 {
        self.tables.iter().map(|table| table.kept).sum()
    }
}

/// A copy with a password in it.
struct Hit {
    copy: StoredDocument,
    subject: Option<(EntityKind, Uuid)>,
}

/// How it stands with the entities of a page.
type Standings = HashMap<(EntityKind, Uuid), Standing>;

/// Goes through all copies.
struct Scrub<'a> {
    manager: &'a Manager,
    options: &'a MigrateOptions,
    /// What is only planned.
    planned: Option<&'a Plan>,
    scrubber: Scrubber<'a>,
    report: HistoryReport,
    /// Whether it is noted that room will have to be given back.
    owes_reclaim: bool,
}

impl Manager {
    /// Counts what would be scrubbed. Nothing is written.
    pub(super) async fn survey_history(
        &self,
        plan: &Plan,
        options: &MigrateOptions,
    ) -> Result<HistoryReport, MigrateError> {
        self.go_through_history(options, Some(plan), &|| false).await
    }

    /// The last of a migration: takes old passwords out of the history of all entities whose own are in the vault, and gives the
    /// room back in which passwords stood. What goes wrong here is a failure of its own; the entities are done.
    pub(super) async fn end_with_history(
        &self,
        report: &mut Report,
        options: &MigrateOptions,
        watcher: &dyn Watcher,
    ) {
        let failed = |what: &str, why: &MigrateError| {
            let error = format!("{what}: {why} (run the migration again)");
            Failure { entity: String::new(), field: String::new(), error }
        };
        match self.scrub_history(options, watcher).await {
            Ok(history) => {
                report.history = history;
                if let Some(reason) = watcher.why_stop() {
                    let error = format!(
                        "old passwords were not all taken out of the history, since {reason}: run it again to go on"
                    );
                    let (entity, field) = (String::new(), String::new());
                    report.add_failure(Failure { entity, field, error });
                }
            }
            Err(error) => {
                report.add_failure(failed("old passwords could not be taken out of the history", &error));
            }
        }
        match self.reclaim().await {
            Ok(reclaimed) => report.history.reclaimed = reclaimed,
            Err(error) => report.add_failure(failed(
                "what old passwords leave behind in the database's files could not be cleaned",
                &error.into(),
            )),
        }
    }

    /// Takes old passwords out of the history of all entities whose own are in the vault.
    async fn scrub_history(
        &self,
        options: &MigrateOptions,
        watcher: &dyn Watcher,
    ) -> Result<HistoryReport, MigrateError> {
        self.go_through_history(options, None, &|| watcher.why_stop().is_some()).await
    }

    async fn go_through_history(
        &self,
        options: &MigrateOptions,
        planned: Option<&Plan>,
        should_stop: &(dyn Fn() -> bool + Sync),
    ) -> Result<HistoryReport, MigrateError> {
        if !self.is_managed() {
            return Ok(HistoryReport::default());
        }
        let scrubber = Scrubber {
            keys: self.fernet.as_ref(),
            wrapped: self.wrapped_references,
            options: options.include_options,
        };
        let report = HistoryReport::default();
        let mut scrub = Scrub { manager: self, options, planned, scrubber, report, owes_reclaim: false };
        for table in CopyTable::ALL {
            scrub.table(*table, should_stop).await?;
        }
        Ok(scrub.report)
    }

    /// Notes that rows will change, so that the room they leave is given back even if this run does not get that far.
    pub(crate) async fn owe_reclaim(&self) -> Result<(), StoreError> {
        self.store.set_setting(RECLAIM, "due").await?;
        reach(Step::ReclaimOwed);
        Ok(())
    }

    /// Gives room back in which old passwords stand, if there is some. Answers whether all of it was.
    pub(crate) async fn reclaim(&self) -> Result<Option<bool>, StoreError> {
        if self.store.setting(RECLAIM).await?.as_deref() != Some("due") {
            return Ok(None);
        }
        let complete = self.store.reclaim().await?;
        reach(Step::RoomReclaimed);
        if complete {
            self.store.set_setting(RECLAIM, "done").await?;
            reach(Step::ReclaimNoted);
        }
        Ok(Some(complete))
    }
}

impl Scrub<'_> {
    async fn table(
        &mut self,
        table: CopyTable,
        should_stop: &(dyn Fn() -> bool + Sync),
    ) -> Result<(), MigrateError> {
        let mut counts = CopyCounts { table: table.name().to_owned(), ..CopyCounts::default() };
        let mut scan = DocumentScan::of_copies(table, MARKS, PAGE);
        while !should_stop() {
            let Some(page) = scan.next(&self.manager.store).await? else { break };
            counts.seen += page.documents.len() as u64;
            let mut hits = Vec::new();
            for copy in page.documents {
                match text::read(&copy.text) {
                    Ok(document) => {
                        let subject = subject_of(&copy, &document);
                        if self.changes(
                            table,
                            subject.map(|(kind, _)| Subject { kind, current: None }),
                            &document,
                        ) {
                            hits.push(Hit { copy, subject });
                        }
                    }
                    // It could not be written again without a loss.
                    Err(_) => counts.kept += u64::from(self.scrubber.has_tokens(&copy.text)),
                }
            }
            self.page(table, hits, &mut counts).await?;
        }
        if counts.seen > 0 {
            self.report.tables.push(counts);
        }
        Ok(())
    }

    /// Scrubs the hits of a page whose entities are safe.
    async fn page(
        &mut self,
        table: CopyTable,
        mut hits: Vec<Hit>,
        counts: &mut CopyCounts,
    ) -> Result<(), MigrateError> {
        let mut standings = Standings::new();
        for subject in hits.iter().filter_map(|hit| hit.subject) {
            if let std::collections::hash_map::Entry::Vacant(vacant) = standings.entry(subject) {
                vacant.insert(self.manager.standing(subject, self.options, self.planned).await?);
            }
        }
        let all = hits.len() as u64;
        hits.retain(|hit| {
            let stays = hit.subject.and_then(|subject| standings.get(&subject));
            !self.options.keep_history && !matches!(stays, Some(Standing::Stays))
        });
        counts.kept += all - hits.len() as u64;
        counts.scrubbed += hits.len() as u64;
        if hits.is_empty() || self.planned.is_some() {
            return Ok(());
        }
        if !std::mem::replace(&mut self.owes_reclaim, true) {
            self.manager.owe_reclaim().await?;
        }
        let mut attempt = 1;
        loop {
            match self.write(table, &hits, &standings).await {
                Err(WriteError::Store(StoreError::Again(_))) if attempt < ATTEMPTS => attempt += 1,
                done => return Ok(done?),
            }
        }
    }

    async fn write(&self, table: CopyTable, hits: &[Hit], standings: &Standings) -> Result<(), WriteError> {
        let mut transaction = self.manager.store.begin().await?;
        let documents = table.table();
        for Hit { copy, subject } in hits {
            // A server may have written it anew, or cleaned it away.
            let Some(text) = transaction.lock_document(&documents, &copy.key).await? else { continue };
            let Ok(mut document) = text::read(&text) else { continue };
            let subject = subject.as_ref().map(|subject| Subject {
                kind: subject.0,
                current: match standings.get(subject) {
                    Some(Standing::Moved(row)) => Some(&row.json),
                    _ => None,
                },
            });
            self.scrub(table, subject, &mut document);
            if let Ok(scrubbed) = text::rewrite(&text, &document) {
                transaction.replace_document(&documents, &copy.key, &scrubbed).await?;
            }
        }
        reach(Step::HistoryScrubbed);
        transaction.commit().await?;
        reach(Step::HistoryCommitted);
        Ok(())
    }

    fn scrub(&self, table: CopyTable, subject: Option<Subject<'_>>, document: &mut Value) {
        match (table, subject) {
            (CopyTable::Versions, Some(subject)) => self.scrubber.version(subject, document),
            (_, subject) => self.scrubber.event(subject, document),
        }
    }

    fn changes(&self, table: CopyTable, subject: Option<Subject<'_>>, document: &Value) -> bool {
        let mut scrubbed = document.clone();
        self.scrub(table, subject, &mut scrubbed);
        scrubbed != *document
    }
}

/// The entity that a copy is of.
fn subject_of(copy: &StoredDocument, document: &Value) -> Option<(EntityKind, Uuid)> {
    copy.version_of().or_else(|| {
        let event = body(document)?;
        let kind = EntityKind::from_entity_type(event.get("entityType")?.as_str()?)?;
        let id = Uuid::parse_str(event.get("entityId")?.as_str()?).ok()?;
        (kind.is_setting() || EntityKind::WITH_SECRETS.contains(&kind)).then_some((kind, id))
    })
}
