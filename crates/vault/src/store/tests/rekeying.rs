//! New keys for a store that is in use, and crashes in between.

use super::keyed::{key_file, open, open_with};
use super::*;
use crate::keys::{Binding, Custody, MasterKey};

async fn everything_is_sealed_with_the_new_keys_and_the_old_master_key_opens_nothing(scene: &Scene) {
    let vault = open(scene).await.unwrap();
    for n in 0..250 {
        vault.set(&format!("s{n}"), &n.to_string()).await;
    }
    vault.store.put_entry(&vault.keyring, "principal", "p", "{}", None).await.unwrap();
    let (generation, old) =
        (vault.store.generation().await.unwrap(), std::fs::read(key_file(scene)).unwrap());
    let blob = vault.keyring.seal(&Binding::new("backup", &[]), b"made before");
    assert_eq!(vault.rekey().await.unwrap(), Rekeyed { resealed: 251, damaged: 0 });
    assert!(vault.store.generation().await.unwrap() > generation, "others have to notice");
    assert_eq!(vault.retired().await, [1]);
    assert_eq!(vault.get("s7").await, ("7".to_owned(), 2));
    vault.store.close().await;

    assert_ne!(std::fs::read(key_file(scene)).unwrap(), old);
    assert_eq!(
        std::fs::read_dir(scene.folder.path())
            .unwrap()
            .filter(|entry| { entry.as_ref().unwrap().file_name().to_string_lossy().contains("master.key") })
            .count(),
        1
    );
    let again = open(scene).await.unwrap();
    for n in 0..250 {
        assert_eq!(again.get(&format!("s{n}")).await, (n.to_string(), 2));
    }
    assert_eq!(again.store.directory(&again.keyring).await.unwrap().entries.len(), 1);
    let opened = again.keyring.unseal_foreign(&Binding::new("backup", &[]), blob.key, &blob.bytes).unwrap();
    assert_eq!(&**opened, b"made before", "a backup of a secret stays good");
    again.store.close().await;

    std::fs::write(key_file(scene), old).unwrap();
    let error = open(scene).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::MasterKey);
}

async fn others_read_and_write_meanwhile(scene: &Scene) {
    let vault = open(scene).await.unwrap();
    for n in 0..300 {
        vault.set(&format!("s{n}"), "x").await;
    }
    let done = std::sync::atomic::AtomicBool::new(false);
    let (rekeyed, written) = tokio::join!(
        async {
            let rekeyed = vault.rekey().await;
            done.store(true, std::sync::atomic::Ordering::Relaxed);
            rekeyed
        },
        async {
            let mut count = 0;
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                vault.set("busy", &count.to_string()).await;
                assert_eq!(vault.get("busy").await.0, count.to_string());
                assert_eq!(vault.get("s299").await.0, "x");
                count += 1;
            }
            count
        }
    );
    assert_eq!(rekeyed.unwrap().damaged, 0);
    assert!(written > 2, "{written}");
    assert_eq!(vault.get("busy").await.1, 2);
    assert_eq!(vault.retired().await, [1]);
}

async fn a_crash_before_the_database_has_the_new_keys_leaves_the_old_ones(scene: &Scene) {
    let vault = open(scene).await.unwrap();
    vault.set("a", "x").await;
    let old = std::fs::read(key_file(scene)).unwrap();
    vault.keyring.custody().propose(&MasterKey::generate(&SystemRandom)).unwrap();
    vault.store.close().await;
    let again = open(scene).await.unwrap();
    assert_eq!(again.get("a").await, ("x".to_owned(), 1));
    assert_eq!(std::fs::read(key_file(scene)).unwrap(), old);
    again.rekey().await.unwrap();
    assert_eq!(again.get("a").await, ("x".to_owned(), 2));
}

async fn a_crash_after_it_is_finished_by_the_next_start(scene: &Scene) {
    let vault = open(scene).await.unwrap();
    vault.set("a", "x").await;
    let old = std::fs::read(key_file(scene)).unwrap();
    // The steps of a change, up to the moment before the file is replaced.
    let master = MasterKey::generate(&SystemRandom);
    let mut keys = master.rewrap(&vault.keyring.master(), &vault.store.data_keys().await.unwrap()).unwrap();
    keys.push(Keyring::generate(2, &master, &SystemRandom));
    vault.keyring.custody().propose(&master).unwrap();
    assert!(vault.store.change_data_keys(keys, 9).await.unwrap());
    vault.store.close().await;

    let again = open(scene).await.unwrap();
    assert_ne!(std::fs::read(key_file(scene)).unwrap(), old, "the new key has taken its place");
    assert_eq!(again.get("a").await, ("x".to_owned(), 1));
    again.set("b", "y").await;
    assert_eq!(again.get("b").await.1, 2);
    assert_eq!(again.retired().await, [0; 0], "the old data key is still needed");
    assert_eq!(again.store.finish_rekey(9).await.unwrap(), Some(Rekeyed { resealed: 1, damaged: 0 }));
    assert_eq!(again.get("a").await, ("x".to_owned(), 2));
    assert_eq!(again.retired().await, [1]);
    assert_eq!(again.store.finish_rekey(9).await.unwrap(), None);
}

