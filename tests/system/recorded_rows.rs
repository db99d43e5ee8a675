//! The rows of a real server: they fit into the tables that Strongroom makes, migrate, and are served.

use std::path::Path;

use reqwest::Method;
use serde_json::Value;
use strongroom_entities::{EntityKind, FernetKeys, FieldPath, MASK, walk};
use strongroom_metastore::{Access, Include, Metastore, Options};
use strongroom_secrets::SecretValue;
use strongroom_tests::api::SERVICES;
use strongroom_tests::fixtures::recorded::{Recording, State};
use strongroom_tests::metadata::{CONFIG, configuration, write_configuration};
use strongroom_tests::{MetadataServer, Program, VaultServer, scratch, snapshot};

#[tokio::test]
async fn every_recorded_row_is_accepted_and_read_back() {
    let recording = Recording::read();
    for state in [State::Before, State::After] {
        let folder = strongroom_tests::scratch();
        let path = folder.path().join("metastore.db");
        recording.load(&path, state).await;
        let metastore = Metastore::open(&Options::new(path, Access::ReadOnly)).await.unwrap();
        for kind in EntityKind::ALL {
            let rows = recording.rows(state).into_iter().filter(|row| row.table == kind.table());
            let expected = rows.map(|row| row.json).collect::<Vec<_>>();
            let count = metastore.count(*kind, Include::All).await.unwrap();
            assert_eq!(count, expected.len() as u64, "{kind} {state:?}");
            for document in expected {
                let id = document["id"].as_str().unwrap().parse().unwrap();
                assert_eq!(metastore.get(*kind, id).await.unwrap().unwrap().json, document);
            }
        }
    }
}

/// A secret field of a recorded row, and what it holds once it is decrypted.
struct Field {
    kind: EntityKind,
    row: Value,
    path: FieldPath,
    value: String,
}

/// All the encrypted fields that were recorded in a state.
fn fields(recording: &Recording, state: State) -> Vec<Field> {
    let keys = FernetKeys::parse(&SecretValue::new(recording.fernet_key())).unwrap();
    let mut fields = Vec::new();
    for row in recording.rows(state) {
        let Some(kind) = EntityKind::WITH_SECRETS.iter().copied().find(|kind| kind.table() == row.table)
        else {
            continue;
        };
        for path in walk(kind, &row.json).fields {
            let value = keys.decrypt(path.get(&row.json).unwrap().as_str().unwrap()).unwrap();
            fields.push(Field { kind, row: row.json.clone(), path, value: value.expose().to_owned() });
        }
    }
    fields
}

/// Loads the rows of a state into `folder`, with a configuration for them.
async fn load(folder: &Path, vault: &VaultServer, recording: &Recording, state: State) {
    std::fs::create_dir(folder.join("data")).unwrap();
    recording.load(&folder.join("data/metastore.db"), state).await;
    write_configuration(folder, &configuration(vault, recording.fernet_key()));
}

/// The server on recorded rows, whose key is one that everybody knows.
async fn serve(folder: &Path) -> MetadataServer {
    let password = [("STRONGROOM_ADMIN_PASSWORD", strongroom_tests::metadata::ADMIN_PASSWORD)];
    MetadataServer::start_with(folder, &["-c", CONFIG, "--allow-default-keys"], &password).await
}

async fn migrate(folder: &Path) -> Value {
    let program =
        Program::new(folder).args(["migrate-secrets", "-c", CONFIG, "--data-dir", "data", "--json"]);
    program.run().await.ended_with(0).json()
}

async fn stored(folder: &Path, field: &Field) -> Value {
    let options = Options::new(folder.join("data/metastore.db"), Access::ReadOnly);
    let metastore = Metastore::open(&options).await.unwrap();
    let row = metastore.get(field.kind, field.row["id"].as_str().unwrap().parse().unwrap()).await.unwrap();
    metastore.close().await;
    field.path.get(&row.unwrap().json).unwrap().clone()
}

/// What the server shows of a field to a caller.
async fn shown(server: &MetadataServer, token: &str, field: &Field) -> Value {
    let path = format!("{SERVICES}/{}?include=all", field.row["id"].as_str().unwrap());
    let answer = server.send(Method::GET, &path, token, None).await.expect(200);
    field.path.get(&answer).unwrap().clone()
}

