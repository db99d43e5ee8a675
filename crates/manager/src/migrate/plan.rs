//! The plan: everything that can be known before the first write. Making it writes nothing at all.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use futures::StreamExt;
use serde::Serialize;
use strongroom_entities::{EntityKind, FieldPath};
use strongroom_metastore::{Include, StoreError};
use strongroom_secrets::{ErrorKind, ListScope, Provider, SecretName, Tags};
use uuid::Uuid;

use super::inventory::{Content, Entry, PAGE};
use super::report::{Conflict, EntityCounts, Failure, Report, SecretCounts};
use super::{MigrateError, MigrateOptions, Watcher};
use crate::naming::NamingScheme;
use crate::ownership::TaggedOwner;
use crate::placing::DeletedNames;
use crate::{Keeping, Manager};

/// What would happen to one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedField {
    /// What the entity is.
    #[serde(serialize_with = "as_text")]
    pub kind: EntityKind,
    /// The entity's fully qualified name.
    pub entity: String,
    /// The field.
    pub field: String,
    /// What would be done.
    pub action: PlannedAction,
    /// The secret's name, if there is one.
    pub name: Option<String>,
    #[serde(skip)]
    id: Uuid,
}

/// What would be done about a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PlannedAction {
    /// Its value goes to the vault, and the row refers to it.
    Move,
    /// Its encrypted reference is written plainly.
    Unwrap,
    /// Its encrypted empty password becomes an empty text.
    Empty,
    /// It stays as it is.
    Keep,
}

/// What a migration would do.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    /// The numbers, as the migration would report them, and the conflicts.
    #[serde(flatten)]
    pub report: Report,
    /// Every secret field.
    pub fields: Vec<PlannedField>,
    /// The names that are soft-deleted in the vault.
    #[serde(skip)]
    pub(super) deleted: Arc<DeletedNames>,
    /// The entities with a conflict.
    #[serde(skip)]
    pub(super) in_conflict: HashSet<Uuid>,
}

/// Makes a plan, page by page.
struct Planner<'a> {
    manager: &'a Manager,
    options: MigrateOptions,
    plan: Plan,
    /// The fields that want a name, by the name's key.
    wanted: HashMap<String, Vec<usize>>,
    /// The names that users refer to themselves, by key, with the field that does.
    referred: HashMap<String, Vec<String>>,
}

