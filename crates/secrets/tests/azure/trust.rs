//! Whom the client trusts: a token goes to the configured vault and to nobody else, whatever answers say.

use std::io::{Read, Write};
use std::net::TcpListener;

use strongroom_secrets::azure::AzureProvider;
use strongroom_secrets::{Error, ErrorKind, Provider};

use crate::scripted_vault::{Answer, Certificate, Request, ScriptedVault, TOKEN, challenge};
use crate::{LATEST, VALUE, found, list, name, new, vault};

/// Every way to write the address of another server on `port` that a client could fall for.
fn foreign_addresses(port: u16) -> Vec<String> {
    [
        "https://v1.vault.localhost:{}/secrets?$skiptoken=1",
        "https://evil.localhost:{}/secrets",
        "https://v1.vault.localhost@evil.localhost:{}/secrets",
        "https://v1.vault.localhost:secret@evil.localhost:{}/secrets",
        "https://v1.vault.localhost%2f@evil.localhost:{}/secrets",
        "https://v1.vault.localhost.:{}/secrets",
        "https://v1.vault.localhost.evil.localhost:{}/secrets",
        "//evil.localhost:{}/secrets",
        "///evil.localhost:{}/secrets",
        "\\\\evil.localhost:{}\\secrets",
        "https:evil.localhost:{}/secrets",
        "http://v1.vault.localhost:{}/secrets",
        "https://127.0.0.1:{}/secrets",
        "https://2130706433:{}/secrets",
        "https://0x7f.1:{}/secrets",
        "https://0177.0.0.1:{}/secrets",
        "https://[::1]:{}/secrets",
        "https://[::ffff:127.0.0.1]:{}/secrets",
        "https://[::ffff:7f00:1]:{}/secrets",
        "https://[0:0:0:0:0:0:0:1]:{}/secrets",
        "wss://v1.vault.localhost:{}/secrets",
        "file://evil.localhost:{}/secrets",
        "javascript:{}",
    ]
    .iter()
    .map(|address| address.replace("{}", &port.to_string()))
    .collect()
}

/// That nobody but the vault saw a token, and that `error` shows neither it nor a user's name or password.
fn no_token_left(foreign: &ScriptedVault, error: &Error, what: &str) {
    assert!(foreign.requests().is_empty(), "{what}: {:?}", foreign.requests());
    let text = format!("{error} {error:?}");
    assert!(!text.contains(TOKEN) && !text.contains(":secret@"), "{what}: {text}");
}

#[tokio::test]
async fn a_link_to_another_host_is_not_followed() {
    let foreign = vault(|_| None);
    for link in foreign_addresses(foreign.port) {
        let shown = link.clone();
        let vault =
            vault(move |_| Some(Answer::json(200, serde_json::json!({"value": [], "nextLink": link}))));
        let error = list(&vault.provider()).await.unwrap_err();
        assert!(!error.is_transient() && error.hint().is_some(), "{shown}: {error}");
        no_token_left(&foreign, &error, &shown);
        let all_at_home =
            vault.requests().iter().all(|request| request.host.ends_with(&format!(":{}", vault.port)));
        assert!(all_at_home, "{shown}: {:?}", vault.requests());
    }
}

