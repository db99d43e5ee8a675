//! What the vault says about a plan: it is listed once, and compared with what is wanted and what is expected there.

use std::collections::HashSet;
use std::sync::Arc;

use futures::StreamExt;
use strongroom_secrets::{ErrorKind, ListScope, Provider, SecretName, Tags};

use super::Planner;
use super::claims::Claim;
use crate::error::WriteError;
use crate::migrate::MigrateError;
use crate::migrate::course::Course;
use crate::migrate::inventory::Content;
use crate::migrate::report::Conflict;
use crate::migrate::sideways::NOWHERE;
use crate::naming::NamingScheme;
use crate::ownership::TaggedOwner;

impl Planner<'_> {
    /// Compares the claimed names with what the vault holds, listed once.
    pub(super) async fn look_at_vault(&mut self, vault: &Arc<dyn Provider>) -> Result<(), MigrateError> {
        let mut deleted = self.manager.deleted_names();
        let mut seen = vec![false; self.claims.all().len()];
        let scopes: &[ListScope<'_>] = match vault.capabilities().soft_delete {
            true => &[ListScope::Secrets, ListScope::Deleted],
            false => &[ListScope::Secrets],
        };
        let mut conflicts = Vec::new();
        let mut compared: HashSet<SecretName> = HashSet::new();
        for scope in scopes.iter().copied() {
            let is_deleted = scope == ListScope::Deleted;
            let mut secrets = vault.list(scope);
            while let Some(secret) = secrets.next().await {
                let secret = secret.map_err(WriteError::from)?;
                let (places, claims) = self.claims.to(&secret.name);
                if is_deleted {
                    deleted.insert(&secret.name);
                } else {
                    seen[places].fill(true);
                }
                let wanted: Vec<Claim> = claims.iter().filter(|claim| claim.wanted).copied().collect();
                if wanted.is_empty() {
                    continue;
                }
                if let Some(reason) =
                    self.compare(vault, &secret.name, &secret.tags, is_deleted, &wanted).await?
                    && compared.insert(secret.name.clone())
                {
                    conflicts.push((secret.name, wanted, reason));
                }
            }
        }
        self.plan.deleted = Arc::new(deleted);
        let missing: Vec<Claim> = self
            .claims
            .all()
            .iter()
            .zip(&seen)
            .filter(|(claim, seen)| claim.expected && !**seen)
            .map(|(claim, _)| *claim)
            .collect();
        for claim in missing {
            self.lost(claim).await?;
        }
        conflicts.sort_by(|one, other| one.0.cmp(&other.0));
        for (name, claims, reason) in conflicts {
            let mut owners = Vec::with_capacity(claims.len());
            for claim in &claims {
                owners.push(self.label(claim).await?);
            }
            let conflict = Conflict { name: name.to_string(), owners, reason: reason.to_owned() };
            self.conflict(&claims, conflict);
        }
        Ok(())
    }

    /// Records a conflict of a field that was thought to be as it should be.
    async fn lost(&mut self, claim: Claim) -> Result<(), MigrateError> {
        let Some(entry) = self.entry_of(&claim).await? else { return Ok(()) };
        let Some((field, Content::Reference { name, .. })) = entry.fields.get(usize::from(claim.field))
        else {
            return Ok(());
        };
        let reason = format!("refers to a secret {NOWHERE}");
        let conflict = Conflict { name: name.to_string(), owners: vec![entry.field_label(field)], reason };
        self.conflict(&[claim], conflict);
        Ok(())
    }

    /// Why a name that the vault holds cannot be taken for a field; `None` if it can, or if that shows when it is written.
    async fn compare(
        &self,
        vault: &Arc<dyn Provider>,
        name: &SecretName,
        tags: &Tags,
        is_deleted: bool,
        wanted: &[Claim],
    ) -> Result<Option<&'static str>, MigrateError> {
        let Some(first) = wanted.first() else { return Ok(None) };
        let guide = self.manager.naming.scheme() == NamingScheme::Guide;
        Ok(match TaggedOwner::read(tags, self.manager.installation) {
            TaggedOwner::Nobody if self.options.adopt => None,
            TaggedOwner::Nobody if !is_deleted && self.holds_planned_value(vault, name, first).await? => None,
            TaggedOwner::Nobody if is_deleted => Some(
                "the vault holds a soft-deleted secret of this name that Strongroom did not write: purge it, or take it \
                 over with --adopt",
            ),
            TaggedOwner::Nobody => Some(
                "the vault holds a secret of this name with another value that Strongroom did not write: delete or \
                 rename it there, or take it over with --adopt",
            ),
            TaggedOwner::Other if !guide => Some("the secret belongs to another installation of Strongroom"),
            // The scheme guide finds another name; what is ours is decided when it is written.
            TaggedOwner::Other | TaggedOwner::Ours { .. } => None,
        })
    }

    /// Whether the vault already holds the very value that a field would bring.
    async fn holds_planned_value(
        &self,
        vault: &Arc<dyn Provider>,
        name: &SecretName,
        claim: &Claim,
    ) -> Result<bool, MigrateError> {
        let value = match vault.get(name, None).await {
            Ok(secret) => secret.value,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Disabled) => {
                return Ok(false);
            }
            Err(error) => return Err(WriteError::from(error).into()),
        };
        let Some(entry) = self.entry_of(claim).await? else { return Ok(false) };
        Ok(match entry.fields.get(usize::from(claim.field)) {
            Some((_, Content::Value { value: wanted, .. })) => *wanted == value,
            Some((field, Content::Reference { name, .. })) => {
                match self.manager.course(&entry, field, name, self.options).await? {
                    Course::Moves { found, .. } => found.value == value,
                    _ => false,
                }
            }
            _ => false,
        })
    }
}
