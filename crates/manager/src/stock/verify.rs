//! Verifying: each reference is read, and everything that is not as it should be is a finding.

use serde::Serialize;
use strongroom_entities::{FernetError, tokens};
use strongroom_metastore::{CopyTable, DocumentScan, DocumentTable};

use super::{Position, State, Stocktaking};
use crate::Manager;
use crate::error::WriteError;
use crate::migrate::Selection;
use crate::sealed::{self, TOKENS};

/// How many documents are in hand at a time.
const PAGE: u32 = 64;

/// What is wrong with a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// The vault's latest version is not the committed one.
    Drifted,
    /// A secret of ours is not in the vault.
    Missing,
    /// A reference of a user's own points nowhere.
    Dangling,
    /// The secret is disabled.
    Disabled,
    /// It has ended.
    Expired,
    /// It has not begun yet.
    NotYetValid,
    /// It belongs to another field, or to another installation.
    Anothers,
    /// No Fernet key opens what is stored.
    Undecryptable,
    /// What is stored can be neither a value nor a reference.
    Malformed,
    /// The vault refused to tell.
    Unreadable,
    /// The row cannot be read.
    BrokenRow,
}

/// Something that is not as it should be. Never a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The type of the entity, or the table.
    pub kind: String,
    /// The entity's fully qualified name, or the row's key.
    pub entity: String,
    /// The field; empty if the whole row is meant.
    pub field: String,
    /// The secret, if it is about one.
    pub name: Option<String>,
    /// What is wrong.
    pub fault: Fault,
    /// What is the matter, and what can be done.
    pub remark: String,
}

/// What was verified.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verified {
    /// Entities that were looked at.
    pub entities: u64,
    /// References whose secrets were read.
    pub references: u64,
    /// Fields whose values stand in the database.
    pub in_database: u64,
    /// Encrypted values in the version history.
    pub in_history: u64,
    /// Encrypted values in events, and in the log of who changed what.
    pub in_events: u64,
    /// Encrypted values in columns of their own, which the tables for OAuth have.
    pub in_columns: u64,
    /// What was found.
    pub findings: u64,
}

/// A verification under way: page by page, first the rows, then whatever else is encrypted.
#[derive(Debug)]
pub struct Verification<'a> {
    manager: &'a Manager,
    stock: Option<Stocktaking<'a>>,
    beside: Beside,
    done: Verified,
}

/// What lies beside the rows.
#[derive(Debug)]
enum Beside {
    /// It is not looked at, since only some entities are meant.
    Not,
    /// It is still to come.
    Later,
    /// It is being gone through.
    Now(DocumentScan),
}

impl Manager {
    /// Begins to verify what the chosen entities refer to; with no choice, also what is encrypted in the version history, in events and
    /// in columns of its own.
    pub fn verification(&self, selection: Selection) -> Verification<'_> {
        let beside = if selection.is_everything() { Beside::Later } else { Beside::Not };
        let stock = Some(self.stock_by_reading(selection));
        Verification { manager: self, stock, beside, done: Verified::default() }
    }
}

