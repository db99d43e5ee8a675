//! Several processes on one PostgreSQL; here each is a store of its own.

use super::*;

#[tokio::test]
async fn processes_that_start_at_once_make_the_schema_the_first_key_and_a_vault_once() {
    let scene = Scene::postgres().await;
    let start = async || {
        let mut preparing = scene.prepare().await;
        if preparing.data_keys().await.unwrap().is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            preparing
                .add_data_key(&WrappedKey { id: 1, wrapped: vec![], retired: false, formerly: None }, 0)
                .await
                .unwrap();
        }
        let vault = preparing.vault("v1").await.unwrap();
        (preparing.start(Audit::off(), Arc::new(keyring())).await.unwrap(), vault)
    };
    let (a, b, c, d) = tokio::join!(start(), start(), start(), start());
    assert!([&b, &c, &d].iter().all(|(_, vault)| *vault == a.1));
    a.0.write(set(a.1, "a", 1, 5)).await.unwrap();
    assert!(d.0.get(d.1, "a", None, 5).await.unwrap().is_some());
}

#[tokio::test]
async fn each_process_sees_what_another_has_written_and_versions_are_numbered_as_they_are_committed() {
    let scene = Scene::postgres().await;
    let (first, vault) = scene.store().await;
    let second = scene.open().await;
    let write = async |store: &Store, times: std::ops::Range<i64>| {
        let mut ids = Vec::new();
        for now in times {
            ids.push(store.write(set(vault, "a", 1, now)).await.unwrap().id);
        }
        ids
    };
    let (one, two) = tokio::join!(write(&first, 0..40), write(&second, 100..140));
    assert!(one.is_sorted() && two.is_sorted());
    for store in [&first, &second] {
        let listed = store.list_versions(vault, "a", 0, 100, 200).await.unwrap();
        let mut all = [one.clone(), two.clone()].concat();
        all.sort_unstable();
        assert_eq!(listed.iter().map(|record| record.id).collect::<Vec<_>>(), all);
        // Who was answered last wrote the latest version.
        let latest = store.get(vault, "a", None, 200).await.unwrap().unwrap().record.id;
        assert_eq!(Some(&latest), all.last());
    }
}

#[tokio::test]
async fn a_change_of_the_directory_is_noticed_by_the_other_process() {
    let scene = Scene::postgres().await;
    let (first, _) = scene.store().await;
    let second = scene.open().await;
    let keyring = keyring();
    let generation = first.put_entry(&keyring, "vault", "v9", "{}", None).await.unwrap().unwrap();
    assert_eq!(second.generation().await.unwrap(), generation);
    assert_eq!(second.directory(&keyring).await.unwrap().entries[0].key, "v9");
}