#[tokio::test]
async fn every_recorded_password_moves_to_the_vault_and_is_served_as_a_reference() {
    let (folder, recording) = (scratch(), Recording::read());
    let vault = VaultServer::start(folder.path()).await;
    load(folder.path(), &vault, &recording, State::Before).await;
    let fields = fields(&recording, State::Before);
    assert!(
        fields.iter().filter(|field| field.value.contains("dummy")).count() >= 8,
        "the recording has passwords"
    );
    let database = folder.path().join("data/metastore.db");
    let before = snapshot::rows(&database).await;
    let report = migrate(folder.path()).await;
    assert_eq!(report["conflicts"], serde_json::json!([]), "{report}");

    let mut server = serve(folder.path()).await;
    let admin = server.admin().await;
    let bot = server.bot(&admin).await;
    for field in &fields {
        let text = stored(folder.path(), field).await;
        let (name, path) = (&field.row["name"], &field.path);
        let reference = text.as_str().unwrap();
        match field.value.strip_prefix("secret:") {
            _ if field.value.is_empty() => assert_eq!(reference, "", "{name}: {path}"),
            Some(_) => assert_eq!(reference, field.value, "the user's own reference: {name}: {path}"),
            None => {
                let secret = reference.strip_prefix("secret:").unwrap_or_else(|| panic!("{name}: {path}"));
                assert_eq!(vault.secret(secret).await.as_ref(), Some(&field.value), "{name}: {path}");
            }
        }
        if field.kind == EntityKind::DatabaseService {
            assert_eq!(shown(&server, &bot, field).await, text, "{name}: {path}");
            assert_eq!(shown(&server, &admin, field).await, MASK, "{name}: {path}");
        }
    }
    assert!(server.running().stop().await.success());

    // Settings and all else stays as it is; of the history only the old passwords are gone.
    assert_eq!(report["left"]["settings"][0]["entity"], "settings emailConfiguration", "{report}");
    assert_eq!(report["history"]["tables"][0]["scrubbed"], 1, "{report}");
    let after = snapshot::rows(&database).await;
    for table in ["openmetadata_settings", "change_event", "entity_relationship"] {
        let rows = &before[table];
        assert!(!rows.is_empty() && rows.iter().all(|row| after[table].contains(row)), "{table}");
    }
    let again = migrate(folder.path()).await;
    assert_eq!(
        (&again["entities"]["changed"], &again["secrets"]["written"]),
        (&0.into(), &0.into()),
        "{again}"
    );
}

/// The texts that the keys open, and those of `passwords`, that stand in a file or an output.
fn found_in(bytes: &[u8], keys: &FernetKeys, passwords: &[String]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let mut found: Vec<String> =
        passwords.iter().filter(|password| text.contains(password.as_str())).cloned().collect();
    for (at, _) in text.match_indices("gAAAAA") {
        let is_of_token = |c: &char| c.is_ascii_alphanumeric() || "-_=".contains(*c);
        let token: String = text[at..].chars().take_while(is_of_token).collect();
        found.extend(keys.decrypt(&token).map(|opened| opened.expose().to_owned()));
    }
    found
}

#[tokio::test]
async fn no_token_that_opens_and_no_password_is_left_in_the_files_or_said() {
    let (folder, recording) = (scratch(), Recording::read());
    let vault = VaultServer::start(folder.path()).await;
    load(folder.path(), &vault, &recording, State::Before).await;
    let keys = FernetKeys::parse(&SecretValue::new(recording.fernet_key())).unwrap();
    let values = fields(&recording, State::Before).into_iter().map(|field| field.value);
    let mut passwords: Vec<String> =
        values.filter(|value| !value.is_empty() && !value.starts_with("secret:")).collect();
    passwords.extend(["dummy-pg-shop-1", "dummy-smtp"].map(str::to_owned));
    let data = folder.path().join("data");
    let in_files = || -> Vec<String> {
        let files = std::fs::read_dir(&data).unwrap().map(|file| file.unwrap().path());
        files.flat_map(|file| found_in(&std::fs::read(file).unwrap(), &keys, &passwords)).collect()
    };
    assert!(in_files().len() > passwords.len() / 2, "before, they are there");

    let run = Program::new(folder.path())
        .args(["migrate-secrets", "-c", CONFIG, "--data-dir", "data", "--include-settings", "--json"])
        .env("RUST_LOG", "trace")
        .run()
        .await
        .ended_with(0);
    assert_eq!(in_files(), Vec::<String>::new());
    for output in [&run.stdout, &run.stderr] {
        assert_eq!(found_in(output.as_bytes(), &keys, &passwords), Vec::<String>::new());
    }
    let report = run.json();
    assert_eq!(report["left"]["settings"], serde_json::json!([]), "{report}");
    assert_eq!(report["history"]["reclaimed"], true, "{report}");
}

#[tokio::test]
async fn rows_that_the_real_server_migrated_are_read_as_references() {
    let (folder, recording) = (scratch(), Recording::read());
    let vault = VaultServer::start(folder.path()).await;
    load(folder.path(), &vault, &recording, State::After).await;
    let fields = fields(&recording, State::After);
    for field in &fields {
        vault.set(field.value.strip_prefix("secret:").unwrap(), "dummy").await;
    }
    let mut server = serve(folder.path()).await;
    let admin = server.admin().await;
    let bot = server.bot(&admin).await;
    let service = fields.iter().find(|field| field.kind == EntityKind::DatabaseService).unwrap();
    assert_eq!(shown(&server, &bot, service).await, service.value.as_str());
    assert_eq!(shown(&server, &admin, service).await, MASK);

    let report = migrate(folder.path()).await;
    assert_eq!(report["secrets"]["written"], 0, "{report}");
    for field in &fields {
        assert_eq!(stored(folder.path(), field).await, field.value.as_str());
    }
    assert!(server.running().stop().await.success());
}
