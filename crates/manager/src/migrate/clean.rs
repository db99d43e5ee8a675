//! Cleaning up: what a migration left in the old place is deleted there, once the new one is known to hold it.
//!
//! Only what carries the tags of this installation is looked at, and it goes only if its field was found in order elsewhere a
//! moment before: in the configured vault, under the version that was committed; or in the row, and it can be decrypted. Meanwhile
//! a guard keeps servers that still work with the old place from writing there.

use std::sync::Arc;

use futures::StreamExt;
use strongroom_metastore::Row;
use strongroom_secrets::{ErrorKind, ListScope, Provider, SecretName, Tags};
use tokio::time::Instant;
use uuid::Uuid;

use super::inventory::{Content, Entry, PAGE, all_kinds};
use super::report::{Failure, Report};
use super::runs::Log;
use super::{MigrateError, MigrateOptions, Watcher};
use crate::crash::{Step, reach};
use crate::error::WriteError;
use crate::ownership::{FieldOwner, TaggedOwner};
use crate::placing::{Guarded, id_of};
use crate::{Keeping, Manager};

/// A secret that may be left over.
struct Leftover {
    name: SecretName,
    entity: Uuid,
    /// The field, as the tag says it.
    field: String,
}

/// What is found out about one.
enum Finding {
    /// It is where the field's value is kept.
    InUse,
    /// The field's value was found elsewhere.
    NotNeeded(Guarded),
    /// It stays, for this reason.
    Stays { label: String, reason: String },
    /// It belongs to an entity that is not meant.
    NotMeant,
}

impl Manager {
    /// Deletes what migrations left in old places; with `plan`, says what it would delete, and writes nothing at all. The caller
    /// holds the migration lock.
    ///
    /// # Errors
    /// [`MigrateError`] if a vault or the database cannot be worked with at all; what goes wrong with one secret is in the report.
    pub async fn clean(
        &self,
        run: Uuid,
        options: &MigrateOptions,
        plan: bool,
        watcher: &dyn Watcher,
    ) -> Result<Report, MigrateError> {
        let started = Instant::now();
        if !plan {
            self.settle_before_migration().await?;
            self.need_run(run).await?;
        }
        let mut cleaning = Cleaning {
            manager: self,
            options,
            plan,
            report: Report { run, ..Report::default() },
            log: Log::of(run, 0),
        };
        for vault in self.vaults() {
            if cleaning.vault(vault, watcher).await? {
                break;
            }
        }
        let Cleaning { mut report, mut log, .. } = cleaning;
        report.seconds = started.elapsed().as_secs_f64();
        if !plan {
            log.note_now(self).await?;
            let outcome = if report.failures.is_empty() { "done" } else { "incomplete" };
            self.end_run(run, outcome).await?;
        }
        Ok(report)
    }
}

struct Cleaning<'a> {
    manager: &'a Manager,
    options: &'a MigrateOptions,
    plan: bool,
    report: Report,
    log: Log,
}

