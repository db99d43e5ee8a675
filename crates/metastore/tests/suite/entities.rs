//! Rows of entities: written, read, listed, counted, kept from changing.

use serde_json::json;
use strongroom_entities::{EntityKind, fqn_hash};
use strongroom_metastore::testing::TestDatabase;
use strongroom_metastore::{Cursor, Include, ListQuery, Row, RowScan, StoreError};

use crate::fixtures::{id, put, service};
use crate::on_all;

const KIND: EntityKind = EntityKind::DatabaseService;

on_all! {
    a_row_is_read_as_it_was_written,
    every_kind_of_entity_has_its_table,
    a_second_row_of_one_name_is_refused_and_the_transaction_can_go_on,
    an_update_changes_the_document_alone,
    a_document_without_what_a_column_needs_is_refused,
    listings_page_in_both_directions,
    soft_deleted_rows_are_told_apart,
    an_inventory_meets_every_row_once,
    a_scan_meets_every_row_of_its_kinds_once_and_goes_on_where_it_was,
    a_transaction_that_is_dropped_changes_nothing,
    a_return_to_the_mark_undoes_what_came_after_it,
    texts_of_all_kinds_survive,
}

async fn a_row_is_read_as_it_was_written(database: &TestDatabase) {
    let store = database.open().await;
    let document = put(&store, 1, "shop").await;
    let row = store.get(KIND, id(1)).await.unwrap().unwrap();
    assert_eq!((row.kind, row.id, row.hash), (KIND, id(1), fqn_hash("shop")));
    assert_eq!(row.json, document);
    assert_eq!(store.get_by_hash(KIND, &fqn_hash("shop")).await.unwrap().unwrap().id, id(1));
    assert_eq!(store.get_by_hash(KIND, &fqn_hash("Shop")).await.unwrap(), None);
    assert_eq!(store.get(KIND, id(2)).await.unwrap(), None);
}

async fn every_kind_of_entity_has_its_table(database: &TestDatabase) {
    let store = database.open().await;
    for (number, kind) in EntityKind::WITH_SECRETS.iter().enumerate() {
        let mut document = service(number as u128, "a");
        document["email"] = json!("a@example.com");
        document["workflowType"] = json!("TEST_CONNECTION");
        let mut transaction = store.begin().await.unwrap();
        transaction.insert(*kind, &fqn_hash("a"), &document).await.unwrap();
        transaction.commit().await.unwrap();
        let row = store.get(*kind, id(number as u128)).await.unwrap().unwrap();
        assert_eq!(row.json, document, "{kind:?}");
        assert_eq!(store.count(*kind, Include::NonDeleted).await.unwrap(), 1, "{kind:?}");
    }
}

async fn a_second_row_of_one_name_is_refused_and_the_transaction_can_go_on(database: &TestDatabase) {
    let store = database.open().await;
    put(&store, 1, "shop").await;
    let mut transaction = store.begin().await.unwrap();
    transaction.mark().await.unwrap();
    let refused = transaction.insert(KIND, &fqn_hash("shop"), &service(2, "shop")).await;
    assert!(matches!(refused, Err(StoreError::AlreadyExists)), "{refused:?}");
    transaction.return_to_mark().await.unwrap();
    transaction.insert(KIND, &fqn_hash("other"), &service(3, "other")).await.unwrap();
    transaction.commit().await.unwrap();
    assert!(store.get(KIND, id(2)).await.unwrap().is_none());
    assert!(store.get(KIND, id(3)).await.unwrap().is_some());
}

async fn an_update_changes_the_document_alone(database: &TestDatabase) {
    let store = database.open().await;
    let mut document = put(&store, 1, "shop").await;
    document["connection"]["config"]["authType"]["password"] = json!("secret:x");
    let mut transaction = store.begin().await.unwrap();
    let locked = transaction.lock(KIND, id(1)).await.unwrap().unwrap();
    assert_eq!(locked.id, id(1));
    transaction.update(&locked, &document).await.unwrap();
    let missing = transaction.update(&Row { id: id(2), ..locked }, &document).await;
    assert!(matches!(missing, Err(StoreError::BrokenRow { .. })), "{missing:?}");
    transaction.commit().await.unwrap();
    let row = store.get(KIND, id(1)).await.unwrap().unwrap();
    assert_eq!((&row.json, &row.hash), (&document, &fqn_hash("shop")));
    let mut transaction = store.begin().await.unwrap();
    // The same document once more is no missing row.
    transaction.update(&row, &document).await.unwrap();
    transaction.delete(KIND, id(1)).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(store.get(KIND, id(1)).await.unwrap(), None);
}

async fn a_document_without_what_a_column_needs_is_refused(database: &TestDatabase) {
    let store = database.open().await;
    for column in ["id", "name", "serviceType", "updatedAt", "updatedBy"] {
        let mut document = service(1, "hunter2");
        document.as_object_mut().unwrap().remove(column);
        let mut transaction = store.begin().await.unwrap();
        let refused = transaction.insert(KIND, &fqn_hash("shop"), &document).await;
        let error = refused.expect_err(column).to_string();
        assert!(!error.contains("hunter2"), "{error}");
    }
}

