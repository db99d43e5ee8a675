//! The rotation of the Fernet key: what the database keeps encrypted is encrypted anew with the first key of the list, wherever
//! it stands: in entities, settings, event subscriptions, applications, and in the version history.
//!
//! A document is read again under a lock before it is replaced, and nothing of it changes but the values: what a running server
//! stores meanwhile is never overwritten. A page of documents is one transaction, so a rotation that was killed is continued by
//! running it again: what the first key opens is left as it is. After a round that changed something the database is gone through
//! once more, until nothing is left under an old key; that is also how it is verified.

use std::time::Duration;

use serde::Serialize;
use serde::de::IgnoredAny;
use strongroom_entities::literals::replaced;
use strongroom_entities::{FernetError, FernetKeys};
use strongroom_metastore::{DocumentTable, StoreError, StoredDocument};
use tokio::time::Instant;

use crate::Manager;
use crate::crash::{Step, reach};
use crate::error::WriteError;
use crate::migrate::Watcher;
use crate::sealed::{self, NO_KEY_OPENS, TOKENS};

/// How many documents are in hand at a time.
const PAGE: u32 = 64;
/// How often the database is gone through: once to do it, and then until nothing is left to do.
const ROUNDS: u32 = 4;
/// How often a page is tried that the database cannot do beside what others are doing, and how much longer each time.
const ATTEMPTS: u32 = 5;
const PAUSE: Duration = Duration::from_millis(50);
/// How many failures are named.
const NAMED: usize = 1_000;

/// What a rotation did, or would do.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rotation {
    /// How long it took.
    pub seconds: f64,
    /// The tables that hold something encrypted.
    pub tables: Vec<TableTurn>,
    /// Encrypted values in all.
    pub values: u64,
    /// Values that were encrypted anew; in a plan, those that would be.
    pub renewed: u64,
    /// Values that no key opens, and documents that cannot be read.
    pub failed: u64,
    /// The first thousand of them.
    pub failures: Vec<RotationFailure>,
    /// Whether the first key opens everything now.
    pub complete: bool,
    /// Whether it was asked to stop.
    pub stopped: bool,
}

/// One table of a rotation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TableTurn {
    /// Its name, and after a dot that of a column that holds encrypted texts and nothing else.
    pub table: String,
    /// Its documents that hold something encrypted.
    pub documents: u64,
    /// The encrypted values in them.
    pub values: u64,
    /// Those that were encrypted anew; in a plan, those that would be.
    pub renewed: u64,
}

/// A value that stays as it is. Never the value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RotationFailure {
    /// The table, and after a dot the column, if that holds encrypted texts and nothing else.
    pub table: String,
    /// The key of the row; empty in such a column.
    pub row: String,
    /// The field; empty if the whole document is meant.
    pub field: String,
    /// What is the matter, and what can be done.
    pub error: String,
}

/// A document under the first key.
#[derive(Debug, Default)]
struct Renewal {
    /// The new text; `None` if nothing changes.
    text: Option<String>,
    values: u64,
    renewed: u64,
    /// The fields of values that no key opens.
    closed: Vec<String>,
    is_json: bool,
}

impl Manager {
    /// Encrypts everything that the database keeps encrypted with the first Fernet key; with `plan` it only says what would
    /// change. The caller holds the migration lock.
    ///
    /// # Errors
    /// [`WriteError::NoFernetKey`] without a key; else if the database fails. What no key opens is in the report.
    pub async fn rotate_fernet_key(&self, plan: bool, watcher: &dyn Watcher) -> Result<Rotation, WriteError> {
        let started = Instant::now();
        let keys = self.fernet.as_ref().ok_or(WriteError::NoFernetKey)?;
        let mut total = 0;
        for table in DocumentTable::all() {
            total += self.store.count_documents(&table, TOKENS).await?;
        }
        watcher.total(total);
        let mut rotation = Rotation::default();
        for round in 1..=ROUNDS {
            let mut turn = Rotation::default();
            self.round(keys, plan, watcher, &mut turn).await?;
            let (renewed, is_last) = (turn.renewed, turn.renewed == 0 || plan || turn.stopped);
            // What was renewed adds up; everything else is as the last look at it found it.
            rotation.renewed += renewed;
            for table in &mut turn.tables {
                let before = rotation.tables.iter().find(|before| before.table == table.table);
                table.renewed += before.map_or(0, |before| before.renewed);
            }
            turn.complete = renewed == 0 && turn.failed == 0 && !turn.stopped;
            rotation = Rotation { renewed: rotation.renewed, ..turn };
            if is_last || round == ROUNDS {
                break;
            }
        }
        rotation.seconds = started.elapsed().as_secs_f64();
        Ok(rotation)
    }

