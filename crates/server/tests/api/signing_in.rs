//! Signing in: passwords, lockout, refresh tokens, keys.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use serde_json::{Value, json};
use strongroom_entities::{EntityKind, name_hash};

use crate::harness::{Api, Mode, PASSWORD, SERVICES, change_user};

const WRONG: &str = "You have entered an invalid username or password.";

#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_are_told_alike() {
    let api = Api::start(Mode::Managed).await;
    for (email, password) in [
        ("admin@open-metadata.org", "wrong"),
        ("admin@open-metadata.org", ""),
        ("nobody@open-metadata.org", PASSWORD),
        ("admin@elsewhere.org", PASSWORD),
        ("ingestion-bot@open-metadata.org", PASSWORD),
        ("", ""),
    ] {
        assert_eq!(api.log_in(email, password).await.refusal(401), WRONG, "{email}");
    }
}

#[tokio::test]
async fn a_password_that_is_not_base64_is_a_wrong_request() {
    let api = Api::start(Mode::Managed).await;
    for (body, part) in [
        (json!({"email": "admin@open-metadata.org", "password": "hunter2!"}), "base64"),
        (json!({"email": "admin@open-metadata.org", "password": "/w=="}), "base64"),
        (json!({"email": "admin@open-metadata.org"}), "password"),
        (json!({"password": "aHVudGVyMg=="}), "email"),
        (json!([]), "email"),
    ] {
        let message = api.post("/v1/users/login", "", &body).await.refusal(400);
        assert!(message.contains(part) && !message.contains("hunter2"), "{message}");
    }
}

#[tokio::test]
async fn three_failures_lock_the_account_under_every_spelling_of_its_address() {
    let api = Api::start(Mode::Managed).await;
    for email in ["admin@open-metadata.org", "ADMIN@open-metadata.org", " Admin@Open-Metadata.org "] {
        api.log_in(email, "wrong").await.refusal(401);
    }
    for email in ["admin@open-metadata.org", "aDmin@open-metadata.org", "\tadmin@open-metadata.org\n"] {
        let answer = api.log_in(email, PASSWORD).await;
        answer.refusal(429);
        assert_eq!(answer.header("retry-after"), Some("600"));
    }
    api.sign_in("plain").await;
    api.clock.advance_millis(600_000);
    api.sign_in("admin").await;
}

#[tokio::test]
async fn an_unknown_address_is_locked_like_a_known_one() {
    let api = Api::start(Mode::Managed).await;
    for _ in 0..3 {
        api.log_in("nobody@open-metadata.org", "wrong").await.refusal(401);
    }
    api.log_in("Nobody@open-metadata.org", "wrong").await.refusal(429);
}

#[tokio::test]
async fn a_refresh_token_is_good_for_one_use() {
    let api = Api::start(Mode::Managed).await;
    let login = api.log_in("plain@open-metadata.org", PASSWORD).await.expect(200);
    let refresh = |token: &Value| {
        let (api, body) = (&api, json!({"refreshToken": token}));
        async move { api.post("/v1/users/refresh", "", &body).await }
    };
    api.clock.advance_millis(3_600_000);
    let next = refresh(&login["refreshToken"]).await.expect(200);
    api.get(SERVICES, next["accessToken"].as_str().unwrap()).await.expect(200);
    refresh(&login["refreshToken"]).await.refusal(401);
    assert_ne!(next["refreshToken"], login["refreshToken"]);
    change_user(&api, "plain", "deleted", json!(true)).await;
    refresh(&next["refreshToken"]).await.refusal(401);
    change_user(&api, "plain", "deleted", json!(false)).await;
    let login = api.log_in("plain@open-metadata.org", PASSWORD).await.expect(200);
    api.clock.advance_millis(7 * 24 * 3_600_000);
    refresh(&login["refreshToken"]).await.refusal(401);
    refresh(&json!("nonsense")).await.refusal(401);
    refresh(&Value::Null).await.refusal(400);
}

