//! The rotation of the Fernet key: what the database keeps encrypted is encrypted anew with the first key of the list, wherever
//! it stands: in entities, settings, event subscriptions, applications, in the version history and in what tells of events, in the
//! columns of tables for OAuth, and in any other column; in a field of its own, within a document that stands there as a text, or in prose.
//!
//! A document is read again under a lock before it is replaced, and nothing of it changes but the values: what a running server
//! stores meanwhile is never overwritten. A page of documents is one transaction, so a rotation that was killed is continued by
//! running it again: what the first key opens is left as it is. After a round that changed something the database is gone through
//! once more, until nothing is left under an old key; that is also how it is verified. At last the room is given back in which the old
//! values stood.

use std::time::Duration;

use serde::Serialize;
use strongroom_entities::{FernetError, FernetKeys, fernet, tokens};
use strongroom_metastore::{DocumentScan, DocumentTable, Form, StoreError};
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
    /// Values that no key opens.
    pub failed: u64,
    /// The first thousand of them.
    pub failures: Vec<RotationFailure>,
    /// Whether the first key opens everything now.
    pub complete: bool,
    /// Why it ended before it had gone through everything, if it did.
    pub stopped: Option<&'static str>,
    /// Whether the room in which old values stood was given back, so that they are no longer in the database's files; `None` if there
    /// was none.
    pub reclaimed: Option<bool>,
    /// What was not gone through, though it holds or may hold something encrypted.
    pub left: Vec<LeftPlace>,
}

/// A place that is left as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftPlace {
    /// A table, or a column of one.
    pub place: String,
    /// Why.
    pub reason: String,
}

/// The places of a rotation.
struct Places {
    tables: Vec<DocumentTable>,
    left: Vec<LeftPlace>,
}

/// One table of a rotation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
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
    /// The field; empty if it cannot be told.
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
        let places = self.places().await?;
        let mut total = 0;
        for table in &places.tables {
            total += self.store.count_rows(table).await?;
        }
        watcher.total(total);
        let mut rotation = Rotation::default();
        for round in 1..=ROUNDS {
            let mut turn = Rotation::default();
            self.round(keys, &places.tables, plan, watcher, &mut turn).await?;
            let (renewed, is_last) = (turn.renewed, turn.renewed == 0 || plan || turn.stopped.is_some());
            // What was renewed adds up; everything else is as the last look at it found it.
            rotation.renewed += renewed;
            for table in &mut turn.tables {
                let before = rotation.tables.iter().find(|before| before.table == table.table);
                table.renewed += before.map_or(0, |before| before.renewed);
            }
            turn.complete = renewed == 0 && turn.failed == 0 && turn.stopped.is_none();
            rotation = Rotation { renewed: rotation.renewed, ..turn };
            if is_last || round == ROUNDS {
                break;
            }
            watcher.begins_pass(u64::from(round) + 1);
        }
        if !plan && rotation.stopped.is_none() {
            // What stood there before is done with, whether its room can be given back just now or not.
            rotation.reclaimed = self.reclaim().await.unwrap_or(Some(false));
        }
        rotation.left = places.left;
        rotation.seconds = started.elapsed().as_secs_f64();
        Ok(rotation)
    }

    /// Where something encrypted can stand: in the tables that are known, and in whatever column of any other holds some now.
    async fn places(&self) -> Result<Places, WriteError> {
        let mut tables = self.store.tables_with_encrypted().await?;
        let mut left = Vec::new();
        let search = self.store.secrets_elsewhere(&[]).await?;
        for found in search.found.into_iter().filter(|found| found.form == Form::Encrypted) {
            match found.texts() {
                Some(texts) if tables.iter().any(|known| known.is_place_of(&texts)) => {}
                Some(texts) => tables.push(texts),
                None => left.push(LeftPlace {
                    place: format!("{}.{}", found.table, found.column),
                    reason: format!("{} of its rows hold encrypted values among bytes", found.rows),
                }),
            }
        }
        left.extend(search.unread.into_iter().map(|(place, reason)| LeftPlace { place, reason }));
        Ok(Places { tables, left })
    }

    /// Goes through the database once.
    async fn round(
        &self,
        keys: &FernetKeys,
        tables: &[DocumentTable],
        plan: bool,
        watcher: &dyn Watcher,
        rotation: &mut Rotation,
    ) -> Result<(), WriteError> {
        let mut scan = DocumentScan::new(tables.to_vec(), TOKENS, PAGE);
        loop {
            rotation.stopped = watcher.why_stop();
            if rotation.stopped.is_some() {
                return Ok(());
            }
            let Some(page) = scan.next(&self.store).await? else { return Ok(()) };
            watcher.advance(page.passed);
            let mut turn = TableTurn { table: page.table.label().into_owned(), ..TableTurn::default() };
            let mut old = Vec::new();
            for document in &page.documents {
                let renewal = renew(keys, &document.text);
                turn.documents += u64::from(renewal.values > 0);
                turn.values += renewal.values;
                let row = page.table.key_label(document);
                renewal.closed.iter().for_each(|field| rotation.fail(&turn.table, &row, field));
                if renewal.text.is_some() {
                    old.push(&document.key);
                    turn.renewed += if plan { renewal.renewed } else { 0 };
                }
            }
            if !plan && !old.is_empty() {
                if rotation.reclaimed.is_none() {
                    self.owe_reclaim().await?;
                    rotation.reclaimed = Some(false);
                }
                turn.renewed += self.renew_documents(keys, &page.table, &old).await?;
            }
            rotation.add(turn);
        }
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
    /// Adds what was done to a page of a table.
    fn add(&mut self, turn: TableTurn) {
        self.values += turn.values;
        self.renewed += turn.renewed;
        match self.tables.last_mut().filter(|table| table.table == turn.table) {
            Some(table) => {
                table.documents += turn.documents;
                table.values += turn.values;
                table.renewed += turn.renewed;
            }
            None if turn.documents > 0 => self.tables.push(turn),
            None => {}
        }
    }

    fn fail(&mut self, table: &str, row: &str, field: &str) {
        self.failed += 1;
        if self.failures.len() < NAMED {
            let [table, row, field, error] = [table, row, field, NO_KEY_OPENS].map(str::to_owned);
            self.failures.push(RotationFailure { table, row, field, error });
        }
    }
}

