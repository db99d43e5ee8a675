//! What the Azure provider does when the other side misbehaves.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod scripted_vault;

use std::time::Duration;

use futures::TryStreamExt;
use scripted_vault::{Answer, Request, ScriptedVault, TOKEN, bundle, challenge};
use strongroom_secrets::azure::{AzureProvider, Credential};
use strongroom_secrets::{Error, ErrorKind, ListScope, NewSecret, Provider, SecretName, SecretProperties};
use tokio::time::Instant;

const SECRET: &str = "/secrets/a";
const LATEST: &str = "/secrets/a/";
const VALUE: &str = "hunter2";

fn name() -> SecretName {
    SecretName::new("a").unwrap()
}

fn new() -> NewSecret {
    NewSecret { value: VALUE.into(), ..NewSecret::default() }
}

fn found(value: Option<&str>) -> Option<Answer> {
    Some(Answer::json(200, bundle("a", value)))
}

/// A vault that answers authorized requests as `script` says, and everything else as it should.
fn vault(script: impl Fn(&Request) -> Option<Answer> + Send + Sync + 'static) -> ScriptedVault {
    ScriptedVault::start(move |request| request.is_authorized().then(|| script(request)).flatten())
}

async fn list(provider: &AzureProvider) -> Result<Vec<SecretProperties>, Error> {
    provider.list(ListScope::Secrets).try_collect().await
}

#[tokio::test]
async fn requests_beyond_the_quota_are_sent_again_with_and_without_a_retry_after() {
    for headers in ["", "Retry-After: 0\r\n", "retry-after-ms: 1\r\n"] {
        let vault = vault(move |request| match request.earlier {
            0 => Some(Answer::Http(429, headers.to_owned(), String::new())),
            _ => found(Some(VALUE)),
        });
        assert_eq!(vault.provider().get(&name(), None).await.unwrap().value, VALUE.into());
        assert_eq!(vault.count("GET", LATEST), 2);
    }
}

