//! Listings and their pages.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::TestVault;

fn names(pages: &[Vec<Value>]) -> Vec<String> {
    pages
        .iter()
        .flatten()
        .map(|entry| entry["id"].as_str().unwrap().rsplit('/').next().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn secrets_are_listed_once_each_by_their_latest_version_without_values() {
    let vault = TestVault::start().await;
    let session = vault.officer().await;
    session.set("b", "1").await;
    session.put("/secrets/B", json!({"value": "2", "contentType": "c", "tags": {"t": "1"}})).await.is(200);
    session.set("A", "3").await;
    let page = session.get("/secrets").await.is(200);
    assert_eq!(page["nextLink"], Value::Null);
    assert!(page.as_object().unwrap().contains_key("nextLink"));
    let entries = page["value"].as_array().unwrap();
    assert_eq!(names(std::slice::from_ref(entries)), ["A", "b"]);
    assert_eq!(entries[1]["id"], format!("{}/secrets/b", session.base), "an id without a version");
    assert_eq!(entries[1]["contentType"], "c");
    assert_eq!(entries[1]["tags"], json!({"t": "1"}));
    assert!(entries.iter().all(|entry| entry.get("value").is_none()));
}

#[tokio::test]
async fn pages_have_the_size_asked_for_and_25_unasked() {
    let vault = TestVault::start().await;
    let session = vault.officer().await;
    for n in 0..27 {
        session.set(&format!("s{n:02}"), "x").await;
    }
    let expected: Vec<_> = (0..27).map(|n| format!("s{n:02}")).collect();
    for (path, sizes) in [
        ("/secrets", vec![25, 2]),
        ("/secrets?maxresults=25", vec![25, 2]),
        ("/secrets?maxresults=9", vec![9, 9, 9]),
        ("/secrets?maxresults=13&%24foo=1", vec![13, 13, 1]),
    ] {
        let pages = session.pages(path).await;
        assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), sizes, "{path}");
        assert_eq!(names(&pages), expected);
    }
    for wrong in ["0", "26", "-1", "x", ""] {
        session.get(&format!("/secrets?maxresults={wrong}")).await.fails(400, "BadParameter", None);
    }
}

#[tokio::test]
async fn versions_are_listed_in_the_order_of_their_making() {
    let vault = TestVault::start().await;
    let session = vault.officer().await;
    let mut made = Vec::new();
    for n in 0..7 {
        made.push(session.set("a", &n.to_string()).await);
        session.set("ab", "other").await;
    }
    let pages = session.pages("/secrets/A/versions?maxresults=3").await;
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3, 1]);
    assert_eq!(names(&pages), made);
    assert_eq!(pages[0][0]["id"], format!("{}/secrets/a/{}", session.base, made[0]));
    assert_eq!(
        session.get("/secrets/unknown/versions").await.is(200),
        json!({"value": [], "nextLink": null})
    );
}

#[tokio::test]
async fn deleted_secrets_are_listed_with_their_dates() {
    let vault = TestVault::start().await;
    let session = vault.officer().await;
    for name in ["a", "b", "c"] {
        session.set(name, "x").await;
    }
    session.delete("/secrets/c").await.is(200);
    session.delete("/secrets/a").await.is(200);
    let pages = session.pages("/deletedsecrets?maxresults=1").await;
    assert_eq!(names(&pages), ["a", "c"]);
    let entry = &pages[0][0];
    assert_eq!(entry["id"], format!("{}/secrets/a", session.base));
    assert_eq!(entry["recoveryId"], format!("{}/deletedsecrets/a", session.base));
    assert_eq!(entry["deletedDate"], vault.now());
    assert!(entry["scheduledPurgeDate"].is_i64());
}

#[tokio::test]
async fn a_listing_goes_on_where_it_was_whatever_is_written_in_between() {
    let vault = TestVault::start().await;
    let session = vault.officer().await;
    for name in ["b", "d", "f", "h"] {
        session.set(name, "x").await;
    }
    let first = session.get("/secrets?maxresults=2").await.is(200);
    for (name, _) in [("a", "before"), ("e", "behind")] {
        session.set(name, "x").await;
    }
    session.delete("/secrets/d").await.is(200);
    let next = session.send_raw(Method::GET, first["nextLink"].as_str().unwrap(), None).await.is(200);
    assert_eq!(names(&[next["value"].as_array().unwrap().clone()]), ["e", "f"]);
}

#[tokio::test]
async fn a_token_of_another_listing_or_an_altered_one_is_refused() {
    let vault = TestVault::start().await;
    let session = vault.officer().await;
    for name in ["a", "b"] {
        session.set(name, "1").await;
        session.set(name, "2").await;
        session.at("protected").set(name, "x").await;
    }
    let link = |page: Value| page["nextLink"].as_str().unwrap().to_owned();
    let secrets = link(session.get("/secrets?maxresults=1").await.is(200));
    let token = secrets.split("$skiptoken=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    assert!(
        secrets.starts_with(&format!("{}/secrets?api-version=7.6&$skiptoken=", session.base)),
        "{secrets}"
    );
    session.get(&format!("/secrets?%24skiptoken={token}")).await.is(200);
    let altered = format!("{}{}", &token[..token.len() - 2], if token.ends_with("AA") { "BA" } else { "AA" });
    for path in [
        format!("/secrets/a/versions?$skiptoken={token}"),
        format!("/deletedsecrets?$skiptoken={token}"),
        format!("/secrets?$skiptoken={altered}"),
        "/secrets?$skiptoken=".to_owned(),
        "/secrets?$skiptoken=YQ".to_owned(),
        "/secrets?$skiptoken=!".to_owned(),
    ] {
        session.get(&path).await.fails(400, "BadParameter", None);
    }
    let elsewhere = session.at("protected").get(&format!("/secrets?$skiptoken={token}")).await;
    elsewhere.fails(400, "BadParameter", None);
}
