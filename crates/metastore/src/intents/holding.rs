//! What a holder does with its intents: opens them, writes down what was there before, keeps them, completes them.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use sqlx::Row as _;
use strongroom_secrets::SecretVersion;

use super::{Before, Claim, IntentKind, NewIntent, Opened, millis};
use crate::dialect::Dialect;
use crate::insert::{BATCH, Existing, Insert};
use crate::statement::marks;
use crate::{Metastore, StoreError, Transaction};

/// What holds for an intent that is still its holder's.
const HELD: &str = "holder = ? AND claim = ? AND state = 'open'";

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
        self.repeat(|| async {
            let mut transaction = self.begin().await?;
            let opened = transaction.open_intents(holder, intents, lease).await?;
            if matches!(opened, Opened::All(_)) {
                transaction.commit().await?;
            }
            Ok(opened)
        })
        .await
    }

    /// Writes down what was found at the vault before anything was written there. Answers `false` if one of the intents
    /// is no longer the holder's.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn record_before(&self, holder: &str, found: &[Before]) -> Result<bool, StoreError> {
        self.repeat(|| async {
            let mut transaction = self.begin().await?;
            for (number, found) in by_number(found, |before| before.claim) {
                for batch in found.chunks(BATCH) {
                    if !transaction.record_before(holder, number, batch).await? {
                        return Ok(false);
                    }
                }
            }
            transaction.commit().await?;
            Ok(true)
        })
        .await
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
        self.repeat(|| async {
            let mut transaction = self.begin().await?;
            transaction
                .sql("UPDATE strongroom_intent SET lease_end = {now} + ? WHERE holder = ? AND state = 'open'")
                .bind(millis(lease))
                .text(holder)
                .execute(&mut *transaction.inner)
                .await?;
            for (number, claims) in by_number(claims, |claim| *claim) {
                for batch in claims.chunks(BATCH) {
                    let query = format!(
                        "SELECT count(*) FROM strongroom_intent WHERE {HELD} AND id IN ({})",
                        marks(batch.len())
                    );
                    let held = transaction
                        .sql(&query)
                        .text(holder)
                        .bind(number)
                        .texts(batch.iter().map(|claim| claim.id))
                        .count(&mut *transaction.inner)
                        .await?;
                    if held != batch.len() as u64 {
                        return Ok(false);
                    }
                }
            }
            transaction.commit().await?;
            Ok(true)
        })
        .await
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
        // One order for all, so that no two wait for each other.
        let mut sorted: Vec<&NewIntent> = intents.iter().collect();
        sorted.sort_by(|one, other| one.name.cmp(&other.name));
        for batch in sorted.chunks(BATCH) {
            if let Some(taken) = self.open_batch(holder, batch, lease).await? {
                return Ok(Opened::Taken(taken.name.clone()));
            }
        }
        Ok(Opened::All(sorted.iter().map(|intent| Claim { id: intent.id, number: 1 }).collect()))
    }

    /// Answers with one that is in another's hands, if there is one.
    async fn open_batch<'i>(
        &mut self,
        holder: &str,
        batch: &[&'i NewIntent],
        lease: Duration,
    ) -> Result<Option<&'i NewIntent>, StoreError> {
        let insert = Insert {
            table: "strongroom_intent",
            columns: &[
                ("id", "?"),
                ("kind", "?"),
                ("name", "?"),
                ("open_key", "?"),
                ("entity_type", "?"),
                ("entity_id", "?"),
                ("field", "?"),
                ("holder", "?"),
                ("vault", "?"),
                ("claim", "1"),
                ("lease_end", "{now} + ?"),
                ("state", "'open'"),
            ],
            // A refusal ends a transaction of PostgreSQL, and an INSERT IGNORE of MySQL would cut texts.
            existing: if self.dialect == Dialect::Mysql { Existing::Refuses } else { Existing::Stays },
        };
        let mut statement = self.sql(&insert.query(self.dialect, batch.len()));
        for intent in batch {
            statement = statement
                .bind(intent.id.to_string())
                .text(match intent.kind {
                    IntentKind::Write => "write",
                    IntentKind::Delete => "delete",
                })
                .text(intent.name.as_str())
                .bind(intent.name.key())
                .text(intent.entity_kind.entity_type())
                .bind(intent.entity.to_string())
                .text(&intent.field)
                .text(holder)
                .bind(intent.vault.clone())
                .bind(millis(lease));
        }
        match statement.execute(&mut *self.inner).await {
            Ok(opened) if opened == batch.len() as u64 => return Ok(None),
            Ok(_) | Err(StoreError::AlreadyExists) => {}
            Err(error) => return Err(error),
        }
        let query =
            format!("SELECT id, open_key FROM strongroom_intent WHERE open_key IN ({})", marks(batch.len()));
        let rows = self
            .sql(&query)
            .texts(batch.iter().map(|intent| intent.name.key()))
            .rows(&mut *self.inner)
            .await?;
        let ours: HashSet<String> = batch.iter().map(|intent| intent.id.to_string()).collect();
        let mut theirs = HashSet::new();
        for row in rows {
            if !ours.contains(row.try_get::<&str, _>("id")?) {
                theirs.insert(row.try_get::<String, _>("open_key")?);
            }
        }
        // If it was let go of since, any of them stands for it: whoever asked tries again.
        let taken = batch.iter().find(|intent| theirs.contains(&intent.name.key()));
        Ok(taken.or(batch.first()).copied())
    }

    async fn record_before(
        &mut self,
        holder: &str,
        number: i64,
        batch: &[Before],
    ) -> Result<bool, StoreError> {
        let cases = "WHEN ? THEN ? ".repeat(batch.len());
        let query = format!(
            "UPDATE strongroom_intent SET version_before = CASE id {cases}END, deleted_before = CASE id {cases}END \
             WHERE {HELD} AND id IN ({})",
            marks(batch.len())
        );
        let mut statement = self.sql(&query);
        for before in batch {
            statement = statement
                .bind(before.claim.id.to_string())
                .bind(before.version.as_ref().map(|version: &SecretVersion| version.as_str().to_owned()));
        }
        for before in batch {
            statement = statement.bind(before.claim.id.to_string()).bind(i64::from(before.deleted));
        }
        let recorded = statement
            .text(holder)
            .bind(number)
            .texts(batch.iter().map(|before| before.claim.id))
            .execute(&mut *self.inner)
            .await?;
        Ok(recorded == batch.len() as u64)
    }

    /// Deletes the intents whose work this transaction completes. Answers `false` if one of them is no longer the
    /// holder's: the transaction must then be dropped.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn complete_intents(&mut self, holder: &str, claims: &[Claim]) -> Result<bool, StoreError> {
        for (number, claims) in by_number(claims, |claim| *claim) {
            for batch in claims.chunks(BATCH) {
                let query =
                    format!("DELETE FROM strongroom_intent WHERE {HELD} AND id IN ({})", marks(batch.len()));
                let completed = self
                    .sql(&query)
                    .text(holder)
                    .bind(number)
                    .texts(batch.iter().map(|claim| claim.id))
                    .execute(&mut *self.inner)
                    .await?;
                if completed != batch.len() as u64 {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }
}

/// Sorted by the numbers of their claims: most have the same.
fn by_number<T: Clone>(items: &[T], claim: impl Fn(&T) -> Claim) -> BTreeMap<i64, Vec<T>> {
    let mut sorted: BTreeMap<i64, Vec<T>> = BTreeMap::new();
    for item in items {
        sorted.entry(claim(item).number).or_default().push(item.clone());
    }
    sorted
}
