//! The body of a POST or PUT: what a caller may say about a service.

use serde_json::{Map, Value, json};
use strongroom_entities::{EntityKind, mask, quote_name};
use uuid::Uuid;

use crate::documents::{connection, shown, text, version};
use crate::errors::ApiError;

/// The longest name, in characters.
const MAX_NAME: usize = 256;
/// Fields of the schema that are kept as relationships, which this server does not store. Empty ones are accepted.
const UNSTORED: [&str; 7] =
    ["owners", "tags", "domain", "domains", "dataProducts", "reviewers", "ingestionRunner"];
const KNOWN: [&str; 5] = ["name", "displayName", "description", "serviceType", "connection"];

/// A service as the caller wants it. What the body leaves out is `None`; an explicit `null` is `Some(Null)`.
#[derive(Debug, Clone)]
pub(crate) struct ServiceRequest {
    kind: EntityKind,
    pub(crate) name: String,
    service_type: String,
    optional: Map<String, Value>,
}

impl ServiceRequest {
    /// Reads a body. No message repeats a value of it.
    pub(crate) fn read(kind: EntityKind, body: Value) -> Result<Self, ApiError> {
        let Value::Object(mut members) = body else {
            return Err(ApiError::bad_request("The body must be a JSON object"));
        };
        refuse_unknown(&members)?;
        let missing: Vec<_> = ["name", "serviceType"]
            .into_iter()
            .filter(|field| members.get(*field).is_none_or(Value::is_null))
            .map(|field| format!("{field} must not be null"))
            .collect();
        if !missing.is_empty() {
            return Err(ApiError::bad_request(format!("[{}]", missing.join(", "))));
        }
        let name = take_text(&mut members, "name")?;
        check_name(&name)?;
        let service_type = take_text(&mut members, "serviceType")?;
        connection::check_service_type(kind, &service_type)?;
        for field in ["displayName", "description"] {
            check_text(&members, field)?;
        }
        if let Some(connection) = members.get_mut("connection") {
            connection::complete(&service_type, connection)?;
        }
        members.retain(|field, _| KNOWN.contains(&field.as_str()));
        Ok(Self { kind, name, service_type, optional: members })
    }

    /// The fully qualified name of the service.
    pub(crate) fn fqn(&self) -> String {
        quote_name(&self.name)
    }

    /// The document of a new service.
    pub(crate) fn create(self, id: Uuid, by: &str, now: i64) -> Value {
        let fqn = self.fqn();
        let mut document = json!({
            "id": id,
            "name": self.name,
            "fullyQualifiedName": fqn,
            "serviceType": self.service_type,
            "version": version::first(),
            "updatedAt": now,
            "updatedBy": by,
            "deleted": false,
        });
        apply(&mut document, self.optional);
        document
    }

    /// The document that a PUT makes of a stored one. What the body leaves out stays as it is, and `null` removes it: an
    /// ingestion that does not store its connection must not erase the one that a person entered. A soft-deleted service is
    /// restored.
    pub(crate) fn update(self, before: &Value) -> Result<Value, ApiError> {
        if text(before, "serviceType") != Some(&self.service_type) {
            return Err(ApiError::bad_request("[serviceType of an existing service cannot be changed]"));
        }
        let mut wanted = before.clone();
        mask(self.kind, &mut wanted);
        apply(&mut wanted, self.optional);
        wanted["deleted"] = false.into();
        Ok(wanted)
    }
}

/// Puts fields into a document; `null` removes them.
pub(crate) fn apply(document: &mut Value, fields: Map<String, Value>) {
    let Some(members) = document.as_object_mut() else { return };
    for (field, value) in fields {
        if value.is_null() {
            members.shift_remove(&field);
        } else {
            members.insert(field, value);
        }
    }
}

/// Refuses fields that the schema does not have, and those that cannot be stored.
pub(crate) fn refuse_unknown(members: &Map<String, Value>) -> Result<(), ApiError> {
    for (field, value) in members {
        if UNSTORED.contains(&field.as_str()) {
            check_empty(field, value)?;
        } else if !KNOWN.contains(&field.as_str()) {
            let (field, count) = (shown(field), KNOWN.len() + UNSTORED.len());
            let known: Vec<_> = KNOWN.iter().chain(&UNSTORED).map(|field| format!("\"{field}\"")).collect();
            let known = known.join(", ");
            return Err(ApiError::bad_request(format!(
                "Unrecognized field \"{field}\" ({count} known properties: {known})"
            )));
        }
    }
    Ok(())
}