async fn what_does_not_open_stays_and_keeps_its_key_in_use(scene: &Scene) {
    let vault = open(scene).await.unwrap();
    vault.set("good", "x").await;
    vault.store.write(set(vault.vault, "bad", 1, 5)).await.unwrap();
    assert_eq!(vault.rekey().await.unwrap(), Rekeyed { resealed: 1, damaged: 1 });
    assert_eq!(vault.get("good").await.1, 2);
    assert!(vault.retired().await.is_empty());
}

async fn a_key_from_the_environment_is_changed_for_a_given_one_only(scene: &Scene) {
    let (old, new) = (MasterKey::generate(&SystemRandom), MasterKey::generate(&SystemRandom));
    let given = |key: &MasterKey| Custody::Given(Arc::new(key.clone()));
    let vault = open_with(scene, given(&old)).await.unwrap();
    vault.set("a", "x").await;
    assert_eq!(vault.rekey().await.unwrap_err().kind(), ErrorKind::MasterKey);
    vault.store.rekey(Some(new.clone()), 9, &SystemRandom).await.unwrap();
    assert_eq!(vault.get("a").await, ("x".to_owned(), 2));
    vault.rekey().await.unwrap_err();
    vault.store.close().await;
    let error = open_with(scene, given(&old)).await.err().unwrap();
    assert!(
        error.kind() == ErrorKind::MasterKey && error.to_string().contains("STRONGROOM_VAULT_MASTER_KEY")
    );
    assert_eq!(open_with(scene, given(&new)).await.unwrap().get("a").await.0, "x");
}

async fn a_second_change_waits_for_the_first(scene: &Scene) {
    let vault = open(scene).await.unwrap();
    vault.set("a", "x").await;
    let (first, second, finished) = tokio::join!(vault.rekey(), vault.rekey(), vault.store.finish_rekey(9));
    first.unwrap();
    second.unwrap();
    finished.unwrap();
    assert_eq!(vault.get("a").await, ("x".to_owned(), 3));
    assert_eq!(vault.retired().await, [1, 2]);
}

on_both_databases!(
    a_second_change_waits_for_the_first,
    everything_is_sealed_with_the_new_keys_and_the_old_master_key_opens_nothing,
    others_read_and_write_meanwhile,
    a_crash_before_the_database_has_the_new_keys_leaves_the_old_ones,
    a_crash_after_it_is_finished_by_the_next_start,
    what_does_not_open_stays_and_keeps_its_key_in_use,
    a_key_from_the_environment_is_changed_for_a_given_one_only,
);

#[tokio::test]
async fn another_process_takes_the_new_keys_over_without_a_restart() {
    let scene = Scene::postgres().await;
    let (one, two) = (open(&scene).await.unwrap(), open(&scene).await.unwrap());
    one.set("a", "x").await;
    one.rekey().await.unwrap();
    one.set("b", "y").await;
    // Neither has to be told: one value is read, or the generation asked for, as each call does.
    assert_eq!(two.get("b").await, ("y".to_owned(), 2));
    one.rekey().await.unwrap();
    two.store.generation().await.unwrap();
    two.set("c", "z").await;
    assert_eq!(one.get("c").await, ("z".to_owned(), 3));
    two.rekey().await.unwrap();
    assert_eq!(one.get("a").await, ("x".to_owned(), 4));
    assert_eq!(one.retired().await, [1, 2, 3]);
}

#[tokio::test]
async fn two_processes_that_change_the_keys_at_once_do_it_one_after_the_other() {
    let scene = Scene::postgres().await;
    let (one, two) = (open(&scene).await.unwrap(), open(&scene).await.unwrap());
    one.set("a", "x").await;
    let (first, second) = tokio::join!(one.rekey(), two.rekey());
    first.unwrap();
    second.unwrap();
    one.store.close().await;
    two.store.close().await;
    assert_eq!(open(&scene).await.unwrap().get("a").await, ("x".to_owned(), 3));
}

#[tokio::test]
async fn a_process_that_has_not_got_the_new_master_key_says_so_and_goes_on_once_it_has() {
    let scene = Scene::postgres().await;
    let (one, elsewhere) = (open(&scene).await.unwrap(), tempfile::tempdir().unwrap());
    let copy = elsewhere.path().join("master.key");
    std::fs::copy(key_file(&scene), &copy).unwrap();
    let two = open_with(&scene, Custody::File(copy.clone())).await.unwrap();
    one.set("a", "x").await;
    one.rekey().await.unwrap();
    let error = two.store.generation().await.unwrap_err().to_string();
    assert!(error.contains("master key") && error.contains("postgres://"), "{error}");
    assert!(two.store.get(two.vault, "a", None, 5).await.is_err());
    std::fs::copy(key_file(&scene), &copy).unwrap();
    two.store.generation().await.unwrap();
    assert_eq!(two.get("a").await, ("x".to_owned(), 2));
}