impl Verification<'_> {
    /// The findings of the next page; `None` at the end.
    ///
    /// # Errors
    /// If the database fails, or the vault serves nobody.
    pub async fn next(&mut self) -> Result<Option<Vec<Finding>>, WriteError> {
        let findings = match self.entities().await? {
            Some(findings) => findings,
            None => match self.beside().await? {
                Some(findings) => findings,
                None => return Ok(None),
            },
        };
        self.done.findings += findings.len() as u64;
        Ok(Some(findings))
    }

    /// What was verified until now.
    pub fn done(&self) -> Verified {
        self.done
    }

    async fn entities(&mut self) -> Result<Option<Vec<Finding>>, WriteError> {
        let Some(stock) = &mut self.stock else { return Ok(None) };
        let Some(page) = stock.next().await? else {
            self.stock = None;
            return Ok(None);
        };
        self.done.entities += page.entities;
        let now = self.manager.clock.now_seconds();
        let mut findings: Vec<Finding> = page.broken.into_iter().map(broken).collect();
        for position in page.positions {
            match position.state {
                State::InDatabase => self.done.in_database += 1,
                _ if position.name.is_some() => self.done.references += 1,
                _ => {}
            }
            findings.extend(faults(&position, now));
        }
        Ok(Some(findings))
    }

    async fn beside(&mut self) -> Result<Option<Vec<Finding>>, WriteError> {
        let store = &self.manager.store;
        if matches!(self.beside, Beside::Later) {
            let tables = DocumentTable::all().filter(|table| table.is_history);
            let tables = tables.chain(store.encrypted_columns().await?);
            self.beside = Beside::Now(DocumentScan::new(tables, TOKENS, PAGE));
        }
        let Beside::Now(scan) = &mut self.beside else { return Ok(None) };
        let Some(page) = scan.next(store).await? else { return Ok(None) };
        let is_version = page.table == CopyTable::Versions.table();
        let mut findings = Vec::new();
        for document in &page.documents {
            for token in tokens::tokens(&document.text) {
                let opened = self.manager.fernet.as_ref().map(|keys| keys.decrypt(token.text).map(drop));
                match opened.unwrap_or(Err(FernetError::NoKeyOpens)) {
                    Ok(()) | Err(FernetError::NotText) => {}
                    // What only begins like one is a text like any other, and what is not marked can be anybody's.
                    Err(FernetError::NotAToken) => continue,
                    Err(FernetError::NoKeyOpens) if !token.is_marked => continue,
                    Err(FernetError::NoKeyOpens) => findings.push(Finding {
                        kind: page.table.label().into_owned(),
                        entity: page.table.key_label(document),
                        field: sealed::place_of(&document.text, token.text),
                        name: None,
                        fault: Fault::Undecryptable,
                        remark: sealed::NO_KEY_OPENS.to_owned(),
                    }),
                }
                *match (page.table.is_column(), is_version) {
                    (true, _) => &mut self.done.in_columns,
                    (false, true) => &mut self.done.in_history,
                    (false, false) => &mut self.done.in_events,
                } += 1;
            }
        }
        Ok(Some(findings))
    }
}

/// What is wrong with a field: in the worst case that it has ended, too.
fn faults(position: &Position, now: i64) -> Vec<Finding> {
    let fault = match position.state {
        State::InVault | State::InDatabase | State::Own => None,
        State::Missing if position.version.is_none() => Some(Fault::Dangling),
        State::Missing => Some(Fault::Missing),
        State::Drifted => Some(Fault::Drifted),
        State::Anothers => Some(Fault::Anothers),
        State::Disabled => Some(Fault::Disabled),
        State::Undecryptable => Some(Fault::Undecryptable),
        State::Malformed => Some(Fault::Malformed),
        State::Unreadable => Some(Fault::Unreadable),
    };
    let mut faults: Vec<(Fault, &str)> = Vec::new();
    faults.extend(fault.map(|fault| (fault, position.remark.as_deref().unwrap_or_default())));
    if position.expires.is_some_and(|expires| expires <= now) {
        faults.push((Fault::Expired, "has expired: renew it, or move its end"));
    }
    if position.not_before.is_some_and(|begin| begin > now) {
        faults.push((Fault::NotYetValid, "is not to be used yet: move its begin, or wait"));
    }
    let finding = |(fault, remark): (Fault, &str)| Finding {
        kind: position.kind.to_owned(),
        entity: position.entity.clone(),
        field: position.field.clone(),
        name: position.name.clone(),
        fault,
        remark: remark.to_owned(),
    };
    faults.into_iter().map(finding).collect()
}

fn broken(what: String) -> Finding {
    let (kind, entity, field) = (String::new(), String::new(), String::new());
    Finding { kind, entity, field, name: None, fault: Fault::BrokenRow, remark: what }
}
