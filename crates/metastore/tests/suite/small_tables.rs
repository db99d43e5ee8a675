//! Relationships, history, runs, settings, and what a sign-in needs.

use serde_json::json;
use strongroom_entities::{EntityKind, fqn_hash};
use strongroom_metastore::sign_in::REFRESH_TOKENS_PER_USER;
use strongroom_metastore::testing::TestDatabase;
use strongroom_metastore::{JournalEntry, NewRun, Progress, Relation, Relationship};
use strongroom_secrets::SecretVersion;
use strongroom_secrets::random::SystemRandom;

use crate::fixtures::{id, name, service};
use crate::on_all;

on_all! {
    a_relationship_is_kept_once_and_removed_from_both_sides,
    a_version_that_is_kept_stays_as_it_is,
    a_setting_is_what_was_stored_first,
    runs_and_what_they_moved_are_known,
    a_user_is_found_by_e_mail_whatever_its_case,
    a_refresh_token_is_used_once_and_only_in_time,
    the_oldest_refresh_tokens_give_way,
}

async fn a_relationship_is_kept_once_and_removed_from_both_sides(database: &TestDatabase) {
    let store = database.open().await;
    let relate = |from: u128, to: u128| Relationship {
        from: (EntityKind::DatabaseService, id(from)),
        to: (EntityKind::IngestionPipeline, id(to)),
        relation: Relation::Contains,
    };
    let mut transaction = store.begin().await.unwrap();
    for (from, to) in [(1, 3), (1, 2), (1, 2), (2, 1), (4, 5)] {
        transaction.relate(&relate(from, to)).await.unwrap();
    }
    transaction.commit().await.unwrap();
    let to = |from| store.related(id(from), Relation::Contains, EntityKind::IngestionPipeline);
    assert_eq!(to(1).await.unwrap(), [id(2), id(3)]);
    let mut transaction = store.begin().await.unwrap();
    transaction.unrelate(id(1)).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(
        (to(1).await.unwrap(), to(2).await.unwrap(), to(4).await.unwrap()),
        (vec![], vec![], vec![id(5)])
    );
}

async fn a_version_that_is_kept_stays_as_it_is(database: &TestDatabase) {
    let store = database.open().await;
    let mut transaction = store.begin().await.unwrap();
    let kind = EntityKind::DatabaseService;
    for text in ["first", "second"] {
        let mut document = service(1, "shop");
        document["description"] = json!(text);
        transaction.keep_version(kind, id(1), &document).await.unwrap();
    }
    transaction.commit().await.unwrap();
    let history = store.history(kind, id(1)).await.unwrap();
    assert_eq!(history.len(), 1);
    assert_eq!(history[0]["description"], json!("first"));
    let mut transaction = store.begin().await.unwrap();
    transaction.forget_history(id(1)).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(store.history(kind, id(1)).await.unwrap(), Vec::<serde_json::Value>::new());
}

async fn a_setting_is_what_was_stored_first(database: &TestDatabase) {
    let store = database.open().await;
    assert_eq!(store.setting("x").await.unwrap(), None);
    assert_eq!(store.setting_or("x", "first").await.unwrap(), "first");
    assert_eq!(store.setting_or("x", "second").await.unwrap(), "first");
    let installation = store.installation(&SystemRandom).await.unwrap();
    assert!(installation.is_some());
    assert_eq!(store.installation(&SystemRandom).await.unwrap(), installation);
}

async fn runs_and_what_they_moved_are_known(database: &TestDatabase) {
    let store = database.open().await;
    let run = NewRun {
        id: id(9),
        action: "to-vault".to_owned(),
        target: "a vault".to_owned(),
        process: "1 on here".to_owned(),
    };
    store.start_run(&run, 1).await.unwrap();
    let entry = |version: &str| JournalEntry {
        kind: EntityKind::DatabaseService,
        entity: id(1),
        field: "/a".to_owned(),
        name: name("n"),
        version: SecretVersion::new(version),
        vault: Some("a vault".to_owned()),
    };
    for version in ["v1", "v2"] {
        let mut transaction = store.begin().await.unwrap();
        transaction.journal(id(9), &[entry(version)]).await.unwrap();
        transaction.commit().await.unwrap();
    }
    let journal = store.journal_of(id(9), &[id(1), id(2)]).await.unwrap();
    assert_eq!(journal, [entry("v2")]);
    assert_eq!(store.vaults_of_run(id(9)).await.unwrap(), [(Some("a vault".to_owned()), 1)]);
    let progress = Progress { total: 3, done: 2, changed: 1 };
    store.note_progress(id(9), progress, 2).await.unwrap();
    store.start_run(&NewRun { id: id(10), ..run.clone() }, 3).await.unwrap();
    store.end_run(id(10), 4, "done").await.unwrap();
    let runs = store.runs(&id(9).to_string()[..8], 10).await.unwrap();
    let outcomes: Vec<_> = runs.iter().map(|run| (run.id, run.outcome.as_deref(), run.done)).collect();
    assert_eq!(outcomes, [(id(10), Some("done"), None), (id(9), Some("interrupted"), Some(2))]);
}

async fn a_user_is_found_by_e_mail_whatever_its_case(database: &TestDatabase) {
    let store = database.open().await;
    let mut transaction = store.begin().await.unwrap();
    let user = json!({
        "id": id(1), "name": "ann", "email": "Ann@Example.com", "updatedAt": 1, "updatedBy": "admin", "version": 0.1
    });
    transaction.insert(EntityKind::User, &fqn_hash("ann"), &user).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(store.user_by_email("aNN@example.COM").await.unwrap().map(|row| row.id), Some(id(1)));
    for other in ["ann@example.org", "änn@example.com", "%"] {
        assert_eq!(store.user_by_email(other).await.unwrap(), None, "{other}");
    }
}

async fn a_refresh_token_is_used_once_and_only_in_time(database: &TestDatabase) {
    let store = database.open().await;
    store.keep_refresh_token("h1", id(1), 100, 0).await.unwrap();
    store.keep_refresh_token("h2", id(2), 100, 0).await.unwrap();
    assert_eq!(store.use_refresh_token("h1", 50).await.unwrap(), Some(id(1)));
    assert_eq!(store.use_refresh_token("h1", 50).await.unwrap(), None);
    assert_eq!(store.use_refresh_token("h2", 100).await.unwrap(), None);
}

async fn the_oldest_refresh_tokens_give_way(database: &TestDatabase) {
    let store = database.open().await;
    let many = i64::from(REFRESH_TOKENS_PER_USER) + 2;
    for number in 0..many {
        store.keep_refresh_token(&format!("h{number}"), id(1), 100 + number, 0).await.unwrap();
    }
    for (number, there) in [(0, false), (1, false), (2, true), (many - 1, true)] {
        let used = store.use_refresh_token(&format!("h{number}"), 0).await.unwrap();
        assert_eq!(used.is_some(), there, "{number}");
    }
    // The one that is kept last stays, however soon it ends.
    for number in 0..many {
        store.keep_refresh_token(&format!("g{number}"), id(2), 100 + number, 0).await.unwrap();
    }
    store.keep_refresh_token("soon", id(2), 1, 0).await.unwrap();
    assert_eq!(store.use_refresh_token("soon", 0).await.unwrap(), Some(id(2)));
}