impl Manager {
    /// Finds out what a migration would do. Neither the vault nor the database is written to.
    ///
    /// # Errors
    /// [`MigrateError`] if there is no vault to migrate to, or the vault or the database cannot be read.
    pub async fn plan_migration(
        &self,
        options: MigrateOptions,
        watcher: &dyn Watcher,
    ) -> Result<Plan, MigrateError> {
        let Keeping::Managed(vault) = &self.keeping else {
            return Err(MigrateError::NotManaged(self.provider_name().to_owned()));
        };
        let report = Report { run: self.random.uuid(), ..Report::default() };
        let plan = Plan { report, fields: Vec::new(), deleted: Arc::default(), in_conflict: HashSet::new() };
        let mut planner =
            Planner { manager: self, options, plan, wanted: HashMap::new(), referred: HashMap::new() };
        let mut total = 0;
        for kind in EntityKind::WITH_SECRETS {
            total += self.count_or_none(*kind).await?;
        }
        watcher.total(total);
        for kind in EntityKind::WITH_SECRETS {
            let mut after = None;
            loop {
                let page = self.store.inventory(*kind, after.as_deref(), PAGE).await?;
                watcher.advance(page.rows.len() as u64);
                for row in page.rows {
                    match row {
                        Ok(row) => planner.add(&self.take_stock(row, options)),
                        Err(broken) => planner.add_broken(&broken),
                    }
                }
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
        }
        planner.find_clashes();
        planner.look_at_vault(vault).await?;
        Ok(planner.plan)
    }

    async fn count_or_none(&self, kind: EntityKind) -> Result<u64, StoreError> {
        match self.store.inventory(kind, None, 1).await?.rows.is_empty() {
            true => Ok(0),
            false => self.store.count(kind, Include::All).await,
        }
    }
}

impl Planner<'_> {
    fn add(&mut self, entry: &Entry) {
        self.plan.report.entities.seen += 1;
        let doubts: Vec<_> = entry
            .doubts()
            .map(|(field, reason)| Conflict {
                name: String::new(),
                owners: vec![entry.field_label(field)],
                reason: reason.clone(),
            })
            .collect();
        if !doubts.is_empty() {
            self.plan.in_conflict.insert(entry.row.id);
            self.plan.report.conflicts.extend(doubts);
        }
        let mut changes = false;
        for (field, content) in &entry.fields {
            let (action, name) = match content {
                Content::Value(_) => match self.name(entry, field) {
                    Some(name) => (PlannedAction::Move, Some(name)),
                    None => continue,
                },
                Content::Reference { name, plain } => {
                    self.referred.entry(name.key()).or_default().push(entry.field_label(field));
                    let action = if *plain { PlannedAction::Keep } else { PlannedAction::Unwrap };
                    (action, Some(name.clone()))
                }
                Content::Empty { plain: true } => (PlannedAction::Keep, None),
                Content::Empty { plain: false } => (PlannedAction::Empty, None),
                Content::Doubtful(_) => continue,
            };
            changes |= action != PlannedAction::Keep;
            let SecretCounts { written, kept, .. } = &mut self.plan.report.secrets;
            match action {
                PlannedAction::Move => *written += 1,
                PlannedAction::Keep | PlannedAction::Unwrap if name.is_some() => *kept += 1,
                _ => {}
            }
            if let (PlannedAction::Move, Some(name)) = (action, &name) {
                self.wanted.entry(name.key()).or_default().push(self.plan.fields.len());
            }
            self.plan.fields.push(PlannedField {
                kind: entry.row.kind,
                entity: entry.fqn.clone(),
                field: field.to_string(),
                action,
                name: name.map(|name| name.to_string()),
                id: entry.row.id,
            });
        }
        let EntityCounts { changed, unchanged, failed, .. } = &mut self.plan.report.entities;
        *match (self.plan.in_conflict.contains(&entry.row.id), changes) {
            (true, _) => failed,
            (false, true) => changed,
            (false, false) => unchanged,
        } += 1;
    }

    fn add_broken(&mut self, broken: &StoreError) {
        self.plan.report.entities.seen += 1;
        self.plan.report.entities.failed += 1;
        let (entity, error) = (String::new(), broken.to_string());
        self.plan.report.failures.push(Failure { entity, field: String::new(), error });
    }

    fn name(&mut self, entry: &Entry, field: &FieldPath) -> Option<SecretName> {
        match self.manager.naming.name(entry.row.kind, &entry.fqn, field) {
            Ok(name) => Some(name),
            Err(error) => {
                self.plan.in_conflict.insert(entry.row.id);
                self.plan.report.conflicts.push(Conflict {
                    name: String::new(),
                    owners: vec![entry.field_label(field)],
                    reason: format!("cannot be named: {error}"),
                });
                None
            }
        }
    }

    /// Two fields of one name, or a name that a user refers to. The scheme `guide` gives the second another name by itself.
    fn find_clashes(&mut self) {
        if self.manager.naming.scheme() == NamingScheme::Guide {
            return;
        }
        let mut clashes = Vec::new();
        for (key, fields) in &self.wanted {
            let mut owners: Vec<String> = fields.iter().map(|index| self.label(*index)).collect();
            owners.extend(self.referred.get(key).into_iter().flatten().cloned());
            if owners.len() > 1 {
                clashes.push((key.clone(), owners, fields.clone()));
            }
        }
        clashes.sort();
        for (name, owners, fields) in clashes {
            let reason =
                "these fields would share one secret: rename an entity, or use strongroom.naming: guide";
            self.conflict(&fields, Conflict { name, owners, reason: reason.to_owned() });
        }
    }

    fn label(&self, index: usize) -> String {
        let PlannedField { kind, entity, field, .. } = &self.plan.fields[index];
        format!("{kind} {entity}: {field}")
    }

