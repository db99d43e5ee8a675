//! The Fernet key is changed, with the real program on each kind of database: afterwards the old key opens nothing any more, in whatever
//! column of whatever table.

use std::path::Path;

use serde_json::{Value, json};
use strongroom_entities::{EntityKind, FernetKeys, name_hash, tokens};
use strongroom_manager::crash::Step;
use strongroom_metastore::testing::{Kind, TestDatabase};
use strongroom_metastore::{Access, Metastore, Options};
use strongroom_secrets::random::SystemRandom;
use strongroom_secrets::{Random, SecretValue};
use strongroom_tests::fixtures::services;
use strongroom_tests::metadata::{CONFIG, write_configuration};
use strongroom_tests::{Finished, Program, scratch};
use uuid::Uuid;

/// A full page of services, and a part of one.
const SERVICES: u32 = 70;
/// What is encrypted of services and the history, of settings, in events, in columns, in tables that nobody knows.
const PLANTED: [u64; 5] = [2 * SERVICES as u64 + 1, 3, 9, 3, 3];

on_each! { [on_sqlite, on_postgresql, on_mysql, on_mariadb] a_rotation_that_is_killed_and_run_again_leaves_nothing_that_the_old_key_opens }

async fn a_rotation_that_is_killed_and_run_again_leaves_nothing_that_the_old_key_opens(kind: Kind) {
    let folder = scratch();
    let database = TestDatabase::new(kind).await;
    let (old, new) = (FernetKeys::generate(&SystemRandom), FernetKeys::generate(&SystemRandom));
    let [old_keys, new_keys] = [&old, &new].map(|key| FernetKeys::parse(key).unwrap());
    plant(&database, &old_keys).await;
    let configure = |keys: &str| {
        let settings = json!({"database": database.section(), "fernetConfiguration": {"fernetKey": keys}});
        write_configuration(folder.path(), &settings);
    };
    let all = PLANTED.iter().sum::<u64>();
    let both = format!("{},{}", new.expose(), old.expose());
    configure(&both);
    assert_eq!(opened(&database, &old_keys, &new_keys).await, (all, 0));
    let plan =
        run(folder.path(), &["rotate-fernet-key", "--plan", "--json"], None).await.ended_with(0).json();
    assert_eq!((&plan["values"], &plan["renewed"]), (&json!(all), &json!(all)), "{plan}");
    assert_eq!(opened(&database, &old_keys, &new_keys).await, (all, 0), "a plan writes nothing");

    // Killed in the middle of the services, and when the history is done.
    let mut before = all;
    for (step, passing) in [(Step::ValuesRenewed, 2), (Step::RenewalCommitted, 4)] {
        let killed = run(folder.path(), &["rotate-fernet-key"], Some((step, passing))).await;
        assert_eq!(killed.code, None, "{}", killed.stderr);
        let (under_old, under_new) = opened(&database, &old_keys, &new_keys).await;
        assert!(under_old < before && under_old > 0, "{under_old} of {before} at {}", step.name());
        assert_eq!(under_old + under_new, all, "nothing is lost at {}", step.name());
        before = under_old;
    }
    let done = run(folder.path(), &["rotate-fernet-key", "--json"], None).await.ended_with(0).json();
    assert_eq!((&done["renewed"], &done["complete"]), (&json!(before), &json!(true)), "{done}");
    assert_eq!((&done["reclaimed"], &done["values"]), (&json!(true), &json!(all)), "{done}");
    assert_eq!(opened(&database, &old_keys, &new_keys).await, (0, all));

    configure(new.expose());
    let again = run(folder.path(), &["rotate-fernet-key"], None).await.ended_with(0).stdout;
    assert!(again.contains("brand_new.json") && again.contains("brand_new.Order"), "{again}");
    assert!(
        again.contains("oauth_clients.client_secret_encrypted") && again.contains("change_event"),
        "{again}"
    );
    let verified = run(folder.path(), &["verify", "--json"], None).await.ended_with(0).json();
    let counts = &verified["verified"];
    for (count, expected) in
        [("inHistory", u64::from(SERVICES)), ("inEvents", PLANTED[2]), ("inColumns", PLANTED[3])]
    {
        assert_eq!(counts[count], expected, "{count}: {verified}");
    }
    let doctor = Program::new(folder.path()).args(["doctor", "-c", CONFIG, "--data-dir", "data", "--json"]);
    let examined = doctor.run().await.json();
    let checks = examined["checks"].as_array().unwrap();
    let rows = checks.iter().find(|check| check["id"] == "fernet.rows").unwrap();
    let beside_history = u64::from(SERVICES) + PLANTED[1] + PLANTED[3];
    assert_eq!(
        rows["what"],
        format!("every encrypted value is opened: key 1 opens {beside_history}"),
        "{examined}"
    );

    // With the old key alone all of it is closed, and named.
    configure(old.expose());
    let lost = run(folder.path(), &["verify", "--json"], None).await.ended_with(1).json();
    let findings = lost["findings"].as_array().unwrap();
    let named = |kind: &str, field: &str| {
        findings.iter().any(|finding| {
            finding["kind"] == kind && finding["field"] == field && finding["fault"] == "undecryptable"
        })
    };
    assert!(named("change_event", "entity") && named("oauth_clients.client_secret_encrypted", ""), "{lost}");
    assert!(named("setting", "password") || named("settings", "password"), "{lost}");
}