    /// Goes through the database once.
    async fn round(
        &self,
        keys: &FernetKeys,
        plan: bool,
        watcher: &dyn Watcher,
        rotation: &mut Rotation,
    ) -> Result<(), WriteError> {
        for table in DocumentTable::all() {
            let mut turn = TableTurn { table: table.name.to_owned(), documents: 0, values: 0, renewed: 0 };
            let mut after: Option<Vec<String>> = None;
            loop {
                if watcher.should_stop() {
                    rotation.stopped = true;
                    break;
                }
                let page = self.store.documents(&table, TOKENS, after.as_deref(), PAGE).await?;
                watcher.advance(page.len() as u64);
                let mut old = Vec::new();
                for document in &page {
                    let renewal = renew(keys, &document.text);
                    turn.documents += u64::from(renewal.values > 0);
                    turn.values += renewal.values;
                    rotation.note_failures(&table, document, &renewal);
                    if renewal.text.is_some() {
                        old.push(&document.key);
                        turn.renewed += if plan { renewal.renewed } else { 0 };
                    }
                }
                if !plan && !old.is_empty() {
                    turn.renewed += self.renew_documents(keys, &table, &old).await?;
                }
                after = match page.len() == PAGE as usize {
                    true => page.into_iter().next_back().map(|document| document.key),
                    false => None,
                };
                if after.is_none() {
                    break;
                }
            }
            rotation.values += turn.values;
            rotation.renewed += turn.renewed;
            if turn.documents > 0 {
                rotation.tables.push(turn);
            }
        }
        self.columns_round(keys, plan, watcher, rotation).await
    }

    /// Goes through the columns that hold encrypted texts and nothing else.
    async fn columns_round(
        &self,
        keys: &FernetKeys,
        plan: bool,
        watcher: &dyn Watcher,
        rotation: &mut Rotation,
    ) -> Result<(), WriteError> {
        for column in self.store.encrypted_columns().await? {
            let table = format!("{}.{}", column.table, column.name);
            let mut turn = TableTurn { table, documents: 0, values: 0, renewed: 0 };
            let mut after = String::new();
            loop {
                if watcher.should_stop() {
                    rotation.stopped = true;
                    break;
                }
                let page = self.store.encrypted_texts(&column, &after, PAGE).await?;
                watcher.advance(page.len() as u64);
                let mut transaction = if plan { None } else { Some(self.store.begin().await?) };
                for text in &page {
                    turn.documents += 1;
                    turn.values += 1;
                    match (keys.renew(text), &mut transaction) {
                        (Ok(None), _) => {}
                        (Ok(Some(_)), None) => turn.renewed += 1,
                        (Ok(Some(new)), Some(transaction)) => {
                            turn.renewed += transaction.replace_encrypted_text(&column, text, &new).await?;
                        }
                        (Err(_), _) => rotation.fail(&turn.table, "", "", NO_KEY_OPENS),
                    }
                }
                if let Some(transaction) = transaction {
                    transaction.commit().await?;
                }
                match page.last() {
                    Some(last) if page.len() == PAGE as usize => after.clone_from(last),
                    _ => break,
                }
            }
            rotation.values += turn.values;
            rotation.renewed += turn.renewed;
            if turn.documents > 0 {
                rotation.tables.push(turn);
            }
        }
        Ok(())
    }

    /// Renews the values of some documents. What the database could not do beside what others were doing is done again.
    async fn renew_documents(
        &self,
        keys: &FernetKeys,
        table: &DocumentTable,
        old: &[&Vec<String>],
    ) -> Result<u64, WriteError> {
        for attempt in 1..ATTEMPTS {
            match self.renew_in_one_transaction(keys, table, old).await {
                Err(WriteError::Store(StoreError::Again(_))) => tokio::time::sleep(PAUSE * attempt).await,
                done => return done,
            }
        }
        self.renew_in_one_transaction(keys, table, old).await
    }

    /// Renews the values of some documents in one transaction, each as it stands there now. Answers how many values that were.
    async fn renew_in_one_transaction(
        &self,
        keys: &FernetKeys,
        table: &DocumentTable,
        old: &[&Vec<String>],
    ) -> Result<u64, WriteError> {
        let mut renewed = 0;
        let mut transaction = self.store.begin().await?;
        for key in old {
            let Some(current) = transaction.lock_document(table, key).await? else { continue };
            let renewal = renew(keys, &current);
            if let Some(text) = renewal.text {
                transaction.replace_document(table, key, &text).await?;
                renewed += renewal.renewed;
            }
        }
        reach(Step::ValuesRenewed);
        transaction.commit().await?;
        reach(Step::RenewalCommitted);
        Ok(renewed)
    }
}

impl Rotation {
    fn note_failures(&mut self, table: &DocumentTable, document: &StoredDocument, renewal: &Renewal) {
        let row = document.key.join(" ");
        if !renewal.is_json {
            self.fail(table.name, &row, "", "is not JSON, so it is left as it is");
        }
        renewal.closed.iter().for_each(|field| self.fail(table.name, &row, field, NO_KEY_OPENS));
    }

