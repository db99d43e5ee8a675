//! Backup of the whole store while it serves: what it holds at one moment, in one file.

use serde::Serialize;
use strongroom_secrets::Random;
use tokio::io::AsyncWrite;

use super::archive::{ArchiveWriter, Entry, Item, Key, Version};
use super::snapshot::{Findings, Snapshot, StoredVersion};
use super::{Store, database_error};
use crate::error::Result;
use crate::keys::{Binding, Keyring};

/// What a backup holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct BackedUp {
    /// How many vaults.
    pub vaults: u64,
    /// How many versions of secrets, deleted ones too.
    pub versions: u64,
    /// How many vaults, principals and roles that were made at run time.
    pub entries: u64,
    /// What is damaged and was left out.
    pub damaged: Findings,
}

impl Store {
    /// Writes everything to `out`, in flat memory. The keys that sign tokens are left out: a vault makes its own.
    ///
    /// # Errors
    /// If the database cannot be read or `out` not be written: what was written then is worth nothing.
    pub(crate) async fn back_up(
        &self,
        out: &mut (dyn AsyncWrite + Send + Unpin),
        random: &dyn Random,
    ) -> Result<BackedUp> {
        let (mut snapshot, keyring) = self.snapshot().await?;
        let written = write(&mut snapshot, &keyring, out, random).await;
        snapshot.end().await;
        written
    }
}

async fn write(
    snapshot: &mut Snapshot,
    keyring: &Keyring,
    out: &mut (dyn AsyncWrite + Send + Unpin),
    random: &dyn Random,
) -> Result<BackedUp> {
    let failed = |error| database_error("read the whole database", error);
    let mut done = BackedUp::default();
    let mut archive = ArchiveWriter::begin(out, &keyring.master(), random).await?;
    for key in &snapshot.keys {
        let (id, wrapped, retired, formerly) = (key.id, key.wrapped.clone(), key.retired, key.formerly);
        archive.put(&Item::Key(Key { id, wrapped, retired, formerly })).await?;
    }
    for vault in snapshot.vaults().await.map_err(failed)? {
        archive.put(&Item::Vault(vault)).await?;
        done.vaults += 1;
    }
    let mut after = 0;
    loop {
        let page = snapshot.versions(after).await.map_err(failed)?;
        let Some((last, _)) = page.last() else { break };
        after = *last;
        for (id, version) in page {
            match version {
                Ok(version) if version.open(keyring).is_ok() => {
                    archive.put(&Item::Version(Box::new(version.into()))).await?;
                    done.versions += 1;
                }
                Ok(version) => done.damaged.add(version.place(), "the value does not open"),
                Err(_) => done.damaged.add(format!("row {id} of version"), "the row cannot be read"),
            }
        }
    }
    for entry in snapshot.entries().await.map_err(failed)? {
        let binding = Binding::directory_entry(&entry.kind, &entry.key);
        if keyring.unseal(&binding, entry.sealed.key, &entry.sealed.bytes).is_err() {
            done.damaged.add(format!("{} {}", entry.kind, entry.key), "the entry does not open");
            continue;
        }
        let (key, sealed) = (entry.sealed.key, entry.sealed.bytes);
        archive.put(&Item::Entry(Entry { kind: entry.kind, name: entry.key, key, sealed })).await?;
        done.entries += 1;
    }
    archive.end().await?;
    tracing::info!(done.versions, damaged = done.damaged.count, "the vault was backed up");
    Ok(done)
}

impl From<StoredVersion> for Version {
    fn from(stored: StoredVersion) -> Self {
        Self {
            vault: stored.vault,
            name: stored.name,
            deleted_at: stored.deleted_at,
            purge_at: stored.purge_at,
            settles_at: stored.settles_at,
            version: stored.version,
            content_type: stored.content_type,
            tags: stored.tags,
            enabled: stored.enabled,
            not_before: stored.not_before,
            expires: stored.expires,
            created: stored.created,
            updated: stored.updated,
            key: stored.sealed.key,
            sealed: stored.sealed.bytes,
        }
    }
}