/// What a text is under the first key, whatever form it has.
fn renew(keys: &FernetKeys, text: &str) -> Renewal {
    let mut renewal = Renewal::default();
    let mut by = Vec::new();
    for token in tokens::tokens(text) {
        match keys.renew(token.text) {
            Ok(None) => {}
            Ok(Some(renewed)) => {
                let renewed = match token.is_marked {
                    true => renewed,
                    false => renewed.trim_start_matches(fernet::PREFIX).to_owned(),
                };
                by.push((token.range, renewed));
            }
            // A text that only begins like one, or one of somebody else's.
            Err(FernetError::NotAToken) => continue,
            Err(_) if !token.is_marked => continue,
            Err(FernetError::NoKeyOpens | FernetError::NotText) => {
                renewal.closed.push(sealed::place_of(text, token.text));
            }
        }
        renewal.values += 1;
    }
    renewal.renewed = by.len() as u64;
    renewal.text = (!by.is_empty()).then(|| tokens::replaced(text, &by));
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
    fn what_stands_in_texts_within_texts_or_in_prose_is_renewed_where_it_stands() {
        let (single, all) = keys(2);
        let old = single[1].encrypt(&SecretValue::new("y"));
        let bare = old.trim_start_matches("fernet:").to_owned();
        let inner = json!({"connection": {"password": old, "note": "a \"b\"\n"}}).to_string();
        let event = json!({"entity": json!({"entity": inner, "n": 1.0}).to_string(), "message": format!("was {bare}, is not")});
        // What was cut off is no JSON, and can be decrypted all the same.
        for text in [event.to_string(), inner, bare.clone(), format!("{{\"a\": \"{old}")] {
            let count = text.matches(&bare).count();
            let renewal = renew(&all, &text);
            let after = renewal.text.unwrap();
            assert_eq!((renewal.values, renewal.renewed), (count as u64, count as u64), "{text}");
            assert_eq!(after.len(), text.len(), "{after}");
            let again = renew(&all, &after);
            assert_eq!((again.values, again.text), (count as u64, None), "{after}");
            let first = tokens::tokens(&after).next().unwrap();
            assert_eq!(single[0].decrypt(first.text).unwrap().expose(), "y");
            let put_back: Vec<_> = tokens::tokens(&after)
                .zip(tokens::tokens(&text))
                .map(|(new, old)| (new.range, text[old.range].to_owned()))
                .collect();
            assert_eq!(tokens::replaced(&after, &put_back), text);
        }
    }

    #[test]
    fn what_nobody_marked_may_be_somebody_elses() {
        let (single, all) = keys(3);
        let only = FernetKeys::parse(&FernetKeys::generate(&SequentialRandom::default())).unwrap();
        let strange = single[2].encrypt(&SecretValue::new("x")).trim_start_matches("fernet:").to_owned();
        assert_eq!(renew(&only, &json!({"note": strange}).to_string()).values, 0);
        assert_eq!(renew(&all, &json!({"note": strange}).to_string()).renewed, 1);
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