/// Refuses a field that is kept as relationships, unless it is empty.
pub(crate) fn check_empty(field: &str, value: &Value) -> Result<(), ApiError> {
    let empty = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
    if empty {
        return Ok(());
    }
    Err(ApiError::bad_request(format!("[{field} cannot be stored by this server; leave it out]")))
}

/// Checks that an optional field is a text or `null`.
pub(crate) fn check_text(members: &Map<String, Value>, field: &str) -> Result<(), ApiError> {
    match members.get(field) {
        None | Some(Value::Null | Value::String(_)) => Ok(()),
        Some(_) => Err(ApiError::bad_request(format!("[{field} must be a string]"))),
    }
}

fn take_text(members: &mut Map<String, Value>, field: &str) -> Result<String, ApiError> {
    match members.shift_remove(field) {
        Some(Value::String(text)) => Ok(text),
        _ => Err(ApiError::bad_request(format!("[{field} must be a string]"))),
    }
}

fn check_name(name: &str) -> Result<(), ApiError> {
    let wrong = |what: &str| Err(ApiError::bad_request(format!("[name {what}]")));
    if name.is_empty() || name.chars().count() > MAX_NAME {
        return wrong("size must be between 1 and 256");
    }
    if name.contains("::") || name.chars().any(char::is_control) {
        return wrong("must not hold :: or control characters");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: EntityKind = EntityKind::DatabaseService;

    fn refusal(body: Value) -> String {
        ServiceRequest::read(KIND, body).unwrap_err().to_string()
    }

    fn read(body: Value) -> ServiceRequest {
        ServiceRequest::read(KIND, body).unwrap()
    }

    #[test]
    fn what_must_not_be_missing_is_named() {
        assert_eq!(refusal(json!({"serviceType": "Postgres"})), "[name must not be null]");
        assert_eq!(refusal(json!({})), "[name must not be null, serviceType must not be null]");
        assert_eq!(refusal(json!([])), "The body must be a JSON object");
    }

    #[test]
    fn an_unknown_field_is_named_and_no_value_is() {
        let text = refusal(json!({"name": "x", "serviceType": "Postgres", "nonsense": "hunter2"}));
        assert!(
            text.starts_with("Unrecognized field \"nonsense\" (12 known properties: \"name\", "),
            "{text}"
        );
        for wrong in [
            json!({"name": ["hunter2"], "serviceType": "Postgres"}),
            json!({"name": "x", "serviceType": "hunter2"}),
            json!({"name": "x", "serviceType": "Postgres", "description": ["hunter2"]}),
            json!({"name": "x", "serviceType": "Postgres", "owners": ["hunter2"]}),
            json!({"name": "a::hunter2", "serviceType": "Postgres"}),
            json!({"name": "", "serviceType": "Postgres"}),
            json!({"name": "n".repeat(257), "serviceType": "Postgres"}),
        ] {
            let text = refusal(wrong);
            assert!(!text.contains("hunter2"), "{text}");
        }
    }

    #[test]
    fn empty_lists_of_what_is_not_stored_are_accepted() {
        let request = read(json!({"name": "x", "serviceType": "Postgres", "owners": [], "tags": null}));
        let document = request.create(Uuid::nil(), "admin", 1);
        assert!(document.get("owners").is_none() && document.get("tags").is_none());
    }

    #[test]
    fn a_name_with_a_dot_is_quoted_in_its_qualified_name() {
        let document =
            read(json!({"name": "pg.dotted name", "serviceType": "Postgres"})).create(Uuid::nil(), "a", 1);
        assert_eq!(document["name"], "pg.dotted name");
        assert_eq!(document["fullyQualifiedName"], "\"pg.dotted name\"");
    }

    #[test]
    fn a_put_keeps_what_it_leaves_out_and_removes_what_is_null() {
        let before = json!({
            "name": "x", "serviceType": "Postgres", "displayName": "X", "description": "d", "deleted": true,
            "connection": {"config": {"type": "Postgres", "authType": {"password": "secret:kept"}}},
        });
        let request = read(json!({"name": "x", "serviceType": "Postgres", "description": null}));
        let wanted = request.update(&before).unwrap();
        assert_eq!(wanted["displayName"], "X");
        assert_eq!(wanted.get("description"), None);
        assert_eq!(wanted["deleted"], false);
        assert_eq!(wanted["connection"]["config"]["authType"]["password"], strongroom_entities::MASK);
    }

    #[test]
    fn a_put_cannot_change_the_type_of_a_service() {
        let request = read(json!({"name": "x", "serviceType": "Postgres"}));
        assert!(request.update(&json!({"serviceType": "Mysql"})).is_err());
    }
}
