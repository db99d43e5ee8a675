//! A server in the process, three callers, and requests that read like the exchanges that were recorded.

use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use strongroom_entities::{EntityKind, FernetKeys, name_hash};
use strongroom_manager::naming::{Naming, NamingScheme};
use strongroom_manager::{Change, Keeping, Manager, Parts, Stored, Timing};
use strongroom_metastore::{Access, Metastore, Options};
use strongroom_secrets::clock::ManualClock;
use strongroom_secrets::memory::MemoryProvider;
use strongroom_secrets::random::SystemRandom;
use strongroom_secrets::{Clock, Random, SecretName, Tags};
use strongroom_server::{AdminPrincipal, App, AppParts, ServerOptions, TokenKeys, bootstrap, router};
use tempfile::TempDir;
use tower::ServiceExt;
use uuid::Uuid;

/// What the recorded server's clock showed.
pub(crate) const NOW: i64 = 1_795_448_916_962;
pub(crate) const KID: &str = "test-key";
pub(crate) const PASSWORD: &str = "dummy-admin-password";
pub(crate) const SERVICES: &str = "/v1/services/databaseServices";

/// One pair of keys for all tests, private and public, since making one takes long.
static KEYS: LazyLock<[Vec<u8>; 2]> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    TokenKeys::load_or_generate(folder.path(), KID).unwrap();
    ["private_key.der", "public_key.der"].map(|file| std::fs::read(folder.path().join(file)).unwrap())
});

pub(crate) fn keys() -> TokenKeys {
    TokenKeys::from_der(&KEYS[0], &KEYS[1], KID).unwrap()
}

/// The private key of [`keys`], to forge tokens with.
pub(crate) fn signing_key() -> jsonwebtoken::EncodingKey {
    let pem =
        format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(&KEYS[0]));
    jsonwebtoken::EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Secrets in the vault.
    Managed,
    /// Secrets in the database, encrypted; users' own references point to the vault (`azure-kv`).
    InDatabase,
}

pub(crate) struct Api {
    pub(crate) app: Arc<App>,
    pub(crate) manager: Arc<Manager>,
    pub(crate) store: Metastore,
    pub(crate) vault: MemoryProvider,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) admin: String,
    pub(crate) bot: String,
    pub(crate) user: String,
    router: Router,
    _folder: TempDir,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The body, after a look at the status.
    #[track_caller]
    pub(crate) fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self.json()
    }

    /// The message of an error, after a look at its status and form.
    #[track_caller]
    pub(crate) fn refusal(&self, status: u16) -> String {
        let body = self.expect(status);
        assert_eq!(body["code"], status);
        assert_eq!(body.as_object().unwrap().len(), 2, "{body}");
        body["message"].as_str().unwrap().to_owned()
    }
}

impl Api {
    pub(crate) async fn start(mode: Mode) -> Self {
        Self::start_with(mode, ServerOptions::default()).await
    }

