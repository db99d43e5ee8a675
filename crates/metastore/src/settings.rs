//! Facts about the database as a whole, in a table of ours.

use uuid::Uuid;

use strongroom_secrets::Random;

use crate::insert::{Existing, Insert};
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
        self.sql("SELECT value FROM strongroom_setting WHERE name = ?").text(name).value(&self.readers).await
    }

    /// Stores a setting of ours unless there is one already, and answers with the one that is there now.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn setting_or(&self, name: &str, value: &str) -> Result<String, StoreError> {
        let insert = Insert {
            table: "strongroom_setting",
            columns: &[("name", "?"), ("value", "?")],
            existing: Existing::Stays,
        };
        self.repeat(|| self.sql(&insert.query(self.dialect, 1)).text(name).text(value).execute(&self.writer))
            .await?;
        // What is there stays there: no other can come between.
        let stored = self
            .sql("SELECT value FROM strongroom_setting WHERE name = ?")
            .text(name)
            .value(&self.writer)
            .await?;
        Ok(stored.unwrap_or_else(|| value.to_owned()))
    }

    /// Stores a setting of ours in place of the one that is there.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn set_setting(&self, name: &str, value: &str) -> Result<(), StoreError> {
        let insert = Insert {
            table: "strongroom_setting",
            columns: &[("name", "?"), ("value", "?")],
            existing: Existing::BecomesNew(&["name"]),
        };
        self.repeat(|| self.sql(&insert.query(self.dialect, 1)).text(name).text(value).execute(&self.writer))
            .await?;
        Ok(())
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
