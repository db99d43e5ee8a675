//! The examination: what is the matter with the secret fields of a database, as far as reading tells. Nothing is written.
//!
//! The rows are gone through page by page (twice, if something has to be named that the first pass could only count). Of each
//! field no more is kept than a few bytes, so that a large database needs little memory: [`Tally`] counts everything and names
//! the first few. What the fields hold is sorted in [`contents`], the names that they lay claim to in [`names`], where their
//! references lead in [`references`], by what the vault was found to hold ([`holdings`]). Of settings and columns of encrypted texts only
//! is asked which key opens them.

mod contents;
mod holdings;
mod names;
mod references;

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use strongroom_entities::{EntityKind, FernetKeys, FieldPath};
use strongroom_metastore::{DocumentScan, Metastore, Row, RowScan, StoreError};
use strongroom_secrets::SecretName;
use uuid::Uuid;

pub use self::contents::Contents;
pub use self::holdings::Holdings;
pub use self::names::{Collision, NameFaults};
pub use self::references::ReferenceFaults;
use crate::held::Held;
use crate::migrate::leftovers::label;
use crate::naming::Naming;
use crate::sealed::TOKENS;
use crate::sorting::fully_qualified_name;

/// How many rows are in hand at a time.
const PAGE: u32 = 64;

/// How many faults of one kind are named; the rest is counted.
pub const NAMED: usize = 10;

/// What is examined, and by what measure.
#[derive(Debug)]
pub struct Examining<'a> {
    /// The database.
    pub store: &'a Metastore,
    /// How secrets are named.
    pub naming: &'a Naming,
    /// The keys of values in the database, if there are any.
    pub fernet: Option<&'a FernetKeys>,
    /// What the vault holds that references lead to; `None` if there is no vault, or it cannot be asked.
    pub holdings: Option<&'a Holdings>,
    /// How long the database, or a call of the vault, may take for one question.
    pub patience: Duration,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Examination {
    /// The rows that were read.
    pub entities: u64,
    /// The rows that cannot be read.
    pub broken: Tally,
    /// What the fields hold.
    pub contents: Contents,
    /// What settings, event subscriptions, applications and columns of encrypted texts hold, which nobody keeps in a vault.
    pub beside: Contents,
    /// What is wrong with names.
    pub names: NameFaults,
    /// Where references lead.
    pub references: ReferenceFaults,
}

/// Why an examination could not be finished.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExamineError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The database did not answer in time.
    #[error("the database gave no answer within {0} s")]
    TimedOut(u64),
    /// The vault failed.
    #[error(transparent)]
    Vault(#[from] strongroom_secrets::Error),
}

/// Faults of one kind: how many there are, and the first few of them by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many there are.
    pub count: u64,
    /// The first [`NAMED`] of them.
    pub first: Vec<String>,
}

impl Examination {
    /// How many encrypted texts a key opens, counted from 0.
    pub fn opened_by(&self, key: usize) -> u64 {
        self.contents.opened_by(key) + self.beside.opened_by(key)
    }

    /// How many encrypted texts any key opens.
    pub fn opened(&self) -> u64 {
        self.contents.opened.iter().chain(&self.beside.opened).sum()
    }
}

