//! The exchanges that were recorded from a running reference server, answered by ours. Where the reference's answer is one of its
//! faults, the better one is expected, and said why.

use std::collections::HashMap;

use serde_json::{Value, json};
use strongroom_entities::MASK;

use crate::harness::{Answer, Api, Mode, SERVICES};

/// A conversation that follows the recorded one.
struct Conversation {
    api: Api,
    exchanges: HashMap<String, Value>,
    /// Recorded ids and ours.
    ids: HashMap<String, String>,
}

impl Conversation {
    async fn start(mode: Mode) -> Self {
        let recorded: Value = serde_json::from_str(include_str!("../fixtures/rest-examples.json")).unwrap();
        let exchanges = recorded["exchanges"].as_array().unwrap().iter();
        let exchanges =
            exchanges.map(|exchange| (exchange["name"].as_str().unwrap().to_owned(), exchange.clone()));
        Self { api: Api::start(mode).await, exchanges: exchanges.collect(), ids: HashMap::new() }
    }

    /// Sends the request of a recorded exchange; time moves on by a second first.
    async fn request(&self, name: &str) -> Answer {
        self.api.clock.advance_millis(1_000);
        let request = &self.exchanges[name]["request"];
        let token = match request["as"].as_str().unwrap() {
            "admin" => &self.api.admin,
            "bot" => &self.api.bot,
            "user" => &self.api.user,
            _ => "",
        };
        let path = self.with_our_ids(request["path"].as_str().unwrap());
        let body = request
            .get("body")
            .map(|body| serde_json::from_str(&self.with_our_ids(&body.to_string())).unwrap());
        self.api.send(request["method"].as_str().unwrap(), &path, token, body.as_ref()).await
    }

    fn with_our_ids(&self, text: &str) -> String {
        self.ids.iter().fold(text.to_owned(), |text, (theirs, ours)| text.replace(theirs, ours))
    }

    /// Replays an exchange, and expects the recorded answer.
    async fn replay(&mut self, name: &str) {
        self.replay_but(name, |_| {}).await;
    }

    /// Replays an exchange, and expects the recorded answer after `amend`.
    async fn replay_but(&mut self, name: &str, amend: impl FnOnce(&mut Value)) {
        let answer = self.request(name).await;
        let mut expected = self.exchanges[name]["response"].clone();
        amend(&mut expected);
        if let (Some(theirs), Ok(ours)) =
            (expected["body"]["id"].as_str(), serde_json::from_str::<Value>(&answer.text))
            && let Some(ours) = ours["id"].as_str()
        {
            self.ids.insert(theirs.to_owned(), ours.to_owned());
        }
        assert_eq!(answer.status.as_u16(), expected["status"], "{name}: {}", answer.text);
        let ours = comparable(answer.json());
        let theirs: Value = serde_json::from_str(&self.with_our_ids(&expected["body"].to_string())).unwrap();
        assert_eq!(ours, comparable(theirs), "{name}");
        for (header, value) in expected["headers"].as_object().unwrap() {
            let value = self.with_our_ids(value.as_str().unwrap());
            assert_eq!(answer.header(header), Some(value.as_str()), "{name}: {header}");
        }
        for header in ["www-authenticate", "location", "x-openmetadata-change"] {
            let recorded =
                expected["headers"].as_object().unwrap().keys().any(|key| key.eq_ignore_ascii_case(header));
            assert_eq!(answer.header(header).is_some(), recorded, "{name}: {header}");
        }
    }

    async fn patch(&self, exchange: &str, token: &str, description: &str) {
        let path = self.with_our_ids(self.exchanges[exchange]["request"]["path"].as_str().unwrap());
        let path = path.trim_end_matches("/testConnectionResult");
        let body = json!([{"op": "replace", "path": "/description", "value": description}]);
        self.api.patch(path, token, &body).await.expect(200);
    }
}

/// Times, tokens and encrypted values differ from run to run. A person who is answered a Fernet token is one of the recorded
/// faults: a mask belongs there.
fn comparable(mut value: Value) -> Value {
    fn walk(value: &mut Value) {
        match value {
            Value::Object(members) => {
                for (key, member) in members.iter_mut() {
                    match key.as_str() {
                        "updatedAt" | "timestamp" | "expiryDuration" => *member = "<time>".into(),
                        "accessToken" | "refreshToken" | "JWTToken" => *member = "<token>".into(),
                        _ => walk(member),
                    }
                }
            }
            Value::Array(elements) => elements.iter_mut().for_each(walk),
            Value::String(text) if text.starts_with("fernet:") => *value = MASK.into(),
            _ => {}
        }
    }
    walk(&mut value);
    value
}

/// The reference tells a mask, which means "unchanged", as a change of the connection.
fn no_change_of_the_connection(expected: &mut Value) {
    let updated = expected["body"]["changeDescription"]["fieldsUpdated"].as_array_mut().unwrap();
    updated.retain(|field| field["name"] != "connection");
}

