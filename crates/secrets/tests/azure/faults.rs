//! What the Azure provider does when the other side misbehaves.

use std::time::Duration;

use strongroom_secrets::azure::{AzureProvider, Credential};
use strongroom_secrets::{ErrorKind, Provider, SecretName};
use tokio::time::Instant;

use crate::scripted_vault::{Answer, Request, ScriptedVault, TOKEN};
use crate::{LATEST, SECRET, VALUE, found, list, name, new, vault};

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
async fn reading_goes_on_after_a_lost_answer() {
    for answer in [|| Answer::Nothing, || Answer::Half] {
        let vault =
            vault(move |request| if request.earlier == 0 { Some(answer()) } else { found(Some(VALUE)) });
        assert_eq!(vault.provider().get(&name(), None).await.unwrap().value, VALUE.into());
    }
}

#[tokio::test]
async fn a_reading_that_hangs_is_tried_again_within_the_call() {
    for hanging in [|| Answer::Silence, || Answer::Slow] {
        let vault =
            vault(move |request| if request.earlier == 0 { Some(hanging()) } else { found(Some(VALUE)) });
        let begin = Instant::now();
        assert_eq!(vault.provider().get(&name(), None).await.unwrap().value, VALUE.into());
        assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
    }
}

#[tokio::test]
async fn a_firewall_is_told_apart_from_a_missing_role() {
    for (inner, kind, hint) in [
        ("ForbiddenByRbac", ErrorKind::PermissionDenied, "secrets/getSecret/action"),
        ("AccessDenied", ErrorKind::PermissionDenied, "secret permission get"),
        ("ForbiddenByFirewall", ErrorKind::NetworkDenied, "network settings"),
        ("ForbiddenByConnection", ErrorKind::NetworkDenied, "private endpoint"),
    ] {
        let vault = vault(move |_| Some(Answer::error(403, "Forbidden", inner)));
        let error = vault.provider().get(&name(), None).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.hint().unwrap().contains(hint), "{error}");
        assert_eq!(vault.count("GET", LATEST), 1, "asking again does not help");
    }
}

/// Whatever keeps a secret from being read, it is not taken for one that is not there.
#[tokio::test]
async fn only_the_vaults_own_word_says_that_a_secret_is_absent() {
    for (status, code) in
        [(404, ""), (404, "NotFound"), (404, "VaultNotFound"), (400, "SecretNotFound"), (410, "")]
    {
        let vault = vault(move |_| Some(Answer::error(status, code, "")));
        let error = vault.provider().get(&name(), None).await.unwrap_err();
        assert_ne!(error.kind(), ErrorKind::NotFound, "{status} {code}");
    }
    let page = vault(|_| Some(Answer::Http(404, String::new(), "<html>not found</html>".to_owned())));
    assert_ne!(page.provider().get(&name(), None).await.unwrap_err().kind(), ErrorKind::NotFound);
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
async fn a_listing_that_goes_in_circles_ends() {
    let vault = vault(|_| {
        let page = serde_json::json!({"value": [], "nextLink": "/secrets?$skiptoken=1"});
        Some(Answer::json(200, page))
    });
    let error = list(&vault.provider()).await.unwrap_err();
    assert!(error.to_string().contains("names itself"), "{error}");
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
