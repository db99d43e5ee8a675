//! What holds for the walk over any document, well-formed or not.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use strongroom_entities::{EntityKind, MASK, catalogue, mask, walk};

/// Keys that occur in documents and in the catalogue, so that arbitrary documents often have secret fields.
const KEYS: &[&str] = &[
    "connection",
    "config",
    "type",
    "authType",
    "password",
    "servers",
    "apiKey",
    "credentials",
    "gcpConfig",
    "privateKey",
    "request",
    "sourceConfig",
    "serviceConnections",
    "serviceConnection",
    "authenticationMechanism",
    "JWTToken",
    "serviceType",
    "connectionType",
    "isBot",
    "dbtConfigSource",
    "dbtCloudAuthToken",
    "a.b",
    "",
];

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        prop::sample::select(vec!["", MASK, "secret:x", "Postgres", "Mcp", "VertexAI", "Database", "JWT"])
            .prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
    ]
}

fn any_document() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(7, 60, 5, |inner| {
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            4 => prop::collection::vec((prop::sample::select(KEYS), inner), 0..5).prop_map(|members| {
                Value::from(members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect::<Map<_, _>>())
            }),
        ]
    })
}

/// A document that gets as far as the inner one where the kind keeps its secrets.
fn document_of(kind: EntityKind, inner: Value, connection_type: &str) -> Value {
    match kind {
        EntityKind::User => json!({"isBot": true, "authenticationMechanism": inner}),
        EntityKind::IngestionPipeline => json!({"sourceConfig": {"config": inner}}),
        EntityKind::Workflow => {
            json!({"request": {"connectionType": connection_type, "connection": {"config": inner}}})
        }
        EntityKind::Bot => inner,
        _ => json!({"serviceType": connection_type, "connection": {"config": inner}}),
    }
}

fn kind_and_document() -> impl Strategy<Value = (EntityKind, Value)> {
    let types = vec!["Postgres", "Mcp", "VertexAI", "Superset", "Unheard"];
    (prop::sample::select(EntityKind::ALL), any_document(), prop::sample::select(types), any::<bool>())
        .prop_map(|(kind, inner, connection_type, wrapped)| {
            (kind, if wrapped { document_of(kind, inner, connection_type) } else { inner })
        })
}

proptest! {
    #[test]
    fn taking_every_secret_out_and_putting_it_back_restores_the_document((kind, document) in kind_and_document()) {
        let fields = walk(kind, &document).fields;
        let mut emptied = document.clone();
        let mut taken = Vec::new();
        for field in &fields {
            let value = field.get_mut(&mut emptied).map(Value::take);
            prop_assert!(value.as_ref().is_some_and(|value| !value.is_null()), "{} of {}", field, document);
            taken.push(value.unwrap());
        }
        prop_assert!(walk(kind, &emptied).fields.is_empty());
        for (field, value) in fields.iter().zip(taken) {
            prop_assert!(field.set(&mut emptied, value));
        }
        prop_assert_eq!(emptied, document);
    }

    #[test]
    fn a_masked_document_gets_its_secrets_back_by_path((kind, document) in kind_and_document()) {
        let mut masked = document.clone();
        mask(kind, &mut masked);
        let fields = walk(kind, &document).fields;
        prop_assert_eq!(&walk(kind, &masked).fields, &fields);
        for field in &fields {
            prop_assert_eq!(field.get(&masked).unwrap(), MASK);
            field.set(&mut masked, field.get(&document).unwrap().clone());
        }
        prop_assert_eq!(masked, document);
    }

    #[test]
    fn what_is_found_is_a_secret_field_of_the_catalogue((kind, document) in kind_and_document()) {
        for field in walk(kind, &document).fields {
            prop_assert_eq!(catalogue::place(kind, &field), catalogue::Place::SecretField, "{}", field);
        }
    }
}

#[test]
fn every_path_of_every_connection_type_is_found() {
    let catalogue: Value = serde_json::from_str(include_str!("../data/secret-fields.json")).unwrap();
    let mut seen = 0;
    for (category, types) in catalogue["services"].as_object().unwrap() {
        let kind = *EntityKind::ALL
            .iter()
            .find(|kind| kind.is_service() && kind.name_segment() == category)
            .unwrap();
        for (connection_type, paths) in types.as_object().unwrap() {
            for path in paths.as_array().unwrap() {
                let path = path.as_str().unwrap();
                let config = path.rsplit('.').fold(json!("value"), |value, segment| {
                    match segment.strip_suffix("[]") {
                        Some(list) => json!({list: [value]}),
                        None => json!({segment: value}),
                    }
                });
                let document = json!({"serviceType": connection_type, "connection": {"config": config}});
                let found = walk(kind, &document);
                assert_eq!(found.unknown_type, None);
                let expected = format!("connection.config.{}", path.replace("[]", "[0]"));
                assert_eq!(found.fields, [expected.parse().unwrap()], "{connection_type}");
                seen += 1;
            }
        }
    }
    assert!(seen > 300, "{seen}");
}
