//! A manager on a database of its own, and the documents that the tests store.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use strongroom_entities::{EntityKind, FernetKeys};
use strongroom_manager::migrate::{PlannedField, Watcher};
use strongroom_manager::naming::{Naming, NamingScheme};
use strongroom_manager::{Change, Keeping, Manager, Parts, Stored, Timing, WriteError, WriteOutcome};
use strongroom_metastore::testing::{Kind, TestDatabase};
use strongroom_metastore::{IntentState, Location, Metastore, Row};
use strongroom_secrets::clock::SystemClock;
use strongroom_secrets::memory::MemoryProvider;
use strongroom_secrets::random::SystemRandom;
use strongroom_secrets::{Provider, SecretName, SecretValue};
use uuid::Uuid;

pub(crate) const KIND: EntityKind = EntityKind::DatabaseService;
/// The public default key of OpenMetadata.
pub(crate) const FERNET_KEY: &str = "jJ/9sz0g0OHxsfxOoSfdFdmk3ysNmPRnH3TUAbz3IHA=";

/// A key that none of the tests' servers has.
pub(crate) const STRANGERS_KEY: &str = "bm9ib2R5IGhhcyB0aGlzIGtleSwgbm90IGV2ZW4gdXM=";

pub(crate) struct World {
    pub(crate) manager: Manager,
    pub(crate) vault: MemoryProvider,
    pub(crate) store: Metastore,
    database: Arc<TestDatabase>,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(NamingScheme::Guide).await
    }

    pub(crate) async fn with(scheme: NamingScheme) -> Self {
        let database = Arc::new(TestDatabase::new(Kind::from_environment()).await);
        Self::open(database, MemoryProvider::new(), scheme, "server:test").await
    }

    /// The same database and vault in the hands of another process.
    pub(crate) async fn as_other(&self, holder: &str) -> Self {
        Self::open(self.database.clone(), self.vault.clone(), NamingScheme::Guide, holder).await
    }

    /// The same database under another provider, with the vaults that secrets were kept in before.
    pub(crate) async fn under(&self, provider: &str, keeping: Keeping, former: &[&MemoryProvider]) -> Self {
        let former = former.iter().map(|vault| Arc::new((*vault).clone()) as Arc<dyn Provider>).collect();
        let (scheme, database) = (NamingScheme::Guide, self.database.clone());
        let world =
            Self::open_as(database, self.vault.clone(), scheme, "migration:test", keeping, provider).await;
        Self { manager: world.manager.with_former_vaults(former), ..world }
    }

    /// The same, with references as OpenMetadata's own server writes them.
    pub(crate) fn wrapping(self) -> Self {
        Self { manager: self.manager.with_wrapped_references(true), ..self }
    }

    /// The same database in the hands of a migration that names secrets otherwise.
    pub(crate) async fn named(&self, naming: Naming, keeping: Keeping, former: &[&MemoryProvider]) -> Self {
        let former = former.iter().map(|vault| Arc::new((*vault).clone()) as Arc<dyn Provider>).collect();
        let (database, vault) = (self.database.clone(), self.vault.clone());
        let world =
            Self::open_with(database, vault, naming, "migration:test", keeping, "managed-azure-kv").await;
        Self { manager: world.manager.with_former_vaults(former), ..world }
    }

    async fn open(
        database: Arc<TestDatabase>,
        vault: MemoryProvider,
        scheme: NamingScheme,
        holder: &str,
    ) -> Self {
        let keeping = Keeping::Managed(Arc::new(vault.clone()));
        Self::open_as(database, vault, scheme, holder, keeping, "managed-azure-kv").await
    }

    async fn open_as(
        database: Arc<TestDatabase>,
        vault: MemoryProvider,
        scheme: NamingScheme,
        holder: &str,
        keeping: Keeping,
        provider: &str,
    ) -> Self {
        let naming = Naming::new("", "openmetadata", scheme).unwrap();
        Self::open_with(database, vault, naming, holder, keeping, provider).await
    }

    async fn open_with(
        database: Arc<TestDatabase>,
        vault: MemoryProvider,
        naming: Naming,
        holder: &str,
        keeping: Keeping,
        provider: &str,
    ) -> Self {
        let store = database.open().await;
        let parts = Self::parts(store.clone(), naming, holder, keeping, provider);
        Self { manager: Manager::new(parts).await.unwrap(), vault, store, database }
    }

    /// The same database and vault in the hands of a process with these Fernet keys, or with none.
    pub(crate) async fn with_keys(&self, setting: &str) -> Self {
        self.keyed(Some(FernetKeys::parse(&SecretValue::new(setting)).unwrap())).await
    }

    pub(crate) async fn without_keys(&self) -> Self {
        self.keyed(None).await
    }

    async fn keyed(&self, fernet: Option<FernetKeys>) -> Self {
        let (vault, store, database) = (self.vault.clone(), self.store.clone(), self.database.clone());
        let keeping = Keeping::Managed(Arc::new(vault.clone()));
        let naming = Naming::new("", "openmetadata", NamingScheme::Guide).unwrap();
        let parts = Self::parts(store.clone(), naming, "server:keyed", keeping, "managed-azure-kv");
        let manager = Manager::new(Parts { fernet, ..parts }).await.unwrap();
        Self { manager, vault, store, database }
    }

    pub(crate) fn parts(
        store: Metastore,
        naming: Naming,
        holder: &str,
        keeping: Keeping,
        provider: &str,
    ) -> Parts {
        Parts {
            store,
            keeping,
            provider_name: provider.to_owned(),
            naming,
            tags: [("team".to_owned(), "data".to_owned())].into(),
            fernet: Some(fernet()),
            holder: holder.to_owned(),
            timing: Timing {
                lease: Duration::from_millis(400),
                call_timeout: Duration::from_millis(100),
                patience: Duration::from_millis(200),
                cache_wait: Duration::from_millis(300),
            },
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
        }
    }

    /// Creates a service, as the server does.
    pub(crate) async fn create(&self, document: &Value) -> Result<WriteOutcome, WriteError> {
        self.store_change(None, document.clone()).await
    }

    /// Replaces a service, as the server does.
    pub(crate) async fn replace(&self, after: Value) -> Result<WriteOutcome, WriteError> {
        let before = self.row(id_of(&after)).await.unwrap().json;
        self.store_change(Some(&before), after).await
    }

    pub(crate) async fn store_change(
        &self,
        before: Option<&Value>,
        after: Value,
    ) -> Result<WriteOutcome, WriteError> {
        let change = Change { kind: KIND, id: id_of(&after), before, after };
        let store = before.cloned();
        self.manager
            .write(change, move |draft| {
                if store.as_ref() == Some(&draft.document) && draft.changed_fields.is_empty() {
                    return None;
                }
                Some(Stored { document: draft.document, history: store, relationships: Vec::new() })
            })
            .await
    }

    pub(crate) async fn row(&self, id: Uuid) -> Option<Row> {
        self.store.get(KIND, id).await.unwrap()
    }

    /// Puts a document into the database without the manager, as an earlier server left it.
    pub(crate) async fn plant(&self, kind: EntityKind, document: &Value) {
        let hash = strongroom_entities::fqn_hash(document["fullyQualifiedName"].as_str().unwrap());
        let mut transaction = self.store.begin().await.unwrap();
        transaction.insert(kind, &hash, document).await.unwrap();
        transaction.commit().await.unwrap();
    }

    /// Puts a document into the database as it is written.
    pub(crate) async fn plant_text(&self, kind: EntityKind, text: &str, hash: &str) {
        let sql = format!(
            "INSERT INTO {} (json, {}) VALUES ({}, {})",
            kind.table(),
            kind.hash_column(),
            self.database.literal(text),
            self.database.literal(hash)
        );
        self.database.run(&sql).await;
    }

    /// Puts an event into a table of events, which is made if it is not there.
    pub(crate) async fn plant_event(&self, table: &str, event: &Value) {
        let column = if table == "audit_log_event" { "event_json" } else { "json" };
        if table == "audit_log_event" {
            self.make_audit_log().await;
        }
        let event = self.database.literal(&event.to_string());
        self.database.run(&format!("INSERT INTO {table} ({column}) VALUES ({event})")).await;
    }

    /// Only newer servers of OpenMetadata have this table.
    async fn make_audit_log(&self) {
        let id = match self.database.kind {
            Kind::Sqlite => "INTEGER PRIMARY KEY AUTOINCREMENT",
            Kind::Postgres => "serial PRIMARY KEY",
            Kind::Mysql | Kind::MariaDb => "INT PRIMARY KEY AUTO_INCREMENT",
        };
        let table = format!("CREATE TABLE IF NOT EXISTS audit_log_event (id {id}, event_json TEXT NOT NULL)");
        self.database.run(&table).await;
    }

    /// Runs statements beside the manager.
    pub(crate) async fn run(&self, statements: &str) {
        self.database.run(statements).await;
    }

    /// Whether the database keeps documents to the byte.
    pub(crate) fn keeps_bytes(&self) -> bool {
        self.database.kind == Kind::Sqlite
    }

    /// Everything in the database's files, log and all; a server's files are its own, so there it is every document.
    pub(crate) async fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        if let Location::Sqlite(path) = &self.database.location {
            for file in std::fs::read_dir(path.parent().unwrap()).unwrap() {
                bytes.extend(std::fs::read(file.unwrap().path()).unwrap());
            }
            return bytes;
        }
        self.make_audit_log().await;
        for table in ["dbservice_entity", "user_entity", "entity_extension", "change_event"] {
            bytes.extend(self.documents(table, "json", "1").await.join("\n").into_bytes());
        }
        bytes.extend(self.documents("audit_log_event", "event_json", "1").await.join("\n").into_bytes());
        bytes
    }

    async fn documents(&self, table: &str, column: &str, order: &str) -> Vec<String> {
        let text = if matches!(self.database.kind, Kind::Mysql | Kind::MariaDb) { "char" } else { "text" };
        self.database.texts(&format!("SELECT CAST({column} AS {text}) FROM {table} ORDER BY {order}")).await
    }

    /// All documents of a kind as they are written, in the order of their ids.
    pub(crate) async fn stored_texts(&self, kind: EntityKind) -> Vec<String> {
        self.documents(kind.table(), "json", "id").await
    }

    /// Puts a row of the settings into the database, which has no name but its type.
    pub(crate) async fn plant_setting(&self, config_type: &str, document: &Value) {
        let mut transaction = self.store.begin().await.unwrap();
        transaction.insert(EntityKind::Setting, config_type, document).await.unwrap();
        transaction.commit().await.unwrap();
    }

    pub(crate) async fn setting(&self, config_type: &str) -> Value {
        self.store.get_by_hash(EntityKind::Setting, config_type).await.unwrap().unwrap().json
    }

    /// Makes the database one that OpenMetadata's own server made.
    pub(crate) async fn pretend_reference(&self) {
        self.database.run("CREATE TABLE server_change_log (version varchar(256))").await;
    }

    pub(crate) async fn password_in_row(&self, id: Uuid) -> String {
        self.row(id).await.unwrap().json["connection"]["config"]["authType"]["password"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// What the field of a service resolves to, as the ingestion would find it.
    pub(crate) async fn resolved(&self, id: Uuid) -> String {
        let text = self.password_in_row(id).await;
        let name = name(text.strip_prefix("secret:").expect("the row holds a reference"));
        self.vault.get(&name, None).await.unwrap().value.expose().to_owned()
    }

    pub(crate) async fn open_intents(&self) -> u64 {
        self.store.count_intents(IntentState::Open).await.unwrap()
    }
}

/// What a plan would do, field by field.
#[derive(Default)]
pub(crate) struct Planned(Mutex<Vec<PlannedField>>);

impl Planned {
    pub(crate) fn fields(&self) -> Vec<PlannedField> {
        self.0.lock().unwrap().clone()
    }
}

impl Watcher for Planned {
    fn planned(&self, field: &PlannedField) {
        self.0.lock().unwrap().push(field.clone());
    }
}

pub(crate) fn fernet() -> FernetKeys {
    FernetKeys::parse(&SecretValue::new(FERNET_KEY)).unwrap()
}

/// The keys of somebody else.
pub(crate) fn stranger() -> FernetKeys {
    FernetKeys::parse(&SecretValue::new(STRANGERS_KEY)).unwrap()
}

pub(crate) fn name(text: &str) -> SecretName {
    SecretName::new(text).unwrap()
}

pub(crate) fn id_of(document: &Value) -> Uuid {
    Uuid::parse_str(document["id"].as_str().unwrap()).unwrap()
}

/// A PostgreSQL service; the id is the number that is given.
pub(crate) fn service(number: u128, name: &str, password: &str) -> Value {
    json!({
        "id": Uuid::from_u128(number).to_string(),
        "name": name,
        "fullyQualifiedName": strongroom_entities::quote_name(name),
        "serviceType": "Postgres",
        "connection": {"config": {"type": "Postgres", "username": "om", "authType": {"password": password}}},
        "version": 0.1,
        "updatedAt": 1_795_450_008_458_i64,
        "updatedBy": "admin",
        "deleted": false
    })
}
