//! A document as an answer shows it: only fields that the schema has, in the schema's order, and no secret that the caller may
//! not see.

use serde_json::{Map, Value, json};
use strongroom_entities::{EntityKind, mask};
use strongroom_manager::Manager;

use crate::auth::{Caller, Role};
use crate::documents::is_deleted;
use crate::errors::ApiError;

/// What answers may hold of one type of entity.
#[derive(Debug)]
pub(crate) struct Schema {
    /// The path of its collection in the API, below the version.
    pub(crate) collection: &'static str,
    /// The members that are answered, in their order. Clients refuse any other.
    members: &'static [&'static str],
}

/// A database service.
#[rustfmt::skip]
pub(crate) const DATABASE_SERVICE: Schema = Schema {
    collection: "services/databaseServices",
    members: &[
        "id", "name", "fullyQualifiedName", "displayName", "serviceType", "description", "connection", "pipelines",
        "testConnectionResult", "tags", "version", "updatedAt", "updatedBy", "owners", "href", "followers",
        "changeDescription", "deleted", "dataProducts", "domains",
    ],
};

/// A bot.
#[rustfmt::skip]
pub(crate) const BOT: Schema = Schema {
    collection: "bots",
    members: &[
        "id", "name", "fullyQualifiedName", "displayName", "description", "botUser", "provider", "version", "updatedAt",
        "updatedBy", "href", "changeDescription", "deleted",
    ],
};

/// What a request asked for, as far as it decides which empty lists and links come with the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Occasion {
    /// A read, or a creation.
    Read,
    /// A PUT of what was there already.
    Put,
    /// A PATCH.
    Patch,
    /// A deletion, a restoration, the result of a connection test: without links.
    Upkeep,
}

impl Occasion {
    fn empty_lists(self) -> &'static [&'static str] {
        match self {
            Self::Read => &[],
            Self::Put => &["owners"],
            Self::Patch | Self::Upkeep => &["tags", "owners", "dataProducts"],
        }
    }
}

/// Hides what the caller may not see: people get masks; bots get references, or values where the database holds them.
pub(crate) fn conceal(
    manager: &Manager,
    caller: &Caller,
    kind: EntityKind,
    document: &mut Value,
) -> Result<(), ApiError> {
    match caller.role {
        Role::Bot => manager.for_bot(kind, document)?,
        Role::Admin | Role::User => mask(kind, document),
    }
    Ok(())
}

/// Shapes a document that is concealed already. `api` is where the API is found, for the link.
pub(crate) fn shape(document: Value, schema: &Schema, occasion: Occasion, api: &str) -> Value {
    let Value::Object(mut members) = document else { return document };
    // Relationships are never in a stored document; what an older one holds of them is not shown.
    for computed in ["href", "owners", "tags", "followers", "dataProducts", "domains", "pipelines", "botUser"]
    {
        members.shift_remove(computed);
    }
    if occasion != Occasion::Upkeep {
        let id = members.get("id").and_then(Value::as_str).unwrap_or_default();
        members.insert("href".to_owned(), format!("{api}/v1/{}/{id}", schema.collection).into());
    }
    for list in occasion.empty_lists() {
        members.insert((*list).to_owned(), json!([]));
    }
    members.entry("deleted").or_insert(false.into());
    in_order(members, schema)
}

/// Adds members to a shaped document.
pub(crate) fn extend(document: Value, schema: &Schema, additions: Map<String, Value>) -> Value {
    let Value::Object(mut members) = document else { return document };
    members.extend(additions);
    in_order(members, schema)
}

/// A link to an entity, as other entities' answers hold it.
pub(crate) fn reference(kind: EntityKind, document: &Value, collection: &str, api: &str) -> Value {
    let text = |key: &str| document.get(key).and_then(Value::as_str).unwrap_or_default();
    let mut reference = json!({
        "id": text("id"),
        "type": kind.entity_type(),
        "name": text("name"),
        "fullyQualifiedName": text("fullyQualifiedName"),
        "displayName": document.get("displayName").and_then(Value::as_str).unwrap_or(text("name")),
        "deleted": is_deleted(document),
        "href": format!("{api}/v1/{collection}/{}", text("id")),
    });
    if let Some(description) = document.get("description").filter(|description| description.is_string()) {
        reference["description"] = description.clone();
    }
    reference
}

fn in_order(mut members: Map<String, Value>, schema: &Schema) -> Value {
    let known =
        schema.members.iter().filter_map(|key| Some(((*key).to_owned(), members.shift_remove(*key)?)));
    Value::Object(known.filter(|(_, value)| !value.is_null()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_fields_of_the_schema_are_answered_in_its_order() {
        let stored = json!({
            "deleted": false, "name": "x", "id": "1", "domain": {"id": 2}, "owners": ["old"], "ours": 1,
            "displayName": null,
        });
        let shown = shape(stored, &DATABASE_SERVICE, Occasion::Read, "http://host/api");
        assert_eq!(
            shown.to_string(),
            r#"{"id":"1","name":"x","href":"http://host/api/v1/services/databaseServices/1","deleted":false}"#
        );
    }

    #[test]
    fn upkeep_answers_carry_empty_lists_and_no_link() {
        let shown = shape(json!({"id": "1"}), &DATABASE_SERVICE, Occasion::Upkeep, "http://host/api");
        assert_eq!(shown, json!({"id": "1", "tags": [], "owners": [], "deleted": false, "dataProducts": []}));
    }
}
