//! The plan: everything that can be known before the first write. Making it writes nothing at all, and holds a few bytes a field:
//! what would happen to a field is told to the watcher and forgotten.

mod claims;
mod clashes;
mod decision;
mod estimate;
mod fingerprint;
mod vault;

use std::collections::HashSet;
use std::sync::Arc;

use futures::{StreamExt, stream};
use serde::Serialize;
use strongroom_entities::EntityKind;
use strongroom_metastore::StoreError;
use uuid::Uuid;

use self::claims::{Claim, Claims};
use self::decision::Decision;
pub use self::estimate::Estimate;
use self::fingerprint::Fingerprint;
use super::inventory::{Entry, all_kinds, scan};
use super::report::{Conflict, EntityCounts, Failure, Report, SecretCounts};
use super::{MigrateError, MigrateOptions, Watcher};
use crate::placing::{DeletedNames, id_of};
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
    /// The name that its value comes from, if that is another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
}

/// What would be done about a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PlannedAction {
    /// Its value goes to the vault, from the row or from another vault, and the row refers to it.
    Move,
    /// Its value gets another name in the vault, and the row refers to that.
    Rename,
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
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// The numbers, as the migration would report them, and the conflicts.
    #[serde(flatten)]
    pub report: Report,
    /// The numbers of each kind of entities that there are any of.
    pub kinds: Vec<KindCounts>,
    /// Where values go: the vault, or the database.
    pub target: String,
    /// How long it takes at least.
    pub estimate: Estimate,
    /// What the plan was made from: another one says that the database has changed since.
    pub fingerprint: String,
    /// Whether values go to a vault; else they come back to the database.
    #[serde(skip)]
    pub is_managed: bool,
    /// The names that are soft-deleted in the vault.
    #[serde(skip)]
    pub(super) deleted: Arc<DeletedNames>,
    /// The entities with a conflict.
    #[serde(skip)]
    pub(super) in_conflict: HashSet<Uuid>,
}

/// The numbers of one kind of entities.
#[derive(Debug, Clone, Serialize)]
pub struct KindCounts {
    /// The kind.
    #[serde(serialize_with = "as_text")]
    pub kind: EntityKind,
    /// The entities.
    pub entities: EntityCounts,
    /// The secrets.
    pub secrets: SecretCounts,
}

/// Makes a plan, page by page.
struct Planner<'a> {
    manager: &'a Manager,
    options: &'a MigrateOptions,
    watcher: &'a dyn Watcher,
    plan: Plan,
    claims: Claims,
    fingerprint: Fingerprint,
}

impl Manager {
    /// Finds out what a migration would do, and tells the watcher about each field. Neither the vault nor the database is written
    /// to.
    ///
    /// # Errors
    /// [`MigrateError`] if there is no vault to migrate to, or the vault or the database cannot be read.
    pub async fn plan_migration(
        &self,
        options: &MigrateOptions,
        watcher: &dyn Watcher,
    ) -> Result<Plan, MigrateError> {
        let mut planner = Planner {
            manager: self,
            options,
            watcher,
            plan: Plan {
                report: Report { run: self.random.uuid(), ..Report::default() },
                kinds: Vec::new(),
                target: self.target(),
                is_managed: self.is_managed(),
                estimate: Estimate::default(),
                fingerprint: String::new(),
                deleted: Arc::default(),
                in_conflict: HashSet::new(),
            },
            claims: Claims::default(),
            fingerprint: Fingerprint::default(),
        };
        watcher.total(self.count_stock(&options.selection).await?);
        planner.go_through_all().await?;
        if let Keeping::Managed(vault) = &self.keeping {
            planner.claims.sort();
            planner.find_clashes().await?;
            planner.look_at_vault(vault).await?;
        }
        let mut plan = planner.plan;
        plan.kinds.retain(|counts| counts.entities.seen > 0);
        plan.estimate = Estimate::of(&plan.report.secrets);
        plan.fingerprint = planner.fingerprint.finish();
        self.count_left(&mut plan.report.left).await?;
        plan.report.history = self.survey_history(&plan, options).await?;
        Ok(plan)
    }

    /// Where values go, for people.
    pub(super) fn target(&self) -> String {
        match &self.keeping {
            Keeping::Managed(vault) => id_of(vault),
            Keeping::InDatabase(_) => "the database".to_owned(),
        }
    }
}

