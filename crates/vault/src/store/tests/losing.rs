//! Connections to PostgreSQL that are lost.

use super::*;

/// Ends every connection of this program to the test's database but one, and answers how many.
async fn sever(scene: &Scene) -> i64 {
    let database = Database::at(&scene.location, &scene.folder.path().join("vault.db")).unwrap();
    let mut connection = database.connect().await.unwrap();
    let severed = sqlx::query_scalar(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )
    .fetch_one(&mut connection)
    .await
    .unwrap();
    connection.close().await.unwrap();
    severed
}

#[tokio::test]
async fn lost_connections_are_made_anew_for_writers_and_readers() {
    let scene = Scene::postgres().await;
    let (store, vault) = scene.store().await;
    for now in 0..3 {
        store.write(set(vault, "a", 1, now)).await.unwrap();
        assert!(store.get(vault, "a", None, now).await.unwrap().is_some());
        assert!(sever(&scene).await >= 2);
    }
    store.write(set(vault, "a", 1, 9)).await.unwrap();
    assert_eq!(store.list_versions(vault, "a", 0, 10, 9).await.unwrap().len(), 4);
}

#[tokio::test]
async fn a_write_that_waits_for_another_process_beyond_its_time_is_tried_again() {
    let scene = Scene::postgres().await;
    let (store, vault) = scene.store().await;
    let database = Database::at(&scene.location, &scene.folder.path().join("vault.db")).unwrap();
    let mut other = database.connect().await.unwrap();
    let mut transaction = other.begin().await.unwrap();
    database.lock_writing(&mut transaction).await.unwrap();
    let (written, ()) = tokio::join!(store.write(set(vault, "a", 1, 5)), async {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        // The writer's connection dies while it waits: nothing of it was committed.
        let severed: i64 = sqlx::query_scalar(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
             AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        )
        .fetch_one(&mut *transaction)
        .await
        .unwrap();
        assert_eq!(severed, 1);
        transaction.rollback().await.unwrap();
    });
    written.unwrap();
    assert_eq!(store.list_versions(vault, "a", 0, 10, 5).await.unwrap().len(), 1, "once, not twice");
}

#[tokio::test]
async fn a_commit_whose_outcome_is_unknown_is_not_answered_as_success_and_not_tried_again() {
    use super::super::database::{Failure, Kind};
    let lost = || sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into());
    assert!(matches!(Failure::of_commit(Kind::Postgres, lost()), Failure::Unknown(_)));
    assert!(!Failure::of_commit(Kind::Postgres, lost()).spares_connection());
    assert!(matches!(Failure::before_commit(lost()), Failure::Nothing { again: true, .. }));
}