#[tokio::test]
async fn the_published_keys_verify_our_tokens() {
    let api = Api::start(Mode::Managed).await;
    let keys = api.get("/v1/system/config/jwks", "").await.expect(200);
    let key = &keys["keys"][0];
    let part = |name: &str| URL_SAFE.decode(key[name].as_str().unwrap()).unwrap();
    let public = jsonwebtoken::DecodingKey::from_rsa_raw_components(&part("n")[1..], &part("e"));
    let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::RS256);
    validation.validate_exp = false;
    let claims = jsonwebtoken::decode::<Value>(&api.admin, &public, &validation).unwrap().claims;
    assert_eq!(claims["sub"], "admin");
    assert_eq!(claims["email"], "admin@open-metadata.org");
    assert_eq!((&claims["isBot"], &claims["tokenType"]), (&json!(false), &json!("OM_USER")));
    assert_eq!(jsonwebtoken::decode_header(&api.admin).unwrap().kid.as_deref(), key["kid"].as_str());
}

#[tokio::test]
async fn a_bot_s_old_token_is_refused_once_it_has_another() {
    for mode in [Mode::Managed, Mode::InDatabase] {
        let api = Api::start(mode).await;
        api.get(SERVICES, &api.bot).await.expect(200);
        let row =
            api.store.get_by_hash(EntityKind::User, &name_hash("ingestion-bot")).await.unwrap().unwrap();
        let mut after = row.json.clone();
        after["authenticationMechanism"]["config"]["JWTToken"] = "another-token".into();
        after["updatedAt"] = (crate::harness::NOW + 1).into();
        let change =
            strongroom_manager::Change { kind: EntityKind::User, id: row.id, before: Some(&row.json), after };
        let store = |draft: strongroom_manager::Draft| {
            Some(strongroom_manager::Stored {
                document: draft.document,
                history: None,
                relationships: Vec::new(),
            })
        };
        api.manager.write(change, store).await.unwrap();
        api.get(SERVICES, &api.bot).await.refusal(401);
    }
}

#[tokio::test]
async fn a_bot_s_token_is_believed_for_two_minutes_without_asking_the_vault() {
    use strongroom_secrets::memory::Operation;
    let api = Api::start(Mode::Managed).await;
    api.get(SERVICES, &api.bot).await.expect(200);
    let asked = api.vault.count(Operation::Get);
    api.clock.advance_millis(119_999);
    api.get(SERVICES, &api.bot).await.expect(200);
    assert_eq!(api.vault.count(Operation::Get), asked);
    api.clock.advance_millis(1);
    api.get(SERVICES, &api.bot).await.expect(200);
    assert_eq!(api.vault.count(Operation::Get), asked + 1);
}

#[tokio::test]
async fn a_vault_that_does_not_answer_is_not_taken_for_a_wrong_token() {
    use strongroom_secrets::ErrorKind;
    use strongroom_secrets::memory::{Fault, Operation};
    let api = Api::start(Mode::Managed).await;
    let down = Fault::Before(ErrorKind::Unavailable);
    api.vault.inject(move |call| (call.operation == Operation::Get).then(|| down.clone()));
    api.get(SERVICES, &api.bot).await.refusal(503);
    api.get(SERVICES, &api.user).await.expect(200);
}

#[tokio::test]
async fn only_the_users_of_bots_have_a_token_to_read() {
    let api = Api::start(Mode::Managed).await;
    let plain = api.store.get_by_hash(EntityKind::User, &name_hash("plain")).await.unwrap().unwrap();
    api.get(&format!("/v1/users/token/{}", plain.id), &api.admin).await.refusal(400);
    api.get("/v1/users/token/00000000-0000-4000-8000-000000000000", &api.admin).await.refusal(404);
    api.get("/v1/bots/name/nobody", &api.admin).await.refusal(404);
}
