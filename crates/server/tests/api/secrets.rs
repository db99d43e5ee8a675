//! What becomes of passwords: where they are kept, who sees what of them, and what no answer ever holds.

use serde_json::{Value, json};
use strongroom_entities::MASK;
use strongroom_secrets::memory::Operation;

use crate::harness::{Api, Mode, SERVICES, postgres};

const NAME: &str = "openmetadata-database-pg-authtype-password";

fn password(document: &Value) -> &Value {
    &document["connection"]["config"]["authType"]["password"]
}

fn set_password(value: &Value) -> Value {
    json!([{"op": "replace", "path": "/connection/config/authType/password", "value": value}])
}

#[tokio::test]
async fn in_managed_mode_the_vault_holds_the_password_and_the_row_a_plain_reference() {
    let api = Api::start(Mode::Managed).await;
    let id = api.make("pg", "dummy-pg-1").await;
    assert_eq!(api.in_vault(NAME).unwrap(), "dummy-pg-1");
    assert_eq!(password(&api.row(&id).await), &json!(format!("secret:{NAME}")));
    let path = format!("{SERVICES}/{id}");
    assert_eq!(password(&api.get(&path, &api.admin).await.expect(200)), MASK);
    assert_eq!(password(&api.get(&path, &api.user).await.expect(200)), MASK);
    assert_eq!(password(&api.get(&path, &api.bot).await.expect(200)), &json!(format!("secret:{NAME}")));
}

#[tokio::test]
async fn without_a_vault_the_row_holds_the_password_encrypted_and_only_a_bot_reads_it() {
    let api = Api::start(Mode::InDatabase).await;
    let id = api.make("pg", "dummy-pg-1").await;
    assert!(password(&api.row(&id).await).as_str().unwrap().starts_with("fernet:"));
    let path = format!("{SERVICES}/{id}");
    assert_eq!(password(&api.get(&path, &api.admin).await.expect(200)), MASK);
    assert_eq!(password(&api.get(&path, &api.bot).await.expect(200)), "dummy-pg-1");
}

#[tokio::test]
async fn a_mask_keeps_what_is_stored_and_the_vault_is_not_asked() {
    let api = Api::start(Mode::Managed).await;
    let id = api.make("pg", "dummy-pg-1").await;
    let calls = |api: &Api| {
        [Operation::Get, Operation::Set, Operation::List].map(|operation| api.vault.count(operation))
    };
    let before = calls(&api);
    let mut body = postgres("pg", MASK);
    body["description"] = "changed".into();
    let answer = api.put(SERVICES, &api.admin, &body).await.expect(200);
    assert_eq!(password(&answer), MASK);
    let patch = set_password(&json!(MASK));
    let answer = api.patch(&format!("{SERVICES}/{id}"), &api.admin, &patch).await;
    assert_eq!(answer.header("x-openmetadata-change"), Some("entityNoChange"));
    assert_eq!(calls(&api), before);
    assert_eq!(api.in_vault(NAME).unwrap(), "dummy-pg-1");
}

#[tokio::test]
async fn the_same_password_again_makes_no_new_version_anywhere() {
    let api = Api::start(Mode::Managed).await;
    let id = api.make("pg", "dummy-pg-1").await;
    let (row, vault) = (api.row(&id).await, api.vault.snapshot());
    let answer = api.put(SERVICES, &api.admin, &postgres("pg", "dummy-pg-1")).await;
    assert_eq!(answer.header("x-openmetadata-change"), Some("entityNoChange"));
    assert_eq!(api.row(&id).await, row);
    assert_eq!(api.vault.snapshot(), vault);
}

#[tokio::test]
async fn what_a_bot_reads_it_may_send_back() {
    for mode in [Mode::Managed, Mode::InDatabase] {
        let api = Api::start(mode).await;
        let id = api.make("pg", "dummy-pg-1").await;
        let path = format!("{SERVICES}/{id}");
        let read = api.get(&path, &api.bot).await.expect(200);
        let row = api.row(&id).await;
        let body = json!({"name": "pg", "serviceType": "Postgres", "connection": read["connection"]});
        let answer = api.put(SERVICES, &api.bot, &body).await;
        assert_eq!(answer.header("x-openmetadata-change"), Some("entityNoChange"), "{}", answer.text);
        let patch = json!([{"op": "replace", "path": "/connection", "value": read["connection"]}]);
        let answer = api.patch(&path, &api.bot, &patch).await;
        assert_eq!(answer.header("x-openmetadata-change"), Some("entityNoChange"), "{}", answer.text);
        assert_eq!(api.row(&id).await, row);
    }
}

#[tokio::test]
async fn a_put_without_a_connection_keeps_the_one_that_is_stored() {
    let api = Api::start(Mode::Managed).await;
    let id = api.make("pg", "dummy-pg-1").await;
    let body = json!({"name": "pg", "serviceType": "Postgres"});
    let answer = api.put(SERVICES, &api.bot, &body).await;
    assert_eq!(answer.header("x-openmetadata-change"), Some("entityNoChange"));
    assert_eq!(password(&api.row(&id).await), &json!(format!("secret:{NAME}")));
}

