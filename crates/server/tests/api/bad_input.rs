//! Wrong requests: each has its own clear message, which never repeats a value, and changes nothing.

use axum::body::Body;
use axum::http::{Request, header};
use serde_json::{Value, json};
use strongroom_secrets::ErrorKind;
use strongroom_secrets::memory::{Fault, Operation};
use strongroom_server::{Limits, ServerOptions};

use crate::harness::{Answer, Api, Mode, SERVICES, postgres};

async fn raw(api: &Api, method: &str, path: &str, media: &str, body: impl Into<Body>) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(format!("/api{path}"))
        .header(header::AUTHORIZATION, format!("Bearer {}", api.admin))
        .header(header::CONTENT_TYPE, media);
    api.raw(request.body(body.into()).unwrap()).await
}

#[tokio::test]
async fn what_does_not_exist_is_answered_in_json() {
    let api = Api::start(Mode::Managed).await;
    for path in ["/v1/nonsense", "/nonsense", "/v1/services/databaseServices/a/b/c", "/v2/system/version"] {
        api.get(path, &api.admin).await.refusal(404);
    }
    let answer = api.delete("/v1/system/version", &api.admin).await;
    answer.refusal(405);
    assert_eq!(answer.header("allow"), Some("GET,HEAD"));
    api.get("/v1/services/databaseServices/not-a-uuid", &api.admin).await.refusal(400);
    api.get("/v1/services/databaseServices/name/%ff", &api.admin).await.refusal(400);
}

