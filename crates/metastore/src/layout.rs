//! Who made the tables, of which release they are, and what time it is there.

use crate::{Metastore, StoreError, schema};

/// The log of changes of OpenMetadata's own server. MySQL may keep the capitals.
const CHANGE_LOGS: [&str; 2] = ["server_change_log", "SERVER_CHANGE_LOG"];

/// The most rows of it that are looked at: it gets a few with each release.
const MOST_CHANGES: i64 = 10_000;

/// Who made the tables, and of which version they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// The newest release of OpenMetadata that changed its tables; `None` if its server never has, so that we made them.
    pub reference: Option<String>,
    /// The version of Strongroom's own tables; `None` if there are none yet.
    pub own: Option<i64>,
    /// The version of them that this program makes.
    pub newest: i64,
}

impl Metastore {
    /// Finds out who made the tables.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn layout(&self) -> Result<Layout, StoreError> {
        let mut reference = None;
        for table in CHANGE_LOGS {
            if reference.is_none() && self.has_table(table).await? {
                let query = format!(
                    "SELECT {{text version}} AS version FROM {table} WHERE version IS NOT NULL LIMIT ?"
                );
                let versions: Vec<String> = self.sql(&query).bind(MOST_CHANGES).column(&self.readers).await?;
                // The log is not in the order of releases: fixes of an older one can come later.
                reference =
                    Some(versions.into_iter().max_by_key(|version| numbers(version)).unwrap_or_default());
            }
        }
        let own = match self.has_own_tables {
            false => None,
            true => {
                let query = format!("SELECT coalesce(max(version), 0) FROM {}", schema::MIGRATIONS);
                self.sql(&query).value(&self.readers).await?
            }
        };
        Ok(Layout { reference, own, newest: schema::newest_migration(self.dialect) })
    }

    /// The time by the database's clock, in milliseconds since the Unix epoch.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn now_millis(&self) -> Result<i64, StoreError> {
        let now = self.sql("SELECT {now}").value(&self.readers).await?;
        now.ok_or_else(|| StoreError::Database("it does not tell the time".to_owned()))
    }
}

/// `1.10.2` as numbers, since it is newer than `1.9.0`.
fn numbers(version: &str) -> Vec<u64> {
    version.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_compare_by_their_numbers() {
        assert!(numbers("1.10.2") > numbers("1.9.12"));
        assert!(numbers("2.0.0") > numbers("1.13.4"));
    }
}
