//! The program on database servers: PostgreSQL, MySQL, and MariaDB where Strongroom made the tables.

use std::collections::BTreeMap;
use std::path::Path;

use rcgen::{KeyPair, PKCS_RSA_SHA256, PublicKeyData as _};
use reqwest::Method;
use serde_json::{Value, json};
use strongroom_entities::{EntityKind, FernetKeys, MASK, walk};
use strongroom_metastore::testing::{Kind, TestDatabase};
use strongroom_metastore::{Access, Include, Metastore, Options};
use strongroom_secrets::SecretValue;
use strongroom_secrets::random::SystemRandom;
use strongroom_tests::api::{self, SERVICES};
use strongroom_tests::fixtures::recorded::{Recording, State};
use strongroom_tests::metadata::{CONFIG, configuration, write_configuration};
use strongroom_tests::{MetadataServer, Program, VaultServer, scratch};

on_each! {
    [on_postgresql, on_mysql, on_mariadb]
    every_recorded_row_is_read_as_it_was_written,
    recorded_rows_migrate_and_come_back_to_the_same_passwords,
    the_fernet_key_is_rotated_in_recorded_rows_and_everything_is_found_in_order,
    two_servers_share_a_database,
    a_server_makes_no_keys_for_a_database_that_others_may_share,
}

async fn every_recorded_row_is_read_as_it_was_written(kind: Kind) {
    let recording = Recording::read();
    for state in [State::Before, State::After] {
        let database = TestDatabase::new(kind).await;
        recording.load_into(&database, state).await;
        let store = open(&database).await;
        for kind in EntityKind::ALL {
            let rows = recording.rows(state).into_iter().filter(|row| row.table == kind.table());
            let expected = rows.map(|row| row.json).collect::<Vec<_>>();
            assert_eq!(store.count(*kind, Include::All).await.unwrap(), expected.len() as u64, "{kind}");
            for document in expected {
                let id = document["id"].as_str().unwrap().parse().unwrap();
                assert_eq!(store.get(*kind, id).await.unwrap().unwrap().json, document);
            }
        }
    }
}

async fn recorded_rows_migrate_and_come_back_to_the_same_passwords(kind: Kind) {
    let (folder, recording) = (scratch(), Recording::read());
    let vault = VaultServer::start(folder.path()).await;
    let database = TestDatabase::new(kind).await;
    recording.load_into(&database, State::Before).await;
    let mut settings = configuration(&vault, recording.fernet_key());
    settings["database"] = database.section();
    write_configuration(folder.path(), &settings);
    let keys = FernetKeys::parse(&SecretValue::new(recording.fernet_key())).unwrap();
    let before = plaintexts(&database, &keys).await;
    assert!(before.len() >= 8, "the recording has passwords");

    let report = migrate(folder.path()).await;
    assert_eq!((&report["conflicts"], &report["failures"]), (&json!([]), &json!([])), "{report}");
    for (field, text) in texts(&database).await {
        assert!(text.is_empty() || text.starts_with("secret:"), "{field} is still in the database");
    }
    let again = migrate(folder.path()).await;
    assert_eq!(
        (&again["entities"]["changed"], &again["secrets"]["written"]),
        (&json!(0), &json!(0)),
        "{again}"
    );

    settings["secretsManagerConfiguration"]["secretsManager"] = "azure-kv".into();
    write_configuration(folder.path(), &settings);
    let back = migrate(folder.path()).await;
    assert_eq!(back["failures"], json!([]), "{back}");
    assert_eq!(plaintexts(&database, &keys).await, before);
}

