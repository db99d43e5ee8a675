//! Going through the tables until nothing is left to do: servers write while a migration runs.

use std::collections::HashMap;
use std::time::Duration;

use strongroom_metastore::{JournalEntry, Owner};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::MigrateError;
use super::Watcher;
use super::apply::{Pass, Run};
use super::inventory::{Content, Entry};
use super::report::Failure;
use super::runs::Log;
use crate::Keeping;

/// How often the tables are gone through again at most.
const REPEATS: u64 = 3;
/// How often somebody who waits looks whether it was asked to stop.
const GLANCE: Duration = Duration::from_millis(100);

impl Run<'_> {
    /// Goes through the tables until a pass finds nothing to do.
    pub(super) async fn all_passes(&self, watcher: &dyn Watcher, log: &mut Log) -> Result<(), MigrateError> {
        let first = self.pass(1, watcher, log).await?;
        // What follows can take long, and nothing is counted in it.
        log.note_now(self.manager).await?;
        if first.stopped {
            return Ok(());
        }
        let last = match first.count {
            0 => first,
            _ => self.repeat(watcher, log).await?,
        };
        if last.stopped {
            return Ok(());
        }
        if last.count > 0 {
            self.keeps_coming(&last);
            return Ok(());
        }
        // That server writes what it has in its cache, which can be a row as it was before.
        let waits = !self.options.no_wait && self.manager.store.made_by_reference().await?;
        let last_change = self.tally().last_change;
        if let (true, Some(last_change)) = (waits, last_change) {
            let until = last_change + self.manager.timing.cache_wait;
            watcher.waits_until(until);
            while Instant::now() < until {
                if let Some(reason) = watcher.why_stop() {
                    self.stopped(reason);
                    return Ok(());
                }
                sleep(GLANCE.min(until.saturating_duration_since(Instant::now()))).await;
            }
            let nth = self.tally().report.passes + 1;
            let late = self.pass(nth, watcher, log).await?;
            if late.count > 0 && !late.stopped {
                self.keeps_coming(&late);
            }
        }
        Ok(())
    }

    /// Goes through the tables again, until there was nothing to do or it was often enough.
    async fn repeat(&self, watcher: &dyn Watcher, log: &mut Log) -> Result<Pass, MigrateError> {
        let mut pass = Pass::default();
        for _ in 0..REPEATS {
            let nth = self.tally().report.passes + 1;
            watcher.begins_pass(nth);
            pass = self.pass(nth, watcher, log).await?;
            if pass.stopped || pass.count == 0 {
                break;
            }
        }
        Ok(pass)
    }

    /// Reports what was as it should be and is not any more.
    fn keeps_coming(&self, pass: &Pass) {
        let advice = "it was changed back by a server that still works as before, and was migrated once more: restart that server \
                      with the new configuration, then run this again";
        let report = &mut self.tally().report;
        for entity in &pass.changed {
            let (entity, field, error) = (entity.clone(), String::new(), advice.to_owned());
            report.add_failure(Failure { entity, field, error });
        }
        report.unlisted += pass.count - pass.changed.len() as u64;
    }

    /// The entities that may not be as they should be, found without a call to the vault.
    pub(super) async fn still_open(&self, entries: Vec<Entry>) -> Result<Vec<Entry>, MigrateError> {
        let ids: Vec<Uuid> = entries.iter().map(|entry| entry.row.id).collect();
        let store = &self.manager.store;
        let mut known = Known::default();
        for owner in store.owned_by_any(&ids).await? {
            known.owners.insert((owner.entity, owner.field.clone()), owner);
        }
        for moved in store.journal_of(self.plan.report.run, &ids).await? {
            known.journal.insert((moved.entity, moved.field.clone()), moved);
        }
        Ok(entries.into_iter().filter(|entry| self.is_open(entry, &known)).collect())
    }

    fn is_open(&self, entry: &Entry, known: &Known) -> bool {
        let managed = matches!(self.manager.keeping, Keeping::Managed(_));
        entry.fields.iter().any(|(field, content)| match content {
            Content::Value { .. } if managed => true,
            Content::Value { plain, .. } => *plain && self.manager.fernet.is_some(),
            Content::Empty { plain } => managed && !plain,
            Content::Doubtful(_) => false,
            Content::Reference { plain, .. } if managed && *plain == self.manager.wraps(field) => true,
            Content::Reference { name, .. } => {
                let place = (entry.row.id, field.to_string());
                let owner = known.owners.get(&place).filter(|owner| owner.name == *name);
                match owner {
                    // Where there is one vault, what is kept there for the field is where it should be.
                    Some(_) if managed && self.manager.former.is_empty() && !self.options.rename => false,
                    Some(owner) => {
                        let moved = known.journal.get(&place);
                        !moved.is_some_and(|moved| moved.name == *name && moved.version == owner.version)
                    }
                    None => true,
                }
            }
        })
    }
}

/// What is known of the entities of a page.
#[derive(Default)]
struct Known {
    owners: HashMap<(Uuid, String), Owner>,
    journal: HashMap<(Uuid, String), JournalEntry>,
}
