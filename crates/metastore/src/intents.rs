//! Intents: what is under way between the vault and the database, so that a crash between the two loses nothing.
//!
//! An intent is open from before the first call to the vault until the transaction that stores the document deletes it:
//! gone means committed. An intent that its holder left behind is claimed by another, settled, and kept for a while:
//! settled means not committed. The lease is measured by the clock of the database alone.

use std::time::Duration;

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;
use strongroom_entities::EntityKind;
use strongroom_secrets::{SecretName, SecretVersion};
use uuid::Uuid;

use crate::{Metastore, StoreError, Transaction};

/// The database's own clock, in milliseconds since the Unix epoch.
const NOW: &str = "CAST(unixepoch('now', 'subsec') * 1000 AS INTEGER)";

const COLUMNS: &str =
    "id, kind, name, entity_type, entity_id, field, holder, claim, version_before, deleted_before, vault";

/// The id of an intent; the version that was written under it carries it as a tag.
pub type IntentId = Uuid;

/// What is intended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IntentKind {
    /// A new version is written, then a row will refer to it.
    Write,
    /// No row refers to the secret any more, and it will be deleted.
    Delete,
}

/// Whether an intent is still under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IntentState {
    /// Its holder may be at work.
    Open,
    /// It came to nothing, and what it left at the vault was put right.
    Settled,
}

/// An intent to be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewIntent {
    /// Its id.
    pub id: IntentId,
    /// What is intended.
    pub kind: IntentKind,
    /// The secret.
    pub name: SecretName,
    /// What the entity is.
    pub entity_kind: EntityKind,
    /// The entity whose field it is about.
    pub entity: Uuid,
    /// The field, as text.
    pub field: String,
    /// The vault that is written to, by the name that it has for people; `None` if nothing is written.
    pub vault: Option<String>,
}

/// What proves that one holds an intent: it is void as soon as another has claimed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Claim {
    /// The intent.
    pub id: IntentId,
    /// How often it was claimed.
    pub number: i64,
}

/// An intent as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// The claim that its holder has.
    pub claim: Claim,
    /// Who holds it.
    pub holder: String,
    /// What is intended.
    pub kind: IntentKind,
    /// The secret.
    pub name: SecretName,
    /// What the entity is.
    pub entity_kind: EntityKind,
    /// The entity whose field it is about.
    pub entity: Uuid,
    /// The field, as text.
    pub field: String,
    /// The version that was the latest before anything was written.
    pub version_before: Option<SecretVersion>,
    /// Whether the secret was soft-deleted before anything was written.
    pub deleted_before: bool,
    /// The vault that is written to; `None` if nothing is written.
    pub vault: Option<String>,
}

/// What came of [`Metastore::open_intents`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// All of them are open; the claims are in the order of the names.
    All(Vec<Claim>),
    /// None was opened, since this name is in another's hands.
    Taken(SecretName),
}

/// What was found at the vault before a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Before {
    /// The intent.
    pub claim: Claim,
    /// The latest version, if there is one.
    pub version: Option<SecretVersion>,
    /// Whether the secret was soft-deleted.
    pub deleted: bool,
}