    pub(crate) async fn start_with(mode: Mode, options: ServerOptions) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metastore.db");
        let store = Metastore::open(&Options::new(path, Access::Create)).await.unwrap();
        let vault = MemoryProvider::new();
        let clock = Arc::new(ManualClock::at_millis(NOW));
        let manager = manager(&store, &vault, &clock, mode).await;
        let (clock_part, random): (Arc<dyn Clock>, Arc<dyn Random>) = (clock.clone(), Arc::new(SystemRandom));
        let app = App::new(AppParts {
            store: store.clone(),
            manager: manager.clone(),
            keys: keys(),
            options,
            clock: clock_part,
            random,
        });
        plant_user(&manager, "admin", true).await;
        plant_user(&manager, "plain", false).await;
        let principal = AdminPrincipal { name: "admin".to_owned(), password: None };
        bootstrap(&app, &[principal], "open-metadata.org").await.unwrap();
        let router = router(app.clone());
        let mut api = Self {
            app,
            manager,
            store,
            vault,
            clock,
            router,
            admin: String::new(),
            bot: String::new(),
            user: String::new(),
            _folder: folder,
        };
        api.admin = api.sign_in("admin").await;
        api.user = api.sign_in("plain").await;
        api.bot = api.bot_token().await;
        api
    }

    pub(crate) async fn log_in(&self, email: &str, password: &str) -> Answer {
        let body = json!({"email": email, "password": STANDARD.encode(password)});
        self.send("POST", "/v1/users/login", "", Some(&body)).await
    }

    pub(crate) async fn sign_in(&self, name: &str) -> String {
        let answer = self.log_in(&format!("{name}@open-metadata.org"), PASSWORD).await.expect(200);
        answer["accessToken"].as_str().unwrap().to_owned()
    }

    async fn bot_token(&self) -> String {
        let bot = self.get("/v1/bots/name/ingestion-bot", &self.admin).await.expect(200);
        let path = format!("/v1/users/token/{}", bot["botUser"]["id"].as_str().unwrap());
        self.get(&path, &self.admin).await.expect(200)["JWTToken"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> Answer {
        self.send("GET", path, token, None).await
    }

    pub(crate) async fn post(&self, path: &str, token: &str, body: &Value) -> Answer {
        self.send("POST", path, token, Some(body)).await
    }

    pub(crate) async fn put(&self, path: &str, token: &str, body: &Value) -> Answer {
        self.send("PUT", path, token, Some(body)).await
    }

    pub(crate) async fn patch(&self, path: &str, token: &str, body: &Value) -> Answer {
        self.send("PATCH", path, token, Some(body)).await
    }

    pub(crate) async fn delete(&self, path: &str, token: &str) -> Answer {
        self.send("DELETE", path, token, None).await
    }

    /// Sends a request as the recorded client did; `path` is below `/api`.
    pub(crate) async fn send(&self, method: &str, path: &str, token: &str, body: Option<&Value>) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("/api{path}"))
            .header(header::HOST, "127.0.0.1:8585");
        if !token.is_empty() {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let media = if method == "PATCH" { "application/json-patch+json" } else { "application/json" };
        let body = match body {
            Some(body) => {
                request = request.header(header::CONTENT_TYPE, media);
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        self.raw(request.body(body).unwrap()).await
    }

    pub(crate) async fn raw(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, 16 << 20).await.unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        Answer { status: parts.status, headers: parts.headers, text }
    }

    /// Makes a PostgreSQL service and answers with its id.
    pub(crate) async fn make(&self, name: &str, password: &str) -> String {
        let answer = self.post(SERVICES, &self.admin, &postgres(name, password)).await.expect(201);
        answer["id"].as_str().unwrap().to_owned()
    }

    /// The stored row, as somebody with a copy of the database sees it.
    pub(crate) async fn row(&self, id: &str) -> Value {
        let row = self.store.get(EntityKind::DatabaseService, id.parse().unwrap()).await.unwrap();
        row.unwrap().json
    }

    /// What the vault holds under a name.
    pub(crate) fn in_vault(&self, name: &str) -> Option<String> {
        let value = self.vault.value(&SecretName::new(name).unwrap())?;
        Some(value.expose().to_owned())
    }
}

pub(crate) fn postgres(name: &str, password: &str) -> Value {
    json!({
        "name": name,
        "serviceType": "Postgres",
        "connection": {"config": {
            "type": "Postgres", "username": "u", "authType": {"password": password},
            "hostPort": "localhost:5432", "database": "db",
        }},
    })
}

pub(crate) async fn manager(
    store: &Metastore,
    vault: &MemoryProvider,
    clock: &Arc<ManualClock>,
    mode: Mode,
) -> Arc<Manager> {
    let (clock, random): (Arc<dyn Clock>, Arc<dyn Random>) = (clock.clone(), Arc::new(SystemRandom));
    let fernet = FernetKeys::parse(&FernetKeys::generate(&*random)).unwrap();
    let parts = Parts {
        store: store.clone(),
        keeping: match mode {
            Mode::Managed => Keeping::Managed(Arc::new(vault.clone())),
            Mode::InDatabase => Keeping::InDatabase(Some(Arc::new(vault.clone()))),
        },
        provider_name: match mode {
            Mode::Managed => "managed-azure-kv".to_owned(),
            Mode::InDatabase => "azure-kv".to_owned(),
        },
        naming: Naming::new("", "openmetadata", NamingScheme::Openmetadata).unwrap(),
        tags: Tags::default(),
        fernet: Some(fernet),
        holder: random.uuid().to_string(),
        timing: Timing::default(),
        clock,
        random,
    };
    Arc::new(Manager::new(parts).await.unwrap())
}

/// A user with [`PASSWORD`], hashed with little work so that the tests stay fast.
pub(crate) async fn plant_user(manager: &Manager, name: &str, admin: bool) -> Uuid {
    let random: &dyn Random = &SystemRandom;
    let id = random.uuid();
    let user = json!({
        "id": id, "name": name, "fullyQualifiedName": name, "email": format!("{name}@open-metadata.org"),
        "isBot": false, "isAdmin": admin, "deleted": false, "version": 0.1, "updatedAt": NOW, "updatedBy": "admin",
        "authenticationMechanism": {
            "authType": "BASIC", "config": {"password": bcrypt::hash(PASSWORD, 4).unwrap()},
        },
    });
    plant(manager, EntityKind::User, id, user).await;
    id
}

/// Stores a document as it is.
pub(crate) async fn plant(manager: &Manager, kind: EntityKind, id: Uuid, document: Value) {
    let change = Change { kind, id, before: None, after: document };
    let store = |draft: strongroom_manager::Draft| {
        Some(Stored { document: draft.document, history: None, relationships: Vec::new() })
    };
    manager.write(change, store).await.unwrap();
}

/// Changes a member of a user's row, past the API.
pub(crate) async fn change_user(api: &Api, name: &str, member: &str, value: Value) {
    let row = api.store.get_by_hash(EntityKind::User, &name_hash(name)).await.unwrap().unwrap();
    let mut json = row.json.clone();
    json[member] = value;
    let mut transaction = api.store.begin().await.unwrap();
    transaction.update(&row, &json).await.unwrap();
    transaction.commit().await.unwrap();
}
