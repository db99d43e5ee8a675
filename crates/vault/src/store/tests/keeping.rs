//! Backup and restoration of all that there is.

use std::io::Cursor;

use super::keyed::{Keyed, key_file, open, open_with};
use super::*;
use crate::keys::{Binding, Custody, MasterKey};

/// Another store with the same master key, and nothing in it.
async fn empty_beside(scene: &Scene, other: &Scene) -> Keyed {
    std::fs::copy(key_file(scene), key_file(other)).unwrap();
    open(other).await.unwrap()
}

async fn backup(from: &Keyed) -> (Vec<u8>, BackedUp) {
    let mut file = Vec::new();
    let done = from.store.back_up(&mut file, &SystemRandom).await.unwrap();
    (file, done)
}

async fn restore(into: &Keyed, file: &[u8], overwrite: bool) -> Result<Restored> {
    into.store.restore(&mut Cursor::new(file), overwrite, None, 7).await
}

/// Everything that a client can see, times of deletions too.
async fn visible(vault: &Keyed) -> Vec<String> {
    let mut seen = Vec::new();
    for secret in vault.store.list(vault.vault, "", 1000, 5).await.unwrap() {
        let versions = vault.store.all_versions(vault.vault, &secret.name, 1000, 5).await.unwrap().unwrap();
        for SealedRecord { record, sealed } in versions {
            let binding = Binding::value("v1", &record.name, &record.version);
            let value = vault.keyring.unseal(&binding, sealed.key, &sealed.bytes).unwrap();
            seen.push(format!("{:?} {:?}", Record { id: 0, ..record }, String::from_utf8(value.to_vec())));
        }
    }
    for record in vault.store.list_deleted(vault.vault, "", 1000, 5).await.unwrap() {
        seen.push(format!("{:?}", Record { id: 0, ..record }));
    }
    seen
}

/// Several versions, a deleted secret, tags, an entry of the directory.
async fn fill(vault: &Keyed) {
    for n in 0..120 {
        vault.set(&format!("S{}", n % 40), &format!("value {n}")).await;
    }
    for name in ["S1", "S2"] {
        let change =
            Change::Delete { vault: vault.vault, name: name.into(), now: 5, purge_at: 99, settles_at: 0 };
        vault.store.write(change).await.unwrap();
    }
    let patch = VersionPatch {
        vault: vault.vault,
        name: "S3".into(),
        version: None,
        attributes: Attributes {
            content_type: Some("text".into()),
            tags: Some([("a".to_owned(), "\"b\"\n".to_owned())].into()),
            not_before: Some(-1),
            expires: Some(2),
        },
        enabled: Some(false),
        now: 6,
    };
    vault.store.write(Change::Update(patch)).await.unwrap();
    vault.store.put_entry(&vault.keyring, "principal", "p", "{\"a\":1}", None).await.unwrap();
}

/// From one scene to another.
async fn everything_is_there_again(from: &Scene, to: &Scene) {
    let vault = open(from).await.unwrap();
    fill(&vault).await;
    let blob = vault.keyring.seal(&Binding::new("backup", &[]), b"made before");
    vault.rekey().await.unwrap();
    vault.set("late", "x").await;
    let (file, done) = backup(&vault).await;
    assert_eq!(done, BackedUp { vaults: 1, versions: 121, entries: 1, damaged: Findings::default() });
    for value in ["value 7", "principal", "retired"] {
        assert!(!file.windows(value.len()).any(|window| window == value.as_bytes()), "{value} is encrypted");
    }

    let other = empty_beside(from, to).await;
    let generation = other.store.generation().await.unwrap();
    assert_eq!(
        restore(&other, &file, false).await.unwrap(),
        Restored { vaults: 1, versions: 121, entries: 1 }
    );
    assert_eq!(visible(&other).await, visible(&vault).await);
    assert!(other.store.generation().await.unwrap() > generation);
    let entries = other.store.directory(&other.keyring).await.unwrap().entries;
    assert_eq!(entries, vault.store.directory(&vault.keyring).await.unwrap().entries);
    assert_eq!(other.get("late").await.1, 1, "sealed with the store's own key");
    let opened = other.keyring.unseal_foreign(&Binding::new("backup", &[]), blob.key, &blob.bytes);
    assert_eq!(&**opened.unwrap(), b"made before", "a backup of a secret stays good");
    other.set("S5", "new").await;
    assert_eq!(other.get("S5").await, ("new".to_owned(), 1));
    assert_eq!(other.store.check().await.unwrap().problems, Findings::default());
}

#[tokio::test]
async fn everything_is_there_again_from_sqlite_to_sqlite() {
    everything_is_there_again(&Scene::sqlite(), &Scene::sqlite()).await;
}

#[tokio::test]
async fn everything_is_there_again_from_sqlite_to_postgresql() {
    everything_is_there_again(&Scene::sqlite(), &Scene::postgres().await).await;
}

#[tokio::test]
async fn everything_is_there_again_from_postgresql_to_sqlite() {
    everything_is_there_again(&Scene::postgres().await, &Scene::sqlite()).await;
}

