//! What a probe of readiness asks the database.

use super::Store;

/// What the database says.
#[derive(Debug)]
pub(crate) struct Probed {
    /// The numbers of all data keys.
    pub(crate) data_keys: Vec<i64>,
    /// The schema's version, if a later program than this one has been at work.
    pub(crate) newer_schema: Option<i64>,
}

impl Store {
    /// Reads what every start relies on.
    pub(crate) async fn probe(&self) -> sqlx::Result<Probed> {
        let data_keys =
            sqlx::query_scalar("SELECT id FROM data_key ORDER BY id").fetch_all(self.readers()).await?;
        let version: Option<i64> =
            sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations").fetch_one(self.readers()).await?;
        let newer_schema = version.filter(|version| *version > self.database.schema_version());
        Ok(Probed { data_keys, newer_schema })
    }
}