impl Tally {
    /// One more; `name` is called only if it is to be named.
    pub(crate) fn add(&mut self, name: impl FnOnce() -> String) {
        self.count += 1;
        if self.first.len() < NAMED {
            self.first.push(name());
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

/// A secret field, with what it holds once it is decrypted.
struct Field<'a> {
    kind: EntityKind,
    entity: Uuid,
    fqn: &'a str,
    path: &'a FieldPath,
    held: Held,
}

impl Field<'_> {
    /// The field, for people.
    fn label(&self) -> String {
        format!("{} {}: {}", self.kind, self.fqn, self.path)
    }

    /// The names that its secret may have, by any of the rules for names.
    fn would_be_named(&self, naming: &Naming, name: &SecretName) -> bool {
        let computed = [
            naming.openmetadata_name(self.kind, self.fqn, self.path),
            naming.name(self.kind, self.fqn, self.path),
            naming.name_with_id(self.kind, self.fqn, self.path, self.entity),
        ];
        computed.iter().flatten().any(|computed| computed == name)
    }
}

/// Hashes of names, by which they are remembered: eight bytes each, keyed anew in each run.
#[derive(Debug, Clone, Default)]
struct Keys(RandomState);

impl Keys {
    fn of(&self, name: &SecretName) -> u64 {
        self.0.hash_one(name.key())
    }
}

impl Examining<'_> {
    /// Goes through all secret fields.
    ///
    /// # Errors
    /// [`ExamineError`] if the database or the vault fails on the way.
    pub async fn run(&self) -> Result<Examination, ExamineError> {
        let mut found = Examination::default();
        let mut claims = names::Claims::new(self.naming);
        let mut leads = references::Leads::new(self);
        let mut scan = self.scan(EntityKind::WITH_SECRETS);
        while let Some(page) = self.within(scan.next(self.store)).await?? {
            for row in page.rows {
                found.entities += 1;
                let row = match row {
                    Ok(row) => row,
                    Err(broken) => {
                        found.broken.add(|| broken.to_string());
                        continue;
                    }
                };
                let fqn = fully_qualified_name(&row.json);
                for path in &strongroom_entities::walk(row.kind, &row.json).fields {
                    let field = self.look(&row, &fqn, path);
                    found.contents.add(&field);
                    claims.add(&field, &mut found.names);
                    self.within(leads.add(&field, &mut found.references)).await??;
                }
            }
        }
        self.look_beside(&mut found).await?;
        if claims.wants_another_pass() || leads.wants_another_pass() {
            self.name(&claims, &mut leads, &mut found).await?;
        }
        Ok(found)
    }

    /// The second pass: whose the names are that more than one field lays claim to.
    async fn name(
        &self,
        claims: &names::Claims<'_>,
        leads: &mut references::Leads<'_>,
        found: &mut Examination,
    ) -> Result<(), ExamineError> {
        let mut scan = self.scan(EntityKind::WITH_SECRETS);
        while let Some(page) = self.within(scan.next(self.store)).await?? {
            for row in page.rows.into_iter().flatten() {
                let fqn = fully_qualified_name(&row.json);
                for path in &strongroom_entities::walk(row.kind, &row.json).fields {
                    let field = self.look(&row, &fqn, path);
                    claims.name(&field, &mut found.names);
                    leads.name(&field);
                }
            }
        }
        found.names.settle();
        leads.settle(&mut found.references);
        Ok(())
    }

    /// What is encrypted beside the entities: OpenMetadata's own server keeps that in no vault.
    async fn look_beside(&self, found: &mut Examination) -> Result<(), ExamineError> {
        let mut scan = self.scan(EntityKind::SETTINGS);
        while let Some(page) = self.within(scan.next(self.store)).await?? {
            for row in page.rows {
                let row = match row {
                    Ok(row) => row,
                    Err(broken) => {
                        found.broken.add(|| broken.to_string());
                        continue;
                    }
                };
                let fqn = label(&row);
                for path in &strongroom_entities::walk(row.kind, &row.json).fields {
                    found.beside.add(&self.look(&row, &fqn, path));
                }
            }
        }
        let columns = self.within(self.store.encrypted_columns()).await??;
        let mut scan = DocumentScan::new(columns, TOKENS, PAGE);
        while let Some(page) = self.within(scan.next(self.store)).await?? {
            for text in &page.documents {
                let opened = self.fernet.map(|keys| keys.open(&text.text).map(|(key, _)| key));
                found.beside.add_encrypted(opened.and_then(Result::ok), || page.table.label().into_owned());
            }
        }
        Ok(())
    }

    fn scan(&self, kinds: &[EntityKind]) -> RowScan {
        RowScan::new(kinds.iter().copied(), PAGE)
    }

    /// One question, with a bound: a call of the vault in it has one of its own.
    async fn within<T>(&self, question: impl Future<Output = T>) -> Result<T, ExamineError> {
        let bound = self.patience * 2;
        let answer = tokio::time::timeout(bound, question).await;
        answer.map_err(|_| ExamineError::TimedOut(bound.as_secs()))
    }

    fn look<'a>(&self, row: &'a Row, fqn: &'a str, path: &'a FieldPath) -> Field<'a> {
        let held = Held::of(&row.json, path, self.fernet);
        Field { kind: row.kind, entity: row.id, fqn, path, held }
    }
}
