//! Stock: what each secret field of the database holds, where its value is kept, and whether all is as it should be.
//!
//! [`Stocktaking`] goes through the tables page by page and answers a [`Position`] for each field; `latest` asks the vault, and
//! `judging` says what its answer means. [`verify`] is a look at everything with all faults named, [`orphans`] finds what no row
//! refers to, [`expiring`] what ends soon.
//!
//! Memory stays as it is however many entities there are: a page is in hand at a time, and of a vault's list some bytes for each
//! secret. Nothing is written here, except where [`orphans`] are deleted, or the user accepts what somebody else
//! wrote to the vault (`accepting`).

mod accepting;
pub mod expiring;
mod judging;
mod latest;
pub mod orphans;
pub mod position;
mod references;
pub mod verify;

use std::collections::HashMap;

use futures::{StreamExt, stream};
use strongroom_entities::FieldPath;
use strongroom_metastore::{Owner, Row, RowScan};
use strongroom_secrets::{Error, ErrorKind};

use self::judging::Referring;
use self::latest::{Latest, Listing};
use crate::Manager;
use crate::error::WriteError;
use crate::held::{Held, What};
use crate::migrate::inventory::{Content, Entry, all_kinds, scan};
use crate::migrate::{MigrateOptions, Selection};

pub use position::{Place, Position, State};

/// A way through all secret fields of the database, a page at a time.
#[derive(Debug)]
pub struct Stocktaking<'a> {
    manager: &'a Manager,
    selection: Selection,
    /// The vault's list; without it each secret is read.
    listing: Option<Listing>,
    scan: RowScan,
}

/// A page of the stock.
#[derive(Debug, Default)]
pub struct StockPage {
    /// How many entities were looked at.
    pub entities: u64,
    /// Their secret fields, as far as these hold something.
    pub positions: Vec<Position>,
    /// Rows that cannot be read, each in words.
    pub broken: Vec<String>,
}

impl Manager {
    /// Takes stock by the vault's list, which says no versions: drift is seen where the latest version has not our tags. No value is
    /// read, but for a secret that seems not to be as it should.
    ///
    /// # Errors
    /// If the vault cannot be listed.
    pub async fn stock_by_listing(&self, selection: Selection) -> Result<Stocktaking<'_>, WriteError> {
        let listing = match self.vault() {
            Some(vault) => Some(Listing::of(vault, self.installation).await?),
            None => None,
        };
        Ok(Stocktaking::new(self, selection, listing))
    }

    /// Takes stock by reading each secret.
    pub fn stock_by_reading(&self, selection: Selection) -> Stocktaking<'_> {
        Stocktaking::new(self, selection, None)
    }

    /// What all secret fields of a row hold, also those that a migration leaves where they are.
    fn everything_in(&self, row: Row) -> Entry {
        let options =
            MigrateOptions { include_options: true, include_settings: true, ..MigrateOptions::default() };
        let mut entry = self.take_stock(row, &options);
        let left = entry.left.options.iter().chain(&entry.left.settings).map(|left| &left.field);
        let left = left.chain(entry.left.unknown_types.iter().flat_map(|left| &left.fields));
        let left: Vec<FieldPath> = left.filter_map(|field| field.parse().ok()).collect();
        for field in left {
            let content = self.content(&entry.row.json, &field, &options);
            entry.fields.push((field, content));
        }
        entry
    }

    /// How many entities a stock is taken of.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn count_stock(&self, selection: &Selection) -> Result<u64, WriteError> {
        let mut count = 0;
        for kind in all_kinds().filter(|kind| selection.may_take(**kind)) {
            count += self.store.count_all(*kind).await?;
        }
        Ok(count)
    }
}

impl<'a> Stocktaking<'a> {
    fn new(manager: &'a Manager, selection: Selection, listing: Option<Listing>) -> Self {
        let scan = scan(&selection);
        Self { manager, selection, listing, scan }
    }

    /// The next page; `None` at the end. A page can be empty.
    ///
    /// # Errors
    /// If the database fails, or the vault serves nobody.
    pub async fn next(&mut self) -> Result<Option<StockPage>, WriteError> {
        let Some(page) = self.scan.next(&self.manager.store).await? else { return Ok(None) };
        let mut stock = StockPage::default();
        let mut entries = Vec::with_capacity(page.rows.len());
        for row in page.rows {
            match row {
                Ok(row) => entries.push(self.manager.everything_in(row)),
                Err(broken) => stock.broken.push(broken.to_string()),
            }
        }
        entries.retain(|entry| {
            let name = entry.row.json.get("name").and_then(serde_json::Value::as_str);
            self.selection.takes(entry.row.kind, &entry.fqn, name.unwrap_or(&entry.fqn))
        });
        stock.entities = entries.iter().filter(|entry| !entry.is_beside_the_point()).count() as u64;
        stock.positions = self.positions(&entries).await?;
        Ok(Some(stock))
    }

