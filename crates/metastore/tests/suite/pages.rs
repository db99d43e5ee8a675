//! Many entities in one statement.

use serde_json::json;
use strongroom_entities::EntityKind;
use strongroom_metastore::testing::TestDatabase;
use strongroom_metastore::{OwnReference, Owner, Row};
use strongroom_secrets::SecretVersion;

use crate::fixtures::{id, name, put};
use crate::on_all;

const KIND: EntityKind = EntityKind::DatabaseService;

on_all! {
    rows_are_locked_and_updated_together,
    a_row_that_is_gone_is_told,
    what_is_known_of_names_is_found_at_once,
}

async fn rows_are_locked_and_updated_together(database: &TestDatabase) {
    let store = database.open().await;
    for number in 0..70 {
        put(&store, number, &format!("s{number}")).await;
    }
    let ids: Vec<_> = (0..71).rev().map(id).collect();
    let mut transaction = store.begin().await.unwrap();
    let rows = transaction.lock_all(KIND, &ids).await.unwrap();
    assert_eq!(rows.len(), 70);
    let mut documents: Vec<_> = rows.values().map(|row| (row, row.json.clone())).collect();
    for (row, document) in &mut documents {
        document["description"] = json!(format!("it's \\ {} 數", row.id));
    }
    let updates: Vec<_> = documents.iter().map(|(row, document)| (*row, document)).collect();
    assert!(transaction.update_all(&updates).await.unwrap());
    transaction.commit().await.unwrap();
    for (row, document) in documents {
        assert_eq!(store.get(KIND, row.id).await.unwrap().unwrap().json, document);
    }
}

async fn a_row_that_is_gone_is_told(database: &TestDatabase) {
    let store = database.open().await;
    put(&store, 1, "shop").await;
    let row = store.get(KIND, id(1)).await.unwrap().unwrap();
    let gone = Row { id: id(2), ..row.clone() };
    let mut transaction = store.begin().await.unwrap();
    assert!(!transaction.update_all(&[(&row, &row.json), (&gone, &row.json)]).await.unwrap());
    drop(transaction);
    let mut transaction = store.begin().await.unwrap();
    assert!(transaction.update_all(&[(&row, &row.json)]).await.unwrap());
    assert!(transaction.update_all(&[]).await.unwrap());
}

async fn what_is_known_of_names_is_found_at_once(database: &TestDatabase) {
    let store = database.open().await;
    let owner = |secret: &str, entity: u128| Owner {
        name: name(secret),
        kind: KIND,
        entity: id(entity),
        field: "/a".to_owned(),
        version: SecretVersion::new("v"),
    };
    let typed = |secret: &str, entity: u128| OwnReference {
        name: name(secret),
        kind: KIND,
        entity: id(entity),
        field: "/b".to_owned(),
    };
    let mut transaction = store.begin().await.unwrap();
    transaction.put_owners(&[owner("One", 1), owner("two", 2), owner("three", 3)]).await.unwrap();
    transaction
        .put_all_own_references(&[id(1), id(2)], &[typed("Typed", 1), typed("typed", 2)])
        .await
        .unwrap();
    assert_eq!(transaction.owned_by_all(&[id(1), id(3), id(4)]).await.unwrap().len(), 2);
    transaction.commit().await.unwrap();
    let asked = [name("oNE"), name("TWO"), name("nobodys"), name("TYPED")];
    let mut owners: Vec<_> =
        store.owners(&asked).await.unwrap().into_iter().map(|owner| owner.entity).collect();
    owners.sort();
    assert_eq!(owners, [id(1), id(2)]);
    assert_eq!(store.names_that_users_typed(&asked).await.unwrap(), ["typed"]);
    let mut transaction = store.begin().await.unwrap();
    transaction.put_all_own_references(&[id(1), id(2)], &[]).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(store.names_that_users_typed(&asked).await.unwrap(), Vec::<String>::new());
}