#[tokio::test]
async fn relative_links_and_those_of_the_same_origin_are_followed() {
    for form in [
        "/secrets?$skiptoken=1",
        "secrets?$skiptoken=1",
        "./secrets?$skiptoken=1",
        "?$skiptoken=1",
        "//v1.vault.localhost:{}/secrets?$skiptoken=1",
        "https://v1.vault.localhost:{}/secrets?$skiptoken=1",
        "HTTPS://V1.Vault.LOCALHOST:{}/secrets?$skiptoken=1",
    ] {
        let vault = vault(move |request| {
            let port = request.host.rsplit(':').next().unwrap().to_owned();
            let link = (request.earlier == 0).then(|| form.replace("{}", &port));
            let item =
                serde_json::json!({"id": format!("https://v1.vault.localhost/secrets/n{}", request.earlier)});
            Some(Answer::json(200, serde_json::json!({"value": [item], "nextLink": link})))
        });
        let listed = list(&vault.provider()).await;
        assert_eq!(listed.map(|all| all.len()).map_err(|error| error.to_string()), Ok(2), "{form}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let foreign = vault(|_| None);
    for status in [301, 302, 303, 307, 308] {
        for address in foreign_addresses(foreign.port).into_iter().take(6) {
            for from_authority in [false, true] {
                let target = format!("Location: {address}\r\n");
                let vault = ScriptedVault::start(move |request| {
                    let redirected =
                        if from_authority { request.is_token_request() } else { request.is_authorized() };
                    redirected.then(|| Answer::Http(status, target.clone(), String::new()))
                });
                let error = vault.provider().get(&name(), None).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
                no_token_left(&foreign, &error, &address);
            }
        }
    }
}

#[tokio::test]
async fn a_redirect_to_the_vault_itself_is_not_followed_either() {
    let vault = vault(|_| Some(Answer::Http(307, "Location: /secrets/b/\r\n".to_owned(), String::new())));
    let error = vault.provider().set(&name(), new()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
}

#[tokio::test]
async fn a_challenge_for_another_service_gets_no_token() {
    for resource in [
        "https://management.azure.com",
        "https://evil.localhost",
        "https://v1.vault.localhost",
        "https://localhost",
        "http://vault.localhost",
        "https://me:pw@vault.localhost",
        "https://vault.localhost@evil.localhost",
        "https://vault.localhost/elsewhere",
        "https://vault.localhost.",
        "https://[::1]",
        "https://2130706433",
        "not a url",
    ] {
        let vault = ScriptedVault::start(move |request| {
            (!request.is_token_request() && !request.is_authorized()).then(|| challenge(resource))
        });
        let error = vault.provider().get(&name(), None).await.unwrap_err();
        assert!(!error.is_transient() && error.to_string().contains("no token was sent"), "{error}");
        assert!(vault.requests().iter().all(|request| !request.is_token_request()), "{resource}");
    }
}

#[tokio::test]
async fn a_challenge_in_the_middle_cannot_move_the_token_to_another_service() {
    // The first challenge is right; the second comes once a token is known.
    let vault = vault(|request| (request.earlier > 0).then(|| challenge("https://management.azure.com")));
    let provider = vault.provider();
    provider.get(&name(), None).await.unwrap_err();
    let error = provider.get(&name(), None).await.unwrap_err();
    assert!(error.to_string().contains("management.azure.com"), "{error}");
    let asked: Vec<_> = vault.requests().into_iter().filter(Request::is_token_request).collect();
    assert!(asked.iter().all(|request| !request.body.contains("management")), "{asked:?}");
}

#[tokio::test]
async fn a_token_comes_from_the_configured_endpoint_whatever_the_challenge_says() {
    let vault = vault(|_| found(Some(VALUE)));
    vault.provider().get(&name(), None).await.unwrap();
    let asked: Vec<_> = vault.requests().into_iter().filter(Request::is_token_request).collect();
    assert_eq!(asked.len(), 1);
    // What the endpoint says of itself (its openid-configuration) is not asked for, so it cannot lead elsewhere.
    let paths: Vec<_> = vault.requests().iter().map(|request| request.path().to_owned()).collect();
    assert!(paths.iter().all(|path| path == LATEST || path.ends_with("/token")), "{paths:?}");
    assert_eq!(asked[0].path(), "/tenant/oauth2/v2.0/token");
    assert!(asked[0].host.starts_with("login.vault.localhost:"), "{}", asked[0].host);
    // The scope is the vault's own domain.
    assert!(asked[0].body.contains("vault.localhost"), "{}", asked[0].body);
}

#[tokio::test]
async fn a_recovery_id_that_leads_elsewhere_is_not_followed() {
    let foreign = vault(|_| None);
    for address in foreign_addresses(foreign.port) {
        let vault = vault(move |request| {
            let bundle = serde_json::json!({
                "id": format!("https://evil.localhost/secrets/a/{}", "0".repeat(32)),
                "recoveryId": address,
                "value": VALUE,
                "attributes": {"enabled": true},
            });
            (request.method != "DELETE" || request.earlier == 0).then(|| Answer::json(200, bundle))
        });
        let provider = vault.provider();
        provider.delete(&name()).await.unwrap();
        provider.get_deleted(&name()).await.unwrap();
        provider.recover(&name()).await.unwrap();
        assert!(foreign.requests().is_empty(), "{:?}", foreign.requests());
        assert_eq!(vault.count("POST", "/deletedsecrets/a/recover"), 1);
    }
}

#[tokio::test]
async fn an_answer_about_another_secret_is_not_taken() {
    let vault = vault(|_| Some(Answer::json(200, crate::bundle("b", Some(VALUE)))));
    for error in [
        vault.provider().get(&name(), None).await.unwrap_err(),
        vault.provider().set(&name(), new()).await.unwrap_err(),
    ] {
        assert!(error.to_string().contains("the answer is about secret b"), "{error}");
    }
}

#[tokio::test]
async fn a_vault_whose_certificate_is_not_trusted_sees_no_request() {
    let trusted = vault(|_| None);
    let with = |certificate| ScriptedVault::start_as(certificate, |_| None);
    let of_another = with(Certificate::default());
    let other_name = with(Certificate { name: "v1.evil.localhost", ..Certificate::default() });
    let expired = with(Certificate { years: (1990, 1999), ..Certificate::default() });
    let not_yet = with(Certificate { years: (2190, 2199), ..Certificate::default() });
    for (server, ca_file, says, hint) in [
        (&of_another, trusted.ca_file(), "not trusted", "parameters.caFile (OM_SM_CA_FILE) or SSL_CERT_FILE"),
        (&other_name, other_name.ca_file(), "for another host", "is the URL right"),
        (&expired, expired.ca_file(), "out of its time", "this machine's clock"),
        (&not_yet, not_yet.ca_file(), "out of its time", "this machine's clock"),
    ] {
        let mut config = server.config();
        config.trust.ca_file = Some(ca_file);
        let error = AzureProvider::new(&config).unwrap().set(&name(), new()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Untrusted, "{error}");
        assert!(error.to_string().contains(says) && error.hint().unwrap().contains(hint), "{error}");
        assert!(server.requests().is_empty());
    }
}

/// A server that answers whatever it reads with `bytes`.
fn answering_with(bytes: Vec<u8>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut connection in listener.incoming().map_while(Result::ok) {
            let _ = connection.read(&mut [0; 4096]);
            let _ = connection.write_all(&bytes);
            let _ = connection.read(&mut [0; 4096]);
        }
    });
    port
}

/// The answer of a server that speaks no newer TLS than `minor` (2 is TLS 1.1): a ServerHello.
fn server_hello(minor: u8) -> Vec<u8> {
    let mut hello = vec![3, minor];
    hello.extend([7; 32]); // Its random.
    hello.extend([0, 0, 0x2f, 0]); // No session, TLS_RSA_WITH_AES_128_CBC_SHA, no compression.
    let length = u8::try_from(hello.len()).unwrap();
    let mut record = vec![22, 3, minor, 0, length + 4, 2, 0, 0, length];
    record.extend(hello);
    record
}

#[tokio::test]
async fn tls_that_is_too_old_or_none_at_all_is_not_spoken() {
    let vault = vault(|_| None);
    let refusal = vec![21, 3, 2, 0, 2, 2, 70]; // An alert: protocol_version.
    for (what, answer) in [
        ("TLS 1.0", server_hello(1)),
        ("TLS 1.1", server_hello(2)),
        ("an alert", refusal),
        ("plain HTTP", b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()),
    ] {
        let mut config = vault.config();
        config.vault = format!("https://v1.vault.localhost:{}", answering_with(answer)).parse().unwrap();
        let error = AzureProvider::new(&config).unwrap().get(&name(), None).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Untrusted, "{what}: {error}");
        assert!(error.hint().unwrap().contains("TLS 1.2"), "{what}: {error}");
    }
}

#[tokio::test]
async fn a_host_that_answers_in_the_clear_gets_no_token() {
    let foreign = vault(|_| None);
    let vault = vault(move |request| {
        (request.path() == LATEST).then(|| {
            let target = format!("Location: http://v1.vault.localhost:{}/secrets/a/\r\n", foreign.port);
            Answer::Http(308, target, String::new())
        })
    });
    let error = vault.provider().get(&name(), None).await.unwrap_err();
    assert!(error.to_string().contains("is not followed"), "{error}");
}
