//! The first start, and all that come after it.

use std::sync::Arc;

use axum::body::Body;
use axum::http::Request;
use serde_json::json;
use strongroom_entities::{EntityKind, name_hash};
use strongroom_metastore::{Access, Include, Metastore, Options, Relation};
use strongroom_secrets::clock::ManualClock;
use strongroom_secrets::memory::{Fault, MemoryProvider, Operation};
use strongroom_secrets::random::SystemRandom;
use strongroom_secrets::{Clock, ErrorKind};
use strongroom_server::{AdminPrincipal, App, AppParts, ServerOptions, bootstrap};
use tower::ServiceExt;

use crate::harness::{Api, Mode, NOW, SERVICES, keys, manager};

struct Bare {
    app: Arc<App>,
    store: Metastore,
    vault: MemoryProvider,
    _folder: tempfile::TempDir,
}

async fn bare() -> Bare {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metastore.db");
    let store = Metastore::open(&Options::new(path, Access::Create)).await.unwrap();
    let (vault, clock) = (MemoryProvider::new(), Arc::new(ManualClock::at_millis(NOW)));
    let parts = AppParts {
        store: store.clone(),
        manager: manager(&store, &vault, &clock, Mode::Managed).await,
        keys: keys(),
        options: ServerOptions::default(),
        clock: clock as Arc<dyn Clock>,
        random: Arc::new(SystemRandom),
    };
    Bare { app: App::new(parts), store, vault, _folder: folder }
}

fn admin(name: &str, password: Option<&str>) -> AdminPrincipal {
    AdminPrincipal { name: name.to_owned(), password: password.map(Into::into) }
}

#[tokio::test]
async fn the_first_start_makes_an_admin_and_a_bot_and_a_later_one_changes_nothing() {
    let Bare { app, store, vault, _folder } = bare().await;
    let first = bootstrap(&app, &[], "example.org").await.unwrap();
    assert_eq!(first.email, "admin@example.org");
    assert!(first.made_password.is_some_and(|password| password.len() >= 20));
    let user = store.get_by_hash(EntityKind::User, &name_hash("ingestion-bot")).await.unwrap().unwrap();
    let bot = store.get_by_hash(EntityKind::Bot, &name_hash("ingestion-bot")).await.unwrap().unwrap();
    assert_eq!(store.related(bot.id, Relation::Contains, EntityKind::User).await.unwrap(), [user.id]);
    let token = &user.json["authenticationMechanism"]["config"]["JWTToken"];
    assert_eq!(token, "secret:openmetadata-bot-ingestion-bot-config-jwttoken");
    assert_eq!(vault.names().len(), 1);
    let before = vault.snapshot();
    let second = bootstrap(&app, &[], "example.org").await.unwrap();
    assert_eq!((second.email.as_str(), second.made_password), ("admin@example.org", None));
    assert_eq!(vault.snapshot(), before);
    assert_eq!(store.count(EntityKind::User, Include::All).await.unwrap(), 2);
}

#[tokio::test]
async fn a_given_password_is_used_and_only_the_first_admin_gets_a_made_one() {
    let Bare { app, store, _folder, .. } = bare().await;
    let admins = [admin("Alice", Some("dummy-alice")), admin("bob", Some("dummy-bob")), admin("carol", None)];
    let first = bootstrap(&app, &admins, "example.org").await.unwrap();
    assert_eq!((first.email.as_str(), first.made_password), ("alice@example.org", None));
    for (name, password) in [("alice", Some("dummy-alice")), ("bob", Some("dummy-bob")), ("carol", None)] {
        let user = store.get_by_hash(EntityKind::User, &name_hash(name)).await.unwrap();
        assert_eq!(user.is_some(), password.is_some(), "{name}");
        if let (Some(user), Some(password)) = (user, password) {
            assert_eq!(user.json["isAdmin"], true);
            let hash = user.json["authenticationMechanism"]["config"]["password"].as_str().unwrap();
            assert!(hash.starts_with("$2a$12$") && bcrypt::verify(password, hash).unwrap());
        }
    }
}

#[tokio::test]
async fn a_start_that_failed_half_way_is_completed_by_the_next() {
    let Bare { app, store, vault, _folder } = bare().await;
    vault.inject(|call| {
        (call.operation == Operation::Set).then_some(Fault::Before(ErrorKind::PermissionDenied))
    });
    let admins = [admin("admin", Some("dummy-admin"))];
    let error = bootstrap(&app, &admins, "example.org").await.unwrap_err();
    assert!(error.to_string().contains("ingestion-bot"), "{error}");
    vault.heal();
    bootstrap(&app, &admins, "example.org").await.unwrap();
    let bot = store.get_by_hash(EntityKind::Bot, &name_hash("ingestion-bot")).await.unwrap().unwrap();
    assert_eq!(store.related(bot.id, Relation::Contains, EntityKind::User).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_bot_that_lost_its_user_gets_it_back() {
    let Bare { app, store, _folder, .. } = bare().await;
    let admins = [admin("admin", Some("dummy-admin"))];
    bootstrap(&app, &admins, "example.org").await.unwrap();
    let bot = store.get_by_hash(EntityKind::Bot, &name_hash("ingestion-bot")).await.unwrap().unwrap();
    let mut transaction = store.begin().await.unwrap();
    transaction.unrelate(bot.id).await.unwrap();
    transaction.commit().await.unwrap();
    bootstrap(&app, &admins, "example.org").await.unwrap();
    assert_eq!(store.related(bot.id, Relation::Contains, EntityKind::User).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_password_that_bcrypt_would_cut_is_refused() {
    let Bare { app, _folder, .. } = bare().await;
    let error = bootstrap(&app, &[admin("admin", Some(&"x".repeat(73)))], "example.org").await.unwrap_err();
    assert!(error.to_string().contains("72 bytes"), "{error}");
}

#[tokio::test]
async fn the_admin_port_tells_whether_the_database_lives() {
    let api = Api::start(Mode::Managed).await;
    let ask = || {
        let router = strongroom_server::health::admin_router(api.app.clone());
        router.oneshot(Request::builder().uri("/healthcheck").body(Body::empty()).unwrap())
    };
    assert_eq!(ask().await.unwrap().status(), 200);
    api.store.close().await;
    assert_eq!(ask().await.unwrap().status(), 500);
}

#[tokio::test]
async fn a_server_answers_on_its_socket_until_it_is_told_to_stop() {
    let api = Api::start(Mode::Managed).await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let limits = strongroom_server::Limits::default();
    let serving = tokio::spawn(strongroom_server::serve(
        listener,
        strongroom_server::router(api.app.clone()),
        limits,
        async { drop(stopped.await) },
    ));
    let answer =
        talk(address, "GET /api/v1/system/version HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains(r#""version":"2.0.6""#), "{answer}");
    let head = format!("GET {SERVICES} HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "x".repeat(100_000));
    let answer = talk(address, &head).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    stop.send(()).unwrap();
    serving.await.unwrap().unwrap();
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
    assert_eq!(json!(NOW), api.get("/v1/system/version", "").await.expect(200)["timestamp"]);
}

async fn talk(address: std::net::SocketAddr, request: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let _ = stream.write_all(request.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}
