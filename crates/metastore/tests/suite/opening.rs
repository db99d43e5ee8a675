//! Opening: what is made, what is refused, and that a plan writes nothing.

use strongroom_entities::EntityKind;
use strongroom_metastore::testing::{Kind, TestDatabase};
use strongroom_metastore::{Access, IntentState, Location, Metastore, Options, StoreError};
use strongroom_secrets::SecretValue;
use strongroom_secrets::random::SystemRandom;

use crate::fixtures::{id, put};
use crate::on_all;

on_all! {
    a_database_is_made_once_and_opened_again,
    several_processes_may_make_it_at_once,
    a_database_without_tables_is_not_taken_for_one_of_openmetadata,
    a_plan_meets_a_database_without_our_tables_and_writes_nothing,
    a_newer_schema_is_refused,
    altered_tables_are_refused,
    a_wrong_password_or_database_is_an_error_that_says_what_to_do,
}

async fn open(database: &TestDatabase, access: Access) -> Result<Metastore, StoreError> {
    Metastore::open(&Options::new(database.location.clone(), access)).await
}

async fn a_database_is_made_once_and_opened_again(database: &TestDatabase) {
    put(&database.open().await, 1, "shop").await;
    for access in [Access::Create, Access::ReadWrite, Access::ReadOnly] {
        let store = open(database, access).await.unwrap();
        assert!(store.get(EntityKind::DatabaseService, id(1)).await.unwrap().is_some());
        assert!(!store.made_by_reference().await.unwrap());
        store.ping().await.unwrap();
        store.close().await;
    }
}

async fn several_processes_may_make_it_at_once(database: &TestDatabase) {
    // One process owns a SQLite file when it is made.
    if database.kind == Kind::Sqlite {
        return;
    }
    let stores = futures::future::join_all((0..3).map(|_| database.open())).await;
    assert_eq!(stores.len(), 3);
}

async fn a_database_without_tables_is_not_taken_for_one_of_openmetadata(database: &TestDatabase) {
    for access in [Access::ReadWrite, Access::ReadOnly] {
        match open(database, access).await {
            Err(StoreError::Missing(_)) if database.kind == Kind::Sqlite => {}
            Err(StoreError::NoTables(_)) => {}
            other => panic!("{other:?}"),
        }
    }
}

async fn a_plan_meets_a_database_without_our_tables_and_writes_nothing(database: &TestDatabase) {
    let store = database.open().await;
    put(&store, 1, "shop").await;
    store.close().await;
    database
        .run(
            "DROP TABLE strongroom_migration; DROP TABLE strongroom_setting; DROP TABLE strongroom_owner; \
             DROP TABLE strongroom_own_reference; DROP TABLE strongroom_intent",
        )
        .await;
    let store = open(database, Access::ReadOnly).await.unwrap();
    assert_eq!(store.count_intents(IntentState::Open).await.unwrap(), 0);
    assert_eq!(store.installation(&SystemRandom).await.unwrap(), None);
    let written = async {
        let mut transaction = store.begin().await?;
        transaction.delete(EntityKind::DatabaseService, id(1)).await?;
        transaction.commit().await
    };
    assert!(written.await.is_err());
    assert!(store.get(EntityKind::DatabaseService, id(1)).await.unwrap().is_some());
}

async fn a_newer_schema_is_refused(database: &TestDatabase) {
    database.open().await.close().await;
    database.run("UPDATE strongroom_migration SET version = 999 WHERE version = 2").await;
    for access in [Access::Create, Access::ReadOnly] {
        let refused = open(database, access).await;
        assert!(matches!(refused, Err(StoreError::FromTheFuture { version: 999, .. })), "{refused:?}");
    }
}

async fn altered_tables_are_refused(database: &TestDatabase) {
    database.open().await.close().await;
    let checksum = if database.kind == Kind::Postgres { "'\\x00'" } else { "X'00'" };
    database.run(&format!("UPDATE strongroom_migration SET checksum = {checksum} WHERE version = 1")).await;
    let refused = open(database, Access::ReadWrite).await;
    assert!(matches!(refused, Err(StoreError::Altered { version: 1, .. })), "{refused:?}");
}

async fn a_wrong_password_or_database_is_an_error_that_says_what_to_do(database: &TestDatabase) {
    let Location::Server(server) = &database.location else { return };
    let mut wrong = server.clone();
    wrong.password = Some(SecretValue::new("hunter2"));
    let mut elsewhere = server.clone();
    elsewhere.database = "nowhere".to_owned();
    let mut nobody = server.clone();
    nobody.port = 1;
    for (server, says) in
        [(wrong, "DB_USER_PASSWORD"), (elsewhere, "CREATE DATABASE nowhere"), (nobody, "DB_PORT")]
    {
        let error = Metastore::open(&Options::new(server, Access::ReadOnly)).await.unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(text.contains(says) && !text.contains("hunter2"), "{text}");
    }
}
