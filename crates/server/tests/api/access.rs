//! The authorization matrix: every route of the router with every kind of caller. A route without a line here fails the test.

use axum::http::Method;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use strongroom_server::router::{Access, routes};

use crate::harness::{Api, KID, Mode, NOW, SERVICES, change_user, keys, postgres, signing_key};

/// Who may: the answer to the three kinds of callers that a route lets through.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Who {
    Anyone,
    SignedIn,
    Writers,
    Admins,
}

/// The matrix, written down by hand: what the router's own table says is compared with this.
fn expected(method: &Method, path: &str) -> Option<Who> {
    Some(match (method.as_str(), path) {
        ("GET", "/system/version" | "/system/health" | "/system/config/jwks") => Who::Anyone,
        ("POST", "/users/login" | "/users/refresh") => Who::Anyone,
        ("GET", "/users/token/{id}") => Who::Admins,
        ("GET", "/bots/name/{name}") => Who::SignedIn,
        ("GET", "/services/databaseServices") => Who::SignedIn,
        ("GET", "/services/databaseServices/{id}" | "/services/databaseServices/name/{fqn}") => Who::SignedIn,
        ("POST" | "PUT", "/services/databaseServices") => Who::Writers,
        ("PATCH", "/services/databaseServices/{id}") => Who::Writers,
        ("PUT", "/services/databaseServices/{id}/testConnectionResult") => Who::Writers,
        ("PUT", "/services/databaseServices/restore") => Who::Admins,
        ("DELETE", "/services/databaseServices/{id}") => Who::Admins,
        _ => return None,
    })
}

fn claims() -> Value {
    let now = NOW / 1_000;
    json!({"iss": "open-metadata.org", "sub": "admin", "tokenType": "OM_USER", "iat": now, "exp": now + 3_600})
}

fn signed(algorithm: Algorithm, kid: Option<&str>, claims: &Value, key: &EncodingKey) -> String {
    let header = Header { kid: kid.map(str::to_owned), ..Header::new(algorithm) };
    jsonwebtoken::encode(&header, claims, key).unwrap()
}

fn with(member: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[member] = value;
    claims
}

/// Tokens that prove nothing, by what is wrong with them.
fn worthless(api: &Api) -> Vec<(&'static str, String)> {
    let key = signing_key();
    let ours = |claims: &Value| signed(Algorithm::RS256, Some(KID), claims, &key);
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let unsigned = format!("{}.{}.", part(&json!({"alg": "none", "kid": KID})), part(&claims()));
    let public = keys().fingerprint();
    let mut broken = api.admin.clone();
    broken.replace_range(broken.len() - 20..broken.len() - 16, "AAAA");
    vec![
        ("none", String::new()),
        ("expired", ours(&with("exp", json!(NOW / 1_000)))),
        ("without an end", ours(&with("exp", Value::Null))),
        ("of another issuer", ours(&with("iss", json!("somebody")))),
        ("of nobody", ours(&with("sub", json!("nobody")))),
        ("of a bot, as a person's", ours(&with("sub", json!("ingestion-bot")))),
        ("of a person, as a bot's", ours(&with("tokenType", json!("BOT")))),
        ("of a bot, but not the stored one", {
            let mut claims = with("sub", json!("ingestion-bot"));
            claims["tokenType"] = "BOT".into();
            ours(&claims)
        }),
        ("of an unknown type", ours(&with("tokenType", json!("PERSONAL_ACCESS")))),
        ("with a wrong signature", broken),
        ("with another key's id", signed(Algorithm::RS256, Some("other"), &claims(), &key)),
        ("without a key's id", signed(Algorithm::RS256, None, &claims(), &key)),
        ("RS512", signed(Algorithm::RS512, Some(KID), &claims(), &key)),
        (
            "HS256 with the public key",
            signed(Algorithm::HS256, Some(KID), &claims(), &EncodingKey::from_secret(public.as_bytes())),
        ),
        ("alg none", unsigned),
        ("a reference", "secret:openmetadata-bot-ingestion-bot-config-jwttoken".to_owned()),
        ("nonsense", "a.b.c".to_owned()),
        ("dots", ".".repeat(5_000)),
    ]
}

/// A request to a route that a caller who may call it gets some answer to.
async fn call(api: &Api, method: &Method, pattern: &str, token: &str) -> u16 {
    let absent = "00000000-0000-4000-8000-000000000000";
    let path = pattern.replace("{id}", absent).replace("{name}", "ingestion-bot").replace("{fqn}", "absent");
    let body = matches!(method.as_str(), "POST" | "PUT" | "PATCH").then(|| json!({}));
    api.send(method.as_str(), &format!("/v1{path}"), token, body.as_ref()).await.status.as_u16()
}