    /// Records a conflict and counts its entities as failed instead of changed.
    fn conflict(&mut self, fields: &[usize], conflict: Conflict) {
        for index in fields {
            if self.plan.in_conflict.insert(self.plan.fields[*index].id) {
                self.plan.report.entities.changed = self.plan.report.entities.changed.saturating_sub(1);
                self.plan.report.entities.failed += 1;
            }
        }
        self.plan.report.conflicts.push(conflict);
    }

    /// Compares the wanted names with what the vault holds, listed once.
    async fn look_at_vault(&mut self, vault: &Arc<dyn Provider>) -> Result<(), MigrateError> {
        let mut standing: Vec<(SecretName, Tags, bool)> = Vec::new();
        let mut deleted = self.manager.deleted_names();
        for scope in [ListScope::Secrets, ListScope::Deleted] {
            let mut secrets = vault.list(scope);
            while let Some(secret) = secrets.next().await {
                let secret = secret.map_err(crate::WriteError::from)?;
                let is_deleted = scope == ListScope::Deleted;
                if is_deleted {
                    deleted.insert(&secret.name);
                }
                if self.wanted.contains_key(&secret.name.key()) {
                    standing.push((secret.name, secret.tags, is_deleted));
                }
            }
        }
        self.plan.deleted = Arc::new(deleted);
        standing.sort_by(|one, other| one.0.cmp(&other.0));
        for (name, tags, is_deleted) in standing {
            self.compare(vault, &name, &tags, is_deleted).await?;
        }
        Ok(())
    }

    async fn compare(
        &mut self,
        vault: &Arc<dyn Provider>,
        name: &SecretName,
        tags: &Tags,
        is_deleted: bool,
    ) -> Result<(), MigrateError> {
        let Some(fields) = self.wanted.get(&name.key()).cloned() else { return Ok(()) };
        let Some(first) = fields.first().copied() else { return Ok(()) };
        let guide = self.manager.naming.scheme() == NamingScheme::Guide;
        let reason = match TaggedOwner::read(tags, self.manager.installation) {
            TaggedOwner::Nobody if self.options.adopt => return Ok(()),
            TaggedOwner::Nobody if !is_deleted && self.holds_planned_value(vault, name, first).await? => {
                return Ok(());
            }
            TaggedOwner::Nobody if is_deleted => {
                "the vault holds a soft-deleted secret of this name that Strongroom did not write: purge it, or take it \
                 over with --adopt"
            }
            TaggedOwner::Nobody => {
                "the vault holds a secret of this name with another value that Strongroom did not write: delete or \
                 rename it there, or take it over with --adopt"
            }
            TaggedOwner::Other if !guide => "the secret belongs to another installation of Strongroom",
            // The scheme guide finds another name; what is ours is decided when it is written.
            TaggedOwner::Other | TaggedOwner::Ours { .. } => return Ok(()),
        };
        let conflict = Conflict {
            name: name.to_string(),
            owners: fields.iter().map(|index| self.label(*index)).collect(),
            reason: reason.to_owned(),
        };
        self.conflict(&fields, conflict);
        Ok(())
    }

    /// Whether the vault already holds the very value that a field would bring.
    async fn holds_planned_value(
        &self,
        vault: &Arc<dyn Provider>,
        name: &SecretName,
        index: usize,
    ) -> Result<bool, MigrateError> {
        let planned = &self.plan.fields[index];
        let value = match vault.get(name, None).await {
            Ok(secret) => secret.value,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Disabled) => {
                return Ok(false);
            }
            Err(error) => return Err(crate::WriteError::from(error).into()),
        };
        let Some(row) = self.manager.store.get(planned.kind, planned.id).await? else { return Ok(false) };
        let entry = self.manager.take_stock(row, self.options);
        Ok(entry.fields.iter().any(|(field, content)| {
            field.to_string() == planned.field
                && matches!(content, Content::Value(wanted) if *wanted == value)
        }))
    }
}

fn as_text<S: serde::Serializer>(kind: &EntityKind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(kind.entity_type())
}
