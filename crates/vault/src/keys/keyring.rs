//! The data keys of a running vault.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use strongroom_secrets::Random;
use zeroize::Zeroizing;

use super::{Binding, Custody, MasterKey, NotAuthentic, Sealed, SealingKey};
use crate::error::Result;

/// A data key as the database holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WrappedKey {
    pub(crate) id: i64,
    pub(crate) wrapped: Vec<u8>,
    /// Whether no row needs it any more. It still opens backups of secrets that were made with it.
    pub(crate) retired: bool,
    /// Its number in the vault whose backup brought it here. Backups of secrets that were made there name the key by it.
    pub(crate) formerly: Option<i64>,
}

/// The data keys of a database, opened. They can be changed while others read and write.
#[derive(Debug)]
pub(crate) struct Keyring {
    custody: Custody,
    opened: ArcSwap<Opened>,
}

/// The keys of one moment.
struct Opened {
    master: Arc<MasterKey>,
    keys: HashMap<i64, SealingKey>,
    /// Former numbers of keys, and present ones.
    formerly: Vec<(i64, i64)>,
    /// The one that seals.
    current: i64,
}

impl Keyring {
    /// Opens the data keys of `database` (its name, for messages). If there is none, the first is drawn and answered too: the
    /// caller stores it.
    ///
    /// # Errors
    /// [`MasterKey`](crate::ErrorKind::MasterKey) if the master key is missing, malformed or another one. Nothing is changed then.
    pub(crate) fn begin(
        custody: Custody,
        wrapped: &[WrappedKey],
        database: &str,
        random: &dyn Random,
    ) -> Result<(Self, Option<WrappedKey>)> {
        let (opened, first) = if wrapped.is_empty() {
            let master = custody.first(random)?;
            let first = Self::generate(1, &master, random);
            let opened = Opened::with(Arc::new(master), std::slice::from_ref(&first));
            (opened.map_err(|NotAuthentic| custody.mismatch(database))?, Some(first))
        } else {
            let unlocked =
                custody.unlock(wrapped, database, |master| Opened::with(Arc::new(master), wrapped).ok());
            (unlocked?, None)
        };
        Ok((Self { custody, opened: ArcSwap::from_pointee(opened) }, first))
    }

    /// The keys of something that was put aside: a snapshot, a backup.
    pub(crate) fn of(master: Arc<MasterKey>, wrapped: &[WrappedKey]) -> Result<Self, NotAuthentic> {
        let opened = ArcSwap::from_pointee(Opened::with(Arc::clone(&master), wrapped)?);
        Ok(Self { custody: Custody::Given(master), opened })
    }

    /// The keys of a snapshot of `database`, in which another process has changed the master key.
    pub(crate) fn elsewhere(&self, wrapped: &[WrappedKey], database: &str) -> Result<Self> {
        self.custody.unlock(wrapped, database, |master| Self::of(Arc::new(master), wrapped).ok())
    }

    /// Draws a data key and wraps it.
    pub(crate) fn generate(id: i64, master: &MasterKey, random: &dyn Random) -> WrappedKey {
        let key = Zeroizing::new(random.bytes::<32>());
        WrappedKey { id, wrapped: master.wrap(id, &key), retired: false, formerly: None }
    }

    /// Keys that nothing else has, for tests.
    #[cfg(any(test, feature = "fuzzing"))]
    #[allow(clippy::unwrap_used, reason = "it fails as a test does")]
    pub(crate) fn alone(random: &dyn Random) -> Self {
        let master = Arc::new(MasterKey::generate(random));
        let wrapped = Self::generate(1, &master, random);
        Self::of(master, &[wrapped]).unwrap()
    }

    /// The number of the data key that seals.
    pub(crate) fn current(&self) -> i64 {
        self.opened.load().current
    }

    /// The highest number of a data key.
    pub(crate) fn newest(&self) -> i64 {
        self.opened.load().keys.keys().copied().max().unwrap_or_default()
    }

    /// Whether a data key is here.
    pub(crate) fn knows(&self, key: i64) -> bool {
        self.opened.load().keys.contains_key(&key)
    }

    pub(crate) fn custody(&self) -> &Custody {
        &self.custody
    }

    /// The master key that the data keys were opened with.
    pub(crate) fn master(&self) -> Arc<MasterKey> {
        Arc::clone(&self.opened.load().master)
    }

    /// Takes over the data keys that the database has now, which `master` wraps.
    pub(crate) fn replace(&self, master: Arc<MasterKey>, wrapped: &[WrappedKey]) -> Result<(), NotAuthentic> {
        self.opened.store(Arc::new(Opened::with(master, wrapped)?));
        Ok(())
    }