#[tokio::test]
async fn a_broken_body_is_refused_by_its_place() {
    let api = Api::start(Mode::Managed).await;
    let text = r#"{"name": "x", "connection": {"config": {"authType": {"password": "hunter2" oops}}}}"#;
    let answer = raw(&api, "POST", SERVICES, "application/json", text).await;
    let message = answer.refusal(400);
    assert!(message.starts_with("The body is not JSON (line 1, column"), "{message}");
    assert!(!answer.text.contains("hunter2"));
    raw(&api, "POST", SERVICES, "text/plain", "{}").await.refusal(415);
    raw(&api, "POST", SERVICES, "application/json", vec![0xff, 0xfe]).await.refusal(400);
    raw(&api, "POST", SERVICES, "application/json", "").await.refusal(400);
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_announced_or_not() {
    let api = Api::start(Mode::Managed).await;
    let large = "x".repeat((1 << 20) + 1);
    raw(&api, "POST", SERVICES, "application/json", large.clone()).await.refusal(413);
    let chunk = Ok::<_, std::io::Error>(axum::body::Bytes::from(large));
    let stream = Body::from_stream(futures::stream::iter([chunk]));
    raw(&api, "POST", SERVICES, "application/json", stream).await.refusal(413);
}

#[tokio::test]
async fn a_body_that_never_ends_is_not_waited_for() {
    let limits = Limits { body_read_timeout: std::time::Duration::from_millis(50), ..Limits::default() };
    let options = ServerOptions { limits, ..ServerOptions::default() };
    let api = Api::start_with(Mode::Managed, options).await;
    let body = Body::from_stream(futures::stream::pending::<Result<axum::body::Bytes, std::io::Error>>());
    raw(&api, "POST", "/v1/users/login", "application/json", body).await.refusal(408);
}

#[tokio::test]
async fn a_password_that_cannot_be_kept_is_refused_by_its_field() {
    for mode in [Mode::Managed, Mode::InDatabase] {
        let api = Api::start(mode).await;
        let vault = api.vault.snapshot();
        let huge = "x".repeat(26_000);
        for (password, why) in [
            (json!(huge), "26000 bytes"),
            (json!("secret:not a name"), "secret:"),
            (json!("fernet:gAAAAA"), "fernet:"),
            (json!("*********"), "mask"),
            (json!({"hunter2": 1}), "text"),
            (json!(12345), "text"),
        ] {
            let mut body = postgres("x", "");
            body["connection"]["config"]["authType"]["password"] = password;
            let message = api.post(SERVICES, &api.admin, &body).await.refusal(400);
            assert!(message.contains("connection.config.authType.password"), "{message}");
            assert!(message.contains(why), "{message}");
            assert!(!message.contains("hunter2") && !message.contains("not a name"), "{message}");
        }
        assert_eq!(api.vault.snapshot(), vault);
        assert_eq!(api.get(SERVICES, &api.admin).await.expect(200)["paging"]["total"], 0);
    }
}

#[tokio::test]
async fn a_name_that_gives_no_secret_s_name_is_refused_by_openmetadata_s_scheme() {
    let api = Api::start(Mode::Managed).await;
    let message = api.post(SERVICES, &api.admin, &postgres("сервис", "dummy")).await.refusal(400);
    assert!(message.contains("connection.config.authType.password"), "{message}");
}

#[tokio::test]
async fn a_reference_to_another_entity_s_secret_is_refused() {
    let api = Api::start(Mode::Managed).await;
    api.make("victim", "dummy").await;
    for name in [
        "openmetadata-database-victim-authtype-password",
        "openmetadata-bot-ingestion-bot-config-jwttoken",
        "OPENMETADATA-bot-ingestion-bot-config-jwttoken",
        "openmetadata-database-yet-to-come",
    ] {
        let message =
            api.post(SERVICES, &api.admin, &postgres("thief", &format!("secret:{name}"))).await.refusal(400);
        assert!(message.contains("may not refer to"), "{message}");
    }
}

#[tokio::test]
async fn a_second_service_never_takes_over_the_secret_of_the_first() {
    let api = Api::start(Mode::Managed).await;
    api.make("my_svc", "dummy-one").await;
    let message = api.post(SERVICES, &api.admin, &postgres("mysvc", "dummy-two")).await.refusal(409);
    assert!(message.contains("openmetadata-database-mysvc-authtype-password"), "{message}");
    assert_eq!(api.in_vault("openmetadata-database-mysvc-authtype-password").unwrap(), "dummy-one");
}

#[tokio::test]
async fn a_vault_that_fails_is_told_and_leaves_everything_as_it_was() {
    let api = Api::start(Mode::Managed).await;
    for (kind, status) in [
        (ErrorKind::PermissionDenied, 502),
        (ErrorKind::Unauthenticated, 502),
        (ErrorKind::Untrusted, 502),
        (ErrorKind::Unavailable, 503),
        (ErrorKind::Throttled, 503),
    ] {
        let before = api.vault.snapshot();
        api.vault.inject(move |call| (call.operation == Operation::Set).then_some(Fault::Before(kind)));
        // Whether a call without an answer took effect is unknown, so its name stays taken for a while: each has its own.
        let name = format!("x{kind:?}");
        let message = api.post(SERVICES, &api.admin, &postgres(&name, "hunter2")).await.refusal(status);
        api.vault.heal();
        assert!(!message.contains("hunter2"), "{message}");
        assert_eq!(api.vault.snapshot(), before, "{kind:?}");
        assert_eq!(api.get(SERVICES, &api.admin).await.expect(200)["paging"]["total"], 0);
    }
    api.make("x", "hunter2").await;
}

#[tokio::test]
async fn types_and_connections_must_fit_together() {
    let api = Api::start(Mode::Managed).await;
    let refused = |change: fn(&mut Value)| {
        let mut body = postgres("x", "hunter2");
        change(&mut body);
        let api = &api;
        async move {
            let answer = api.post(SERVICES, &api.admin, &body).await;
            assert!(!answer.text.contains("hunter2"));
            answer.refusal(400)
        }
    };
    refused(|body| body["serviceType"] = "Nonsense".into()).await;
    refused(|body| body["serviceType"] = "Mysql".into()).await;
    refused(|body| body["connection"]["config"] = json!("hunter2")).await;
    refused(|body| body["connection"]["hunter"] = json!("hunter2")).await;
    refused(|body| body["name"] = json!({"hunter2": 1})).await;
    refused(|body| body["owners"] = json!([{"id": "hunter2"}])).await;
}

#[tokio::test]
async fn an_unexpected_failure_is_a_bare_500_with_the_request_s_id() {
    let api = Api::start(Mode::Managed).await;
    let token = api.admin.clone();
    api.store.close().await;
    let answer = api.get(SERVICES, &token).await;
    let message = answer.refusal(500);
    let id = answer.header("x-request-id").unwrap();
    assert!(message.ends_with(&format!("under request {id}")), "{message}");
    assert!(!message.contains("pool"), "{message}");
    api.get("/v1/system/health", "").await.refusal(503);
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_answered_and_its_write_is_finished() {
    let limits = Limits { request_timeout: std::time::Duration::from_millis(300), ..Limits::default() };
    let options = ServerOptions { limits, ..ServerOptions::default() };
    let api = Api::start_with(Mode::Managed, options).await;
    let gate = std::sync::Arc::new(tokio::sync::Notify::new());
    let held = gate.clone();
    api.vault.inject(move |call| (call.operation == Operation::Set).then(|| Fault::Hold(held.clone())));
    let message = api.post(SERVICES, &api.admin, &postgres("slow", "dummy")).await.refusal(503);
    assert!(message.contains("longer than"), "{message}");
    api.vault.heal();
    gate.notify_one();
    for _ in 0..200 {
        if api.get(&format!("{SERVICES}/name/slow"), &api.admin).await.status == 200 {
            assert_eq!(
                api.in_vault("openmetadata-database-slow-authtype-password"),
                Some("dummy".to_owned())
            );
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the write was not finished");
}

#[tokio::test]
async fn every_answer_has_an_id_of_ours_and_is_not_to_be_kept() {
    let api = Api::start(Mode::Managed).await;
    let request = Request::builder()
        .uri("/api/v1/system/version")
        .header("x-request-id", "forged\u{9}line")
        .body(Body::empty())
        .unwrap();
    let answer = api.raw(request).await;
    assert!(answer.header("x-request-id").unwrap().parse::<uuid::Uuid>().is_ok());
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
}