    async fn positions(&self, entries: &[Entry]) -> Result<Vec<Position>, WriteError> {
        let mut referring = Vec::new();
        let mut places: Vec<Result<usize, Position>> = Vec::new();
        let owners = self.owners_of(entries).await?;
        for entry in entries {
            for (field, content) in &entry.fields {
                let position = blank(entry, field.to_string());
                match content {
                    Content::Reference { name, .. } => {
                        places.push(Ok(referring.len()));
                        let kept = owners.get(&name.key());
                        referring.push(Referring { entry, field, name, kept, position });
                    }
                    Content::Empty { .. } => {}
                    Content::Value { plain, .. } => places.push(Err(Position {
                        place: if *plain { Place::DatabaseInClear } else { Place::Database },
                        ..position
                    })),
                    Content::Doubtful(reason) => {
                        places.push(Err(position.told(self.doubt(&entry.row, field), reason.as_str())));
                    }
                }
            }
        }
        let judged: Vec<_> = referring.iter().map(|referring| self.look(referring)).collect();
        let judged: Vec<_> = stream::iter(judged).buffered(Manager::CONCURRENCY).collect().await;
        let mut judged = unless_unserved(judged)?;
        Ok(places
            .into_iter()
            .filter_map(|place| match place {
                Ok(index) => judged.get_mut(index).and_then(Option::take),
                Err(position) => Some(position),
            })
            .collect())
    }

    /// Whose the secrets of a page's entities are, by their names without case. Of a name that none of them has it is looked up
    /// when the secret is.
    async fn owners_of(&self, entries: &[Entry]) -> Result<HashMap<String, Owner>, WriteError> {
        let refers = |entry: &&Entry| {
            entry.fields.iter().any(|(_, content)| matches!(content, Content::Reference { .. }))
        };
        let ids: Vec<_> = entries.iter().filter(refers).map(|entry| entry.row.id).collect();
        let owners = self.manager.store.owned_by_any(&ids).await?;
        Ok(owners.into_iter().map(|owner| (owner.name.key(), owner)).collect())
    }

    /// What is wrong with a field that holds something doubtful.
    fn doubt(&self, row: &Row, field: &FieldPath) -> State {
        match Held::of(&row.json, field, self.manager.fernet.as_ref()).what {
            What::Unopened => State::Undecryptable,
            _ => State::Malformed,
        }
    }

    /// Looks at the secret that a field refers to: in the list, and closely if that does not say that all is well.
    async fn look(&self, referring: &Referring<'_>) -> Result<Position, LookError> {
        let Referring { entry, field, name, .. } = *referring;
        let Some(vault) = self.manager.vault() else {
            return Ok(referring.position.clone().told(
                State::Missing,
                "no vault is configured that could resolve it (secretsManagerConfiguration)",
            ));
        };
        let owner = entry.owner(field);
        let listed = self.listing.as_ref().map(|listing| listing.get(name, &owner));
        let whose = self.manager.kept_by(referring).await?;
        if let Some(Some(seen)) = &listed
            && let Some(position) = referring.well_by_list(&whose, seen, vault.capabilities().tags)
        {
            return Ok(position);
        }
        let latest = latest::read(vault, name, &owner, self.manager.installation).await;
        match (latest, listed) {
            // Who may list but not read sees as much as the list tells.
            (Latest::Failed(error), Some(Some(seen))) if error.kind() == ErrorKind::PermissionDenied => {
                Ok(self.manager.judge(referring, &whose, Latest::There(seen)).await?)
            }
            (Latest::Failed(error), _) => {
                let position = referring.position.clone().told(State::Unreadable, error.to_string());
                Err(LookError::Vault { error, position: Box::new(position) })
            }
            (latest, _) => Ok(self.manager.judge(referring, &whose, latest).await?),
        }
    }
}

/// Why a look failed.
enum LookError {
    /// The database failed: nothing can be told any more.
    Store(WriteError),
    /// The vault did not say: that is this field's position, if it says something to others.
    Vault { error: Error, position: Box<Position> },
}

impl From<WriteError> for LookError {
    fn from(error: WriteError) -> Self {
        Self::Store(error)
    }
}

/// The positions that were found, unless the vault refused every single look for a reason that concerns all.
fn unless_unserved(judged: Vec<Result<Position, LookError>>) -> Result<Vec<Option<Position>>, WriteError> {
    let concerns_all = |error: &Error| {
        error.is_transient()
            || matches!(
                error.kind(),
                ErrorKind::Unauthenticated
                    | ErrorKind::NetworkDenied
                    | ErrorKind::PermissionDenied
                    | ErrorKind::Untrusted
            )
    };
    let refused = |look: &Result<Position, LookError>| matches!(look, Err(LookError::Vault { error, .. }) if concerns_all(error));
    let unserved = !judged.is_empty() && judged.iter().all(refused);
    let mut positions = Vec::with_capacity(judged.len());
    for look in judged {
        match look {
            Ok(position) => positions.push(Some(position)),
            Err(LookError::Vault { error, .. }) if unserved => return Err(error.into()),
            Err(LookError::Vault { position, .. }) => positions.push(Some(*position)),
            Err(LookError::Store(error)) => return Err(error),
        }
    }
    Ok(positions)
}

/// A position of which nothing is known yet but where it is.
fn blank(entry: &Entry, field: String) -> Position {
    Position {
        kind: entry.row.kind.entity_type(),
        entity: entry.fqn.clone(),
        id: entry.row.id,
        deleted: entry.row.json.get("deleted").and_then(serde_json::Value::as_bool).unwrap_or_default(),
        field,
        state: State::InDatabase,
        place: Place::Database,
        name: None,
        version: None,
        created: None,
        expires: None,
        not_before: None,
        remark: None,
    }
}
