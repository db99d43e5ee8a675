//! What requests make of stored documents, and what answers show of them. Nothing here touches the database or the vault.
//!
//! A request is read by [`request`] (POST, PUT) or [`patch`] (PATCH) into the wanted document, in which every secret that is to
//! stay stands as the mask. [`defaults`] writes out what the connection's schema leaves to the server. [`change`] says what
//! differs from the stored document, and [`version`] stamps the new one. [`answer`] shows a document to a caller.

pub(crate) mod answer;
pub(crate) mod change;
pub(crate) mod connection;
pub(crate) mod defaults;
pub(crate) mod patch;
pub(crate) mod request;
pub(crate) mod test_result;
pub(crate) mod version;

use serde_json::Value;

/// How deep a document is nested.
pub(crate) fn depth(value: &Value) -> usize {
    match value {
        Value::Array(elements) => 1 + elements.iter().map(depth).max().unwrap_or_default(),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or_default(),
        _ => 0,
    }
}

/// The text of a member.
pub(crate) fn text<'a>(document: &'a Value, key: &str) -> Option<&'a str> {
    document.get(key).and_then(Value::as_str)
}

/// Whether a document is soft-deleted.
pub(crate) fn is_deleted(document: &Value) -> bool {
    document.get("deleted").and_then(Value::as_bool).unwrap_or_default()
}

/// A field's name as an error may show it.
pub(crate) fn shown(name: &str) -> String {
    name.chars().filter(|char| !char.is_control()).take(64).collect()
}
