//! Whose secret a name is, and the users' own references.

use strongroom_entities::EntityKind;
use strongroom_metastore::testing::TestDatabase;
use strongroom_metastore::{OwnReference, Owner};
use strongroom_secrets::SecretVersion;

use crate::fixtures::{id, name};
use crate::on_all;

on_all! {
    an_owner_takes_the_place_of_the_one_before,
    an_entitys_secrets_are_found,
    own_references_are_replaced_as_a_whole,
    a_name_is_referred_to_in_either_way,
}

fn owner(secret: &str, entity: u128, field: &str, version: &str) -> Owner {
    Owner {
        name: name(secret),
        kind: EntityKind::DatabaseService,
        entity: id(entity),
        field: field.to_owned(),
        version: SecretVersion::new(version),
    }
}

fn reference(secret: &str, entity: u128, field: &str) -> OwnReference {
    OwnReference {
        name: name(secret),
        kind: EntityKind::DatabaseService,
        entity: id(entity),
        field: field.to_owned(),
    }
}

async fn an_owner_takes_the_place_of_the_one_before(database: &TestDatabase) {
    let store = database.open().await;
    let mut transaction = store.begin().await.unwrap();
    transaction.put_owner(&owner("Name", 1, "/a", "v1")).await.unwrap();
    transaction.put_owners(&[owner("nAME", 2, "/b", "v2"), owner("other", 2, "/c", "v3")]).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(store.owner(&name("NAME")).await.unwrap(), Some(owner("nAME", 2, "/b", "v2")));
    assert_eq!(store.owner(&name("nobodys")).await.unwrap(), None);
}

async fn an_entitys_secrets_are_found(database: &TestDatabase) {
    let store = database.open().await;
    let all: Vec<_> =
        (0..100).map(|n| owner(&format!("n{n:03}"), n % 2, &format!("/f{n:03}"), "v")).collect();
    let mut transaction = store.begin().await.unwrap();
    transaction.put_owners(&all).await.unwrap();
    transaction.forget_owner(&name("n001")).await.unwrap();
    let owned = transaction.owned_by(id(1)).await.unwrap();
    transaction.commit().await.unwrap();
    let fields: Vec<_> = owned.iter().map(|owner| owner.field.clone()).collect();
    assert_eq!(fields, (1..50).map(|n| format!("/f{:03}", 2 * n + 1)).collect::<Vec<_>>());
}

async fn own_references_are_replaced_as_a_whole(database: &TestDatabase) {
    let store = database.open().await;
    for (references, of_x) in [
        (vec![reference("x", 1, "/a"), reference("x", 1, "/A"), reference("y", 1, "/c")], 2),
        (vec![reference("y", 1, "/a")], 0),
        (vec![], 0),
    ] {
        let mut transaction = store.begin().await.unwrap();
        transaction.put_own_references(id(1), &references).await.unwrap();
        transaction.commit().await.unwrap();
        let found = store.own_references(&name("X")).await.unwrap();
        assert_eq!(found.len(), of_x);
        assert!(found.iter().all(|(entity, _)| *entity == id(1)));
    }
}

async fn a_name_is_referred_to_in_either_way(database: &TestDatabase) {
    let store = database.open().await;
    let mut transaction = store.begin().await.unwrap();
    transaction.put_owner(&owner("kept", 1, "/a", "v")).await.unwrap();
    transaction.put_own_references(id(2), &[reference("typed", 2, "/a")]).await.unwrap();
    for (secret, wanted) in [("Kept", true), ("TYPED", true), ("neither", false)] {
        assert_eq!(transaction.is_referred_to(&name(secret)).await.unwrap(), wanted, "{secret}");
    }
}