    fn fail(&mut self, table: &str, row: &str, field: &str, error: &str) {
        self.failed += 1;
        if self.failures.len() < NAMED {
            let [table, row, field, error] = [table, row, field, error].map(str::to_owned);
            self.failures.push(RotationFailure { table, row, field, error });
        }
    }
}

/// What a document is under the first key.
fn renew(keys: &FernetKeys, json: &str) -> Renewal {
    let mut renewal =
        Renewal { is_json: serde_json::from_str::<IgnoredAny>(json).is_ok(), ..Renewal::default() };
    if !renewal.is_json {
        return renewal;
    }
    let mut by = Vec::new();
    for token in sealed::tokens(json) {
        renewal.values += 1;
        match keys.renew(&token.text) {
            Ok(None) => {}
            Ok(Some(renewed)) => by.push((token.range, renewed)),
            // A text that only begins like one.
            Err(FernetError::NotAToken) => renewal.values -= 1,
            Err(FernetError::NoKeyOpens | FernetError::NotText) => {
                renewal.closed.push(sealed::place_of(json, &token.text));
            }
        }
    }
    renewal.renewed = by.len() as u64;
    renewal.text = (!by.is_empty()).then(|| replaced(json, &by));
    renewal
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use strongroom_secrets::SecretValue;
    use strongroom_secrets::random::SequentialRandom;

    use super::*;

    /// Some keys, each alone, and the list of all of them.
    fn keys(count: usize) -> (Vec<FernetKeys>, FernetKeys) {
        let random = SequentialRandom::default();
        let texts: Vec<_> = (0..count).map(|_| FernetKeys::generate(&random)).collect();
        let list: Vec<_> = texts.iter().map(SecretValue::expose).collect();
        let all = FernetKeys::parse(&SecretValue::new(list.join(","))).unwrap();
        (texts.iter().map(|text| FernetKeys::parse(text).unwrap()).collect(), all)
    }

    #[test]
    fn what_no_key_opens_and_what_only_looks_encrypted_stays() {
        let (single, all) = keys(2);
        let (stranger, _) = keys(3);
        let strange = stranger[2].encrypt(&SecretValue::new("x"));
        let old = single[1].encrypt(&SecretValue::new("y"));
        let text = json!({"a": strange, "note": "fernet: a plant", "b": [old]}).to_string();
        let renewal = renew(&all, &text);
        assert_eq!((renewal.values, renewal.renewed, renewal.closed), (2, 1, vec!["a".to_owned()]));
        let after: Value = serde_json::from_str(&renewal.text.unwrap()).unwrap();
        assert_eq!((&after["a"], &after["note"]), (&json!(strange), &json!("fernet: a plant")));
        assert_eq!(single[0].decrypt(after["b"][0].as_str().unwrap()).unwrap().expose(), "y");
    }

    #[test]
    fn what_is_not_json_is_left_alone() {
        let (single, all) = keys(2);
        let text = format!("{{\"a\": \"{}\"", single[1].encrypt(&SecretValue::new("y")));
        let renewal = renew(&all, &text);
        assert!(!renewal.is_json && renewal.text.is_none());
    }

    proptest! {
        #[test]
        fn whatever_the_mix_of_keys_the_first_alone_opens_each_value_afterwards(
            values in proptest::collection::vec((any::<String>(), 0_usize..4), 0..12),
            number in any::<f64>().prop_filter("a number of JSON", |number| number.is_finite()),
        ) {
            let (single, all) = keys(4);
            let tokens: Vec<String> =
                values.iter().map(|(value, key)| single[*key].encrypt(&SecretValue::new(value.as_str()))).collect();
            let text = json!({"n": number, "list": tokens, "deep": {"plain": "secret:x"}}).to_string();
            let renewal = renew(&all, &text);
            let old = values.iter().filter(|(_, key)| *key > 0).count() as u64;
            prop_assert_eq!((renewal.values, renewal.renewed), (values.len() as u64, old));
            let after = renewal.text.unwrap_or_else(|| text.clone());
            let mut expected: Value = serde_json::from_str(&text).unwrap();
            let after: Value = serde_json::from_str(&after).unwrap();
            for (index, (value, key)) in values.iter().enumerate() {
                let token = after["list"][index].as_str().unwrap();
                let opened = single[0].decrypt(token).unwrap();
                prop_assert_eq!(opened.expose(), value.as_str());
                prop_assert_eq!(*key == 0, token == tokens[index]);
                expected["list"][index] = json!(token);
            }
            prop_assert_eq!(&after, &expected);
            // Once more changes nothing.
            prop_assert!(renew(&all, &after.to_string()).text.is_none());
        }
    }
}
