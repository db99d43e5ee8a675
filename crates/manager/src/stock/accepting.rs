//! Accepting: what somebody else wrote to the vault becomes the committed version, because the user says that it is right.

use std::sync::Arc;

use strongroom_entities::FieldPath;
use strongroom_metastore::{IntentKind, NewIntent, Opened, Owner};
use strongroom_secrets::{Provider, SecretName, SecretUpdate};

use crate::Manager;
use crate::crash::{Step, reach};
use crate::error::WriteError;
use crate::ownership::{FieldOwner, TaggedOwner};
use crate::placing::id_of;

impl Manager {
    /// Notes the latest version of a secret of ours as the committed one, and puts our tags on it where they are missing. The caller
    /// holds the migration lock.
    ///
    /// # Errors
    /// [`WriteError::Busy`] while somebody writes it; [`WriteError::Taken`] if another installation has it;
    /// [`WriteError::NotFound`] if it is kept for nobody; else what the vault says.
    pub async fn accept_latest(&self, name: &SecretName) -> Result<(), WriteError> {
        let vault = self.vault().ok_or(WriteError::NotFound)?;
        let owner = self.store.owner(name).await?.ok_or(WriteError::NotFound)?;
        let intent = NewIntent {
            id: self.random.uuid(),
            kind: IntentKind::Write,
            name: name.clone(),
            entity_kind: owner.kind,
            entity: owner.entity,
            field: owner.field.clone(),
            vault: Some(id_of(vault)),
        };
        let id = intent.id;
        let opened = self.store.open_intents(&self.holder, &[intent], self.timing.lease).await?;
        let Opened::All(claims) = opened else { return Err(WriteError::Busy { name: name.clone() }) };
        reach(Step::IntentsOpened);
        match self.adopt_latest(vault, &owner, id).await {
            Ok(accepted) => {
                let mut transaction = self.store.begin().await?;
                if !transaction.complete_intents(&self.holder, &claims).await? {
                    return Err(WriteError::Changed);
                }
                transaction.put_owner(&accepted).await?;
                reach(Step::DocumentStored);
                transaction.commit().await?;
                reach(Step::Committed);
                Ok(())
            }
            Err(error) => {
                self.release(&claims).await?;
                Err(error)
            }
        }
    }

    /// Makes sure that the latest version has our tags, and answers with what is to be noted.
    async fn adopt_latest(
        &self,
        vault: &Arc<dyn Provider>,
        owner: &Owner,
        intent: uuid::Uuid,
    ) -> Result<Owner, WriteError> {
        // Whoever had it in hand before the intent was open has committed by now.
        let owner = self.store.owner(&owner.name).await?.ok_or(WriteError::NotFound)?;
        let latest = vault.get(&owner.name, None).await?.properties;
        let version = latest.version.clone().ok_or(WriteError::NotFound)?;
        let field: FieldPath = owner.field.parse().map_err(|_| WriteError::NotFound)?;
        let this = FieldOwner { kind: owner.kind, entity: owner.entity, field };
        match TaggedOwner::read(&latest.tags, self.installation) {
            TaggedOwner::Other => {
                let (name, owner) = (owner.name, "another installation of Strongroom".to_owned());
                return Err(WriteError::Taken { name, owner });
            }
            TaggedOwner::Ours { entity, field } if entity == this.entity && this.is_field(&field) => {}
            TaggedOwner::Ours { .. } | TaggedOwner::Nobody if !vault.capabilities().tags => {}
            TaggedOwner::Ours { .. } | TaggedOwner::Nobody => {
                let tags = this.adopting_tags(self.installation, intent, &latest.tags);
                vault.update(&owner.name, &version, SecretUpdate::tags(tags)).await?;
                reach(Step::SecretAdopted);
            }
        }
        Ok(Owner { version, ..owner })
    }
}