#[tokio::test]
async fn a_cleared_password_is_an_empty_text_or_nothing_and_its_secret_goes() {
    let api = Api::start(Mode::Managed).await;
    let id = api.make("pg", "dummy-pg-1").await;
    let path = format!("{SERVICES}/{id}");
    api.patch(&path, &api.admin, &set_password(&json!(""))).await.expect(200);
    assert_eq!(password(&api.row(&id).await), "");
    assert_eq!(api.in_vault(NAME), None);
    api.patch(&path, &api.admin, &set_password(&json!("dummy-pg-2"))).await.expect(200);
    assert_eq!(api.in_vault(NAME).unwrap(), "dummy-pg-2");
    api.patch(&path, &api.admin, &set_password(&Value::Null)).await.expect(200);
    assert_eq!(password(&api.row(&id).await), &Value::Null);
    assert_eq!(api.in_vault(NAME), None);
}

#[tokio::test]
async fn an_own_reference_is_kept_and_its_secret_is_never_touched() {
    let api = Api::start(Mode::Managed).await;
    let id = api.make("pg", "secret:my-own-secret").await;
    assert_eq!(password(&api.row(&id).await), "secret:my-own-secret");
    assert_eq!(api.vault.names().len(), 1, "only the bot's token: {:?}", api.vault.names());
    api.delete(&format!("{SERVICES}/{id}?hardDelete=true"), &api.admin).await.expect(200);
    assert_eq!(api.vault.names().len(), 1);
}

#[tokio::test]
async fn a_soft_deletion_keeps_the_secret_and_a_hard_one_takes_it_along() {
    let api = Api::start(Mode::Managed).await;
    let id = api.make("pg", "dummy-pg-1").await;
    let path = format!("{SERVICES}/{id}");
    api.delete(&path, &api.admin).await.expect(200);
    assert_eq!(api.in_vault(NAME).unwrap(), "dummy-pg-1");
    api.put(&format!("{SERVICES}/restore"), &api.admin, &json!({"id": id})).await.expect(200);
    assert_eq!(password(&api.get(&path, &api.bot).await.expect(200)), &json!(format!("secret:{NAME}")));
    api.delete(&format!("{path}?hardDelete=true"), &api.admin).await.expect(200);
    assert_eq!(api.in_vault(NAME), None);
    let id = api.make("pg", "dummy-pg-2").await;
    assert_eq!(api.in_vault(NAME).unwrap(), "dummy-pg-2");
    assert_eq!(password(&api.row(&id).await), &json!(format!("secret:{NAME}")));
}

/// Whatever a person does with a service, and whatever goes wrong, its password is in none of the answers.
#[tokio::test]
async fn no_answer_to_a_person_holds_a_password_or_what_stands_for_it() {
    const CANARY: &str = "c4n4ry-Pa55w0rd";
    for mode in [Mode::Managed, Mode::InDatabase] {
        let api = Api::start(mode).await;
        let mut answers = vec![api.post(SERVICES, &api.admin, &postgres("pg", CANARY)).await];
        let id = answers[0].expect(201)["id"].as_str().unwrap().to_owned();
        let path = format!("{SERVICES}/{id}");
        let mut wrong = postgres("pg", CANARY);
        wrong["nonsense"] = CANARY.into();
        let mut odd = postgres("odd", CANARY);
        odd["connection"]["config"]["authType"]["password"] = json!({ CANARY: [CANARY] });
        answers.extend([
            api.post(SERVICES, &api.admin, &postgres("pg", CANARY)).await,
            api.post(SERVICES, &api.admin, &wrong).await,
            api.post(SERVICES, &api.admin, &odd).await,
            api.post(SERVICES, &api.user, &postgres("pg2", CANARY)).await,
            api.put(SERVICES, &api.admin, &postgres("pg", &format!("{CANARY}2"))).await,
            api.patch(&path, &api.admin, &set_password(&json!(format!("{CANARY}3")))).await,
            api.patch(&path, &api.admin, &set_password(&json!(format!("secret:{CANARY} !")))).await,
            api.patch(&path, &api.admin, &set_password(&json!(format!("fernet:{CANARY}")))).await,
            api.patch(&path, &api.admin, &json!([{"op": "test", "path": "/connection/config/authType/password", "value": CANARY}])).await,
            api.patch(&path, &api.admin, &json!([{"op": "copy", "from": "/connection/config/authType/password", "path": "/description"}])).await,
            api.patch(&path, &api.admin, &json!([{"op": CANARY}])).await,
            api.patch(&path, &api.admin, &json!(CANARY)).await,
            api.get(&path, &api.admin).await,
            api.get(&path, &api.user).await,
            api.get(&format!("{SERVICES}?fields=*&include=all"), &api.user).await,
            api.get(&format!("{SERVICES}/name/pg?fields=*"), &api.admin).await,
            api.delete(&path, &api.admin).await,
            api.put(&format!("{SERVICES}/restore"), &api.admin, &json!({"id": id})).await,
            api.put(&format!("{path}/testConnectionResult"), &api.admin, &json!({"status": "Failed", "steps": []})).await,
            api.delete(&format!("{path}?hardDelete=true"), &api.admin).await,
        ]);
        for answer in answers {
            for trace in [CANARY, "fernet:", "secret:openmetadata", "sealed"] {
                // A message may name the prefix that it refuses.
                let text = answer.text.replace("begins with fernet:", "");
                assert!(!text.contains(trace), "{trace} in {}", answer.text);
            }
        }
    }
}
