//! Request bodies: bounded, parsed, and checked against Key Vault's limits
//! (<https://learn.microsoft.com/azure/key-vault/secrets/about-secrets>).

use std::collections::BTreeMap;
use std::error::Error as _;
use std::fmt;
use std::marker::PhantomData;

use axum::body::{Body, Bytes, to_bytes};
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use strongroom_secrets::SecretValue;

use super::fault::Fault;
use crate::store::Attributes;

const MAX_CONTENT_TYPE: usize = 255;
const MAX_TAGS: usize = 15;
const MAX_TAG: usize = 512;

/// The body of a set and of an update. Everything else that clients send back, read-only attributes among it, means
/// nothing.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SecretBody {
    value: Option<SecretValue>,
    content_type: Option<String>,
    tags: Option<BTreeMap<String, String>>,
    attributes: Option<Object<AttributesBody>>,
}

#[derive(Default, Deserialize)]
struct AttributesBody {
    enabled: Option<bool>,
    nbf: Option<i64>,
    exp: Option<i64>,
}

/// A JSON object. By itself a struct is read from an array, too.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
            type Value = T;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map))
            }
        }
        deserializer.deserialize_map(Fields(PhantomData)).map(Self)
    }
}

/// What a body says about a version, checked.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) attributes: Attributes,
    pub(super) enabled: Option<bool>,
}

/// Reads a body of at most `limit` bytes.
pub(super) async fn read(body: Body, limit: usize) -> Result<Bytes, Fault> {
    to_bytes(body, limit).await.map_err(|error| {
        let too_large = error.source().is_some_and(|source| source.to_string() == "length limit exceeded");
        if too_large {
            Fault::too_large(limit)
        } else {
            Fault::bad_parameter("The request body ended early.")
        }
    })
}

/// The body of a set: a value, and what is said about it.
pub(super) fn parse_set(bytes: &[u8]) -> Result<(SecretValue, Said), Fault> {
    let mut body: SecretBody = parse(bytes)?;
    let value = body.value.take().ok_or_else(|| Fault::bad_parameter("The property 'value' is required."))?;
    if value.len() > SecretValue::MAX_BYTES {
        return Err(Fault::bad_parameter(format!(
            "The value has {} bytes of UTF-8; {} are the most that a secret can have.",
            value.len(),
            SecretValue::MAX_BYTES
        )));
    }
    Ok((value, body.said()?))
}

/// The body of an update: what is said about a version. A value in it is not taken.
pub(super) fn parse_update(bytes: &[u8]) -> Result<Said, Fault> {
    parse::<SecretBody>(bytes)?.said()
}

/// The body of a restore: the backup. It is as good as the secret.
pub(super) fn parse_restore(bytes: &[u8]) -> Result<SecretValue, Fault> {
    let body: SecretBody = parse(bytes)?;
    body.value.ok_or_else(|| Fault::bad_parameter("The property 'value' is required: the backup."))
}

/// The parser's own message quotes what it found, which may be the value: only the place is told.
fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Fault> {
    // What means nothing is skipped unseen by the parser: it may be anything but no text.
    let text = std::str::from_utf8(bytes)
        .map_err(|_| Fault::bad_parameter("The request body is not a text in UTF-8."))?;
    serde_json::from_str(text).map(|Object(body)| body).map_err(|error| {
        Fault::bad_parameter(format!(
            "The request body is not the JSON object that this operation takes (line {}, column {}).",
            error.line(),
            error.column()
        ))
    })
}

impl SecretBody {
    fn said(self) -> Result<Said, Fault> {
        if self.content_type.as_ref().is_some_and(|text| text.chars().count() > MAX_CONTENT_TYPE) {
            return Err(Fault::bad_parameter(format!(
                "The property 'contentType' has more than {MAX_CONTENT_TYPE} characters."
            )));
        }
        if let Some(tags) = &self.tags {
            if tags.len() > MAX_TAGS {
                return Err(Fault::bad_parameter(format!("There are more than {MAX_TAGS} tags.")));
            }
            if tags
                .iter()
                .any(|(name, value)| name.chars().count() > MAX_TAG || value.chars().count() > MAX_TAG)
            {
                return Err(Fault::bad_parameter(format!(
                    "The name or value of a tag has more than {MAX_TAG} characters."
                )));
            }
        }
        let attributes = self.attributes.map(|Object(attributes)| attributes).unwrap_or_default();
        Ok(Said {
            attributes: Attributes {
                content_type: self.content_type,
                tags: self.tags,
                not_before: attributes.nbf,
                expires: attributes.exp,
            },
            enabled: attributes.enabled,
        })
    }
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;

    use super::*;

    #[test]
    fn a_value_may_be_empty_and_25600_bytes_long_but_no_longer() {
        let set = |value: &str| parse_set(serde_json::json!({ "value": value }).to_string().as_bytes());
        assert!(set("").is_ok());
        assert!(set(&"x".repeat(25_600)).is_ok());
        assert!(set(&"x".repeat(25_601)).is_err());
        assert!(set(&"ä".repeat(12_800)).is_ok());
        assert!(set(&"ä".repeat(12_801)).is_err());
    }

    #[tokio::test]
    async fn no_message_quotes_the_body() {
        for body in [
            r#"{"value": ["hunter2"]}"#,
            r#""hunter2""#,
            r#"{"value": "x", "attributes": "hunter2"}"#,
            r#"{"value": "hunter2"#,
            r#"{"value": "x", "tags": {"a": {"b": "hunter2"}}}"#,
            r#"{"value": "x", "attributes": {"nbf": "hunter2"}}"#,
            r#"{"value": "a", "value": "hunter2"}"#,
        ] {
            let response = parse_set(body.as_bytes()).err().unwrap().into_response();
            let text = to_bytes(response.into_body(), 4096).await.unwrap();
            let text = String::from_utf8(text.to_vec()).unwrap();
            assert!(text.contains("BadParameter") && !text.contains("hunter2"), "{text}");
        }
    }

    #[test]
    fn read_only_and_unknown_properties_mean_nothing_and_dates_may_be_negative() {
        let said = parse_update(
            br#"{"id": "x", "managed": true, "value": "v", "attributes":
                {"created": 1, "recoveryLevel": "Recoverable", "nbf": -2147483648, "exp": null}}"#,
        )
        .ok()
        .unwrap();
        assert_eq!(said.attributes.not_before, Some(-2_147_483_648));
        assert_eq!(said.attributes.expires, None);
        assert_eq!(said.enabled, None);
    }

    #[test]
    fn tags_and_content_type_have_limits() {
        let update = |body: serde_json::Value| parse_update(body.to_string().as_bytes()).is_ok();
        let tags = |count: usize| (0..count).map(|n| (n.to_string(), "x")).collect::<BTreeMap<_, _>>();
        assert!(update(serde_json::json!({"tags": tags(15)})));
        assert!(!update(serde_json::json!({"tags": tags(16)})));
        assert!(update(serde_json::json!({"tags": {"ä".repeat(512): "ä".repeat(512)}})));
        assert!(!update(serde_json::json!({"tags": {"a".repeat(513): ""}})));
        assert!(!update(serde_json::json!({"tags": {"a": "a".repeat(513)}})));
        assert!(update(serde_json::json!({"contentType": "a".repeat(255)})));
        assert!(!update(serde_json::json!({"contentType": "a".repeat(256)})));
    }
}