impl Cleaning<'_> {
    /// Goes through a vault. Answers `true` if it was asked to stop.
    async fn vault(
        &mut self,
        vault: &Arc<dyn Provider>,
        watcher: &dyn Watcher,
    ) -> Result<bool, MigrateError> {
        if !vault.capabilities().write {
            return Ok(false);
        }
        let mut secrets = vault.list(ListScope::Secrets);
        loop {
            let mut page = Vec::new();
            while page.len() < PAGE as usize {
                let Some(secret) = secrets.next().await else { break };
                let secret = secret.map_err(WriteError::from)?;
                page.extend(self.leftover(secret.name, &secret.tags));
            }
            if page.is_empty() {
                return Ok(false);
            }
            if let Some(reason) = watcher.why_stop() {
                let error = format!("it ended early, since {reason}: run it again to go on");
                let (entity, field) = (String::new(), String::new());
                self.report.add_failure(Failure { entity, field, error });
                return Ok(true);
            }
            let count = page.len() as u64;
            self.page(vault, page, watcher).await?;
            watcher.advance(count);
            if !self.plan {
                self.log.progress.done += count;
                self.log.progress.changed = self.report.secrets.deleted;
                self.log.note(self.manager).await?;
            }
        }
    }

    fn leftover(&self, name: SecretName, tags: &Tags) -> Option<Leftover> {
        match TaggedOwner::read(tags, self.manager.installation) {
            TaggedOwner::Ours { entity, field } => Some(Leftover { name, entity, field }),
            TaggedOwner::Nobody | TaggedOwner::Other => None,
        }
    }

    async fn page(
        &mut self,
        vault: &Arc<dyn Provider>,
        page: Vec<Leftover>,
        watcher: &dyn Watcher,
    ) -> Result<(), MigrateError> {
        let mut doomed = Vec::new();
        for leftover in page {
            match self.find_out(vault, &leftover).await {
                Ok(Finding::NotNeeded(guarded)) => doomed.push((leftover, guarded)),
                Ok(Finding::InUse) => self.report.secrets.kept += 1,
                Ok(Finding::NotMeant) => {}
                Ok(Finding::Stays { label, reason }) => self.stays(vault, &leftover.name, label, &reason),
                Err(error) => self.fail(&leftover.name, &error),
            }
        }
        if self.plan {
            for (leftover, _) in doomed {
                watcher.would_delete(&id_of(vault), leftover.name.as_str());
                self.report.secrets.deleted += 1;
            }
            return Ok(());
        }
        let manager = self.manager;
        let guards = manager.guard(doomed.iter().map(|(_, guarded)| guarded.clone()).collect()).await?;
        let mut by_name = guards.by_name;
        for (leftover, _) in doomed {
            let guard = match by_name.remove(&leftover.name) {
                Some(Ok(guard)) => guard,
                Some(Err(error)) => {
                    self.fail(&leftover.name, &error);
                    continue;
                }
                None => continue,
            };
            let deleted = match guards.lease.covers_a_call().await? {
                true => self.delete(vault, &leftover).await,
                false => Err(WriteError::Busy { name: leftover.name.clone() }),
            };
            if let Err(error) = deleted {
                self.fail(&leftover.name, &error);
            }
            manager.lift_quietly(&[&guard]).await;
        }
        Ok(())
    }

    /// Deletes a secret, if what was found out about it still holds now that nobody else writes to it.
    async fn delete(&mut self, vault: &Arc<dyn Provider>, leftover: &Leftover) -> Result<(), WriteError> {
        let name = &leftover.name;
        let tags = match vault.get(name, None).await {
            Ok(secret) => secret.properties.tags,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let still_its = self
            .leftover(name.clone(), &tags)
            .is_some_and(|found| found.entity == leftover.entity && found.field == leftover.field);
        if !still_its || !matches!(self.find_out(vault, leftover).await?, Finding::NotNeeded(_)) {
            return Err(WriteError::Changed);
        }
        match vault.delete(name).await {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
            Ok(()) | Err(_) => {}
        }
        reach(Step::OldSecretDeleted);
        self.report.secrets.deleted += 1;
        Ok(())
    }

    /// Finds out whether a secret in a vault is still needed there.
    async fn find_out(&self, vault: &Arc<dyn Provider>, leftover: &Leftover) -> Result<Finding, WriteError> {
        let manager = self.manager;
        let Leftover { name, entity, field: tagged } = leftover;
        let stays = |label: String, reason: &str| Ok(Finding::Stays { label, reason: reason.to_owned() });
        let Some(row) = self.row(*entity).await? else {
            return stays(format!("entity {entity}"), "its entity is gone");
        };
        let entry = manager.take_stock(row, self.options);
        let plain_name = entry.row.json.get("name").and_then(serde_json::Value::as_str).unwrap_or_default();
        if !self.options.selection.takes(entry.row.kind, &entry.fqn, plain_name) {
            return Ok(Finding::NotMeant);
        }
        if !manager.store.own_references(name).await?.is_empty() {
            return stays(entry.label(), "a user refers to it");
        }
        let of_tag = |owner: &FieldOwner| owner.is_field(tagged);
        let Some((field, content)) = entry.fields.iter().find(|(field, _)| of_tag(&entry.owner(field)))
        else {
            return stays(format!("{}: {tagged}", entry.label()), "its field is gone, or empty");
        };
        let label = entry.field_label(field);
        let not_needed = || {
            let (owner, fqn, name) = (entry.owner(field), entry.fqn.clone(), name.clone());
            Ok(Finding::NotNeeded(Guarded { owner, fqn, name }))
        };
        match (content, &manager.keeping) {
            (Content::Doubtful(reason), _) => stays(label, &format!("its field {reason}")),
            (Content::Empty { .. }, _) => stays(label, "its field is empty by now"),
            (Content::Value { .. }, Keeping::InDatabase(_)) => not_needed(),
            (Content::Value { .. }, Keeping::Managed(_)) => {
                stays(label, "its field holds a value that was not moved yet")
            }
            (Content::Reference { name: used, .. }, Keeping::InDatabase(_)) if used == name => {
                stays(label, "its field still refers to it")
            }
            (Content::Reference { .. }, Keeping::InDatabase(_)) => {
                stays(label, "its field still refers to a vault")
            }
            (Content::Reference { name: used, .. }, Keeping::Managed(target)) => {
                let is_target = id_of(vault) == id_of(target);
                if is_target && used == name {
                    return Ok(Finding::InUse);
                }
                match self.is_verified(&entry, &field.to_string(), target, used).await? {
                    true => not_needed(),
                    false => {
                        stays(label, "the configured vault does not hold what was committed for its field")
                    }
                }
            }
        }
    }

    /// Whether the configured vault holds the version that was committed for a field, as the latest.
    async fn is_verified(
        &self,
        entry: &Entry,
        field: &str,
        target: &Arc<dyn Provider>,
        name: &SecretName,
    ) -> Result<bool, WriteError> {
        let Some(owner) = self.manager.store.owner(name).await? else { return Ok(false) };
        if owner.entity != entry.row.id || owner.field != field {
            return Ok(false);
        }
        match target.get(name, None).await {
            Ok(secret) => Ok(secret.properties.version == Some(owner.version)),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Disabled) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    async fn row(&self, entity: Uuid) -> Result<Option<Row>, WriteError> {
        for kind in all_kinds() {
            if let Some(row) = self.manager.store.get(*kind, entity).await? {
                return Ok(Some(row));
            }
        }
        Ok(None)
    }

    fn stays(&mut self, vault: &Arc<dyn Provider>, name: &SecretName, entity: String, reason: &str) {
        let error = format!("{name} in {vault} stays: {reason}");
        self.report.add_stays(Failure { entity, field: String::new(), error });
    }

    fn fail(&mut self, name: &SecretName, error: &WriteError) {
        let error = format!("{name} was not deleted: {error}");
        self.report.add_failure(Failure { entity: String::new(), field: String::new(), error });
    }
}
