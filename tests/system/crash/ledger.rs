//! What is kept where, looked at from outside: every secret field of a database, with the value that it resolves to.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use reqwest::Client;
use serde_json::Value;
use strongroom_entities::reference::{self, FieldText};
use strongroom_entities::{EntityKind, FernetKeys, walk};
use strongroom_metastore::testing::found_by;
use strongroom_metastore::{Access, CopyTable, DocumentScan, IntentState, Location, Metastore, Options, Row};
use strongroom_secrets::clock::SystemClock;
use strongroom_secrets::file::{FileConfig, FileProvider};
use strongroom_secrets::random::SystemRandom;
use strongroom_secrets::{ErrorKind, Provider, SecretName, SecretVersion};
use strongroom_tests::VaultServer;
use strongroom_tests::vault::API_VERSION;
use tokio::sync::OnceCell;

/// More entities of one kind than any test has.
const ALL: u32 = 1000;

/// What each secret field resolves to, by entity type, entity and field. An empty password is an empty text.
pub(super) type Values = BTreeMap<String, String>;

/// A place where secrets are kept.
enum Place<'a> {
    Vault { server: &'a VaultServer, client: Client, token: String },
    Files(PathBuf),
}

/// A version of a secret.
struct Kept {
    version: SecretVersion,
    value: String,
}

/// Connections to the database of a server, which are kept for all ledgers of it; made when they are needed first.
pub(super) type Connections = OnceCell<Metastore>;

/// A database, and the places that its references can lead to.
pub(super) struct Ledger<'a> {
    location: Location,
    connections: Option<&'a Connections>,
    keys: FernetKeys,
    places: Vec<Place<'a>>,
}

impl<'a> Ledger<'a> {
    /// A ledger of the database at `location`, whose references lead to no place yet.
    pub(super) fn new(location: Location, connections: Option<&'a Connections>, keys: FernetKeys) -> Self {
        Self { location, connections, keys, places: Vec::new() }
    }

    /// References can lead to this vault, too, which is asked by a client with a token.
    pub(super) fn add_vault(&mut self, server: &'a VaultServer, client: Client, token: String) {
        self.places.push(Place::Vault { server, client, token });
    }

    /// References can lead to the files of this folder, too, once it is there.
    pub(super) fn add_files(&mut self, folder: PathBuf) {
        self.places.push(Place::Files(folder));
    }

    /// What every secret field resolves to, whether it has been moved or not. The version of a secret that was committed has to be
    /// in exactly one place: that says which of them counts.
    pub(super) async fn values(&self) -> Values {
        let store = self.open().await;
        let mut values = Values::new();
        for row in rows(&store).await {
            for (field, text) in secret_fields(&row) {
                let value = match reference::classify(&text) {
                    FieldText::Empty => String::new(),
                    FieldText::Reference(reference) => {
                        let version = committed(&store, reference.name()).await;
                        let (_, kept) = self.place_of(reference.name(), &version).await;
                        kept.value
                    }
                    FieldText::Fernet(token) => self.keys.decrypt(token).unwrap().expose().to_owned(),
                    other => panic!("{field} holds neither a reference nor what is encrypted: {other:?}"),
                };
                values.insert(field, value);
            }
        }
        self.close(store).await;
        values
    }

    /// What every secret field holds in its row.
    pub(super) async fn texts(&self) -> Values {
        let store = self.open().await;
        let texts = rows(&store).await.iter().flat_map(secret_fields).collect();
        self.close(store).await;
        texts
    }

    /// Insists that nothing is under way, that the rows hold references only, and that the version which was committed last is the
    /// latest of each. Answers what they refer to.
    pub(super) async fn assert_settled(&self) -> BTreeSet<String> {
        assert_eq!(self.open_intents().await, 0, "open intents");
        let store = self.open().await;
        let mut names = BTreeSet::new();
        for row in rows(&store).await {
            for (field, text) in secret_fields(&row) {
                let name = match reference::classify(&text) {
                    FieldText::Empty => continue,
                    FieldText::Reference(reference) => reference.name().clone(),
                    _ => panic!("{field} holds no reference"),
                };
                let version = committed(&store, &name).await;
                let (place, _) = self.place_of(&name, &version).await;
                let latest = place.read(&name, None).await.expect("a latest version");
                assert_eq!(latest.version, version, "the version of {field}");
                names.insert(name.as_str().to_owned());
            }
        }
        self.close(store).await;
        names
    }

    /// Insists that the database holds nothing any more that these keys open: the whole file of SQLite; of a server, rows and versions.
    pub(super) async fn assert_nothing_opens(&self, keys: &FernetKeys, when: &str) {
        for text in self.stored().await {
            for (at, _) in text.match_indices("gAAAAA") {
                let is_of_token = |c: &char| c.is_ascii_alphanumeric() || "-_=".contains(*c);
                let token: String = text[at..].chars().take_while(is_of_token).collect();
                assert!(keys.decrypt(&token).is_err(), "{when}: the database still holds a token that opens");
            }
        }
    }

