//! A store with real keys, whose master key lies in a file.

use std::path::PathBuf;

use super::*;
use crate::keys::{Binding, Custody};

/// A store whose master key lies in a file.
pub(super) struct Keyed {
    pub(super) store: Store,
    pub(super) keyring: Arc<Keyring>,
    pub(super) vault: VaultId,
}

pub(super) fn key_file(scene: &Scene) -> PathBuf {
    scene.folder.path().join("master.key")
}

/// Opens it as a start does.
pub(super) async fn open_with(scene: &Scene, custody: Custody) -> Result<Keyed> {
    let mut preparing = scene.prepare().await;
    let wrapped = preparing.data_keys().await?;
    let begun = Keyring::begin(custody, &wrapped, preparing.name(), &SystemRandom);
    let (keyring, first) = match begun {
        Ok(begun) => begun,
        Err(error) => {
            database::close(preparing.connection).await;
            return Err(error);
        }
    };
    if let Some(first) = first {
        preparing.add_data_key(&first, 0).await?;
    }
    let vault = preparing.vault("v1").await?;
    let keyring = Arc::new(keyring);
    let store = preparing.start(Audit::off(), Arc::clone(&keyring)).await?;
    Ok(Keyed { store, keyring, vault })
}

pub(super) async fn open(scene: &Scene) -> Result<Keyed> {
    open_with(scene, Custody::File(key_file(scene))).await
}

impl Keyed {
    pub(super) async fn set(&self, name: &str, value: &str) {
        self.try_set(name, value).await.unwrap();
    }

    pub(super) async fn try_set(&self, name: &str, value: &str) -> Result<Record, WriteError> {
        let version = (&SystemRandom as &dyn strongroom_secrets::Random).uuid().simple().to_string();
        let sealed = self.keyring.seal(&Binding::value("v1", name, &version), value.as_bytes());
        let new = NewVersion {
            vault: self.vault,
            name: name.to_owned(),
            version,
            attributes: Attributes::default(),
            enabled: true,
            sealed,
            now: 5,
        };
        self.store.write(Change::Set(new)).await
    }

    /// The latest value, and the number of the key that it is sealed with.
    pub(super) async fn get(&self, name: &str) -> (String, i64) {
        let found = self.store.get(self.vault, name, None, 5).await.unwrap().unwrap();
        let binding = Binding::value("v1", &found.record.name, &found.record.version);
        let plain = self.keyring.unseal(&binding, found.sealed.key, &found.sealed.bytes).unwrap();
        (String::from_utf8(plain.to_vec()).unwrap(), found.sealed.key)
    }

    pub(super) async fn rekey(&self) -> Result<Rekeyed> {
        self.store.rekey(None, 9, &SystemRandom).await
    }

    pub(super) async fn retired(&self) -> Vec<i64> {
        let keys = self.store.data_keys().await.unwrap();
        keys.into_iter().filter(|key| key.retired).map(|key| key.id).collect()
    }
}