impl Metastore {
    /// Opens intents, all or none, in one transaction and in the order of their names.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn open_intents(
        &self,
        holder: &str,
        intents: &[NewIntent],
        lease: Duration,
    ) -> Result<Opened, StoreError> {
        let mut transaction = self.begin().await?;
        let opened = transaction.open_intents(holder, intents, lease).await?;
        if matches!(opened, Opened::All(_)) {
            transaction.commit().await?;
        }
        Ok(opened)
    }

    /// Writes down what was found at the vault before anything was written there. Answers `false` if one of the intents
    /// is no longer the holder's.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn record_before(&self, holder: &str, found: &[Before]) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        for before in found {
            let done = sqlx::query(
                "UPDATE strongroom_intent SET version_before = ?, deleted_before = ? \
                 WHERE id = ? AND holder = ? AND claim = ? AND state = 'open'",
            )
            .bind(before.version.as_ref().map(SecretVersion::as_str))
            .bind(before.deleted)
            .bind(before.claim.id.to_string())
            .bind(holder)
            .bind(before.claim.number)
            .execute(&mut *transaction.inner)
            .await?;
            if done.rows_affected() != 1 {
                return Ok(false);
            }
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// Renews every lease of a holder in one statement. Answers `false` if one of `claims` is no longer the holder's.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn renew_leases(
        &self,
        holder: &str,
        claims: &[Claim],
        lease: Duration,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let sql =
            format!("UPDATE strongroom_intent SET lease_end = {NOW} + ? WHERE holder = ? AND state = 'open'");
        sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(millis(lease))
            .bind(holder)
            .execute(&mut *transaction.inner)
            .await?;
        for claim in claims {
            let held: bool = sqlx::query_scalar(
                "SELECT EXISTS (SELECT 1 FROM strongroom_intent WHERE id = ? AND holder = ? AND claim = ? AND state = 'open')",
            )
            .bind(claim.id.to_string())
            .bind(holder)
            .bind(claim.number)
            .fetch_one(&mut *transaction.inner)
            .await?;
            if !held {
                return Ok(false);
            }
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// Open intents that nobody works on any more: their lease ended more than `grace` ago, or their holder, whose name
    /// begins with one of `dead_holders`, is known to be gone.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn abandoned_intents(
        &self,
        grace: Duration,
        dead_holders: &[&str],
        limit: u32,
    ) -> Result<Vec<Intent>, StoreError> {
        if !self.has_own_tables {
            return Ok(Vec::new());
        }
        let mut found = Vec::new();
        let expired = format!("lease_end + ? < {NOW}");
        let sql = format!(
            "SELECT {COLUMNS} FROM strongroom_intent WHERE state = 'open' AND {expired} ORDER BY lease_end LIMIT ?"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(millis(grace)).bind(limit);
        found.extend(rows.fetch_all(&self.readers).await?);
        for holder in dead_holders {
            let sql = format!(
                "SELECT {COLUMNS} FROM strongroom_intent WHERE state = 'open' AND NOT {expired} \
                 AND substr(holder, 1, length(?)) = ? ORDER BY lease_end LIMIT ?"
            );
            let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
                .bind(millis(grace))
                .bind(*holder)
                .bind(*holder)
                .bind(limit);
            found.extend(rows.fetch_all(&self.readers).await?);
        }
        found.iter().map(decode).collect()
    }

    /// Takes an open intent over from whoever held it, and answers with the new claim, or `None` if it is gone, settled or
    /// was claimed by another in the meantime. Waits for a transaction under way.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn claim_intent(
        &self,
        intent: &Intent,
        holder: &str,
        lease: Duration,
    ) -> Result<Option<Claim>, StoreError> {
        let sql = format!(
            "UPDATE strongroom_intent SET holder = ?, claim = claim + 1, lease_end = {NOW} + ? \
             WHERE id = ? AND holder = ? AND claim = ? AND state = 'open'"
        );
        let done = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(holder)
            .bind(millis(lease))
            .bind(intent.claim.id.to_string())
            .bind(&intent.holder)
            .bind(intent.claim.number)
            .execute(&self.writer)
            .await?;
        let claim = Claim { id: intent.claim.id, number: intent.claim.number + 1 };
        Ok((done.rows_affected() == 1).then_some(claim))
    }

    /// Marks an intent as settled and frees its name; its name is to be looked at once more after `recheck`.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn settle_intent(
        &self,
        holder: &str,
        claim: Claim,
        recheck: Duration,
    ) -> Result<bool, StoreError> {
        let sql = format!(
            "UPDATE strongroom_intent SET state = 'settled', open_key = NULL, settled_at = {NOW}, recheck_at = {NOW} + ? \
             WHERE id = ? AND holder = ? AND claim = ? AND state = 'open'"
        );
        let done = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(millis(recheck))
            .bind(claim.id.to_string())
            .bind(holder)
            .bind(claim.number)
            .execute(&self.writer)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Settled intents whose name is to be looked at once more in `vault`, since a late write can still have landed, or since
    /// whoever settled them did not know that vault.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn due_rechecks(&self, vault: &str, limit: u32) -> Result<Vec<Intent>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM strongroom_intent WHERE state = 'settled' AND recheck_at <= {NOW} AND vault = ? \
             ORDER BY recheck_at LIMIT ?"
        );
        let rows =
            sqlx::query(sqlx::AssertSqlSafe(sql)).bind(vault).bind(limit).fetch_all(&self.readers).await?;
        rows.iter().map(decode).collect()
    }

    /// Notes that a settled intent was looked at once more.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn rechecked(&self, id: IntentId) -> Result<(), StoreError> {
        sqlx::query("UPDATE strongroom_intent SET recheck_at = NULL WHERE id = ? AND state = 'settled'")
            .bind(id.to_string())
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// Forgets what was settled longer ago than `age`.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn forget_settled(&self, age: Duration) -> Result<(), StoreError> {
        let sql = format!(
            "DELETE FROM strongroom_intent WHERE state = 'settled' AND recheck_at IS NULL AND settled_at + ? < {NOW}"
        );
        sqlx::query(sqlx::AssertSqlSafe(sql)).bind(millis(age)).execute(&self.writer).await?;
        Ok(())
    }

    /// How many intents are open, whoever holds them.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn count_intents(&self, state: IntentState) -> Result<u64, StoreError> {
        if !self.has_own_tables {
            return Ok(0);
        }
        let state = match state {
            IntentState::Open => "open",
            IntentState::Settled => "settled",
        };
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM strongroom_intent WHERE state = ?")
            .bind(state)
            .fetch_one(&self.readers)
            .await?;
        Ok(u64::try_from(count).unwrap_or_default())
    }
}