    /// Takes over the data keys that another process has put into `database`, perhaps under another master key.
    ///
    /// # Errors
    /// [`MasterKey`](crate::ErrorKind::MasterKey) if the new one is not to be found. The old keys stay.
    pub(crate) fn refresh(&self, wrapped: &[WrappedKey], database: &str) -> Result<()> {
        let opened = match Opened::with(self.master(), wrapped) {
            Ok(opened) => opened,
            Err(NotAuthentic) => self
                .custody
                .unlock(wrapped, database, |master| Opened::with(Arc::new(master), wrapped).ok())?,
        };
        self.opened.store(Arc::new(opened));
        Ok(())
    }

    /// Encrypts with the current data key.
    pub(crate) fn seal(&self, binding: &Binding, plain: &[u8]) -> Sealed {
        let opened = self.opened.load();
        Sealed { key: opened.current, bytes: opened.keys[&opened.current].seal(binding, plain) }
    }

    /// Decrypts what belongs to `binding`.
    pub(crate) fn unseal(
        &self,
        binding: &Binding,
        key: i64,
        bytes: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, NotAuthentic> {
        self.opened.load().keys.get(&key).ok_or(NotAuthentic)?.open(binding, bytes)
    }

    /// The same for what left the vault and comes back: the key's number may be one that it had in another vault, from whose
    /// backup this one was restored.
    pub(crate) fn unseal_foreign(
        &self,
        binding: &Binding,
        key: i64,
        bytes: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, NotAuthentic> {
        self.unseal(binding, key, bytes).or_else(|NotAuthentic| {
            let opened = self.opened.load();
            let present = opened.formerly.iter().filter(|(former, _)| *former == key);
            present
                .filter_map(|(_, present)| opened.keys.get(present))
                .find_map(|key| key.open(binding, bytes).ok())
                .ok_or(NotAuthentic)
        })
    }
}

impl Opened {
    /// Opens wrapped keys; of those that are not retired, the one with the highest number seals.
    fn with(master: Arc<MasterKey>, wrapped: &[WrappedKey]) -> Result<Self, NotAuthentic> {
        let mut keys = HashMap::with_capacity(wrapped.len());
        for key in wrapped {
            keys.insert(key.id, SealingKey::new(&*master.unwrap(key.id, &key.wrapped)?));
        }
        let serving = wrapped.iter().filter(|key| !key.retired);
        let current = serving.map(|key| key.id).max().ok_or(NotAuthentic)?;
        let formerly = wrapped.iter().filter_map(|key| Some((key.formerly?, key.id))).collect();
        Ok(Self { master, keys, formerly, current })
    }
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opened").field("current", &self.current).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use strongroom_secrets::random::SystemRandom;

    use super::*;

    #[test]
    fn another_master_key_opens_nothing() {
        let (ours, theirs) = (MasterKey::generate(&SystemRandom), MasterKey::generate(&SystemRandom));
        let wrapped = Keyring::generate(1, &ours, &SystemRandom);
        let keyring = Keyring::alone(&SystemRandom);
        assert!(keyring.replace(Arc::new(theirs), std::slice::from_ref(&wrapped)).is_err());
        assert!(keyring.refresh(std::slice::from_ref(&wrapped), "db").is_err());
        keyring.replace(Arc::new(ours), &[wrapped]).unwrap();
    }

    #[test]
    fn a_retired_key_opens_and_does_not_seal() {
        let master = Arc::new(MasterKey::generate(&SystemRandom));
        let keys = [1, 2, 3].map(|id| Keyring::generate(id, &master, &SystemRandom));
        let keyring = Keyring::alone(&SystemRandom);
        keyring.replace(Arc::clone(&master), &keys).unwrap();
        let binding = Binding::new("value", &[]);
        let old = keyring.seal(&binding, b"x");
        assert_eq!(old.key, 3);
        let [one, two, mut three] = keys;
        (three.retired, three.formerly) = (true, Some(9));
        keyring.replace(master, &[one, two, three]).unwrap();
        assert_eq!(keyring.seal(&binding, b"x").key, 2);
        assert_eq!(&**keyring.unseal(&binding, 3, &old.bytes).unwrap(), b"x");
        assert_eq!(&**keyring.unseal_foreign(&binding, 9, &old.bytes).unwrap(), b"x", "by its former number");
        assert_eq!(keyring.unseal_foreign(&binding, 1, &old.bytes), Err(NotAuthentic));
        assert_eq!(keyring.unseal(&binding, 1, &old.bytes), Err(NotAuthentic));
    }
}
