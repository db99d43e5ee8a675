//! Who may do what: every operation, every caller.

use reqwest::Method;
use serde_json::json;

use crate::harness::{NOBODY, OFFICER, Session, TestVault};

const OPERATIONS: &[(&str, &str, &str)] = &[
    ("PUT", "/secrets/a", "Microsoft.KeyVault/vaults/secrets/setSecret/action"),
    ("GET", "/secrets/a", "Microsoft.KeyVault/vaults/secrets/getSecret/action"),
    (
        "GET",
        "/secrets/a/00000000000000000000000000000000",
        "Microsoft.KeyVault/vaults/secrets/getSecret/action",
    ),
    ("PATCH", "/secrets/a", "Microsoft.KeyVault/vaults/secrets/update/action"),
    (
        "PATCH",
        "/secrets/a/00000000000000000000000000000000",
        "Microsoft.KeyVault/vaults/secrets/update/action",
    ),
    ("DELETE", "/secrets/a", "Microsoft.KeyVault/vaults/secrets/delete"),
    ("GET", "/secrets", "Microsoft.KeyVault/vaults/secrets/readMetadata/action"),
    ("GET", "/secrets/a/versions", "Microsoft.KeyVault/vaults/secrets/readMetadata/action"),
    ("GET", "/deletedsecrets", "Microsoft.KeyVault/vaults/secrets/readMetadata/action"),
    ("GET", "/deletedsecrets/a", "Microsoft.KeyVault/vaults/secrets/readMetadata/action"),
    ("DELETE", "/deletedsecrets/a", "Microsoft.KeyVault/vaults/secrets/purge/action"),
    ("POST", "/deletedsecrets/a/recover", "Microsoft.KeyVault/vaults/secrets/recover/action"),
];

/// Tries every operation and asserts that only those with a granted action pass the gate.
async fn check(session: &Session<'_>, granted: impl Fn(&str) -> bool) {
    for (method, path, action) in OPERATIONS {
        let method: Method = method.parse().unwrap();
        let answer = session.send(method.clone(), path, Some(json!({"value": "x"}))).await;
        if granted(action) {
            assert_ne!(answer.status, 403, "{method} {path}");
        } else {
            let message = answer.fails(403, "Forbidden", Some("ForbiddenByRbac"));
            assert!(message.contains(&format!("Action: '{action}'")), "{message}");
            assert!(message.contains("appid=") && message.contains("Vault: "), "{message}");
            if path.contains("/a") {
                assert!(message.contains("Resource: '/secrets/a'"), "{message}");
            }
        }
    }
}

#[tokio::test]
async fn an_officer_may_do_everything_in_its_vault_and_nothing_in_another() {
    let vault = TestVault::start().await;
    let session = vault.officer().await;
    check(&session, |_| true).await;
    check(&session.at("v2"), |_| false).await;
}

#[tokio::test]
async fn a_user_may_get_and_list_in_its_vault_and_nothing_in_another() {
    let vault = TestVault::start().await;
    let session = vault.user().await;
    check(&session, |action| action.contains("/getSecret/") || action.contains("/readMetadata/")).await;
    check(&session.at("v2"), |_| false).await;
}

#[tokio::test]
async fn without_a_role_nothing_is_allowed() {
    let vault = TestVault::start().await;
    let mut session = vault.officer().await;
    session.token = vault.token(NOBODY, "n0body").await;
    for name in ["v1", "v2", "protected"] {
        check(&session.at(name), |_| false).await;
    }
}

#[tokio::test]
async fn a_refusal_comes_before_the_name_and_the_body_are_judged() {
    let vault = TestVault::start().await;
    let session = vault.user().await;
    for path in ["/secrets/not_legal", "/secrets/hunter_2"] {
        let message = session.put(path, json!([])).await.fails(403, "Forbidden", Some("ForbiddenByRbac"));
        assert!(!message.contains("hunter"), "{message}");
    }
}

#[tokio::test]
async fn a_token_that_is_not_believed_gets_the_challenge_again_for_every_operation() {
    let vault = TestVault::start().await;
    let mut session = vault.officer().await;
    let good = session.token.clone();
    let parts: Vec<_> = good.split('.').collect();
    let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0"; // {"alg":"none","typ":"JWT"}
    let mut signature = parts[2].to_owned();
    let first = if signature.starts_with('A') { "B" } else { "A" };
    signature.replace_range(..1, first);
    let elsewhere = TestVault::start().await;
    let tokens = [
        format!("{none}.{}.", parts[1]),
        format!("{}.{}.{signature}", parts[0], parts[1]),
        format!("{}.{}", parts[0], parts[1]),
        ".".repeat(7000),
        elsewhere.officer().await.token,
    ];
    for token in tokens {
        session.token = token;
        for (method, path, _) in OPERATIONS {
            let answer = session.send(method.parse().unwrap(), path, Some(json!({"value": "x"}))).await;
            assert!(answer.headers.contains_key("www-authenticate"));
            answer.fails(401, "Unauthorized", None);
        }
    }
    session.token = good;
    session.get("/secrets").await.is(200);
}

#[tokio::test]
async fn a_token_for_another_service_or_an_old_one_is_refused() {
    let vault = TestVault::start().await;
    let mut session = vault.officer().await;
    let other = vault
        .token_for(OFFICER, crate::harness::OFFICER_SECRET, "https://management.azure.com/.default")
        .await;
    let good = std::mem::replace(&mut session.token, other);
    let message = session.get("/secrets").await.fails(401, "Unauthorized", None);
    assert!(message.starts_with("AKV10022"), "{message}");
    session.token = good;
    vault.clock.advance_millis(3_600_000);
    session.get("/secrets").await.is(200);
    vault.clock.advance_millis(60_000);
    let message = session.get("/secrets").await.fails(401, "Unauthorized", None);
    assert!(message.contains("expired"), "{message}");
}
