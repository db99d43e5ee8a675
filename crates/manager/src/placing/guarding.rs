//! Guards: intents under which nothing is written. They keep writers away from secrets that are only read, until what was read
//! is stored elsewhere.

use std::collections::{HashMap, HashSet};

use strongroom_metastore::Intent;
use strongroom_secrets::{SecretName, SecretValue, SecretVersion};
use tokio::time::Instant;

use super::candidates::Candidate;
use super::{Action, Kept, Prepared, Progress, Wanted};
use crate::Manager;
use crate::crash::{Step, reach};
use crate::error::WriteError;
use crate::lease::Lease;
use crate::ownership::FieldOwner;

/// A secret that is about to be read, and the field it is read for.
#[derive(Debug, Clone)]
pub(crate) struct Guarded {
    pub(crate) owner: FieldOwner,
    /// The entity's fully qualified name.
    pub(crate) fqn: String,
    pub(crate) name: SecretName,
}

/// Guards that are open. Where another has the name, it says so.
#[derive(Debug)]
pub(crate) struct Guards {
    pub(crate) lease: Lease,
    pub(crate) by_name: HashMap<SecretName, Result<Prepared, WriteError>>,
}

impl Manager {
    /// Opens a guard for each name, once.
    pub(crate) async fn guard(&self, secrets: Vec<Guarded>) -> Result<Guards, WriteError> {
        let since = Instant::now();
        let mut seen = HashSet::new();
        let candidates: Vec<Candidate> = secrets
            .into_iter()
            .filter(|secret| seen.insert(secret.name.clone()))
            .enumerate()
            .map(|(index, Guarded { owner, fqn, name })| {
                let current = Some(name.clone());
                let wanted = Wanted { owner, fqn, value: SecretValue::default(), current };
                Candidate { index, wanted, attempt: 0, name }
            })
            .collect();
        let mut by_name = HashMap::new();
        let (opened, busy) = self.open_candidates(candidates, None).await?;
        if !opened.is_empty() {
            reach(Step::IntentsOpened);
        }
        let claims = opened.iter().map(|(_, claim)| *claim).collect();
        for (Candidate { wanted, name, .. }, claim) in opened {
            // Nothing was there before, as far as this intent is concerned: whoever settles it finds no write of it.
            let action = Action::Keep(SecretVersion::new(""));
            let progress = Progress::Nothing;
            let guard = Prepared {
                wanted,
                name: name.clone(),
                claim,
                before: None,
                deleted_before: false,
                action,
                kept: Kept::default(),
                progress,
                vault: None,
            };
            by_name.insert(name, Ok(guard));
        }
        for (_, error) in busy {
            if let WriteError::Busy { name } = &error {
                by_name.insert(name.clone(), Err(error));
            }
        }
        Ok(Guards { lease: self.lease(claims, since), by_name })
    }

    /// Gives guards back; one that cannot be given back now is free when its lease is over.
    pub(crate) async fn lift_quietly(&self, guards: &[&Prepared]) {
        let claims: Vec<_> = guards.iter().map(|guard| guard.claim).collect();
        if let Err(error) = self.release(&claims).await {
            tracing::warn!(%error, "secrets that were read stay guarded until their leases are over");
        }
    }

    /// Whether the transaction that was to complete guards took effect, after its commit gave no clear answer.
    pub(crate) async fn was_lifted(&self, guards: &[&Prepared]) -> Result<bool, WriteError> {
        let mut lifted = false;
        for guard in guards {
            let intent: Intent = guard.intent(&self.holder);
            match self.store.claim_intent(&intent, &self.holder, self.timing.lease).await? {
                None => lifted = true,
                Some(claim) => self.release(&[claim]).await?,
            }
        }
        Ok(lifted)
    }
}