async fn what_is_there_is_overwritten_only_if_that_is_said(scene: &Scene) {
    let vault = open(scene).await.unwrap();
    fill(&vault).await;
    let (file, _) = backup(&vault).await;
    let before = visible(&vault).await;
    vault.set("S7", "later").await;
    vault.set("more", "x").await;
    vault.store.get(vault.vault, "more", None, 5).await.unwrap().unwrap();
    let changed = visible(&vault).await;
    assert_eq!(restore(&vault, &file, false).await.unwrap_err().kind(), ErrorKind::NotEmpty);
    assert_eq!(visible(&vault).await, changed);
    for _ in 0..2 {
        restore(&vault, &file, true).await.unwrap();
        assert_eq!(visible(&vault).await, before);
        assert!(vault.store.get(vault.vault, "more", None, 5).await.unwrap().is_none(), "nor kept in memory");
    }
    assert_eq!(vault.store.data_keys().await.unwrap().len(), 1, "the key was there already");
}

async fn an_altered_cut_or_foreign_backup_changes_nothing(scene: &Scene) {
    let vault = open(scene).await.unwrap();
    fill(&vault).await;
    let (file, _) = backup(&vault).await;
    vault.set("S7", "later").await;
    let before = visible(&vault).await;
    let mut bad =
        vec![Vec::new(), b"hunter2".to_vec(), [&file[..], b"x"].concat(), [&file[..], &file].concat()];
    for index in (0..file.len()).step_by(file.len() / 40).chain([0, 26, 86, 87, 88, 91, 92, file.len() - 1]) {
        let mut altered = file.clone();
        altered[index] ^= 1;
        bad.push(altered);
        bad.push(file[..index].to_vec());
    }
    for bad in bad {
        let error = restore(&vault, &bad, true).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Backup, "{error}");
    }
    assert_eq!(visible(&vault).await, before);
    vault.set("S8", "goes on").await;

    let other = Scene::sqlite();
    let stranger = open(&other).await.unwrap();
    let error = restore(&stranger, &file, false).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Backup && error.to_string().contains("another master key"), "{error}");
    let master = MasterKey::read(&key_file(scene)).unwrap();
    stranger.store.restore(&mut Cursor::new(&file), false, master, 7).await.unwrap();
    stranger.store.close().await;
    assert_eq!(open(&other).await.unwrap().get("S9").await.0, "value 89", "its own master key opens all");
}

async fn a_backup_is_of_one_moment_while_others_write(scene: &Scene) {
    use tokio::io::AsyncReadExt;
    let vault = open(scene).await.unwrap();
    fill(&vault).await;
    let before = visible(&vault).await;
    // Who takes the backup stops in the middle, and the others go on.
    let (mut out, mut end) = tokio::io::duplex(4096);
    let mut file = vec![0; 100];
    let (done, ()) = tokio::join!(
        async {
            let done = vault.store.back_up(&mut out, &SystemRandom).await.unwrap();
            drop(out);
            done
        },
        async {
            end.read_exact(&mut file).await.unwrap();
            vault.set("S7", "later").await;
            vault.set("more", "x").await;
            assert_eq!(vault.get("S7").await.0, "later");
            end.read_to_end(&mut file).await.unwrap();
        }
    );
    assert_eq!(done.versions, 120);
    let to = Scene::sqlite();
    let other = empty_beside(scene, &to).await;
    restore(&other, &file, false).await.unwrap();
    assert_eq!(visible(&other).await, before);
}

async fn others_write_after_a_restoration_what_they_began_before(scene: &Scene) {
    let vault = open(scene).await.unwrap();
    fill(&vault).await;
    let (file, _) = backup(&vault).await;
    let (restored, ()) = tokio::join!(restore(&vault, &file, true), async {
        tokio::task::yield_now().await;
        vault.set("meanwhile", "x").await;
    });
    restored.unwrap();
    assert_eq!(vault.store.check().await.unwrap().problems, Findings::default());
}

on_both_databases!(
    what_is_there_is_overwritten_only_if_that_is_said,
    an_altered_cut_or_foreign_backup_changes_nothing,
    a_backup_is_of_one_moment_while_others_write,
    others_write_after_a_restoration_what_they_began_before,
);

#[tokio::test]
async fn what_is_damaged_is_left_out_of_a_backup_and_named() {
    let scene = Scene::sqlite();
    let vault = open(&scene).await.unwrap();
    vault.set("good", "x").await;
    vault.store.write(set(vault.vault, "bad", 1, 5)).await.unwrap();
    let (file, done) = backup(&vault).await;
    assert_eq!((done.versions, done.damaged.count), (1, 1));
    assert_eq!(done.damaged.first[0].place, "v1/bad/bad-5");
    let to = Scene::sqlite();
    let other = empty_beside(&scene, &to).await;
    restore(&other, &file, false).await.unwrap();
    assert_eq!(other.get("good").await.0, "x");
}

#[tokio::test]
async fn a_process_beside_opens_backups_of_secrets_that_came_with_a_restoration() {
    let (from, to) = (Scene::sqlite(), Scene::postgres().await);
    let vault = open(&from).await.unwrap();
    vault.set("a", "x").await;
    let blob = vault.keyring.seal(&Binding::new("backup", &[]), b"made before");
    let (file, _) = backup(&vault).await;
    let one = empty_beside(&from, &to).await;
    let two = open_with(&to, Custody::File(key_file(&to))).await.unwrap();
    restore(&one, &file, false).await.unwrap();
    two.store.generation().await.unwrap();
    two.keyring.unseal_foreign(&Binding::new("backup", &[]), blob.key, &blob.bytes).unwrap();
    assert_eq!(two.get("a").await.0, "x");
}
