//! Changing the master key and the data key while the vault serves.
//!
//! In one transaction the data keys are wrapped by the new master key and a new data key is added, with which everything is
//! sealed from then on. What was sealed before is sealed anew in small batches, between the writes of others. When nothing is left, the
//! old data keys are retired. A crash leaves either the old keys or the new ones, never a mixture; what was not sealed anew yet is
//! readable all the same, and the next start goes on.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use sqlx::Row;
use strongroom_secrets::Random;

use super::data_keys::{Resealed, ResealedRow};
use super::database::Kind;
use super::writer::{Outcome, Work};
use super::{Store, database_error};
use crate::error::{Error, ErrorKind, Result};
use crate::keys::{Binding, Custody, Keyring, MasterKey, NotAuthentic};

/// How many rows are sealed anew at a time: 2.5 MiB of the longest values, and milliseconds for those who wait to write.
const BATCH: i64 = 100;

/// How often the tables are gone through for rows that others wrote with an old key meanwhile.
const PASSES: u32 = 10;

/// How long other processes on the same PostgreSQL are given to end writes that they have sealed with the old key.
const STRAGGLERS: Duration = Duration::from_secs(2);

/// What came of changing the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rekeyed {
    /// How many values, entries of the directory and signing keys were sealed anew.
    pub resealed: u64,
    /// How many could not be opened and stay as they are; `check` names them. The old data keys stay in use for them.
    pub damaged: u64,
}

impl Store {
    /// Gives the vault a new master key (`given`, or one that is drawn) and a new data key.
    ///
    /// # Errors
    /// Before the keys are changed: everything stays as it was. Later: the new keys hold, and the next start goes on.
    pub(crate) async fn rekey(
        &self,
        given: Option<MasterKey>,
        now: i64,
        random: &dyn Random,
    ) -> Result<Rekeyed> {
        if given.is_none() && matches!(self.keyring.custody(), Custody::Given(_)) {
            return Err(Error::new(
                ErrorKind::MasterKey,
                "the master key comes from the environment, where a new one cannot be put",
            )
            .with_hint("give the new key, and start the vault with it from then on"));
        }
        let master = Arc::new(given.unwrap_or_else(|| MasterKey::generate(random)));
        let alone = self.alone().await?;
        let changed = self.change_keys(&master, now, random).await;
        let _here = alone.let_others_go_on().await;
        changed?;
        self.reseal(now).await
    }

    async fn change_keys(&self, master: &Arc<MasterKey>, now: i64, random: &dyn Random) -> Result<()> {
        self.refresh_keys().await?;
        let stored = self.data_keys().await?;
        let mut keys = master.rewrap(&self.keyring.master(), &stored).map_err(|NotAuthentic| {
            Error::new(ErrorKind::Database, "a data key of the database is damaged")
        })?;
        let next = stored.iter().map(|key| key.id).max().unwrap_or(0) + 1;
        keys.push(Keyring::generate(next, master, random));

        let custody = self.keyring.custody();
        custody.propose(master)?;
        let changed = match self.change_data_keys(keys, now).await {
            Ok(true) => self.take_over(master).await,
            Ok(false) => Err(Error::new(ErrorKind::Database, "another process has just changed the keys")),
            // A commit whose answer was lost can have been made: what the database holds decides.
            Err(error) => self.take_over(master).await.map_err(|_| error),
        };
        match &changed {
            // From here on the new key is the one that opens the database.
            Ok(()) => custody.adopt(master)?,
            Err(_) => {
                // As long as it is not known that the key opens nothing, it is kept.
                if self.data_keys().await.is_ok() {
                    custody.withdraw();
                }
            }
        }
        changed
    }

    async fn take_over(&self, master: &Arc<MasterKey>) -> Result<()> {
        let stored = self.data_keys().await?;
        self.keyring
            .replace(Arc::clone(master), &stored)
            .map_err(|NotAuthentic| Error::new(ErrorKind::Database, "the keys were not changed"))
    }

    /// Goes on where a change of the keys was cut short. `None` if there is nothing to do.
    pub(crate) async fn finish_rekey(&self, now: i64) -> Result<Option<Rekeyed>> {
        let Ok(_here) = self.changing_keys.try_lock() else { return Ok(None) };
        let unfinished = self.data_keys().await?.iter().filter(|key| !key.retired).count() > 1;
        if unfinished { self.reseal(now).await.map(Some) } else { Ok(None) }
    }

    /// Seals everything with the current data key and retires the others.
    async fn reseal(&self, now: i64) -> Result<Rekeyed> {
        let mut total = Rekeyed { resealed: 0, damaged: 0 };
        // Should another process change the keys meanwhile, then what is sealed with its key is left alone.
        let current = self.keyring.current();
        for pass in 0..PASSES {
            if pass == 1 && self.database.kind == Kind::Postgres {
                tokio::time::sleep(STRAGGLERS).await;
            }
            let Rekeyed { resealed, damaged } = self.pass(current).await?;
            total = Rekeyed { resealed: total.resealed + resealed, damaged };
            if pass > 0 && resealed == 0 {
                break;
            }
        }
        if total.damaged == 0 {
            match self.writer.submit(Work::Retire { current, now }).await {
                Ok(Outcome::Count(_)) => {}
                _ => return Err(unwritten()),
            }
        }
        tracing::info!(total.resealed, total.damaged, "the vault's keys were changed");
        Ok(total)
    }

