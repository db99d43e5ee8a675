//! Facts about the database as a whole, in a table of ours.

use uuid::Uuid;

use strongroom_secrets::Random;

use crate::{Metastore, StoreError};

const INSTALLATION: &str = "installation";

impl Metastore {
    /// Reads a setting of ours.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn setting(&self, name: &str) -> Result<Option<String>, StoreError> {
        if !self.has_own_tables {
            return Ok(None);
        }
        let value = sqlx::query_scalar("SELECT value FROM strongroom_setting WHERE name = ?")
            .bind(name)
            .fetch_optional(&self.readers)
            .await?;
        Ok(value)
    }

    /// Stores a setting of ours unless there is one already, and answers with the one that is there now.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn setting_or(&self, name: &str, value: &str) -> Result<String, StoreError> {
        let mut transaction = self.begin().await?;
        sqlx::query("INSERT INTO strongroom_setting (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING")
            .bind(name)
            .bind(value)
            .execute(&mut *transaction.inner)
            .await?;
        let stored = sqlx::query_scalar("SELECT value FROM strongroom_setting WHERE name = ?")
            .bind(name)
            .fetch_one(&mut *transaction.inner)
            .await?;
        transaction.commit().await?;
        Ok(stored)
    }

    /// The id of this installation, made when it is first asked for. Owner tags carry it, so that two installations
    /// can share a vault. `None` on a database that has none yet and may not be written to.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn installation(&self, random: &dyn Random) -> Result<Option<Uuid>, StoreError> {
        let stored = match self.setting(INSTALLATION).await? {
            Some(stored) => stored,
            None if self.is_read_only => return Ok(None),
            None => self.setting_or(INSTALLATION, &random.uuid().to_string()).await?,
        };
        let broken = |_| StoreError::BrokenRow {
            table: "strongroom_setting",
            id: INSTALLATION.to_owned(),
            reason: "it is not a UUID".to_owned(),
        };
        Uuid::parse_str(&stored).map(Some).map_err(broken)
    }
}