    async fn stored(&self) -> Vec<String> {
        if let Location::Sqlite(file) = &self.location {
            return vec![String::from_utf8_lossy(&std::fs::read(file).unwrap()).into_owned()];
        }
        let store = self.open().await;
        let versions = found_by(DocumentScan::of_copies(CopyTable::Versions, &[], ALL), &store).await;
        let rows = rows(&store).await;
        self.close(store).await;
        let rows = rows.into_iter().map(|row| row.json.to_string());
        versions.into_iter().map(|copy| copy.text).chain(rows).collect()
    }

    /// How many intents are open.
    pub(super) async fn open_intents(&self) -> u64 {
        let store = self.open().await;
        let count = store.count_intents(IntentState::Open).await.unwrap();
        self.close(store).await;
        count
    }

    /// The database, to be looked at, and then [closed](Self::close).
    pub(super) async fn open(&self) -> Metastore {
        let options = Options::new(self.location.clone(), Access::ReadOnly);
        let open = || async { Metastore::open(&options).await.unwrap() };
        match self.connections {
            Some(kept) => kept.get_or_init(open).await.clone(),
            None => open().await,
        }
    }

    /// Gives a database back. A file is let go of: who closes it last makes it whole.
    pub(super) async fn close(&self, store: Metastore) {
        if self.connections.is_none() {
            store.close().await;
        }
    }

    async fn place_of(&self, name: &SecretName, version: &SecretVersion) -> (&Place<'a>, Kept) {
        let mut found = Vec::new();
        for place in &self.places {
            found.extend(place.read(name, Some(version)).await.map(|kept| (place, kept)));
        }
        assert_eq!(
            found.len(),
            1,
            "a row refers to {name}: in how many places is what was committed for it?"
        );
        found.remove(0)
    }
}

impl Place<'_> {
    /// A version of a secret; the latest without one. `None` if it is not here.
    async fn read(&self, name: &SecretName, version: Option<&SecretVersion>) -> Option<Kept> {
        match self {
            Self::Vault { server, client, token } => {
                let version = version.map_or("", SecretVersion::as_str);
                let url = format!("{}/secrets/{name}/{version}?api-version={API_VERSION}", server.url());
                let answer = client.get(url).bearer_auth(token).send().await.unwrap();
                let status = answer.status();
                let bundle: Value = answer.json().await.unwrap();
                if status == 404 {
                    return None;
                }
                assert_eq!(status, 200, "reading {name}: {bundle}");
                let version = bundle["id"].as_str().unwrap().rsplit('/').next().unwrap();
                let value = bundle["value"].as_str().unwrap().to_owned();
                Some(Kept { version: SecretVersion::new(version), value })
            }
            Self::Files(folder) if folder.exists() => {
                let files = FileConfig::new(folder.clone());
                let files =
                    FileProvider::open(&files, Arc::new(SystemClock), Arc::new(SystemRandom)).unwrap();
                match files.get(name, version).await {
                    Ok(secret) => {
                        let version = secret.properties.version.expect("the version of a file");
                        Some(Kept { version, value: secret.value.expose().to_owned() })
                    }
                    Err(error) if error.kind() == ErrorKind::NotFound => None,
                    Err(error) => panic!("{error}"),
                }
            }
            Self::Files(_) => None,
        }
    }
}

/// The key under which [`Values`] has a field.
pub(super) fn label(kind: EntityKind, entity: &str, field: &str) -> String {
    format!("{kind} {entity} {field}")
}

async fn committed(store: &Metastore, name: &SecretName) -> SecretVersion {
    store.owner(name).await.unwrap().unwrap_or_else(|| panic!("nobody owns {name}")).version
}

async fn rows(store: &Metastore) -> Vec<Row> {
    let mut rows = Vec::new();
    for kind in EntityKind::WITH_SECRETS {
        let page = store.inventory(*kind, None, ALL).await.unwrap();
        assert!(page.next.is_none(), "more than {ALL} entities of a kind");
        rows.extend(page.rows.into_iter().map(Result::unwrap));
    }
    rows
}

/// The secret fields of a row, by their labels, with the texts that they hold.
fn secret_fields(row: &Row) -> Vec<(String, String)> {
    let entity = row.json["name"].as_str().unwrap();
    let fields = walk(row.kind, &row.json).fields.into_iter();
    fields
        .map(|field| {
            let text = field.get(&row.json).and_then(Value::as_str).unwrap().to_owned();
            (label(row.kind, entity, &field.to_string()), text)
        })
        .collect()
}