    /// Goes once through all that is sealed.
    async fn pass(&self, current: i64) -> Result<Rekeyed> {
        let mut total = Rekeyed { resealed: 0, damaged: 0 };
        let mut after = 0;
        loop {
            let (rows, read, last) = self.old_versions(after, current).await?;
            total.damaged += read - rows.len() as u64;
            total.resealed += self.replace_rows(rows).await?;
            match last {
                Some(last) => after = last,
                None => break,
            }
        }
        for table in [TABLE_OF_ENTRIES, TABLE_OF_SIGNING_KEYS] {
            let (rows, read) = self.old_rows(table, current).await?;
            total.damaged += read - rows.len() as u64;
            total.resealed += self.replace_rows(rows).await?;
        }
        Ok(total)
    }

    async fn replace_rows(&self, rows: Vec<Resealed>) -> Result<u64> {
        if rows.is_empty() {
            return Ok(0);
        }
        match self.writer.submit(Work::Reseal(rows)).await {
            Ok(Outcome::Count(count)) => Ok(count),
            _ => Err(unwritten()),
        }
    }

    /// The next versions that are sealed with an older key than the current one, how many there were, and the last of them.
    async fn old_versions(&self, after: i64, current: i64) -> Result<(Vec<Resealed>, u64, Option<i64>)> {
        let failed = |error| database_error("read values to seal them anew", error);
        let rows = sqlx::query(
            "SELECT v.id, t.name AS vault, s.name_key, v.version, v.data_key, v.sealed
             FROM version v JOIN secret s ON s.id = v.secret JOIN vault t ON t.id = s.vault
             WHERE v.id > $1 AND v.data_key < $2 ORDER BY v.id LIMIT $3",
        )
        .bind(after)
        .bind(current)
        .bind(BATCH)
        .fetch_all(self.readers())
        .await
        .map_err(failed)?;
        let mut resealed = Vec::with_capacity(rows.len());
        let mut last = None;
        for row in &rows {
            let id = row.try_get("id").map_err(failed)?;
            last = Some(id);
            let (vault, name, version): (&str, &str, &str) = (
                row.try_get("vault").map_err(failed)?,
                row.try_get("name_key").map_err(failed)?,
                row.try_get("version").map_err(failed)?,
            );
            let (key, old) =
                (row.try_get("data_key").map_err(failed)?, row.try_get("sealed").map_err(failed)?);
            let binding = Binding::value(vault, name, version);
            resealed.extend(self.sealed_anew(ResealedRow::Version(id), &binding, key, old));
        }
        Ok((resealed, rows.len() as u64, last))
    }

    /// All rows of a small table that are sealed with an older key than the current one, and how many there were.
    async fn old_rows(&self, table: Table, current: i64) -> Result<(Vec<Resealed>, u64)> {
        let failed = |error| database_error("read rows to seal them anew", error);
        let rows =
            sqlx::query(table.statement).bind(current).fetch_all(self.readers()).await.map_err(failed)?;
        let mut resealed = Vec::with_capacity(rows.len());
        for row in &rows {
            let (one, two): (String, String) =
                (row.try_get("one").map_err(failed)?, row.try_get("two").map_err(failed)?);
            let (key, old) =
                (row.try_get("data_key").map_err(failed)?, row.try_get("sealed").map_err(failed)?);
            let (row, binding) = (table.row)(one, two);
            resealed.extend(self.sealed_anew(row, &binding, key, old));
        }
        Ok((resealed, rows.len() as u64))
    }

    fn sealed_anew(&self, row: ResealedRow, binding: &Binding, key: i64, old: Vec<u8>) -> Option<Resealed> {
        let Ok(plain) = self.keyring.unseal(binding, key, &old) else {
            tracing::error!(?row, "a row does not open: the database was damaged or altered");
            return None;
        };
        Some(Resealed { new: self.keyring.seal(binding, &plain), row, old })
    }
}

/// A small table with sealed rows.
#[derive(Clone, Copy)]
struct Table {
    statement: &'static str,
    row: fn(String, String) -> (ResealedRow, Binding),
}

const TABLE_OF_ENTRIES: Table = Table {
    statement: "SELECT kind AS one, key AS two, data_key, sealed FROM directory_entry WHERE data_key < $1",
    row: |kind, key| {
        let binding = Binding::directory_entry(&kind, &key);
        (ResealedRow::Entry { kind, key }, binding)
    },
};

const TABLE_OF_SIGNING_KEYS: Table = Table {
    statement: "SELECT kid AS one, '' AS two, data_key, sealed FROM signing_key WHERE data_key < $1",
    row: |kid, _| {
        let binding = Binding::signing_key(&kid);
        (ResealedRow::SigningKey(kid), binding)
    },
};

fn unwritten() -> Error {
    Error::new(ErrorKind::Database, "the database did not take what was sealed anew")
        .with_hint("the log says why; the new keys hold, and the next start goes on with the rest")
}
