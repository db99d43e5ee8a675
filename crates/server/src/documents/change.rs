//! What a change did to a document, as `changeDescription` tells it. It never tells what stands in a connection.

use serde_json::{Map, Value, json};

/// The fields whose changes make a new version, in the order in which they are told.
const FIELDS: [&str; 3] = ["displayName", "description", "deleted"];
const CONNECTION: &str = "connection";
const OLD_CONNECTION: &str = "\"old-encrypted-value\"";
const NEW_CONNECTION: &str = "\"new-encrypted-value\"";

/// The fields that differ between two documents.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Changes {
    added: Vec<Value>,
    updated: Vec<Value>,
    deleted: Vec<Value>,
}

impl Changes {
    /// Compares two documents. `secret_changed` says that a secret in the connection is another one now, which the documents
    /// need not show: a reference can stay the same.
    pub(crate) fn between(before: &Value, after: &Value, secret_changed: bool) -> Self {
        let mut changes = Self::default();
        for field in FIELDS {
            let (old, new) = (present(before, field), present(after, field));
            if old != new {
                changes.tell(field, old.cloned(), new.cloned());
            }
        }
        let (old, new) = (present(before, CONNECTION), present(after, CONNECTION));
        if old != new || secret_changed {
            changes.tell(CONNECTION, old.map(|_| OLD_CONNECTION.into()), new.map(|_| NEW_CONNECTION.into()));
        }
        changes
    }

    fn tell(&mut self, name: &str, old: Option<Value>, new: Option<Value>) {
        match (old, new) {
            (Some(old), Some(new)) => {
                self.updated.push(json!({"name": name, "oldValue": old, "newValue": new}));
            }
            (None, Some(new)) => self.added.push(json!({"name": name, "newValue": new})),
            (Some(old), None) => self.deleted.push(json!({"name": name, "oldValue": old})),
            (None, None) => {}
        }
    }

    /// Whether nothing differs.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The `changeDescription` of a document whose version before was `previous`.
    pub(crate) fn description(self, previous: Value) -> Value {
        let mut description = Map::new();
        description.insert("fieldsAdded".to_owned(), self.added.into());
        description.insert("fieldsUpdated".to_owned(), self.updated.into());
        description.insert("fieldsDeleted".to_owned(), self.deleted.into());
        description.insert("previousVersion".to_owned(), previous);
        Value::Object(description)
    }
}

/// Whether a stored document's own `changeDescription` says that its connection changed.
pub(crate) fn tells_of_connection(document: &Value) -> bool {
    let description = &document["changeDescription"];
    ["fieldsAdded", "fieldsUpdated", "fieldsDeleted"]
        .iter()
        .filter_map(|list| description[list].as_array())
        .flatten()
        .any(|field| field["name"] == CONNECTION)
}

/// A member that is there; `null` is as good as none.
fn present<'a>(document: &'a Value, field: &str) -> Option<&'a Value> {
    document.get(field).filter(|value| !value.is_null())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_documents_have_no_changes_whatever_else_differs() {
        let before = json!({"description": null, "connection": {"a": 1, "b": 2}, "updatedAt": 1});
        let after = json!({"connection": {"b": 2, "a": 1}, "updatedAt": 2});
        assert!(Changes::between(&before, &after, false).is_empty());
    }

    #[test]
    fn a_field_is_added_updated_or_deleted() {
        let before = json!({"displayName": "a", "description": "x", "deleted": false});
        let after = json!({"description": "y", "deleted": true, "connection": {}});
        let description = Changes::between(&before, &after, false).description(json!(0.1));
        assert_eq!(
            description,
            json!({
                "fieldsAdded": [{"name": "connection", "newValue": NEW_CONNECTION}],
                "fieldsUpdated": [
                    {"name": "description", "oldValue": "x", "newValue": "y"},
                    {"name": "deleted", "oldValue": false, "newValue": true},
                ],
                "fieldsDeleted": [{"name": "displayName", "oldValue": "a"}],
                "previousVersion": 0.1,
            })
        );
    }

    #[test]
    fn a_connection_s_change_is_told_without_its_content() {
        let before = json!({"connection": {"config": {"password": "secret:one"}}});
        let after = json!({"connection": {"config": {"password": "secret:two"}}});
        let description = Changes::between(&before, &after, false).description(json!(0.1));
        assert_eq!(
            description["fieldsUpdated"],
            json!([{"name": "connection", "oldValue": OLD_CONNECTION, "newValue": NEW_CONNECTION}])
        );
        assert!(!description.to_string().contains("secret:"));
        assert!(tells_of_connection(&json!({"changeDescription": description})));
    }

    #[test]
    fn a_secret_that_changed_behind_its_reference_is_a_change() {
        let document = json!({"connection": {"config": {"password": "secret:one"}}});
        assert!(!Changes::between(&document, &document, true).is_empty());
    }
}