#[tokio::test]
async fn signing_in_and_system_answers_are_as_recorded() {
    let mut talk = Conversation::start(Mode::InDatabase).await;
    talk.replay("login-wrong").await;
    // 2.0.6 is what clients of 2.0 want to hear.
    talk.replay_but("version", |expected| expected["body"]["version"] = "2.0.6".into()).await;
    let login = talk.api.log_in("admin@open-metadata.org", crate::harness::PASSWORD).await.expect(200);
    let recorded = &talk.exchanges["login"]["response"]["body"];
    assert_eq!(comparable(login.clone()), comparable(recorded.clone()));
    assert_eq!(login["expiryDuration"].as_i64().unwrap() % 1_000, crate::harness::NOW % 1_000);
}

#[tokio::test]
async fn a_bot_and_its_token_are_answered_as_recorded() {
    let mut talk = Conversation::start(Mode::Managed).await;
    let bot = talk.request("bot-get").await.expect(200);
    let recorded =
        talk.exchanges["bot-get"]["response"]["body"]["botUser"]["id"].as_str().unwrap().to_owned();
    talk.ids.insert(recorded, bot["botUser"]["id"].as_str().unwrap().to_owned());
    talk.replay("bot-get").await;
    talk.replay("bot-user-token").await;
}

#[tokio::test]
async fn a_service_in_the_database_lives_as_recorded() {
    let mut talk = Conversation::start(Mode::InDatabase).await;
    for name in [
        "dbservice-create",
        "dbservice-create-again-409",
        "dbservice-get-admin",
        "dbservice-get-bot",
        "dbservice-get-user",
        "dbservice-get-none",
        "dbservice-404-name",
        "dbservice-list-admin",
        "dbservice-list-bot",
        "dbservice-list-bad-limit-400",
    ] {
        talk.replay(name).await;
    }
    talk.replay_but("dbservice-put-masked", no_change_of_the_connection).await;
    talk.replay("dbservice-put-new-password").await;
    talk.replay("dbservice-put-unchanged").await;
    // Not recorded, but told by the next answer: a patch of the description.
    talk.patch("dbservice-patch-password", &talk.api.admin, "patched").await;
    talk.replay("dbservice-patch-password").await;
    for name in ["dbservice-create-user-403", "dbservice-create-none-401", "dbservice-create-noname-400"] {
        talk.replay(name).await;
    }
    // The reference names its classes, ours the known fields.
    let answer = talk.request("dbservice-create-unknown-field").await;
    assert!(answer.refusal(400).starts_with("Unrecognized field \"nonsense\""));
    for name in ["dbservice-create-secretref", "dbservice-create-emptypw", "dbservice-create-noconn"] {
        talk.replay(name).await;
    }
    // A plain user made that change in the reference; here only bots and administrators may.
    talk.patch("dbservice-testresult-put", &talk.api.bot, "x").await;
    talk.replay_but("dbservice-testresult-put", |expected| {
        expected["body"]["updatedBy"] = "ingestion-bot".into();
    })
    .await;
}

#[tokio::test]
async fn a_service_is_deleted_and_restored_as_recorded() {
    let mut talk = Conversation::start(Mode::InDatabase).await;
    let mut body = talk.exchanges["dbservice-create-over-soft-deleted"]["request"]["body"].clone();
    let made = talk.api.post(SERVICES, &talk.api.admin, &body).await.expect(201);
    let theirs = "7c59818f-14e5-4675-99b9-0f5cb222ff4b".to_owned();
    talk.ids.insert(theirs, made["id"].as_str().unwrap().to_owned());
    for name in
        ["dbservice-delete-soft", "dbservice-get-after-soft-404", "dbservice-create-over-soft-deleted"]
    {
        talk.replay(name).await;
    }
    // Not recorded, but told by the versions that follow: a PUT restores, and it is deleted again.
    body["description"] = "again".into();
    let restored = talk.api.put(SERVICES, &talk.api.admin, &body).await.expect(200);
    assert_eq!((&restored["version"], &restored["deleted"]), (&json!(0.3), &json!(false)));
    talk.request("dbservice-delete-soft").await.expect(200);
    talk.replay("dbservice-restore").await;
    talk.replay("dbservice-delete-hard").await;
    talk.request("dbservice-restore").await.refusal(404);
}

#[tokio::test]
async fn a_service_whose_password_is_in_the_vault_lives_as_recorded() {
    let mut talk = Conversation::start(Mode::Managed).await;
    talk.replay("managed-create").await;
    talk.replay("managed-get-bot").await;
    // The reference does not notice that the password is another.
    let connection = json!({
        "name": "connection", "oldValue": "\"old-encrypted-value\"", "newValue": "\"new-encrypted-value\"",
    });
    let tells = |expected: &mut Value| {
        expected["body"]["changeDescription"]["fieldsUpdated"] = json!([connection]);
        expected["headers"]["X-OpenMetadata-Change"] = "entityUpdated".into();
    };
    talk.replay_but("managed-put-new", tells).await;
    assert_eq!(talk.api.in_vault("openmetadata-database-mpg-authtype-password").unwrap(), "dummy-m-2");
    talk.replay_but("managed-patch-description", tells).await;
    // The reference fails with a message of the vault.
    let answer = talk.request("managed-delete-hard").await;
    assert_eq!(answer.expect(200)["name"], "m_pg");
    assert_eq!(answer.header("x-openmetadata-change"), Some("entityDeleted"));
    assert_eq!(talk.api.in_vault("openmetadata-database-mpg-authtype-password"), None);
}
