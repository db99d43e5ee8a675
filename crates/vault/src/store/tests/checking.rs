//! What a check finds.

use super::keyed::{Keyed, open};
use super::*;

async fn change(vault: &Keyed, statement: &'static str) {
    let mut connection = vault.store.database.connect().await.unwrap();
    sqlx::query(statement).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

async fn every_damaged_row_is_named_and_no_value_is_told(scene: &Scene) {
    let vault = open(scene).await.unwrap();
    for n in 0..230 {
        vault.set(&format!("s{n}"), "hunter2").await;
    }
    vault.store.put_entry(&vault.keyring, "principal", "p", "{}", None).await.unwrap();
    vault.store.put_entry(&vault.keyring, "principal", "q", "{", None).await.unwrap();
    let checked = vault.store.check().await.unwrap();
    assert_eq!((checked.vaults, checked.secrets, checked.versions, checked.entries), (1, 230, 230, 2));
    assert_eq!(checked.problems.count, 1, "{checked:?}");
    for statement in [
        "UPDATE version SET sealed = (SELECT v.sealed FROM version v JOIN secret s ON s.id = v.secret
                                      WHERE s.name_key = 's2') WHERE id = 4",
        "UPDATE version SET version = 'UPPER' WHERE id = 11",
        "UPDATE version SET tags = 'hunter2' WHERE id = 205",
        "UPDATE version SET enabled = 7 WHERE id = 206",
        "UPDATE secret SET deleted_at = 5 WHERE name_key = 's20'",
        "UPDATE secret SET name = 'other' WHERE name_key = 's21'",
        "DELETE FROM version WHERE id = 31",
        "UPDATE directory_entry SET key = 'r' WHERE key = 'p'",
    ] {
        change(&vault, statement).await;
    }
    let checked = vault.store.check().await.unwrap();
    let found: Vec<_> = checked
        .problems
        .first
        .iter()
        .map(|finding| {
            let place = finding.place.split('/').take(2).collect::<Vec<_>>().join("/");
            format!("{place}: {}", finding.problem)
        })
        .collect();
    for expected in [
        "v1/s3: the value does not open",
        "v1/s10: the value does not open",
        "v1/s10: the version is not 32 hexadecimal digits",
        "v1/s204: the tags are not a JSON object of texts",
        "v1/s205: it is neither enabled nor disabled",
        "v1/s20: it is deleted and not deleted at once",
        "v1/other: it is filed under another name than its own",
        "v1/s30: it has no version",
        "principal r: the entry does not open",
        "principal q: the entry is not JSON",
    ] {
        assert!(found.iter().any(|found| found == expected), "{expected} in {found:#?}");
    }
    assert_eq!(checked.problems.count, found.len() as u64);
    assert_eq!(found.len(), 11, "{found:#?}");
    assert!(!format!("{checked:?}").contains("hunter2"));
}

on_both_databases!(every_damaged_row_is_named_and_no_value_is_told);

#[tokio::test]
async fn many_problems_are_counted_and_the_first_are_told() {
    let scene = Scene::sqlite();
    let vault = open(&scene).await.unwrap();
    for n in 0..1100 {
        vault.store.write(set(vault.vault, &format!("s{n}"), 1, 5)).await.unwrap();
    }
    let problems = vault.store.check().await.unwrap().problems;
    assert_eq!((problems.count, problems.first.len()), (2200, 1000));
}

#[tokio::test]
async fn a_row_that_belongs_to_nothing_is_found() {
    let scene = Scene::sqlite();
    let vault = open(&scene).await.unwrap();
    vault.set("a", "x").await;
    let mut connection = vault.store.database.connect().await.unwrap();
    sqlx::raw_sql("PRAGMA foreign_keys = OFF; UPDATE version SET secret = 99")
        .execute(&mut connection)
        .await
        .unwrap();
    let problems = vault.store.check().await.unwrap().problems;
    let found: Vec<_> = problems.first.iter().map(|finding| finding.problem.as_str()).collect();
    assert!(found.contains(&"it belongs to no secret") && found.contains(&"it has no version"), "{found:?}");
}