#[tokio::test]
async fn every_route_answers_every_caller_as_the_matrix_says() {
    let api = Api::start(Mode::Managed).await;
    let worthless = worthless(&api);
    for route in routes() {
        let (method, path) = (&route.method, route.path);
        let who = expected(method, path).unwrap_or_else(|| panic!("{method} {path} is not in the matrix"));
        for (what, token) in &worthless {
            let status = call(&api, method, path, token).await;
            assert_eq!(
                status == 401,
                who != Who::Anyone && !path.starts_with("/users/l"),
                "{method} {path}: a token {what}: {status}"
            );
        }
        for (role, token) in [("user", &api.user), ("bot", &api.bot), ("admin", &api.admin)] {
            let may = match who {
                Who::Anyone | Who::SignedIn => true,
                Who::Writers => role != "user",
                Who::Admins => role == "admin",
            };
            let status = call(&api, method, path, token).await;
            assert_eq!(status != 403, may, "{method} {path}: {role}: {status}");
            if may && who != Who::Anyone {
                assert_ne!(status, 401, "{method} {path}: {role}");
            }
        }
    }
}

#[tokio::test]
async fn no_other_method_opens_a_route() {
    let api = Api::start(Mode::Managed).await;
    for route in routes() {
        let path = route.path;
        let open = |method: &Method| expected(method, path);
        let head = call(&api, &Method::HEAD, path, "").await;
        match open(&Method::GET) {
            Some(Who::Anyone) => assert_eq!(head, 200, "{path}"),
            Some(_) => assert_eq!(head, 401, "{path}"),
            None => assert_eq!(head, 405, "{path}"),
        }
        for method in [
            Method::GET,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
            Method::OPTIONS,
            Method::TRACE,
        ] {
            // A path of fixed words can also be taken for one with an id in it, which is another route of the table.
            if open(&method).is_none() && path != "/services/databaseServices/restore" {
                assert_eq!(call(&api, &method, path, &api.admin).await, 405, "{method} {path}");
            }
        }
    }
}

#[test]
fn the_router_s_table_is_the_matrix() {
    for route in routes() {
        let who = match route.access {
            Access::Anyone => Who::Anyone,
            Access::SignedIn => Who::SignedIn,
            Access::Only(roles, _) if roles.len() == 1 => Who::Admins,
            Access::Only(..) => Who::Writers,
        };
        assert_eq!(expected(&route.method, route.path), Some(who), "{} {}", route.method, route.path);
    }
}

#[tokio::test]
async fn a_refused_caller_is_named_and_nothing_is_done() {
    let api = Api::start(Mode::Managed).await;
    let before = api.vault.snapshot();
    for (method, path) in [("POST", SERVICES), ("PUT", SERVICES)] {
        let answer = api.send(method, path, &api.user, Some(&postgres("nope", "dummy"))).await;
        assert!(answer.refusal(403).starts_with("Principal: CatalogPrincipal{name='plain'} operations ["));
    }
    assert_eq!(api.vault.snapshot(), before);
    assert_eq!(api.get(SERVICES, &api.admin).await.expect(200)["paging"]["total"], 0);
}

#[tokio::test]
async fn a_user_who_is_deleted_or_deactivated_is_nobody_from_then_on() {
    let api = Api::start(Mode::Managed).await;
    for member in ["deleted", "deactivated"] {
        change_user(&api, "plain", member, json!(true)).await;
        api.get(SERVICES, &api.user).await.refusal(401);
        api.log_in("plain@open-metadata.org", crate::harness::PASSWORD).await.refusal(401);
        change_user(&api, "plain", member, json!(false)).await;
        api.get(SERVICES, &api.user).await.expect(200);
    }
}

#[tokio::test]
async fn an_admin_who_loses_the_role_loses_it_with_the_next_request() {
    let api = Api::start(Mode::Managed).await;
    change_user(&api, "admin", "isAdmin", json!(false)).await;
    api.post(SERVICES, &api.admin, &postgres("x", "dummy")).await.refusal(403);
}

#[tokio::test]
async fn a_token_ends_with_the_clock() {
    let api = Api::start(Mode::Managed).await;
    api.clock.advance_millis(3_599_000);
    api.get(SERVICES, &api.user).await.expect(200);
    api.clock.advance_millis(1_000);
    assert_eq!(api.get(SERVICES, &api.user).await.refusal(401), "Expired token!");
    api.get(SERVICES, &api.bot).await.expect(200);
}