async fn run(folder: &Path, command: &[&str], die_at: Option<(Step, u32)>) -> Finished {
    let program =
        Program::new(folder).arg("secrets").args(command).args(["-c", CONFIG, "--data-dir", "data"]);
    let program = match die_at {
        Some((step, passing)) => {
            program.env("FAILPOINTS", format!("{}={}*off->return", step.name(), passing - 1))
        }
        None => program,
    };
    let finished = program.run().await;
    let said = format!("{}{}", finished.stdout, finished.stderr);
    assert!(!said.contains("dummy-") && !said.contains("gAAAAA"), "a value is shown: {said}");
    finished
}

/// Everything that a database can hold encrypted, by OpenMetadata's own server or by ours.
async fn plant(database: &TestDatabase, keys: &FernetKeys) {
    let random: &dyn Random = &SystemRandom;
    services::fill_with_services(database.location.clone(), SERVICES, keys).await;
    let token = |what: &str| keys.encrypt(&SecretValue::new(format!("dummy-{what}")));
    let bare = |what: &str| token(what).replace("fernet:", "");
    let store = Metastore::open(&Options::new(database.location.clone(), Access::ReadWrite)).await.unwrap();
    let mut transaction = store.begin().await.unwrap();
    for number in 1..=SERVICES {
        let document = services::postgres(random.uuid(), &services::name(number), &token("earlier"));
        let id: Uuid = document["id"].as_str().unwrap().parse().unwrap();
        transaction.keep_version(EntityKind::DatabaseService, id, &document).await.unwrap();
    }
    let mut noted = services::postgres(random.uuid(), "noted", "");
    noted["description"] = json!(format!("until May it was {}, then not", bare("note")));
    let mail = json!({"password": token("mail"), "userName": "om"});
    let mut subscription = services::postgres(random.uuid(), "hook", "x");
    subscription["destinations"] = json!([{"type": "Webhook", "config": {"secretKey": token("hook")}}]);
    let mut app = services::postgres(random.uuid(), "app", "x");
    app["privateConfiguration"] = json!({"token": token("app")});
    for (kind, hash, document) in [
        (EntityKind::SearchService, name_hash("noted"), &noted),
        (EntityKind::Setting, "emailConfiguration".to_owned(), &mail),
        (EntityKind::EventSubscription, name_hash("hook"), &subscription),
    ] {
        transaction.insert(kind, &hash, document).await.unwrap();
    }
    transaction.commit().await.unwrap();
    store.close().await;

    make_tables(database).await;
    let entity = services::postgres(random.uuid(), "shop", &token("event")).to_string();
    let event = json!({
        "eventType": "entityUpdated", "entityType": "databaseService", "userName": "admin", "timestamp": 1, "entity": entity,
        "changeDescription": {"fieldsUpdated": [{"name": "connection", "oldValue": token("was"), "newValue": bare("is")}]},
    });
    let failed = json!({"entity": event.to_string(), "reason": "x"});
    let note = json!({"message": format!("token {} was used", bare("audit"))});
    let literal = |document: &Value| database.literal(&document.to_string());
    for insert in [
        format!(
            "INSERT INTO installed_apps VALUES ('{}', 'app', {})",
            app["id"].as_str().unwrap(),
            literal(&app)
        ),
        format!("INSERT INTO change_event (json) VALUES ({})", literal(&event)),
        format!("INSERT INTO consumers_dlq VALUES ('s', 'e', {})", literal(&failed)),
        format!(
            "INSERT INTO successful_sent_change_events VALUES ('c', 's', {})",
            literal(&json!({"n": [token("sent")]}))
        ),
        // In the log it is a text, and may end anywhere.
        format!("INSERT INTO audit_log_event (event_json) VALUES ({})", literal(&note)),
        format!(
            "INSERT INTO audit_log_event (event_json) VALUES ({})",
            database.literal(&format!("{{\"a\": \"{}", token("cut")))
        ),
        format!("INSERT INTO oauth_clients VALUES ('a', {}, NULL)", database.literal(&token("client"))),
        format!("INSERT INTO oauth_clients VALUES ('b', {}, 'in clear')", database.literal(&bare("other"))),
        format!(
            "INSERT INTO brand_new VALUES ('a', {}, {}), ('b', '{{}}', 'x'), ('c', {}, NULL)",
            literal(&json!({"run": {"config": {"password": token("run")}}})),
            database.literal(&bare("order")),
            literal(&json!([token("third")])),
        ),
        format!("INSERT INTO oauth_refresh_tokens VALUES ('c', {})", database.literal(&token("refresh"))),
    ] {
        database.run(&insert).await;
    }
}

