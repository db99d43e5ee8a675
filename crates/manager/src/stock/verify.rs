//! Verifying: each reference is read, and everything that is not as it should be is a finding.

use serde::Serialize;
use strongroom_entities::FernetError;
use strongroom_metastore::{DocumentScan, DocumentTable};

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
    /// What was found.
    pub findings: u64,
}

/// A verification under way: page by page, first the rows, then the version history.
#[derive(Debug)]
pub struct Verification<'a> {
    manager: &'a Manager,
    stock: Option<Stocktaking<'a>>,
    history: DocumentScan,
    done: Verified,
}

impl Manager {
    /// Begins to verify what the chosen entities refer to; with no choice, also what is encrypted in the version history.
    pub fn verification(&self, selection: Selection) -> Verification<'_> {
        let is_everything = selection.is_everything();
        let tables = DocumentTable::all().filter(|table| table.is_history && is_everything);
        let history = DocumentScan::new(tables, TOKENS, PAGE);
        let stock = Some(self.stock_by_reading(selection));
        Verification { manager: self, stock, history, done: Verified::default() }
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
            None => match self.history().await? {
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

    async fn history(&mut self) -> Result<Option<Vec<Finding>>, WriteError> {
        let Some(page) = self.history.next(&self.manager.store).await? else { return Ok(None) };
        let mut findings = Vec::new();
        for document in &page.documents {
            for token in sealed::tokens(&document.text) {
                let opened = self.manager.fernet.as_ref().map(|keys| keys.decrypt(&token.text).map(drop));
                match opened.unwrap_or(Err(FernetError::NoKeyOpens)) {
                    // What only begins like one is a text like any other.
                    Err(FernetError::NotAToken) => continue,
                    Ok(()) | Err(FernetError::NotText) => {}
                    Err(FernetError::NoKeyOpens) => findings.push(Finding {
                        kind: page.table.name.to_owned(),
                        entity: document.key.join(" "),
                        field: sealed::place_of(&document.text, &token.text),
                        name: None,
                        fault: Fault::Undecryptable,
                        remark: sealed::NO_KEY_OPENS.to_owned(),
                    }),
                }
                self.done.in_history += 1;
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
