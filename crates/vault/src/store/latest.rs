//! The latest versions that were read last, still sealed.
//!
//! A client reads the same few secrets again and again, and the way to SQLite's thread and back costs more than all else of a
//! read. The database belongs to this process alone, so the writer knows of every change: it has a secret forgotten after the
//! commit, before anybody is told of it. A reading that is under way then is not kept; who asks later reads anew.

use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::VaultId;
use super::apply::key;
use super::model::SealedRecord;

/// How much memory the versions may take, in bytes, as far as that can be counted.
const CAPACITY: u64 = 16 * 1024 * 1024;

/// How many fit if they are short, to lay out the table by.
const ITEMS: usize = 16 * 1024;

/// What a version takes besides its texts: its fields, a node for its tags, its place in the table.
const OVERHEAD: usize = 1024;

/// A secret, by its vault and what names are compared by.
type Key = (VaultId, String);

#[derive(Debug)]
pub(super) struct Latest(Cache<Key, Arc<SealedRecord>, Bytes>);

impl Default for Latest {
    fn default() -> Self {
        Self(Cache::with_weighter(ITEMS, CAPACITY, Bytes))
    }
}

impl Latest {
    /// The latest version of a live secret: the one that is kept, or what `read` finds. That there is none is not kept.
    pub(super) async fn or_read(
        &self,
        vault: VaultId,
        name: &str,
        read: impl Future<Output = sqlx::Result<Option<SealedRecord>>>,
    ) -> sqlx::Result<Option<Arc<SealedRecord>>> {
        let key = (vault, key(name));
        match self.0.get_value_or_guard_async(&key).await {
            Ok(found) => Ok(Some(found)),
            // Should the secret be forgotten while it is read, the guard's place is gone and takes nothing.
            Err(guard) => {
                let found = read.await?.map(Arc::new);
                if let Some(found) = &found {
                    let _ = guard.insert(Arc::clone(found));
                }
                Ok(found)
            }
        }
    }

    /// Everything was changed, or may have been.
    pub(super) fn forget_all(&self) {
        self.0.clear();
    }

    /// The secret was changed.
    pub(super) fn forget(&self, vault: VaultId, name: &str) {
        self.0.remove(&(vault, key(name)));
    }
}

/// Weighs a version by the memory that it takes.
#[derive(Debug, Clone)]
struct Bytes;

impl Weighter<Key, Arc<SealedRecord>> for Bytes {
    fn weight(&self, (_, name): &Key, found: &Arc<SealedRecord>) -> u64 {
        let attributes = &found.record.attributes;
        let tags =
            attributes.tags.iter().flatten().map(|(name, value)| name.len() + value.len()).sum::<usize>();
        let content_type = attributes.content_type.as_ref().map_or(0, String::len);
        (OVERHEAD + 2 * name.len() + found.sealed.bytes.len() + tags + content_type) as u64
    }
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use super::super::model::{Attributes, Record};
    use super::*;
    use crate::keys::Sealed;

    const VAULT: VaultId = VaultId(1);

    fn version(version: &str) -> SealedRecord {
        let record = Record {
            id: 1,
            name: "A".into(),
            version: version.into(),
            attributes: Attributes::default(),
            enabled: true,
            created: 0,
            updated: 0,
            deleted_at: None,
            purge_at: None,
        };
        SealedRecord { record, sealed: Sealed { key: 1, bytes: vec![0; 64] } }
    }

    async fn read(latest: &Latest, name: &str, found: Option<&str>) -> Option<String> {
        let found = latest.or_read(VAULT, name, ready(Ok(found.map(version)))).await.unwrap();
        found.map(|found| found.record.version.clone())
    }

    #[tokio::test]
    async fn a_secret_is_read_once_until_it_is_changed_and_its_name_compares_without_case() {
        let latest = Latest::default();
        assert_eq!(read(&latest, "A", None).await, None);
        assert_eq!(read(&latest, "A", Some("1")).await.unwrap(), "1", "that there is none is not kept");
        assert_eq!(read(&latest, "a", Some("2")).await.unwrap(), "1");
        latest.forget(VAULT, "a");
        assert_eq!(read(&latest, "A", Some("2")).await.unwrap(), "2");
        latest.forget(VaultId(2), "a");
        assert_eq!(read(&latest, "A", Some("3")).await.unwrap(), "2", "another vault's secret");
    }

    #[tokio::test]
    async fn what_was_read_before_a_change_is_not_kept_after_it() {
        let latest = Latest::default();
        let reading = latest.or_read(VAULT, "a", async {
            // The database has answered; then a change is committed.
            let before = version("1");
            latest.forget(VAULT, "a");
            Ok(Some(before))
        });
        assert_eq!(reading.await.unwrap().unwrap().record.version, "1");
        assert_eq!(read(&latest, "a", Some("2")).await.unwrap(), "2");
    }

    #[tokio::test]
    async fn what_was_read_before_everything_changed_is_not_kept_after_it() {
        let latest = Latest::default();
        let reading = latest.or_read(VAULT, "a", async {
            let before = version("1");
            latest.forget_all();
            Ok(Some(before))
        });
        assert_eq!(reading.await.unwrap().unwrap().record.version, "1");
        assert_eq!(read(&latest, "a", Some("2")).await.unwrap(), "2");
        latest.forget_all();
        assert_eq!(read(&latest, "a", Some("3")).await.unwrap(), "3");
    }

    #[tokio::test]
    async fn memory_is_bounded_however_much_is_read() {
        let latest = Latest::default();
        for number in 0..3000 {
            let mut found = version("1");
            found.sealed.bytes = vec![0; 25_600];
            latest.or_read(VAULT, &number.to_string(), ready(Ok(Some(found)))).await.unwrap();
        }
        assert!(latest.0.weight() <= CAPACITY);
        assert!(latest.0.len() > 100);
    }
}
