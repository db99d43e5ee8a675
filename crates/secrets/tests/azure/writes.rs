//! A write makes one version, whatever becomes of its answer.

use std::sync::Mutex;
use std::time::Duration;

use strongroom_secrets::azure::AzureProvider;
use strongroom_secrets::{ErrorKind, NewSecret, Provider, Tags};
use tokio::time::Instant;

use crate::scripted_vault::{Answer, Request, ScriptedVault};
use crate::{LATEST, SECRET, VALUE, found, name, new, vault};

/// A write that a tag tells from every other.
fn marked() -> NewSecret {
    let tags = Tags::from([("intent".to_owned(), "7".to_owned()), ("team".to_owned(), "x".to_owned())]);
    NewSecret { tags, mark: Some("intent".to_owned()), ..new() }
}

/// A bundle whose version carries the intent `tagged`.
fn version_of(tagged: &str) -> Answer {
    let mut bundle: serde_json::Value = serde_json::from_str(&crate::bundle("a", Some(VALUE))).unwrap();
    bundle["tags"] = serde_json::json!({"intent": tagged});
    Answer::json(200, bundle)
}

type Loss = fn() -> Answer;

/// The ways to lose the answer to a write that may have arrived.
const LOSSES: [Loss; 5] = [
    || Answer::Nothing,
    || Answer::Half,
    || Answer::Http(500, String::new(), String::new()),
    || Answer::Http(502, String::new(), "<html>bad gateway</html>".to_owned()),
    || Answer::Http(504, String::new(), String::new()),
];

#[tokio::test]
async fn a_write_whose_answer_is_lost_is_not_sent_again() {
    for answer in LOSSES {
        let vault = vault(move |request| (request.method == "PUT").then(answer));
        for write in [new(), marked()] {
            let sent_before = vault.count("PUT", SECRET);
            let error = vault.provider().set(&name(), write).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
            assert!(!error.is_without_effect());
            assert_eq!(
                vault.count("PUT", SECRET),
                sent_before + 1,
                "a second write would make a second version"
            );
        }
    }
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_is_done_if_the_latest_version_carries_its_mark() {
    for answer in LOSSES {
        let vault = vault(move |request| match request.method.as_str() {
            "PUT" => Some(answer()),
            // It takes a moment until it can be seen.
            _ if request.earlier == 0 => None,
            _ => Some(version_of("7")),
        });
        let written = vault.provider().set(&name(), marked()).await.unwrap();
        assert_eq!(written.version.unwrap().as_str(), "0".repeat(32));
        assert_eq!((vault.count("PUT", SECRET), vault.count("GET", LATEST)), (1, 2));
    }
}

#[tokio::test]
async fn the_version_of_another_write_is_not_taken_for_ones_own() {
    let vault = vault(|request| match request.method.as_str() {
        "PUT" => Some(Answer::Nothing),
        _ => Some(version_of("6")),
    });
    let error = vault.provider().set(&name(), marked()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert_eq!(vault.count("PUT", SECRET), 1);
}

#[tokio::test]
async fn a_look_that_fails_proves_nothing() {
    for look in [403_u16, 404, 500] {
        let vault = vault(move |request| match request.method.as_str() {
            "PUT" => Some(Answer::Nothing),
            _ => Some(Answer::error(look, "Forbidden", "ForbiddenByRbac")),
        });
        let error = vault.provider().set(&name(), marked()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "the loss is the reason: {error}");
        assert!(error.to_string().contains("was lost"), "{error}");
        assert_eq!(vault.count("PUT", SECRET), 1);
    }
}

#[tokio::test]
async fn a_write_that_hangs_is_looked_for_within_the_call() {
    for hanging in [|| Answer::Silence, || Answer::Slow] {
        let vault = vault(move |request| match request.method.as_str() {
            "PUT" => Some(hanging()),
            _ => Some(version_of("7")),
        });
        let begin = Instant::now();
        vault.provider().set(&name(), marked()).await.unwrap();
        assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
        assert_eq!(vault.count("PUT", SECRET), 1);
    }
}

#[tokio::test]
async fn a_write_that_hangs_and_is_not_found_is_told_as_unknown() {
    let vault = vault(|request| (request.method == "PUT").then_some(Answer::Silence));
    let error = vault.provider().set(&name(), marked()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
    assert!(!error.is_without_effect());
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
async fn a_write_waits_while_a_deletion_is_under_way() {
    let vault = vault(|request| match request.earlier {
        0 | 1 => Some(Answer::error(409, "Conflict", "ObjectIsBeingDeleted")),
        _ => Some(Answer::error(409, "Conflict", "ObjectIsDeletedButRecoverable")),
    });
    let error = vault.provider().set(&name(), new()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Deleted);
    assert!(error.hint().unwrap().contains("strongroom vault recover a"), "{error}");
    assert_eq!(vault.count("PUT", SECRET), 3);
}

#[tokio::test]
async fn an_update_names_only_what_changes() {
    use strongroom_secrets::{SecretUpdate, SecretVersion};
    let vault = vault(|_| found(None));
    let version = SecretVersion::new("0".repeat(32));
    let provider = vault.provider();
    let update = SecretUpdate::tags(Tags::from([("a".to_owned(), "b".to_owned())]));
    provider.update(&name(), &version, update).await.unwrap();
    let update = SecretUpdate { expires: Some(1), ..SecretUpdate::default() };
    provider.update(&name(), &version, update).await.unwrap();
    let bodies: Vec<serde_json::Value> = vault
        .requests()
        .iter()
        .filter(|request| request.is_authorized())
        .map(|request| serde_json::from_str(&request.body).unwrap())
        .collect();
    let expected = [serde_json::json!({"tags": {"a": "b"}}), serde_json::json!({"attributes": {"exp": 1}})];
    assert_eq!(bodies, expected);
}

#[tokio::test]
async fn a_version_that_is_none_is_not_put_into_a_path() {
    use strongroom_secrets::SecretVersion;
    let vault = vault(|_| found(Some(VALUE)));
    for version in ["", "..", "../b", "1?x=y", "1/2", "%2e%2e"] {
        let error = vault.provider().get(&name(), Some(&SecretVersion::new(version))).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{version}: {error}");
    }
    assert!(vault.requests().is_empty());
}

/// A storm of refusals, as a quota that is used up makes it, ends when the vault takes requests again; meanwhile few are sent.
#[tokio::test(flavor = "multi_thread")]
async fn writes_wait_out_a_storm_of_refusals_and_none_is_lost() {
    for header in ["", "Retry-After: 1\r\n"] {
        let opens = Mutex::new(None::<Instant>);
        let vault = vault(move |_| {
            let mut opens = opens.lock().unwrap();
            let opens = *opens.get_or_insert_with(|| Instant::now() + Duration::from_secs(2));
            match Instant::now() < opens {
                true => Some(Answer::Http(429, header.to_owned(), String::new())),
                false => found(None),
            }
        });
        let mut config = vault.config();
        config.call_timeout = Duration::from_secs(20);
        let provider = AzureProvider::new(&config).unwrap();
        let name = name();
        let writes = (0..40).map(|_| provider.set(&name, new()));
        futures::future::try_join_all(writes).await.unwrap();
        let sent = vault.count("PUT", SECRET);
        let refused = sent - 40;
        // The first ones go out together; then one looks now and then.
        assert!((1..=32 + 12).contains(&refused), "{refused} were refused");
    }
}