/// The tables that only OpenMetadata's own server makes.
async fn make_tables(database: &TestDatabase) {
    let quote = if matches!(database.kind, Kind::Mysql | Kind::MariaDb) { "`" } else { "\"" };
    let (number, json) = match database.kind {
        Kind::Sqlite => ("INTEGER PRIMARY KEY AUTOINCREMENT", "TEXT"),
        Kind::Postgres => ("bigserial PRIMARY KEY", "jsonb"),
        Kind::Mysql | Kind::MariaDb => ("bigint AUTO_INCREMENT PRIMARY KEY", "json"),
    };
    for statement in [
        format!("CREATE TABLE installed_apps (id varchar(36) PRIMARY KEY, nameHash varchar(256), json {json} NOT NULL)"),
        format!("CREATE TABLE audit_log_event (id {number}, event_json TEXT NOT NULL)"),
        format!("CREATE TABLE consumers_dlq (id varchar(36), extension varchar(256), json {json} NOT NULL)"),
        format!(
            "CREATE TABLE successful_sent_change_events (change_event_id varchar(36), event_subscription_id varchar(36), json {json})"
        ),
        "CREATE TABLE oauth_clients (id varchar(36), client_secret_encrypted text, registration_encrypted varchar(900))".to_owned(),
        format!("CREATE TABLE brand_new (\"key\" varchar(9), json {json}, \"Order\" text)").replace('"', quote),
        "CREATE TABLE oauth_refresh_tokens (id varchar(36), refresh_token_encrypted text)".to_owned(),
    ] {
        database.run(&statement).await;
    }
}

/// How many tokens in all columns of all tables the old key opens, and how many the new one.
async fn opened(database: &TestDatabase, old: &FernetKeys, new: &FernetKeys) -> (u64, u64) {
    let (columns, text) = match database.kind {
        Kind::Sqlite => (
            "SELECT m.name || ' \"' || c.name || '\"' FROM sqlite_schema m JOIN pragma_table_info(m.name) c WHERE m.type = 'table'",
            "text",
        ),
        Kind::Postgres => (
            "SELECT CAST(table_name || ' \"' || column_name || '\"' AS text) FROM information_schema.columns \
             WHERE table_schema = current_schema()",
            "text",
        ),
        Kind::Mysql | Kind::MariaDb => (
            "SELECT CAST(concat(table_name, ' `', column_name, '`') AS char) FROM information_schema.columns \
             WHERE table_schema = database()",
            "char",
        ),
    };
    let columns = database.texts(columns).await;
    assert!(columns.len() > 100, "every column is looked at");
    let selects = columns.iter().map(|column| {
        let (table, column) = column.split_once(' ').unwrap();
        format!("SELECT CAST({column} AS {text}) FROM {table} WHERE CAST({column} AS {text}) LIKE '%gAAAAA%'")
    });
    let selects: Vec<_> = selects.collect();
    let (mut under_old, mut under_new) = (0, 0);
    for some in selects.chunks(400) {
        for held in database.texts(&some.join(" UNION ALL ")).await {
            for token in tokens::tokens(&held) {
                under_old += u64::from(old.decrypt(token.text).is_ok());
                under_new += u64::from(new.decrypt(token.text).is_ok());
            }
        }
    }
    (under_old, under_new)
}
