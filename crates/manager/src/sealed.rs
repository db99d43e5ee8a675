//! What is encrypted in a document, wherever it stands: in fields of the catalogue and in any others, in documents within documents.

use serde_json::Value;
use strongroom_entities::{FieldPath, Step, fernet, tokens};

/// One of these every encrypted text begins with.
pub(crate) const TOKENS: &[&str] = &[tokens::START, fernet::PREFIX];

/// Why a value cannot be read, and what to do about it.
pub(crate) const NO_KEY_OPENS: &str = "cannot be decrypted with any of the configured Fernet keys: add the key that it was encrypted with \
     (fernetConfiguration.fernetKey takes several, separated by commas)";

/// The field that holds a text, alone or with others, for people; empty if the document cannot be looked into.
pub(crate) fn place_of(json: &str, text: &str) -> String {
    let Ok(document) = serde_json::from_str::<Value>(json) else { return String::new() };
    let mut at = Vec::new();
    match find(&document, text, &mut at) {
        true => FieldPath::new(at).to_string(),
        false => String::new(),
    }
}

/// The depth is bound by that of documents that can be parsed.
fn find(value: &Value, text: &str, at: &mut Vec<Step>) -> bool {
    let mut enter = |step: Step, value: &Value| {
        at.push(step);
        let found = find(value, text, at);
        if !found {
            at.pop();
        }
        found
    };
    match value {
        Value::String(held) => held.contains(text),
        Value::Array(list) => list.iter().enumerate().any(|(index, value)| enter(Step::Index(index), value)),
        Value::Object(members) => members.iter().any(|(key, value)| enter(Step::Key(key.clone()), value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_a_text_is_its_field() {
        let json = r#"{"a": {"b": [1, {"c.d": "fernet:x"}]}, "e": "fernet:y"}"#;
        assert_eq!(place_of(json, "fernet:x"), "a.b[1].\"c.d\"");
        assert_eq!(place_of(json, "y"), "e");
        assert_eq!(place_of(json, "fernet:z"), "");
        assert_eq!(place_of("no JSON fernet:x", "fernet:x"), "");
    }
}
