use std::borrow::Cow;

use serde::de::IgnoredAny;
use serde_json::{Map, Value, json};
use strongroom_secrets::SecretValue;

use super::super::body::{Said, parse_restore, parse_set, parse_update};
use super::super::fault::Fault;

/// What is taken is within its limits and says the same when it is said again; what is refused is not repeated.
pub fn request_body(input: &[u8]) {
    let (set, update, restore) = (parse_set(input), parse_update(input), parse_restore(input));
    // Nothing if it is nested deeper than a `Value` can be; a body that means nothing by it may be.
    let parsed: Option<Value> = serde_json::from_slice(input).ok();
    let is_json =
        std::str::from_utf8(input).is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok());
    assert!(is_json || (set.is_err() && update.is_err() && restore.is_err()));
    if let Ok((value, said)) = &set {
        assert!(value.len() <= SecretValue::MAX_BYTES);
        assert!(parsed.as_ref().is_none_or(|body| body["value"] == value.expose()));
        within_limits(said);
        let (again, said_again) = parse_set(&written(Some(value), said)).expect("it can be said again");
        assert!(again == *value && same(said, &said_again), "a body changes when it is said again");
        assert!(restore.as_ref().is_ok_and(|blob| blob == value));
        assert!(update.as_ref().is_ok_and(|update| same(update, said)), "set and update understand alike");
    }
    if let Ok(said) = &update {
        within_limits(said);
        let again = parse_update(&written(None, said)).expect("it can be said again");
        assert!(same(said, &again), "a body changes when it is said again");
        // All that a set needs more is a value of legal length.
        if let Some(body) = &parsed {
            let value = body["value"].as_str();
            assert_eq!(set.is_ok(), value.is_some_and(|value| value.len() <= SecretValue::MAX_BYTES));
            assert_eq!(restore.is_ok(), value.is_some());
        }
    }
    for fault in [set.err(), update.err(), restore.err()].into_iter().flatten() {
        tells_nothing(&fault);
    }
}

fn within_limits(said: &Said) {
    let attributes = &said.attributes;
    assert!(attributes.content_type.as_ref().is_none_or(|text| text.chars().count() <= 255));
    assert!(attributes.tags.as_ref().is_none_or(|tags| tags.len() <= 15));
    for text in attributes.tags.iter().flatten().flat_map(|(name, value)| [name, value]) {
        assert!(text.chars().count() <= 512);
    }
}

fn same(one: &Said, other: &Said) -> bool {
    one.attributes == other.attributes && one.enabled == other.enabled
}

/// The body that says so, as a client would send back what it has got: with attributes that are read-only.
fn written(value: Option<&SecretValue>, said: &Said) -> Vec<u8> {
    let attributes = &said.attributes;
    let mut body = Map::new();
    if let Some(value) = value {
        body.insert("value".into(), value.expose().into());
    }
    body.insert("id".into(), "https://v1.vault.localhost/secrets/a/0".into());
    body.insert("contentType".into(), json!(attributes.content_type));
    body.insert("tags".into(), json!(attributes.tags));
    body.insert(
        "attributes".into(),
        json!({
            "enabled": said.enabled, "nbf": attributes.not_before, "exp": attributes.expires,
            "created": 1, "updated": 2, "recoveryLevel": "Recoverable", "recoverableDays": 90,
        }),
    );
    Value::from(body).to_string().into_bytes()
}

/// A message is one of the code's own; the only thing in it that comes from outside is a number.
fn tells_nothing(fault: &Fault) {
    const WITH_NUMBERS: [&str; 5] = [
        "The value has # bytes of UTF-#; # are the most that a secret can have.",
        "The request body is not the JSON object that this operation takes (line #, column #).",
        "The property 'contentType' has more than # characters.",
        "There are more than # tags.",
        "The name or value of a tag has more than # characters.",
    ];
    let Cow::Owned(message) = &fault.message else { return };
    let mut shape = String::new();
    for character in message.chars() {
        match character {
            '0'..='9' if shape.ends_with('#') => {}
            '0'..='9' => shape.push('#'),
            other => shape.push(other),
        }
    }
    assert!(WITH_NUMBERS.contains(&shape.as_str()), "a message that may quote the body");
}
