//! Fields that would share one secret, with all of them named.

use std::collections::BTreeMap;

use strongroom_secrets::SecretName;

use super::Planner;
use super::claims::Claim;
use crate::migrate::MigrateError;
use crate::migrate::inventory::{Content, Entry};
use crate::migrate::leads::KeptFor;
use crate::migrate::report::Conflict;
use crate::naming::NamingScheme;

impl Planner<'_> {
    /// Two fields of one name, or a name that another refers to. The scheme `guide` gives the second another name by itself.
    pub(super) async fn find_clashes(&mut self) -> Result<(), MigrateError> {
        if self.manager.naming.scheme() == NamingScheme::Guide {
            return Ok(());
        }
        let shared: Vec<Vec<Claim>> =
            self.claims.by_name().filter(|claims| claims.len() > 1).map(<[Claim]>::to_vec).collect();
        let mut clashes = Vec::new();
        for claims in shared {
            clashes.append(&mut self.clashes(&claims).await?);
        }
        clashes.sort_by(|(_, one), (_, other)| one.name.cmp(&other.name));
        for (claims, conflict) in clashes {
            self.conflict(&claims, conflict);
        }
        Ok(())
    }

    /// The clashes among claims that look alike.
    async fn clashes(&self, claims: &[Claim]) -> Result<Vec<(Vec<Claim>, Conflict)>, MigrateError> {
        let mut by_name: BTreeMap<String, Vec<(Claim, String, bool)>> = BTreeMap::new();
        for claim in claims {
            let Some((name, label, adopts)) = self.claimant(claim).await? else { continue };
            by_name.entry(name.key()).or_default().push((*claim, label, adopts));
        }
        let mut clashes = Vec::new();
        for (name, claimants) in by_name {
            // Two that only refer to a secret of a user's own may well share it.
            let taking = claimants.iter().filter(|(claim, _, adopts)| claim.wanted || *adopts).count();
            let writing = claimants.iter().any(|(claim, ..)| claim.wanted);
            let clash = claimants.len() > 1 && (writing || taking > 1);
            if !clash {
                continue;
            }
            let reason = match writing {
                true => {
                    "these fields would share one secret: rename an entity, or use strongroom.naming: guide"
                }
                false => {
                    "these fields share one secret, so the password of all but one was lost before: type those passwords again, \
                     or use strongroom.naming: guide, under which each gets a copy"
                }
            };
            let (claims, owners) = claimants.into_iter().map(|(claim, label, _)| (claim, label)).unzip();
            clashes.push((claims, Conflict { name, owners, reason: reason.to_owned() }));
        }
        Ok(clashes)
    }

    /// The name that is claimed, the field that does so, for people, and whether the name would become that field's own.
    async fn claimant(&self, claim: &Claim) -> Result<Option<(SecretName, String, bool)>, MigrateError> {
        let Some(entry) = self.entry_of(claim).await? else { return Ok(None) };
        let Some((field, content)) = entry.fields.get(usize::from(claim.field)) else { return Ok(None) };
        let label = entry.field_label(field);
        if let Content::Reference { name, .. } = content
            && (!claim.wanted || self.claims.to(name).1.contains(claim))
        {
            let kept = self.manager.kept_for(&entry, field, name).await?;
            return Ok(Some((name.clone(), label, matches!(kept, KeptFor::ThisField(_)))));
        }
        let name = self.manager.naming.name(entry.row.kind, &entry.fqn, field);
        Ok(name.ok().map(|name| (name, label, true)))
    }

    /// The entity of a claim, looked into again.
    pub(super) async fn entry_of(&self, claim: &Claim) -> Result<Option<Entry>, MigrateError> {
        let row = self.manager.store.get(claim.kind, claim.entity).await?;
        Ok(row.map(|row| self.manager.take_stock(row, self.options)))
    }

    /// The field of a claim, for people.
    pub(super) async fn label(&self, claim: &Claim) -> Result<String, MigrateError> {
        let entry = self.entry_of(claim).await?;
        let label = entry.as_ref().and_then(|entry| {
            let (field, _) = entry.fields.get(usize::from(claim.field))?;
            Some(entry.field_label(field))
        });
        Ok(label.unwrap_or_else(|| format!("{} {}", claim.kind, claim.entity)))
    }
}
