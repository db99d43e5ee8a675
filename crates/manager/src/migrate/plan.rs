//! The plan: everything that can be known before the first write. Making it writes nothing at all.

mod vault;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde::Serialize;
use strongroom_entities::{EntityKind, FieldPath};
use strongroom_metastore::{Include, StoreError};
use strongroom_secrets::{ErrorKind, SecretName};
use uuid::Uuid;

use super::inventory::{Content, Entry, PAGE, all_kinds};
use super::leads::{KeptFor, Leads};
use super::report::{Conflict, EntityCounts, Failure, Report, SecretCounts};
use super::sideways::{LEFT_BEHIND, NOWHERE};
use super::{MigrateError, MigrateOptions, Watcher};
use crate::error::WriteError;
use crate::naming::NamingScheme;
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
    /// Its value goes to the vault, from the row or from another vault, and the row refers to it.
    Move,
    /// Its encrypted reference is written plainly.
    Unwrap,
    /// Its plain reference is encrypted.
    Wrap,
    /// Its encrypted empty password becomes an empty text.
    Empty,
    /// Its value comes back from the vault, and the row holds it encrypted.
    Return,
    /// Its value, which stands in the row in clear text, is encrypted there.
    Encrypt,
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
    options: &'a MigrateOptions,
    plan: Plan,
    /// The fields that want a name, by the name's key.
    wanted: HashMap<String, Vec<usize>>,
    /// The names that users refer to themselves, by key, with the field that does.
    referred: HashMap<String, Vec<String>>,
    /// The fields that refer to a secret which is kept for them in the vault, if that still has it.
    expected: Vec<usize>,
}

impl Manager {
    /// Finds out what a migration would do. Neither the vault nor the database is written to.
    ///
    /// # Errors
    /// [`MigrateError`] if there is no vault to migrate to, or the vault or the database cannot be read.
    pub async fn plan_migration(
        &self,
        options: &MigrateOptions,
        watcher: &dyn Watcher,
    ) -> Result<Plan, MigrateError> {
        let report = Report { run: self.random.uuid(), ..Report::default() };
        let plan = Plan { report, fields: Vec::new(), deleted: Arc::default(), in_conflict: HashSet::new() };
        let (wanted, referred, expected) = (HashMap::new(), HashMap::new(), Vec::new());
        let mut planner = Planner { manager: self, options, plan, wanted, referred, expected };
        let mut total = 0;
        for kind in all_kinds() {
            total += self.count_or_none(*kind).await?;
        }
        watcher.total(total);
        for kind in all_kinds() {
            let mut after = None;
            loop {
                let page = self.store.inventory(*kind, after.as_deref(), PAGE).await?;
                watcher.advance(page.rows.len() as u64);
                for row in page.rows {
                    match row {
                        Ok(row) => planner.add(&self.take_stock(row, options)).await?,
                        Err(broken) => planner.add_broken(&broken),
                    }
                }
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
        }
        if let Keeping::Managed(vault) = &self.keeping {
            planner.find_clashes();
            planner.look_at_vault(vault).await?;
        }
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
    async fn add(&mut self, entry: &Entry) -> Result<(), MigrateError> {
        self.plan.report.left.add(&entry.left);
        if entry.is_beside_the_point() {
            return Ok(());
        }
        self.plan.report.entities.seen += 1;
        for (field, reason) in entry.doubts() {
            self.doubt(entry, field, String::new(), reason.clone());
        }
        let mut changes = false;
        for (field, content) in &entry.fields {
            let Some((action, name)) = self.decide(entry, field, content).await? else { continue };
            changes |= action != PlannedAction::Keep;
            let SecretCounts { written, kept, returned, .. } = &mut self.plan.report.secrets;
            match action {
                PlannedAction::Move => *written += 1,
                PlannedAction::Return => *returned += 1,
                PlannedAction::Keep | PlannedAction::Unwrap | PlannedAction::Wrap if name.is_some() => {
                    *kept += 1;
                }
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
        Ok(())
    }

    /// What would be done about a field, and the secret's name; `None` if nothing can be, which is a conflict by then.
    async fn decide(
        &mut self,
        entry: &Entry,
        field: &FieldPath,
        content: &Content,
    ) -> Result<Option<(PlannedAction, Option<SecretName>)>, MigrateError> {
        let managed = matches!(self.manager.keeping, Keeping::Managed(_));
        Ok(match content {
            Content::Value { .. } if managed => {
                self.name(entry, field).map(|name| (PlannedAction::Move, Some(name)))
            }
            Content::Value { plain: true, .. } if self.manager.fernet.is_some() => {
                Some((PlannedAction::Encrypt, None))
            }
            Content::Value { .. } => Some((PlannedAction::Keep, None)),
            Content::Empty { plain: false } if managed => Some((PlannedAction::Empty, None)),
            Content::Empty { .. } => Some((PlannedAction::Keep, None)),
            Content::Doubtful(_) => None,
            Content::Reference { name, plain } => {
                let Some(away) = self.is_away(entry, field, name).await? else { return Ok(None) };
                let action = match (managed, away) {
                    (true, true) => PlannedAction::Move,
                    (false, true) => PlannedAction::Return,
                    (true, false) => match (*plain, self.manager.wraps(field)) {
                        (false, false) => PlannedAction::Unwrap,
                        (true, true) => PlannedAction::Wrap,
                        _ => PlannedAction::Keep,
                    },
                    (false, false) => PlannedAction::Keep,
                };
                if !away {
                    self.referred.entry(name.key()).or_default().push(entry.field_label(field));
                }
                Some((action, Some(name.clone())))
            }
        })
    }

    /// Whether a reference leads to a vault that is left; `None` if it leads nowhere, which is a conflict by then.
    async fn is_away(
        &mut self,
        entry: &Entry,
        field: &FieldPath,
        name: &SecretName,
    ) -> Result<Option<bool>, MigrateError> {
        let manager = self.manager;
        if manager.former.is_empty() && matches!(manager.keeping, Keeping::Managed(_)) {
            // The vault is listed later: that answers for all of them.
            if matches!(manager.kept_for(entry, field, name).await?, KeptFor::ThisField(Some(_))) {
                self.expected.push(self.plan.fields.len());
            }
            return Ok(Some(false));
        }
        let reason = match manager.leads(entry, field, name).await {
            Ok(Leads::Here) => return Ok(Some(false)),
            Ok(Leads::Away(_)) => return Ok(Some(true)),
            Ok(Leads::LeftBehind) => LEFT_BEHIND.to_owned(),
            Ok(Leads::Nowhere) => format!("refers to a secret {NOWHERE}"),
            Err(WriteError::Vault(error)) if error.kind() == ErrorKind::Disabled => error.to_string(),
            Err(error) => return Err(error.into()),
        };
        self.doubt(entry, field, name.to_string(), reason);
        Ok(None)
    }

    /// Records a conflict of one field.
    fn doubt(&mut self, entry: &Entry, field: &FieldPath, name: String, reason: String) {
        self.plan.in_conflict.insert(entry.row.id);
        self.plan.report.conflicts.push(Conflict { name, owners: vec![entry.field_label(field)], reason });
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
                self.doubt(entry, field, String::new(), format!("cannot be named: {error}"));
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
}

fn as_text<S: serde::Serializer>(kind: &EntityKind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(kind.entity_type())
}