impl Planner<'_> {
    async fn go_through_all(&mut self) -> Result<(), MigrateError> {
        self.plan.kinds.extend(all_kinds().map(|kind| {
            let (entities, secrets) = (EntityCounts::default(), SecretCounts::default());
            KindCounts { kind: *kind, entities, secrets }
        }));
        let mut scan = scan(&self.options.selection);
        while let Some((kind, page)) = self.manager.page(&mut scan, self.options).await? {
            self.watcher.advance(page.rows);
            for broken in &page.broken {
                self.add_broken(kind, broken);
            }
            self.plan.report.left.add(&page.left);
            for stays in page.stays {
                self.count(kind, |entities| entities.failed += 1);
                self.plan.report.add_stays(stays);
            }
            // The futures are made before the stream: a closure within it would make this future no longer `Send`.
            let decisions: Vec<_> =
                page.entries.iter().map(|entry| self.manager.decide_all(entry, self.options)).collect();
            let decisions: Vec<_> = stream::iter(decisions).buffered(Manager::CONCURRENCY).collect().await;
            for (entry, decisions) in page.entries.iter().zip(decisions) {
                self.add(entry, decisions?);
            }
        }
        Ok(())
    }

    /// Adds an entity, with what is decided about each of its fields, in their order.
    fn add(&mut self, entry: &Entry, decisions: Vec<Decision>) {
        self.fingerprint.add(entry);
        let (kind, entity) = (entry.row.kind, entry.row.id);
        let in_conflict = decisions.iter().any(|decision| matches!(decision, Decision::Doubt { .. }));
        let changes = decisions.iter().any(
            |decision| matches!(decision, Decision::Do { action, .. } if *action != PlannedAction::Keep),
        );
        for (index, ((field, _), decision)) in entry.fields.iter().zip(decisions).enumerate() {
            let (action, name, from, expected) = match decision {
                Decision::Do { action, name, from, expected } => (action, name, from, expected),
                Decision::Doubt { name, also, reason } => {
                    let mut owners = vec![entry.field_label(field)];
                    owners.extend(also);
                    let name = name.map(|name| name.to_string()).unwrap_or_default();
                    self.plan.report.add_conflict(Conflict { name, owners, reason });
                    continue;
                }
            };
            self.count_secret(kind, action, name.is_some());
            if let Some(name) = &name {
                let wanted = matches!(action, PlannedAction::Move | PlannedAction::Rename);
                let field = u16::try_from(index).unwrap_or(u16::MAX);
                self.claims
                    .push(name, Claim { kind, entity, field, wanted, expected, changes, ..Claim::NONE });
            }
            self.watcher.planned(&PlannedField {
                kind,
                entity: entry.fqn.clone(),
                field: field.to_string(),
                action,
                name: name.map(|name| name.to_string()),
                from: from.map(|name| name.to_string()),
            });
        }
        if in_conflict {
            self.plan.in_conflict.insert(entity);
        }
        self.count(kind, |entities| {
            *match (in_conflict, changes) {
                (true, _) => &mut entities.failed,
                (false, true) => &mut entities.changed,
                (false, false) => &mut entities.unchanged,
            } += 1;
        });
    }

    fn add_broken(&mut self, kind: EntityKind, broken: &StoreError) {
        self.fingerprint.add_broken(broken);
        self.count(kind, |entities| entities.failed += 1);
        let (entity, error) = (String::new(), broken.to_string());
        self.plan.report.add_failure(Failure { entity, field: String::new(), error });
    }

    /// Counts an entity that is seen, in all and for its kind.
    fn count(&mut self, kind: EntityKind, counted: impl Fn(&mut EntityCounts)) {
        self.recount(kind, |entities| {
            entities.seen += 1;
            counted(entities);
        });
    }

    fn recount(&mut self, kind: EntityKind, change: impl Fn(&mut EntityCounts)) {
        change(&mut self.plan.report.entities);
        if let Some(counts) = self.plan.kinds.iter_mut().find(|counts| counts.kind == kind) {
            change(&mut counts.entities);
        }
    }

    fn count_secret(&mut self, kind: EntityKind, action: PlannedAction, has_name: bool) {
        let of_kind = self.plan.kinds.iter_mut().filter(|counts| counts.kind == kind);
        let all = of_kind.map(|counts| &mut counts.secrets).chain([&mut self.plan.report.secrets]);
        for SecretCounts { written, kept, returned, .. } in all {
            match action {
                PlannedAction::Move | PlannedAction::Rename => *written += 1,
                PlannedAction::Return => *returned += 1,
                PlannedAction::Keep | PlannedAction::Unwrap | PlannedAction::Wrap if has_name => *kept += 1,
                _ => {}
            }
        }
    }

    /// Records a conflict that shows only when all is seen, and counts its entities as failed.
    fn conflict(&mut self, claims: &[Claim], conflict: Conflict) {
        for claim in claims {
            if self.plan.in_conflict.insert(claim.entity) {
                self.recount(claim.kind, |entities| {
                    let counted = if claim.changes { &mut entities.changed } else { &mut entities.unchanged };
                    *counted = counted.saturating_sub(1);
                    entities.failed += 1;
                });
            }
        }
        self.plan.report.add_conflict(conflict);
    }
}

fn as_text<S: serde::Serializer>(kind: &EntityKind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(kind.entity_type())
}
