//! One migration at a time.

use std::time::Duration;

use strongroom_metastore::StoreError;
use strongroom_metastore::testing::TestDatabase;

use crate::on_all;

on_all! {
    the_second_is_told_who_holds_the_lock_and_gets_it_afterwards,
    two_databases_have_a_lock_each,
}

async fn the_second_is_told_who_holds_the_lock_and_gets_it_afterwards(database: &TestDatabase) {
    let (first, second) = (database.open().await, database.open().await);
    assert!(!second.migration_is_running().await.unwrap());
    let lock = first.lock_migration("process 1 on here").await.unwrap();
    assert!(!lock.is_lost());
    assert!(second.migration_is_running().await.unwrap());
    match second.lock_migration("process 2").await {
        Err(StoreError::Locked(holder)) => assert_eq!(holder, "process 1 on here"),
        other => panic!("{other:?}"),
    }
    drop(lock);
    // A server needs a moment to see that a connection is gone.
    for _ in 0..200 {
        match second.lock_migration("process 2").await {
            Ok(lock) => {
                drop(lock);
                return;
            }
            Err(StoreError::Locked(_)) => tokio::time::sleep(Duration::from_millis(20)).await,
            Err(error) => panic!("{error}"),
        }
    }
    panic!("the lock was not given back");
}

async fn two_databases_have_a_lock_each(database: &TestDatabase) {
    let other = TestDatabase::new(database.kind).await;
    let _one = database.open().await.lock_migration("one").await.unwrap();
    other.open().await.lock_migration("two").await.unwrap();
}
