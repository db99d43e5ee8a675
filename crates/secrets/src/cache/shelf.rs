//! What is kept, bounded in memory and time.

use quick_cache::Weighter;
use quick_cache::unsync::Cache;

use super::CacheConfig;
use crate::{Secret, SecretName};

/// What an entry takes besides its texts: its fields, nodes for its tags, its place in the table.
const OVERHEAD: u64 = 1024;

/// A version and when the call that brought it began, in milliseconds since the Unix epoch.
struct Entry {
    secret: Secret,
    since: i64,
}

/// The versions that were read last. What leaves it is wiped, as every value is that is dropped.
pub(super) struct Shelf {
    entries: Cache<SecretName, Entry, Bytes>,
    time_to_live: i64,
    swept: i64,
}

impl Shelf {
    pub(super) fn new(config: CacheConfig) -> Self {
        let items = usize::try_from(config.capacity_bytes / OVERHEAD).unwrap_or(usize::MAX);
        Self {
            entries: Cache::with_weighter(items, config.capacity_bytes, Bytes),
            time_to_live: i64::try_from(config.time_to_live.as_millis()).unwrap_or(i64::MAX),
            swept: i64::MIN,
        }
    }

    /// What is kept of a secret at `now`. Whatever is over its time is dropped on the way.
    pub(super) fn get(&mut self, name: &SecretName, now: i64) -> Option<Secret> {
        self.sweep(now);
        let entry = self.entries.get(name)?;
        is_fresh(entry.since, now, self.time_to_live).then(|| entry.secret.clone())
    }

    pub(super) fn put(&mut self, name: &SecretName, secret: Secret, since: i64) {
        self.entries.insert(name.clone(), Entry { secret, since });
    }

    pub(super) fn remove(&mut self, name: &SecretName) {
        self.entries.remove(name);
    }

    /// Drops what is too old, a few times within the time that it may be kept.
    fn sweep(&mut self, now: i64) {
        if is_fresh(self.swept, now, self.time_to_live / 4) {
            return;
        }
        self.swept = now;
        let time_to_live = self.time_to_live;
        self.entries.retain(|_, entry| is_fresh(entry.since, now, time_to_live));
    }
}

/// Whether `since` is less than `limit` ago. A clock that was set back makes nothing fresh.
fn is_fresh(since: i64, now: i64, limit: i64) -> bool {
    now.checked_sub(since).is_some_and(|age| (0..limit).contains(&age))
}

/// Weighs an entry by the memory that it takes.
#[derive(Debug, Clone)]
struct Bytes;

impl Weighter<SecretName, Entry> for Bytes {
    fn weight(&self, name: &SecretName, entry: &Entry) -> u64 {
        let properties = &entry.secret.properties;
        let tags: usize = properties.tags.iter().map(|(name, value)| name.len() + value.len()).sum();
        let content_type = properties.content_type.as_ref().map_or(0, String::len);
        let texts = 2 * name.as_str().len() + entry.secret.value.len() + tags + content_type;
        OVERHEAD + texts as u64
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{SecretProperties, SecretValue, Tags};

    fn secret(value: &str) -> (SecretName, Secret) {
        let name = SecretName::new("a").unwrap();
        let properties = SecretProperties {
            name: name.clone(),
            version: None,
            content_type: None,
            tags: Tags::new(),
            enabled: true,
            not_before: None,
            expires: None,
            created: None,
            updated: None,
        };
        (name, Secret { value: value.into(), properties })
    }

    fn shelf(capacity_bytes: u64) -> Shelf {
        Shelf::new(CacheConfig { time_to_live: Duration::from_millis(100), capacity_bytes })
    }

    #[test]
    fn an_entry_lives_as_long_as_it_may_and_is_dropped_whoever_asks_next() {
        let mut shelf = shelf(1 << 20);
        let (name, secret) = secret("1");
        shelf.put(&name, secret, 1_000);
        assert!(shelf.get(&name, 1_099).is_some());
        assert!(shelf.get(&name, 1_100).is_none());
        assert!(shelf.get(&name, 999).is_none(), "the clock was set back");
        shelf.get(&SecretName::new("other").unwrap(), 2_000);
        assert_eq!(shelf.entries.len(), 0);
    }

    #[test]
    fn however_much_is_put_there_it_stays_within_its_memory() {
        let mut shelf = shelf(256 * 1024);
        let (_, secret) = secret(&"x".repeat(SecretValue::MAX_BYTES));
        for number in 0..500 {
            shelf.put(&SecretName::new(format!("a{number}")).unwrap(), secret.clone(), 1_000);
        }
        assert!(shelf.entries.weight() <= 256 * 1024);
        assert!(shelf.entries.len() > 2);
    }
}
