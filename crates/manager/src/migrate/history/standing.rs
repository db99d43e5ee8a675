//! How it stands with an entity: whether the passwords in its copies may go, since its own are where they shall be.

use strongroom_entities::EntityKind;
use strongroom_metastore::{Row, StoreError};
use strongroom_secrets::ErrorKind;
use uuid::Uuid;

use crate::error::WriteError;
use crate::migrate::inventory::{Content, Entry};
use crate::migrate::page::is_meant;
use crate::migrate::{MigrateOptions, Plan};
use crate::{Keeping, Manager};

/// How it stands with an entity.
#[derive(Debug)]
pub(super) enum Standing {
    /// It is gone: nobody needs the passwords in its copies.
    Gone,
    /// All its secrets are, or will be, in the vault.
    Moved(Box<Row>),
    /// Something of it stays in the database, and so do its copies.
    Stays,
}

impl Manager {
    /// How it stands with an entity; before a migration, how it will.
    pub(super) async fn standing(
        &self,
        (kind, id): (EntityKind, Uuid),
        options: &MigrateOptions,
        planned: Option<&Plan>,
    ) -> Result<Standing, WriteError> {
        if !self.store.has_kind(kind).await? {
            return Ok(Standing::Gone);
        }
        let row = match self.store.get(kind, id).await {
            Ok(Some(row)) => row,
            Ok(None) => return Ok(Standing::Gone),
            Err(StoreError::BrokenRow { .. }) => return Ok(Standing::Stays),
            Err(error) => return Err(error.into()),
        };
        let entry = self.take_stock(row, options);
        if !entry.left.unknown_types.is_empty() || !entry.left.settings.is_empty() {
            return Ok(Standing::Stays);
        }
        let moved = match planned {
            Some(plan) if is_meant(&entry, options) => {
                let will_move = !plan.in_conflict.contains(&id) && entry.doubts().next().is_none();
                // What is in another vault now is moved from there.
                will_move && (!self.former.is_empty() || self.references_resolve(&entry).await?)
            }
            _ => self.has_moved(&entry).await?,
        };
        Ok(if moved { Standing::Moved(Box::new(entry.row)) } else { Standing::Stays })
    }

    /// Whether every secret of an entity is in the vault: written and read back by us, or found there now.
    async fn has_moved(&self, entry: &Entry) -> Result<bool, WriteError> {
        let holds_value = |content: &Content| matches!(content, Content::Value { .. } | Content::Doubtful(_));
        if entry.fields.iter().any(|(_, content)| holds_value(content)) {
            return Ok(false);
        }
        self.references_resolve(entry).await
    }

    /// Whether the vault has what an entity refers to: a reference that a user typed can lead nowhere.
    async fn references_resolve(&self, entry: &Entry) -> Result<bool, WriteError> {
        let Keeping::Managed(vault) = &self.keeping else { return Ok(false) };
        for (field, content) in &entry.fields {
            let Content::Reference { name, .. } = content else { continue };
            let owner = self.store.owner(name).await?;
            if owner.is_some_and(|owner| owner.entity == entry.row.id && owner.field == field.to_string()) {
                continue;
            }
            match vault.get(name, None).await {
                Ok(_) => {}
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Disabled) => {
                    return Ok(false);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(true)
    }
}
