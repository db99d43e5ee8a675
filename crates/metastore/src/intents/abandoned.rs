//! What becomes of intents that their holder left behind, and of those that came to nothing.

use std::time::Duration;

use super::{COLUMNS, Claim, Intent, IntentId, IntentState, decode, millis};
use crate::{Metastore, StoreError};

impl Metastore {
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
        let query = format!(
            "SELECT {COLUMNS} FROM strongroom_intent WHERE state = 'open' AND lease_end + ? < {{now}} \
             ORDER BY lease_end LIMIT ?"
        );
        let rows = self.sql(&query).bind(millis(grace)).bind(i64::from(limit)).rows(&self.readers).await?;
        let mut found = rows.iter().map(decode).collect::<Result<Vec<_>, _>>()?;
        for holder in dead_holders {
            let query = format!(
                "SELECT {COLUMNS} FROM strongroom_intent WHERE state = 'open' AND substr(holder, 1, ?) = ? \
                 ORDER BY lease_end LIMIT ?"
            );
            let length = i32::try_from(holder.chars().count()).unwrap_or(i32::MAX);
            let rows = self.sql(&query).bind(length).text(holder).bind(i64::from(limit));
            for row in rows.rows(&self.readers).await? {
                let intent = decode(&row)?;
                // Its lease may have ended meanwhile.
                if !found.iter().any(|known| known.claim.id == intent.claim.id) {
                    found.push(intent);
                }
            }
        }
        Ok(found)
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
        let claimed = self
            .repeat(|| {
                self.sql(
                    "UPDATE strongroom_intent SET holder = ?, claim = claim + 1, lease_end = {now} + ? \
                     WHERE id = ? AND holder = ? AND claim = ? AND state = 'open'",
                )
                .text(holder)
                .bind(millis(lease))
                .bind(intent.claim.id.to_string())
                .text(&intent.holder)
                .bind(intent.claim.number)
                .execute(&self.writer)
            })
            .await?;
        let claim = Claim { id: intent.claim.id, number: intent.claim.number + 1 };
        Ok((claimed == 1).then_some(claim))
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
        let settled = self
            .repeat(|| {
                self.sql(
                    "UPDATE strongroom_intent SET state = 'settled', open_key = NULL, settled_at = {now}, \
                     recheck_at = {now} + ? WHERE id = ? AND holder = ? AND claim = ? AND state = 'open'",
                )
                .bind(millis(recheck))
                .bind(claim.id.to_string())
                .text(holder)
                .bind(claim.number)
                .execute(&self.writer)
            })
            .await?;
        Ok(settled == 1)
    }

    /// Settled intents whose name is to be looked at once more in `vault`, since a late write can still have landed, or since
    /// whoever settled them did not know that vault.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn due_rechecks(&self, vault: &str, limit: u32) -> Result<Vec<Intent>, StoreError> {
        let query = format!(
            "SELECT {COLUMNS} FROM strongroom_intent WHERE state = 'settled' AND recheck_at <= {{now}} \
             AND vault = ? ORDER BY recheck_at LIMIT ?"
        );
        let rows = self.sql(&query).text(vault).bind(i64::from(limit)).rows(&self.readers).await?;
        rows.iter().map(decode).collect()
    }

    /// Notes that a settled intent was looked at once more.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn rechecked(&self, id: IntentId) -> Result<(), StoreError> {
        self.repeat(|| {
            self.sql("UPDATE strongroom_intent SET recheck_at = NULL WHERE id = ? AND state = 'settled'")
                .bind(id.to_string())
                .execute(&self.writer)
        })
        .await?;
        Ok(())
    }

    /// Forgets what was settled longer ago than `age`.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn forget_settled(&self, age: Duration) -> Result<(), StoreError> {
        // Nobody looks once more at what was only guarded: there is no vault in which something could have landed.
        let query = "DELETE FROM strongroom_intent WHERE state = 'settled' \
                     AND (recheck_at IS NULL OR vault IS NULL) AND settled_at + ? < {now}";
        self.repeat(|| self.sql(query).bind(millis(age)).execute(&self.writer)).await?;
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
        self.sql("SELECT count(*) FROM strongroom_intent WHERE state = ?")
            .text(state)
            .count(&self.readers)
            .await
    }
}