async fn the_fernet_key_is_rotated_in_recorded_rows_and_everything_is_found_in_order(kind: Kind) {
    let (folder, recording) = (scratch(), Recording::read());
    let vault = VaultServer::start(folder.path()).await;
    let database = TestDatabase::new(kind).await;
    recording.load_into(&database, State::Before).await;
    let old = FernetKeys::parse(&SecretValue::new(recording.fernet_key())).unwrap();
    let before = plaintexts(&database, &old).await;
    let new = FernetKeys::generate(&SystemRandom);
    let configure = |keys: &str| {
        let mut settings = configuration(&vault, keys);
        settings["database"] = database.section();
        write_configuration(folder.path(), &settings);
    };
    configure(&format!("{},{}", new.expose(), recording.fernet_key()));
    let rotate = ["secrets", "rotate-fernet-key"];
    let plan = run(folder.path(), &[&rotate[..], &["--plan", "--json"]].concat(), 0).await;
    assert_eq!(plaintexts(&database, &old).await, before, "a plan writes nothing: {plan}");
    let done = run(folder.path(), &[&rotate[..], &["--json"]].concat(), 0).await;
    assert_eq!((&done["failed"], &done["complete"]), (&json!(0), &json!(true)), "{done}");
    assert_eq!(plaintexts(&database, &FernetKeys::parse(&new).unwrap()).await, before);

    configure(new.expose());
    let examined = run(folder.path(), &["doctor", "--json"], 1).await;
    let state = |id: &str| {
        let checks = examined["checks"].as_array().unwrap();
        checks.iter().find(|check| check["id"] == id).unwrap_or_else(|| panic!("no {id} in {examined}"))["state"].clone()
    };
    for id in [
        "database.open",
        "database.version",
        "database.rows",
        "fernet.rows",
        "safety.fernet-key",
        "clock.database",
    ] {
        assert_eq!(state(id), "passed", "{id}: {examined}");
    }
    // The user's own reference of the recording leads to a secret that nobody has put into this vault.
    assert_eq!(state("references.resolve"), "failed", "{examined}");

    migrate(folder.path()).await;
    let listed = run(folder.path(), &["secrets", "list", "--json"], 0).await;
    let in_vault =
        listed["secrets"].as_array().unwrap().iter().filter(|secret| secret["state"] == "in-vault");
    assert_eq!(in_vault.count(), vault.names().await.len(), "{listed}");
    let orphans = run(folder.path(), &["secrets", "orphans", "--json"], 0).await;
    assert_eq!(orphans["orphans"], json!([]), "{orphans}");
}

async fn two_servers_share_a_database(kind: Kind) {
    let folder = scratch();
    let vault = VaultServer::start(folder.path()).await;
    let database = TestDatabase::new(kind).await;
    let settings = shared(folder.path(), &vault, &database);
    let mut servers = Vec::new();
    for name in ["one", "two"] {
        let place = folder.path().join(name);
        std::fs::create_dir_all(&place).unwrap();
        write_configuration(&place, &settings);
        servers.push(MetadataServer::start(&place, &[]).await);
    }
    let admin = servers[0].admin().await;
    let bot = servers[1].bot(&admin).await;
    let created = servers[0].send_service(Method::POST, &admin, &api::postgres("shop", "hunter2")).await;
    assert_eq!(api::password(&created.expect(201)), MASK);
    let read = servers[1].send(Method::GET, &format!("{SERVICES}/name/shop"), &bot, None).await.expect(200);
    let reference = api::password(&read).as_str().unwrap().strip_prefix("secret:").unwrap().to_owned();
    assert_eq!(vault.secret(&reference).await.as_deref(), Some("hunter2"));
    let changed = servers[1].send_service(Method::PUT, &admin, &api::postgres("shop", "hunter3")).await;
    changed.expect(200);
    assert_eq!(vault.secret(&reference).await.as_deref(), Some("hunter3"));

    // Both at once, each to names of its own: nothing is lost.
    let (servers, admin) = (&servers, &admin);
    let add = |number: usize| async move {
        let service = api::postgres(&format!("s{number}"), &format!("password {number}"));
        servers[number % 2].send_service(Method::POST, admin, &service).await.expect(201);
    };
    futures::future::join_all((0..12).map(add)).await;
    let store = open(&database).await;
    assert_eq!(store.count(EntityKind::DatabaseService, Include::All).await.unwrap(), 13);
    for (field, text) in texts(&database).await {
        assert!(text.starts_with("secret:"), "{field}");
    }
}