#[tokio::test]
async fn a_retry_after_is_waited_for() {
    let vault = vault(|request| match request.earlier {
        0 => Some(Answer::Http(503, "Retry-After: 1\r\n".to_owned(), String::new())),
        _ => found(Some(VALUE)),
    });
    let begin = Instant::now();
    vault.provider().get(&name(), None).await.unwrap();
    assert!(begin.elapsed() >= Duration::from_secs(1), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn a_retry_after_beyond_the_end_of_the_call_ends_it_at_once() {
    let vault = vault(|_| Some(Answer::Http(429, "Retry-After: 3600\r\n".to_owned(), String::new())));
    let begin = Instant::now();
    let error = vault.provider().get(&name(), None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Throttled);
    assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn a_storm_of_errors_ends_within_the_call_and_with_its_own_meaning() {
    for (status, kind) in
        [(429, ErrorKind::Throttled), (503, ErrorKind::Unavailable), (500, ErrorKind::Unavailable)]
    {
        let vault = vault(move |_| Some(Answer::Http(status, String::new(), "<html>busy</html>".to_owned())));
        let begin = Instant::now();
        let error = vault.provider().get(&name(), None).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(begin.elapsed() <= Duration::from_secs(3), "{:?}", begin.elapsed());
        assert!((2..=8).contains(&vault.count("GET", LATEST)));
    }
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_is_not_sent_again() {
    for answer in [|| Answer::Nothing, || Answer::Half, || Answer::Http(500, String::new(), String::new())] {
        let vault = vault(move |_| Some(answer()));
        let error = vault.provider().set(&name(), new()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        assert_eq!(vault.count("PUT", SECRET), 1, "a second write would make a second version");
    }
}

#[tokio::test]
async fn a_write_that_was_refused_is_sent_again_with_its_body() {
    let vault = vault(|request| match request.earlier {
        0 => Some(Answer::Http(503, String::new(), String::new())),
        1 => Some(Answer::Http(429, String::new(), String::new())),
        _ => found(None),
    });
    vault.provider().set(&name(), new()).await.unwrap();
    let bodies: Vec<_> = vault.requests().into_iter().filter(Request::is_authorized).collect();
    assert_eq!(bodies.len(), 3);
    assert!(bodies.iter().all(|request| request.body.contains(VALUE)), "{bodies:?}");
}

#[tokio::test]
async fn a_write_keeps_its_body_if_the_vault_is_busy_before_the_challenge() {
    let vault = ScriptedVault::start(|request| {
        if request.is_token_request() {
            return None;
        }
        if request.is_authorized() {
            return found(None);
        }
        (request.earlier == 0).then(|| Answer::Http(503, String::new(), String::new()))
    });
    vault.provider().set(&name(), new()).await.unwrap();
    let written = vault.requests().into_iter().find(Request::is_authorized).unwrap();
    assert!(written.body.contains(VALUE), "{written:?}");
}

#[tokio::test]
async fn reading_goes_on_after_a_lost_answer() {
    for answer in [|| Answer::Nothing, || Answer::Half] {
        let vault =
            vault(move |request| if request.earlier == 0 { Some(answer()) } else { found(Some(VALUE)) });
        assert_eq!(vault.provider().get(&name(), None).await.unwrap().value, VALUE.into());
    }
}

#[tokio::test]
async fn a_deletion_whose_answer_is_lost_is_done_if_the_secret_is_gone() {
    let vault = vault(|request| (request.earlier == 0).then_some(Answer::Nothing));
    vault.provider().delete(&name()).await.unwrap();
    assert_eq!(vault.count("DELETE", SECRET), 2);
}

#[tokio::test]
async fn a_deletion_of_what_is_not_there_is_told() {
    let vault = vault(|_| None);
    assert_eq!(vault.provider().delete(&name()).await.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn silence_ends_with_the_call() {
    let vault = vault(|_| Some(Answer::Silence));
    let mut config = vault.config();
    config.call_timeout = Duration::from_millis(300);
    let provider = AzureProvider::new(&config).unwrap();
    let begin = Instant::now();
    let error = provider.set(&name(), new()).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::Unavailable), "{error}");
    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
    assert!(list(&provider).await.is_err_and(|error| error.is_transient()));
}

#[tokio::test]
async fn a_write_waits_while_a_deletion_is_under_way() {
    let vault = vault(|request| match request.earlier {
        0 | 1 => Some(Answer::error(409, "Conflict", "ObjectIsBeingDeleted")),
        _ => Some(Answer::error(409, "Conflict", "ObjectIsDeletedButRecoverable")),
    });
    let error = vault.provider().set(&name(), new()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Deleted);
    assert_eq!(vault.count("PUT", SECRET), 3);
}

#[tokio::test]
async fn a_deletion_that_never_ends_leaves_the_secret_busy() {
    let vault = vault(|_| Some(Answer::error(409, "Conflict", "ObjectIsBeingDeleted")));
    let error = vault.provider().set(&name(), new()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy);
}

#[tokio::test]
async fn a_recovery_is_done_when_the_secret_can_be_read() {
    let vault = vault(|request| match request.method.as_str() {
        "POST" => found(None),
        _ if request.earlier < 2 => None,
        _ => found(Some(VALUE)),
    });
    vault.provider().recover(&name()).await.unwrap();
    assert_eq!(vault.count("POST", "/deletedsecrets/a/recover"), 1);
    assert_eq!(vault.count("GET", LATEST), 3);
}

#[tokio::test]
async fn a_listing_follows_links_of_the_vault_through_empty_pages() {
    let vault = vault(|request| {
        let page = |items: &[&str], next: Option<&str>| {
            let value: Vec<_> = items
                .iter()
                .map(|name| serde_json::json!({"id": format!("https://v1.vault.localhost/secrets/{name}")}))
                .collect();
            Some(Answer::json(200, serde_json::json!({"value": value, "nextLink": next})))
        };
        match request.earlier {
            0 => page(&["a"], Some("/secrets?api-version=7.4&$skiptoken=1")),
            1 => page(&[], Some(&format!("https://{}/secrets?$skiptoken=2", request.host))),
            _ => page(&["b"], None),
        }
    });
    let names: Vec<_> =
        list(&vault.provider()).await.unwrap().into_iter().map(|secret| secret.name).collect();
    assert_eq!(names, [name(), SecretName::new("b").unwrap()]);
}

#[tokio::test]
async fn a_link_to_another_host_is_not_followed_and_no_token_leaves() {
    let foreign = vault(|_| None);
    let port = foreign.port;
    for link in [
        format!("https://v1.vault.localhost:{port}/secrets?$skiptoken=1"),
        format!("https://evil.localhost:{port}/secrets"),
        format!("https://v1.vault.localhost@evil.localhost:{port}/secrets"),
        format!("//evil.localhost:{port}/secrets"),
        format!("https://[::1]:{port}/secrets"),
    ] {
        let shown = link.clone();
        let vault =
            vault(move |_| Some(Answer::json(200, serde_json::json!({"value": [], "nextLink": link}))));
        let error = list(&vault.provider()).await.unwrap_err();
        assert!(error.to_string().contains("is not followed"), "{shown}: {error}");
    }
    assert!(foreign.requests().is_empty(), "{:?}", foreign.requests());
}

#[tokio::test]
async fn a_link_without_tls_is_not_followed() {
    let foreign = vault(|_| None);
    let link = format!("http://v1.vault.localhost:{}/secrets", foreign.port);
    let vault = vault(move |_| Some(Answer::json(200, serde_json::json!({"value": [], "nextLink": link}))));
    let error = list(&vault.provider()).await.unwrap_err();
    assert!(error.to_string().contains("no token was sent"), "{error}");
    assert!(foreign.requests().is_empty(), "{:?}", foreign.requests());
}

#[tokio::test]
async fn a_listing_that_goes_in_circles_ends() {
    let vault = vault(|_| {
        let page = serde_json::json!({"value": [], "nextLink": "/secrets?$skiptoken=1"});
        Some(Answer::json(200, page))
    });
    let error = list(&vault.provider()).await.unwrap_err();
    assert!(error.to_string().contains("names itself"), "{error}");
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_no_token_leaves() {
    let foreign = vault(|_| None);
    let target = format!("Location: https://v1.vault.localhost:{}/secrets/a\r\n", foreign.port);
    for from_authority in [false, true] {
        let target = target.clone();
        let vault = ScriptedVault::start(move |request| {
            let redirected =
                if from_authority { request.is_token_request() } else { request.is_authorized() };
            redirected.then(|| Answer::Http(307, target.clone(), String::new()))
        });
        let error = vault.provider().get(&name(), None).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
    }
    assert!(foreign.requests().is_empty(), "{:?}", foreign.requests());
}

#[tokio::test]
async fn a_challenge_for_another_service_gets_no_token() {
    for resource in
        ["https://management.azure.com", "https://evil.localhost", "https://v1.vault.localhost", "not a url"]
    {
        let vault = ScriptedVault::start(move |request| {
            (!request.is_token_request() && !request.is_authorized()).then(|| challenge(resource))
        });
        let error = vault.provider().get(&name(), None).await.unwrap_err();
        assert!(!error.is_transient() && error.to_string().contains("the answer"), "{error}");
        assert!(vault.requests().iter().all(|request| !request.is_token_request()), "{resource}");
    }
}

#[tokio::test]
async fn a_token_comes_from_the_configured_endpoint_whatever_the_challenge_says() {
    let vault = vault(|_| found(Some(VALUE)));
    vault.provider().get(&name(), None).await.unwrap();
    let asked: Vec<_> = vault.requests().into_iter().filter(Request::is_token_request).collect();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].path(), "/tenant/oauth2/v2.0/token");
    assert!(asked[0].host.starts_with("login.vault.localhost:"), "{}", asked[0].host);
}

#[tokio::test]
async fn one_token_serves_many_calls_at_the_same_time() {
    let vault = vault(|_| found(Some(VALUE)));
    let provider = vault.provider();
    let name = name();
    let read = (0..20).map(|_| provider.get(&name, None));
    futures::future::try_join_all(read).await.unwrap();
    assert_eq!(vault.requests().iter().filter(|request| request.is_token_request()).count(), 1);
}

#[tokio::test]
async fn a_vault_whose_certificate_is_not_trusted_sees_no_request() {
    let (trusted, vault, other_name) =
        (vault(|_| None), vault(|_| None), ScriptedVault::start_as("v1.evil.localhost", |_| None));
    for (server, ca_file) in [(&vault, trusted.ca_file()), (&other_name, other_name.ca_file())] {
        let mut config = server.config();
        config.trust.ca_file = Some(ca_file);
        let error = AzureProvider::new(&config).unwrap().set(&name(), new()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Untrusted, "{error}");
        let hint = error.hint().unwrap();
        for way_out in ["parameters.caFile", "OM_SM_CA_FILE", "SSL_CERT_FILE"] {
            assert!(hint.contains(way_out), "{hint}");
        }
        assert!(server.requests().is_empty());
    }
}

#[tokio::test]
async fn an_unreachable_or_unknown_host_is_named_soon() {
    let vault = vault(|_| None);
    // Bound but not listening would be racy; a port that was just given back is refused.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for url in [format!("https://v1.vault.localhost:{closed}"), "https://no-such-vault.invalid".to_owned()] {
        let mut config = vault.config();
        config.vault = url.parse().unwrap();
        config.call_timeout = Duration::from_secs(20);
        let begin = Instant::now();
        let error = AzureProvider::new(&config).unwrap().get(&name(), None).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        assert!(error.to_string().contains(config.vault.host()) && error.hint().is_some(), "{error}");
        assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
    }
}

#[tokio::test]
async fn an_unreachable_token_endpoint_is_told_apart_from_the_vault() {
    let vault = vault(|_| None);
    let mut config = vault.config();
    config.authority = "https://login.invalid".parse().unwrap();
    let error = AzureProvider::new(&config).unwrap().get(&name(), None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("no address is known for login.invalid"), "{error}");
}

#[tokio::test]
async fn a_token_endpoint_in_trouble_is_asked_again_within_the_call() {
    let vault = ScriptedVault::start(|request| {
        if request.is_token_request() {
            return (request.earlier < 2).then(|| Answer::Http(503, String::new(), "<html>".to_owned()));
        }
        if request.is_authorized() { found(Some(VALUE)) } else { None }
    });
    vault.provider().get(&name(), None).await.unwrap();

    let hopeless = ScriptedVault::start(|request| {
        request.is_token_request().then(|| Answer::Http(503, String::new(), "<html>".to_owned()))
    });
    let error = hopeless.provider().get(&name(), None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    let asked = hopeless.requests().iter().filter(|request| request.is_token_request()).count();
    assert!(asked <= 8, "the retries of the two endpoints must not multiply: {asked}");
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off() {
    let vault = vault(|_| found(Some(&"x".repeat(5 * 1024 * 1024))));
    let error = vault.provider().get(&name(), None).await.unwrap_err();
    assert!(error.to_string().contains("more than can be right"), "{error}");
}

#[tokio::test]
async fn no_error_holds_the_value_the_client_secret_or_the_token() {
    type Misbehaviour = fn(&Request) -> Option<Answer>;
    let echo = |status: u16, request: &Request| {
        let all = format!("{} {:?} {VALUE} the-client-secret", request.body, request.authorization);
        let message = serde_json::json!({"error": {"code": "BadParameter", "message": all}});
        Some(Answer::json(status, message))
    };
    let misbehaviours: [Misbehaviour; 7] = [
        |request| request.is_authorized().then(|| Answer::error(400, VALUE, VALUE)),
        |request| request.is_authorized().then(|| Answer::json(200, format!("{{\"value\":\"{VALUE}\""))),
        |request| request.is_authorized().then(|| Answer::json(200, format!("{{\"value\":\"{VALUE}\"}}"))),
        |request| {
            request.is_authorized().then(|| Answer::Http(418, String::new(), format!("{VALUE} {TOKEN}")))
        },
        |request| request.is_authorized().then_some(Answer::Nothing),
        |request| request.is_token_request().then(|| Answer::json(400, "the-client-secret")),
        |request| {
            let body =
                serde_json::json!({"error": "the-client-secret", "error_description": "the-client-secret"});
            request.is_token_request().then(|| Answer::json(401, body))
        },
    ];
    let mut vaults: Vec<_> = misbehaviours.into_iter().map(ScriptedVault::start).collect();
    vaults.push(vault(move |request| echo(400, request)));
    vaults.push(vault(move |request| echo(403, request)));
    for vault in vaults {
        let error = vault.provider().set(&name(), new()).await.unwrap_err();
        let mut text = format!("{error} {error:?}");
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            text.push_str(&format!("{cause} {cause:?}"));
            source = cause.source();
        }
        for secret in [VALUE, "the-client-secret", TOKEN] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}

#[tokio::test]
async fn a_refused_identity_is_told_by_reason() {
    for (code, reason) in [(7_000_215, "client secret is wrong"), (700_016, "client id is not known")] {
        let vault = ScriptedVault::start(move |request| {
            let body = serde_json::json!({"error": "e", "error_description": "d", "error_codes": [code]});
            request.is_token_request().then(|| Answer::json(401, body))
        });
        let error = vault.provider().get(&name(), None).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthenticated);
        assert!(error.to_string().contains(reason), "{error}");
        let asked = vault.requests().iter().filter(|request| request.is_token_request()).count();
        assert_eq!(asked, 1, "a refusal is not asked for again");
    }
}

#[tokio::test]
async fn neither_provider_nor_configuration_shows_the_client_secret() {
    let vault = vault(|_| None);
    let config = vault.config();
    let Credential::ClientSecret(_) = &config.credential else { panic!("the test's own credential") };
    let shown = format!("{config:?} {:?} {}", vault.provider(), vault.provider());
    assert!(!shown.contains("the-client-secret"), "{shown}");
    assert!(vault.provider().to_string().starts_with("Azure Key Vault https://v1.vault.localhost:"));
}