impl Transaction {
    /// Opens intents in the order of their names. If one of the names is taken, the transaction has to be dropped.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn open_intents(
        &mut self,
        holder: &str,
        intents: &[NewIntent],
        lease: Duration,
    ) -> Result<Opened, StoreError> {
        let mut sorted: Vec<&NewIntent> = intents.iter().collect();
        sorted.sort_by(|one, other| one.name.cmp(&other.name));
        let sql = format!(
            "INSERT INTO strongroom_intent (id, kind, name, open_key, entity_type, entity_id, field, holder, vault, claim, \
             lease_end, state) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 1, {NOW} + ?, 'open') ON CONFLICT (open_key) DO NOTHING"
        );
        let mut claims = Vec::with_capacity(sorted.len());
        for intent in sorted {
            let done = sqlx::query(sqlx::AssertSqlSafe(sql.as_str()))
                .bind(intent.id.to_string())
                .bind(match intent.kind {
                    IntentKind::Write => "write",
                    IntentKind::Delete => "delete",
                })
                .bind(intent.name.as_str())
                .bind(intent.name.key())
                .bind(intent.entity_kind.entity_type())
                .bind(intent.entity.to_string())
                .bind(&intent.field)
                .bind(holder)
                .bind(intent.vault.as_deref())
                .bind(millis(lease))
                .execute(&mut *self.inner)
                .await?;
            if done.rows_affected() == 0 {
                return Ok(Opened::Taken(intent.name.clone()));
            }
            claims.push(Claim { id: intent.id, number: 1 });
        }
        Ok(Opened::All(claims))
    }

    /// Deletes the intents whose work this transaction completes. Answers `false` if one of them is no longer the
    /// holder's: the transaction must then be dropped.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn complete_intents(&mut self, holder: &str, claims: &[Claim]) -> Result<bool, StoreError> {
        for claim in claims {
            let done = sqlx::query(
                "DELETE FROM strongroom_intent WHERE id = ? AND holder = ? AND claim = ? AND state = 'open'",
            )
            .bind(claim.id.to_string())
            .bind(holder)
            .bind(claim.number)
            .execute(&mut *self.inner)
            .await?;
            if done.rows_affected() != 1 {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn decode(row: &SqliteRow) -> Result<Intent, StoreError> {
    let id: String = row.try_get("id")?;
    let broken = |reason: &str| StoreError::BrokenRow {
        table: "strongroom_intent",
        id: id.clone(),
        reason: reason.to_owned(),
    };
    let parse = |column| -> Result<Uuid, StoreError> {
        Uuid::parse_str(row.try_get(column)?).map_err(|_| broken("an id in it is not a UUID"))
    };
    let kind: &str = row.try_get("kind")?;
    Ok(Intent {
        claim: Claim { id: parse("id")?, number: row.try_get("claim")? },
        holder: row.try_get("holder")?,
        kind: if kind == "delete" { IntentKind::Delete } else { IntentKind::Write },
        name: SecretName::new(row.try_get::<String, _>("name")?)
            .map_err(|_| broken("its name is not legal"))?,
        entity_kind: EntityKind::from_entity_type(row.try_get("entity_type")?)
            .ok_or_else(|| broken("its entity type is unknown"))?,
        entity: parse("entity_id")?,
        field: row.try_get("field")?,
        version_before: row.try_get::<Option<String>, _>("version_before")?.map(SecretVersion::new),
        deleted_before: row.try_get("deleted_before")?,
        vault: row.try_get("vault")?,
    })
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
