//! What the vault says about a plan: it is listed once, and compared with what is wanted and what is expected there.

use std::collections::HashMap;
use std::sync::Arc;

use futures::StreamExt;
use strongroom_secrets::{ErrorKind, ListScope, Provider, SecretName, Tags};

use super::{PlannedAction, PlannedField, Planner};
use crate::error::WriteError;
use crate::migrate::MigrateError;
use crate::migrate::inventory::Content;
use crate::migrate::leads::Leads;
use crate::migrate::report::{Conflict, EntityCounts};
use crate::migrate::sideways::NOWHERE;
use crate::naming::NamingScheme;
use crate::ownership::TaggedOwner;

impl Planner<'_> {
    /// Records a conflict of a field that was thought to be as it should be.
    fn lost(&mut self, index: usize, conflict: Conflict) {
        let entity = self.plan.fields[index].id;
        if self.plan.in_conflict.insert(entity) {
            let changes = |field: &PlannedField| field.id == entity && field.action != PlannedAction::Keep;
            let changes = self.plan.fields.iter().any(changes);
            let EntityCounts { changed, unchanged, failed, .. } = &mut self.plan.report.entities;
            let counted = if changes { changed } else { unchanged };
            *counted = counted.saturating_sub(1);
            *failed += 1;
        }
        self.plan.report.conflicts.push(conflict);
    }

    /// Compares the wanted names with what the vault holds, listed once.
    pub(super) async fn look_at_vault(&mut self, vault: &Arc<dyn Provider>) -> Result<(), MigrateError> {
        let mut standing: Vec<(SecretName, Tags, bool)> = Vec::new();
        let mut deleted = self.manager.deleted_names();
        let mut expected: HashMap<String, usize> = self
            .expected
            .iter()
            .filter_map(|index| Some((self.plan.fields[*index].name.as_ref()?.to_lowercase(), *index)))
            .collect();
        let scopes: &[ListScope<'_>] = match vault.capabilities().soft_delete {
            true => &[ListScope::Secrets, ListScope::Deleted],
            false => &[ListScope::Secrets],
        };
        for scope in scopes.iter().copied() {
            let mut secrets = vault.list(scope);
            while let Some(secret) = secrets.next().await {
                let secret = secret.map_err(WriteError::from)?;
                let is_deleted = scope == ListScope::Deleted;
                if is_deleted {
                    deleted.insert(&secret.name);
                } else {
                    expected.remove(&secret.name.key());
                }
                if self.wanted.contains_key(&secret.name.key()) {
                    standing.push((secret.name, secret.tags, is_deleted));
                }
            }
        }
        self.plan.deleted = Arc::new(deleted);
        let mut missing: Vec<usize> = expected.into_values().collect();
        missing.sort_unstable();
        for index in missing {
            let reason = format!("refers to a secret {NOWHERE}");
            let name = self.plan.fields[index].name.clone().unwrap_or_default();
            self.lost(index, Conflict { name, owners: vec![self.label(index)], reason });
        }
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
            Err(error) => return Err(WriteError::from(error).into()),
        };
        let Some(row) = self.manager.store.get(planned.kind, planned.id).await? else { return Ok(false) };
        let entry = self.manager.take_stock(row, self.options);
        let field = entry.fields.iter().find(|(field, _)| field.to_string() == planned.field);
        Ok(match field {
            Some((_, Content::Value { value: wanted, .. })) => *wanted == value,
            Some((field, Content::Reference { name, .. })) => {
                match self.manager.leads(&entry, field, name).await? {
                    Leads::Away(found) => found.value == value,
                    _ => false,
                }
            }
            _ => false,
        })
    }
}