async fn a_server_makes_no_keys_for_a_database_that_others_may_share(kind: Kind) {
    let folder = scratch();
    let vault = VaultServer::start(folder.path()).await;
    let database = TestDatabase::new(kind).await;
    let mut settings = shared(folder.path(), &vault, &database);
    for (section, variable) in
        [("fernetConfiguration", "FERNET_KEY"), ("jwtTokenConfiguration", "RSA_PUBLIC_KEY_FILE_PATH")]
    {
        settings[section] = Value::Null;
        write_configuration(folder.path(), &settings);
        let server = Program::new(folder.path())
            .args(["serve", "-c", CONFIG, "--data-dir", "data"])
            .envs([("SERVER_PORT", "0"), ("SERVER_ADMIN_PORT", "0")]);
        let ended = server.run().await.ended_with(2);
        assert!(
            ended.stderr.contains(variable) && !ended.stderr.contains(&*password(&database)),
            "{}",
            ended.stderr
        );
    }
}

/// A configuration for several servers on one database, with the keys that they share.
fn shared(folder: &Path, vault: &VaultServer, database: &TestDatabase) -> Value {
    let key = FernetKeys::generate(&SystemRandom);
    let mut settings = configuration(vault, key.expose());
    settings["database"] = database.section();
    settings["jwtTokenConfiguration"] = token_keys(folder);
    settings
}

/// The section with a key pair that signs the tokens of several servers.
pub(super) fn token_keys(folder: &Path) -> Value {
    let pair = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
    let (public, private) = (folder.join("public.der"), folder.join("private.der"));
    std::fs::write(&public, pair.subject_public_key_info()).unwrap();
    std::fs::write(&private, pair.serialize_der()).unwrap();
    json!({"rsapublicKeyFilePath": public, "rsaprivateKeyFilePath": private, "keyId": "shared"})
}

fn password(database: &TestDatabase) -> String {
    database.section()["password"].as_str().unwrap().to_owned()
}

async fn migrate(folder: &Path) -> Value {
    run(folder, &["migrate-secrets", "--json"], 0).await
}

/// What a command answers about the installation in `folder`.
async fn run(folder: &Path, arguments: &[&str], code: i32) -> Value {
    let program = Program::new(folder).args(arguments).args(["-c", CONFIG, "--data-dir", "data"]);
    program.run().await.ended_with(code).json()
}

async fn open(database: &TestDatabase) -> Metastore {
    Metastore::open(&Options::new(database.location.clone(), Access::ReadOnly)).await.unwrap()
}

/// What stands in every secret field, by entity and field.
async fn texts(database: &TestDatabase) -> BTreeMap<String, String> {
    let store = open(database).await;
    let mut texts = BTreeMap::new();
    for kind in EntityKind::WITH_SECRETS {
        for row in store.inventory(*kind, None, 1000).await.unwrap().rows {
            let row = row.unwrap();
            for path in walk(*kind, &row.json).fields {
                let text = path.get(&row.json).and_then(Value::as_str).unwrap().to_owned();
                texts.insert(format!("{kind} {} {path}", row.id), text);
            }
        }
    }
    texts
}

/// The same, decrypted.
async fn plaintexts(database: &TestDatabase, keys: &FernetKeys) -> BTreeMap<String, String> {
    let decrypted = |(field, text): (String, String)| {
        let is_encrypted = text.starts_with("fernet:");
        let value = if is_encrypted { keys.decrypt(&text).unwrap().expose().to_owned() } else { text };
        (field, value)
    };
    texts(database).await.into_iter().map(decrypted).collect()
}
