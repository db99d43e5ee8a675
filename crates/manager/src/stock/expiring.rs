//! What ends soon: the vault is listed once, then the rows are gone through for who uses what was found there.

use std::collections::HashMap;
use std::time::Duration;

use futures::StreamExt;
use serde::Serialize;
use strongroom_secrets::ListScope;

use crate::Manager;
use crate::error::WriteError;
use crate::migrate::inventory::scan;
use crate::migrate::leftovers::label;
use crate::migrate::{Selection, Watcher};

/// How many of the fields that use a secret are named.
const NAMED: usize = 20;

/// A secret that ends soon or has ended, and that a row refers to. Times are Unix seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Expiring {
    /// Its name.
    pub name: String,
    /// When it ends.
    pub expires: i64,
    /// Whether it has ended.
    pub expired: bool,
    /// The fields that refer to it; the first twenty of them.
    pub users: Vec<User>,
    /// How many fields refer to it.
    pub user_count: u64,
}

/// A field that refers to a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct User {
    /// The type of the entity.
    pub kind: &'static str,
    /// Its fully qualified name.
    pub entity: String,
    /// The field.
    pub field: String,
}

impl Manager {
    /// The secrets that rows refer to and that end within some time, or have ended; those that end first come first. Without a vault
    /// there are none.
    ///
    /// # Errors
    /// If the vault cannot be listed or the database fails.
    pub async fn expiring(
        &self,
        within: Duration,
        watcher: &dyn Watcher,
    ) -> Result<Vec<Expiring>, WriteError> {
        let Some(vault) = self.vault() else { return Ok(Vec::new()) };
        let now = self.clock.now_seconds();
        let until = now.saturating_add(i64::try_from(within.as_secs()).unwrap_or(i64::MAX));
        let mut found: HashMap<String, Expiring> = HashMap::new();
        let mut secrets = vault.list(ListScope::Secrets);
        while let Some(secret) = secrets.next().await {
            let secret = secret?;
            if let Some(expires) = secret.expires.filter(|expires| *expires <= until) {
                let name = secret.name.to_string();
                let expired = expires <= now;
                let expiring = Expiring { name, expires, expired, users: Vec::new(), user_count: 0 };
                found.insert(secret.name.key(), expiring);
            }
        }
        if !found.is_empty() {
            self.find_users(&mut found, watcher).await?;
        }
        let mut expiring: Vec<_> = found.into_values().filter(|secret| secret.user_count > 0).collect();
        expiring.sort_by(|one, other| (one.expires, &one.name).cmp(&(other.expires, &other.name)));
        Ok(expiring)
    }

    async fn find_users(
        &self,
        found: &mut HashMap<String, Expiring>,
        watcher: &dyn Watcher,
    ) -> Result<(), WriteError> {
        let mut scan = scan(&Selection::default());
        while let Some(page) = scan.next(&self.store).await? {
            watcher.advance(page.rows.len() as u64);
            for row in page.rows.into_iter().flatten() {
                for reference in self.references(row.kind, row.id, &row.json) {
                    let Some(expiring) = found.get_mut(&reference.name.key()) else { continue };
                    expiring.user_count += 1;
                    if expiring.users.len() < NAMED {
                        expiring.users.push(User {
                            kind: row.kind.entity_type(),
                            entity: label(&row),
                            field: reference.field,
                        });
                    }
                }
            }
        }
        Ok(())
    }
}