async fn listings_page_in_both_directions(database: &TestDatabase) {
    let store = database.open().await;
    for (number, name) in ["b", "d", "a", "c", "e"].into_iter().enumerate() {
        put(&store, number as u128, name).await;
    }
    let page = |from| ListQuery { include: Include::NonDeleted, limit: 2, from };
    let names = |rows: Vec<Row>| -> Vec<(String, uuid::Uuid)> {
        rows.into_iter().map(|row| (row.json["name"].as_str().unwrap().to_owned(), row.id)).collect()
    };
    let first = names(store.list(KIND, &page(None)).await.unwrap());
    assert_eq!(first.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    let (name, at) = first[1].clone();
    let second = names(store.list(KIND, &page(Some(Cursor::After { name, id: at }))).await.unwrap());
    assert_eq!(second.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["c", "d"]);
    let (name, at) = second[0].clone();
    let before = names(store.list(KIND, &page(Some(Cursor::Before { name, id: at }))).await.unwrap());
    assert_eq!(before, first);
}

async fn soft_deleted_rows_are_told_apart(database: &TestDatabase) {
    let store = database.open().await;
    put(&store, 1, "here").await;
    let mut unsaid = service(2, "unsaid");
    unsaid.as_object_mut().unwrap().remove("deleted");
    let mut gone = service(3, "gone");
    gone["deleted"] = json!(true);
    let mut transaction = store.begin().await.unwrap();
    transaction.insert(KIND, &fqn_hash("unsaid"), &unsaid).await.unwrap();
    transaction.insert(KIND, &fqn_hash("gone"), &gone).await.unwrap();
    transaction.commit().await.unwrap();
    for (include, count) in [(Include::NonDeleted, 2), (Include::Deleted, 1), (Include::All, 3)] {
        assert_eq!(store.count(KIND, include).await.unwrap(), count, "{include:?}");
        let query = ListQuery { include, limit: 10, from: None };
        assert_eq!(store.list(KIND, &query).await.unwrap().len() as u64, count, "{include:?}");
    }
}

async fn an_inventory_meets_every_row_once(database: &TestDatabase) {
    let store = database.open().await;
    for number in 0..5 {
        put(&store, number, &format!("s{number}")).await;
    }
    let (mut met, mut after) = (Vec::new(), None);
    loop {
        let page = store.inventory(KIND, after.as_deref(), 2).await.unwrap();
        met.extend(page.rows.into_iter().map(|row| row.unwrap().id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(met, (0..5).map(id).collect::<Vec<_>>());
}

async fn a_scan_meets_every_row_of_its_kinds_once_and_goes_on_where_it_was(database: &TestDatabase) {
    let store = database.open().await;
    for number in 0..5 {
        put(&store, number, &format!("s{number}")).await;
    }
    let mut transaction = store.begin().await.unwrap();
    transaction.insert(EntityKind::SearchService, &fqn_hash("find"), &service(9, "find")).await.unwrap();
    transaction.commit().await.unwrap();
    let mut met = Vec::new();
    let mut scan = RowScan::new([KIND, EntityKind::DriveService, EntityKind::SearchService], 2);
    while let Some(page) = scan.next(&store).await.unwrap() {
        met.push((page.kind, page.rows.into_iter().map(|row| row.unwrap().id).collect::<Vec<_>>()));
        // Nobody waits for this one: it is not passed over.
        drop(scan.next(&store));
    }
    assert!(scan.is_done());
    let expected = [
        (KIND, vec![id(0), id(1)]),
        (KIND, vec![id(2), id(3)]),
        (KIND, vec![id(4)]),
        (EntityKind::DriveService, vec![]),
        (EntityKind::SearchService, vec![id(9)]),
    ];
    assert_eq!(met, expected);
}

async fn a_transaction_that_is_dropped_changes_nothing(database: &TestDatabase) {
    let store = database.open().await;
    let mut transaction = store.begin().await.unwrap();
    transaction.insert(KIND, &fqn_hash("shop"), &service(1, "shop")).await.unwrap();
    drop(transaction);
    assert_eq!(store.count(KIND, Include::All).await.unwrap(), 0);
}

async fn a_return_to_the_mark_undoes_what_came_after_it(database: &TestDatabase) {
    let store = database.open().await;
    let mut transaction = store.begin().await.unwrap();
    for number in 0..4 {
        transaction.mark().await.unwrap();
        let name = format!("s{number}");
        transaction.insert(KIND, &fqn_hash(&name), &service(number, &name)).await.unwrap();
        if number % 2 == 1 {
            transaction.return_to_mark().await.unwrap();
        }
    }
    transaction.commit().await.unwrap();
    let kept = store.inventory(KIND, None, 10).await.unwrap().rows;
    assert_eq!(kept.into_iter().map(|row| row.unwrap().id).collect::<Vec<_>>(), [id(0), id(2)]);
}

async fn texts_of_all_kinds_survive(database: &TestDatabase) {
    let store = database.open().await;
    for (number, name) in
        ["數據", "Ünïcode-сервис", "a'b\"c\\d", "😀", "{now} ? $1", "%_"].into_iter().enumerate()
    {
        let mut document = service(number as u128, name);
        document["description"] = json!(name.repeat(2000));
        let hash = fqn_hash(&format!("s{number}"));
        let mut transaction = store.begin().await.unwrap();
        transaction.insert(KIND, &hash, &document).await.unwrap();
        transaction.commit().await.unwrap();
        assert_eq!(store.get_by_hash(KIND, &hash).await.unwrap().unwrap().json, document, "{name}");
    }
}
