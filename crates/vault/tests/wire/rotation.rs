//! Keys that sign tokens come and go; tokens stay good until they end.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::harness::{OFFICER, OFFICER_SECRET, Session, TestVault, read};

const DAY: i64 = 24 * 60 * 60;

fn kid(token: &str) -> String {
    let header = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
    serde_json::from_slice::<Value>(&header).unwrap()["kid"].as_str().unwrap().to_owned()
}

async fn published(vault: &TestVault) -> Vec<String> {
    let url = format!("{}/adfs/discovery/keys", vault.running.authority());
    let body = read(vault.client.get(url).send().await.unwrap()).await.is(200);
    body["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

async fn token(vault: &TestVault) -> String {
    vault.token(OFFICER, OFFICER_SECRET).await
}

#[tokio::test]
async fn a_new_key_signs_at_once_and_the_one_before_still_checks() {
    let vault = TestVault::start().await;
    let old = vault.officer().await;
    let first = kid(&old.token);
    vault.clock.advance_millis(1000);
    let second = vault.running.rotate_signing_key().await.unwrap();
    assert_ne!(first, second);
    assert_eq!(published(&vault).await, [second.clone(), first.clone()]);
    assert_eq!(kid(&token(&vault).await), second);
    old.set("a", "one").await;
    // After a restart, the same holds.
    let Session { token: old, .. } = old;
    let vault = vault.restart().await;
    assert_eq!(published(&vault).await, [second, first]);
    let session = Session { vault: &vault, base: vault.running.url("v1"), token: old };
    session.get("/secrets/a").await.is(200);
}

#[tokio::test]
async fn a_key_is_replaced_on_schedule_shown_a_day_before_and_forgotten_when_no_token_needs_it() {
    let vault = TestVault::start().await;
    let first = kid(&token(&vault).await);
    let at = async |vault: TestVault, days: i64, hours: i64| {
        vault.clock.advance_millis((days * DAY + hours * 3600) * 1000);
        // A start looks at once.
        let vault = vault.restart().await;
        for _ in 0..200 {
            if published(&vault).await.len() == 2 {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        vault
    };
    let vault = at(vault, 89, 0).await;
    let shown = published(&vault).await;
    assert_eq!((shown.len(), &shown[1]), (2, &first));
    assert_eq!(kid(&token(&vault).await), first, "it is shown before it signs");
    let vault = at(vault, 1, 0).await;
    let late = token(&vault).await;
    assert_eq!(kid(&late), shown[0]);
    // A day is the longest life of a token.
    let vault = at(vault, 1, 0).await;
    assert_eq!(published(&vault).await, shown);
    vault.clock.advance_millis(3600 * 1000);
    let vault = vault.restart().await;
    let forgotten = async || {
        for _ in 0..500 {
            if published(&vault).await.len() == 1 {
                return true;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        false
    };
    assert!(forgotten().await);
    assert_eq!(published(&vault).await, shown[..1]);
}
