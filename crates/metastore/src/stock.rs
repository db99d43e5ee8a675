//! What a look at everything needs: how much there is, what is in somebody's hands, and what our tables know of a name.

use strongroom_entities::EntityKind;
use strongroom_secrets::SecretName;

use crate::{Include, Metastore, StoreError};

impl Metastore {
    /// Whether an intent is open on a name: somebody is writing or deleting the secret, or died while he did.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn is_in_hand(&self, name: &SecretName) -> Result<bool, StoreError> {
        if !self.has_own_tables {
            return Ok(false);
        }
        let open = self.sql("SELECT count(*) FROM strongroom_intent WHERE open_key = ?").bind(name.key());
        Ok(open.count(&self.readers).await? > 0)
    }

    /// Whether our tables know a field that a secret is kept for, or a reference of a user's own to it.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn is_known_as_referred_to(&self, name: &SecretName) -> Result<bool, StoreError> {
        Ok(self.owner(name).await?.is_some() || !self.own_references(name).await?.is_empty())
    }

    /// How many entities of a kind there are, soft-deleted ones too; none where the database has no table for them.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn count_all(&self, kind: EntityKind) -> Result<u64, StoreError> {
        match self.has_table(kind.table()).await? {
            true => self.count(kind, Include::All).await,
            false => Ok(0),
        }
    }
}
