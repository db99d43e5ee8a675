//! What the in-memory vault holds, and the rules of Key Vault about it.

use std::collections::BTreeMap;

use crate::{
    DeletedSecret, Error, ErrorKind, ListScope, NewSecret, Result, Secret, SecretName, SecretProperties,
    SecretUpdate, SecretValue, SecretVersion, rules,
};

/// Days for which a soft-deleted secret is kept, as a new Key Vault does.
const RETENTION_SECONDS: i64 = 90 * 24 * 60 * 60;

/// A copy of all that the vault holds, deleted secrets included, to be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot(BTreeMap<String, Entry>);

/// The secrets by their name in lower case.
#[derive(Debug, Default)]
pub(super) struct Shelf(BTreeMap<String, Entry>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    /// Oldest first; never empty.
    versions: Vec<Secret>,
    /// Unix seconds of the deletion, if it is soft-deleted.
    deleted: Option<i64>,
}

impl Entry {
    fn latest(&self) -> Option<&Secret> {
        self.versions.last()
    }

    fn version(&self, version: &SecretVersion) -> Option<&Secret> {
        self.versions.iter().find(|secret| secret.properties.version.as_ref() == Some(version))
    }
}

impl Shelf {
    pub(super) fn snapshot(&self) -> Snapshot {
        Snapshot(self.0.clone())
    }

    pub(super) fn names(&self) -> Vec<SecretName> {
        self.list(ListScope::Secrets).into_iter().map(|properties| properties.name).collect()
    }

    pub(super) fn value(&self, name: &SecretName) -> Option<SecretValue> {
        Some(self.alive(name)?.latest()?.value.clone())
    }

    pub(super) fn purge(&mut self, name: &SecretName) -> Result<()> {
        self.deleted(name).ok_or_else(|| not_deleted(name))?;
        self.0.remove(&name.key());
        Ok(())
    }

    pub(super) fn get(&self, name: &SecretName, version: Option<&SecretVersion>) -> Result<Secret> {
        let entry = self.alive(name).ok_or_else(|| not_found(name, version))?;
        let secret = match version {
            None => entry.latest(),
            Some(version) => entry.version(version),
        };
        let secret = secret.ok_or_else(|| not_found(name, version))?;
        if !secret.properties.enabled {
            return Err(Error::new(ErrorKind::Disabled, format!("secret {name} is disabled")));
        }
        Ok(secret.clone())
    }

    pub(super) fn set(
        &mut self,
        name: &SecretName,
        new: NewSecret,
        version: SecretVersion,
        now: i64,
    ) -> Result<SecretProperties> {
        rules::check(name, &new)?;
        if self.deleted(name).is_some() {
            let message = format!("secret {name} is soft-deleted");
            return Err(Error::new(ErrorKind::Deleted, message).with_hint("recover it, or purge it"));
        }
        let entry = self.0.entry(name.key()).or_insert_with(|| Entry { versions: Vec::new(), deleted: None });
        let first_name = entry.latest().map_or_else(|| name.clone(), |first| first.properties.name.clone());
        let made = rules::version(first_name, version, new, now);
        let properties = made.properties.clone();
        entry.versions.push(made);
        Ok(properties)
    }

    pub(super) fn update(
        &mut self,
        name: &SecretName,
        version: &SecretVersion,
        update: SecretUpdate,
        now: i64,
    ) -> Result<SecretProperties> {
        rules::check_update(name, &update)?;
        let secret = self
            .0
            .get_mut(&name.key())
            .filter(|entry| entry.deleted.is_none())
            .and_then(|entry| {
                entry.versions.iter_mut().find(|secret| secret.properties.version.as_ref() == Some(version))
            })
            .ok_or_else(|| not_found(name, Some(version)))?;
        rules::apply(update, &mut secret.properties, now);
        Ok(secret.properties.clone())
    }

    pub(super) fn list(&self, scope: ListScope<'_>) -> Vec<SecretProperties> {
        let without_version =
            |secret: &Secret| SecretProperties { version: None, ..secret.properties.clone() };
        match scope {
            ListScope::Versions(name) => {
                let entry = self.alive(name);
                entry.into_iter().flat_map(|entry| &entry.versions).map(|v| v.properties.clone()).collect()
            }
            ListScope::Secrets | ListScope::Deleted => {
                let wanted = scope == ListScope::Deleted;
                let entries = self.0.values().filter(|entry| entry.deleted.is_some() == wanted);
                entries.filter_map(Entry::latest).map(without_version).collect()
            }
        }
    }

    pub(super) fn delete(&mut self, name: &SecretName, now: i64) -> Result<()> {
        let entry = self.0.get_mut(&name.key()).filter(|entry| entry.deleted.is_none());
        entry.ok_or_else(|| not_found(name, None))?.deleted = Some(now);
        Ok(())
    }

    pub(super) fn get_deleted(&self, name: &SecretName) -> Result<DeletedSecret> {
        let entry = self.deleted(name).ok_or_else(|| not_deleted(name))?;
        let latest = entry.latest().ok_or_else(|| not_deleted(name))?;
        Ok(DeletedSecret {
            properties: latest.properties.clone(),
            deleted: entry.deleted,
            scheduled_purge: entry.deleted.map(|at| at + RETENTION_SECONDS),
        })
    }

    pub(super) fn recover(&mut self, name: &SecretName) -> Result<SecretProperties> {
        let entry = self.0.get_mut(&name.key()).filter(|entry| entry.deleted.is_some());
        let entry = entry.ok_or_else(|| not_deleted(name))?;
        entry.deleted = None;
        Ok(entry.latest().ok_or_else(|| not_found(name, None))?.properties.clone())
    }

    fn alive(&self, name: &SecretName) -> Option<&Entry> {
        self.0.get(&name.key()).filter(|entry| entry.deleted.is_none())
    }

    fn deleted(&self, name: &SecretName) -> Option<&Entry> {
        self.0.get(&name.key()).filter(|entry| entry.deleted.is_some())
    }
}

fn not_found(name: &SecretName, version: Option<&SecretVersion>) -> Error {
    let what = version
        .map_or_else(|| format!("secret {name}"), |version| format!("secret {name} version {version}"));
    Error::new(ErrorKind::NotFound, format!("{what} is not in the in-memory vault"))
}

fn not_deleted(name: &SecretName) -> Error {
    Error::new(ErrorKind::NotFound, format!("no secret {name} is soft-deleted in the in-memory vault"))
}
