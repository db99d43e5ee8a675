//! A database that an earlier version of the program made.

use sqlx::migrate::Migrator;

use super::*;

#[tokio::test]
async fn a_database_of_the_first_schema_is_upgraded_with_what_it_holds() {
    let scene = Scene::sqlite();
    let path = scene.folder.path().join("vault.db");
    let mut connection = Database::at(&scene.location, &path).unwrap().connect().await.unwrap();
    let first =
        database::SQLITE.iter().filter(|migration| migration.version == 1).cloned().collect::<Vec<_>>();
    Migrator { migrations: first.into(), ..Migrator::DEFAULT }.run(&mut connection).await.unwrap();
    for statement in [
        "INSERT INTO data_key (id, wrapped, created) VALUES (1, x'00', 0)",
        "INSERT INTO vault (id, name) VALUES (7, 'v1')",
        "INSERT INTO secret (id, vault, name_key, name) VALUES (3, 7, 'old', 'Old')",
        "INSERT INTO secret (id, vault, name_key, name, deleted_at, purge_at) VALUES (4, 7, 'gone', 'gone', 5, 99)",
        "INSERT INTO version (secret, version, enabled, created, updated, data_key, sealed)
         VALUES (3, 'a', 1, 5, 5, 1, x'01'), (4, 'b', 1, 5, 5, 1, x'02')",
    ] {
        sqlx::query(statement).execute(&mut connection).await.unwrap();
    }
    connection.close().await.unwrap();

    let mut preparing = scene.prepare().await;
    let vault = preparing.vault("v1").await.unwrap();
    let store = preparing.start(Audit::off(), Arc::new(keyring())).await.unwrap();
    assert_eq!(store.get(vault, "old", None, 10).await.unwrap().unwrap().record.name, "Old");
    assert!(store.get_deleted(vault, "gone", 10).await.unwrap().is_some());
    store.write(Change::Recover { vault, name: "gone".into(), now: 10, settles_at: 10 }).await.unwrap();
    assert_eq!(store.list(vault, "", 10, 10).await.unwrap().len(), 2);
}
