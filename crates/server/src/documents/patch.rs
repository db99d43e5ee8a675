//! JSON Patch (RFC 6902) on a service.
//!
//! The patch is applied to what a person sees of the service, so nothing in it can find out a secret: every secret stands there as a
//! seal, a text that nobody can guess. A seal that is found where it was means "unchanged"; a seal that a `move`, a `copy` or a
//! shifted list put elsewhere is refused, since it would make two fields of one secret. A `test` sees masks, and of a secret
//! itself it is refused.

use std::collections::HashMap;

use json_patch::{PatchOperation, jsonptr::Pointer};
use serde_json::{Map, Value};
use strongroom_entities::{EntityKind, FieldPath, MASK, Step, mask, walk};
use strongroom_secrets::Random;

use crate::body::MAX_DEPTH;
use crate::documents::request::{apply, check_empty, check_text};
use crate::documents::{connection, depth, is_deleted, shown, text};
use crate::errors::ApiError;

/// The most operations of a patch.
const MAX_OPERATIONS: usize = 100;
/// The most steps of a pointer.
const MAX_POINTER: usize = 32;
/// The largest document that a patch may make, in characters: copies of copies grow fast.
const MAX_WEIGHT: usize = 1 << 20;

/// What a patch may change.
const CHANGEABLE: [&str; 3] = ["displayName", "description", "connection"];
/// What it may not: an attempt is an error.
const FIXED: [&str; 5] = ["id", "name", "fullyQualifiedName", "serviceType", "deleted"];
/// What the server computes: whatever a patch makes of it is ignored, as the reference does.
const COMPUTED: [&str; 7] =
    ["version", "updatedAt", "updatedBy", "href", "changeDescription", "testConnectionResult", "followers"];
/// What is kept as relationships: empty lists come and go.
const RELATED: [&str; 5] = ["owners", "tags", "dataProducts", "domains", "pipelines"];

/// A patch that is well-formed.
#[derive(Debug)]
pub(crate) struct ServicePatch {
    kind: EntityKind,
    operations: Vec<PatchOperation>,
}

impl ServicePatch {
    /// Reads a patch. No message repeats a value of it.
    pub(crate) fn read(kind: EntityKind, body: Value) -> Result<Self, ApiError> {
        let Value::Array(operations) = body else {
            return Err(ApiError::bad_request("The body must be a list of JSON Patch operations (RFC 6902)"));
        };
        if operations.len() > MAX_OPERATIONS {
            return Err(ApiError::bad_request(format!("A patch has {MAX_OPERATIONS} operations at most")));
        }
        let operations = operations.into_iter().enumerate().map(|(at, operation)| {
            let wrong =
                || ApiError::bad_request(format!("Operation {at} is not one of JSON Patch (RFC 6902)"));
            let operation: PatchOperation = serde_json::from_value(operation).map_err(|_| wrong())?;
            let deep = |pointer: &Pointer| pointer.count() > MAX_POINTER;
            let from = match &operation {
                PatchOperation::Move(operation) => Some(&operation.from),
                PatchOperation::Copy(operation) => Some(&operation.from),
                _ => None,
            };
            if deep(operation.path()) || from.is_some_and(|from| deep(from)) {
                let message = format!("The path of operation {at} has more than {MAX_POINTER} steps");
                return Err(ApiError::bad_request(message));
            }
            Ok(operation)
        });
        Ok(Self { kind, operations: operations.collect::<Result<_, _>>()? })
    }

    /// The document that the patch makes of a stored one, with masks where a secret stays.
    pub(crate) fn update(&self, before: &Value, random: &dyn Random) -> Result<Value, ApiError> {
        let mut wanted = before.clone();
        mask(self.kind, &mut wanted);
        let mut view = wanted.clone();
        for list in RELATED {
            view[list] = Value::Array(Vec::new());
        }
        let seals = Seals::put(self.kind, &mut view, random);
        for (at, operation) in self.operations.iter().enumerate() {
            self.carry_out(at, operation, &mut view, &seals)?;
        }
        seals.open(&mut view)?;
        if depth(&view) > MAX_DEPTH {
            return Err(ApiError::bad_request(format!(
                "The patched service is nested more than {MAX_DEPTH} levels deep"
            )));
        }
        let service_type = text(before, "serviceType").unwrap_or_default();
        apply(&mut wanted, changeable(view, before, service_type)?);
        Ok(wanted)
    }

    fn carry_out(
        &self,
        at: usize,
        operation: &PatchOperation,
        view: &mut Value,
        seals: &Seals,
    ) -> Result<(), ApiError> {
        let path = || shown(operation.path().as_str());
        if let PatchOperation::Test(test) = operation {
            let mut found = view.pointer(test.path.as_str()).cloned();
            if found.as_ref().is_some_and(|found| seals.is_one(found)) {
                let message = format!("Operation {at}: {} is a secret, which cannot be tested", path());
                return Err(ApiError::bad_request(message));
            }
            found.iter_mut().for_each(|found| seals.show_as_masks(found));
            if found.as_ref() != Some(&test.value) {
                let message = format!("Operation {at}: the test of {} failed", path());
                return Err(ApiError::bad_request(message));
            }
            return Ok(());
        }
        json_patch::patch(view, std::slice::from_ref(operation)).map_err(|error| {
            ApiError::bad_request(format!("Operation {at} cannot be applied at {}: {}", path(), error.kind))
        })?;
        if matches!(operation, PatchOperation::Copy(_)) && weight(view) > MAX_WEIGHT {
            return Err(ApiError::bad_request(format!("Operation {at} makes the service too large")));
        }
        Ok(())
    }
}

/// What of a patched view goes into the document; `null` for what the patch removed.
fn changeable(view: Value, before: &Value, service_type: &str) -> Result<Map<String, Value>, ApiError> {
    let Value::Object(mut view) = view else {
        return Err(ApiError::bad_request("The patched service is not an object any more"));
    };
    for field in FIXED {
        let same = match field {
            "deleted" => view.get(field).and_then(Value::as_bool).unwrap_or_default() == is_deleted(before),
            _ => view.get(field) == before.get(field),
        };
        if !same {
            return Err(ApiError::bad_request(format!("[{field} cannot be changed by a patch]")));
        }
    }
    for (field, value) in &view {
        if RELATED.contains(&field.as_str()) {
            check_empty(field, value)?;
            continue;
        }
        let known =
            [&CHANGEABLE[..], &FIXED, &COMPUTED].iter().any(|fields| fields.contains(&field.as_str()));
        if !known && before.get(field) != Some(value) {
            return Err(ApiError::bad_request(format!("Unrecognized field \"{}\"", shown(field))));
        }
    }
    for field in ["displayName", "description"] {
        check_text(&view, field)?;
    }
    if let Some(connection) = view.get_mut("connection") {
        connection::complete(service_type, connection)?;
    }
    Ok(CHANGEABLE
        .iter()
        .map(|field| ((*field).to_owned(), view.remove(*field).unwrap_or_default()))
        .collect())
}

/// The seals of one patch, and where each of them was put.
struct Seals(HashMap<String, FieldPath>);

impl Seals {
    /// Puts a seal in the place of every secret.
    fn put(kind: EntityKind, view: &mut Value, random: &dyn Random) -> Self {
        let fields = walk(kind, view).fields;
        let seals = fields.into_iter().map(|field| {
            let seal = format!("sealed {}", random.uuid());
            field.set(view, Value::String(seal.clone()));
            (seal, field)
        });
        Self(seals.collect())
    }

    fn is_one(&self, value: &Value) -> bool {
        value.as_str().is_some_and(|text| self.0.contains_key(text))
    }

    /// Puts the mask in the place of every seal.
    fn show_as_masks(&self, value: &mut Value) {
        match value {
            Value::Array(elements) => elements.iter_mut().for_each(|element| self.show_as_masks(element)),
            Value::Object(members) => members.values_mut().for_each(|member| self.show_as_masks(member)),
            leaf if self.is_one(leaf) => *leaf = MASK.into(),
            _ => {}
        }
    }

    /// Puts the mask in the place of every seal that is still where it was put, and refuses any other.
    fn open(&self, view: &mut Value) -> Result<(), ApiError> {
        self.check(view, &mut Vec::new())?;
        self.show_as_masks(view);
        Ok(())
    }

    fn check(&self, value: &Value, steps: &mut Vec<Step>) -> Result<(), ApiError> {
        let mut descend = |step: Step, child: &Value| {
            steps.push(step);
            let checked = self.check(child, steps);
            steps.pop();
            checked
        };
        match value {
            Value::Array(elements) => elements
                .iter()
                .enumerate()
                .try_for_each(|(index, element)| descend(Step::Index(index), element)),
            Value::Object(members) => {
                members.iter().try_for_each(|(key, member)| descend(Step::Key(key.clone()), member))
            }
            Value::String(text) => match self.0.get(text) {
                Some(home) if home.steps() != &steps[..] => Err(ApiError::bad_request(format!(
                    "The patch moves or copies the secret {home}: send its value to where it belongs instead"
                ))),
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }
}

/// How large a document is, in characters, roughly.
fn weight(value: &Value) -> usize {
    match value {
        Value::Array(elements) => elements.iter().map(|element| 1 + weight(element)).sum(),
        Value::Object(members) => members.iter().map(|(key, member)| 4 + key.len() + weight(member)).sum(),
        Value::String(text) => 2 + text.len(),
        _ => 4,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;
    use strongroom_secrets::random::SequentialRandom;

    use super::*;

    fn stored() -> Value {
        json!({
            "id": "1", "name": "x", "fullyQualifiedName": "x", "serviceType": "Postgres", "description": "d",
            "version": 0.1, "updatedAt": 1, "updatedBy": "admin", "deleted": false,
            "connection": {"config": {
                "type": "Postgres", "username": "u", "hostPort": "h",
                "authType": {"password": "fernet:hunter2"},
                "sslConfig": {"sslKey": "secret:my-key"},
            }},
        })
    }

    fn patched(operations: Value) -> Result<Value, String> {
        let patch =
            ServicePatch::read(EntityKind::DatabaseService, operations).map_err(|error| error.to_string())?;
        patch.update(&stored(), &SequentialRandom::default()).map_err(|error| error.to_string())
    }

    fn refusal(operations: Value) -> String {
        let text = patched(operations).unwrap_err();
        assert!(!text.contains("hunter2") && !text.contains("sealed"), "{text}");
        text
    }

    #[test]
    fn a_field_is_replaced_and_secrets_stay_masked() {
        let wanted = patched(json!([{"op": "replace", "path": "/description", "value": "y"}])).unwrap();
        assert_eq!(wanted["description"], "y");
        assert_eq!(wanted["connection"]["config"]["authType"]["password"], MASK);
        assert_eq!(wanted["connection"]["config"]["sslConfig"]["sslKey"], MASK);
        assert!(!wanted.to_string().contains("sealed"));
    }

    #[test]
    fn a_secret_is_replaced_by_what_the_patch_says() {
        let path = "/connection/config/authType/password";
        let wanted = patched(json!([{"op": "replace", "path": path, "value": "new"}])).unwrap();
        assert_eq!(wanted["connection"]["config"]["authType"]["password"], "new");
        let wanted = patched(json!([{"op": "remove", "path": path}])).unwrap();
        assert_eq!(wanted["connection"]["config"]["authType"], json!({}));
    }

    #[test]
    fn a_removed_field_is_gone() {
        let wanted = patched(json!([{"op": "remove", "path": "/description"}])).unwrap();
        assert_eq!(wanted.get("description"), None);
    }

    #[test]
    fn a_test_is_no_oracle() {
        let path = "/connection/config/authType/password";
        for guess in ["fernet:hunter2", MASK, "x"] {
            let text = refusal(json!([{"op": "test", "path": path, "value": guess}]));
            assert!(text.contains("is a secret"), "{text}");
        }
        let right = json!({"password": "fernet:hunter2"});
        assert!(
            refusal(json!([{"op": "test", "path": "/connection/config/authType", "value": right}]))
                .contains("failed")
        );
        let shown = json!({"password": MASK});
        assert!(
            patched(json!([{"op": "test", "path": "/connection/config/authType", "value": shown}])).is_ok()
        );
        assert!(patched(json!([{"op": "test", "path": "/description", "value": "d"}])).is_ok());
    }

    #[test]
    fn a_secret_is_neither_copied_nor_moved() {
        let (from, ssl) = ("/connection/config/authType/password", "/connection/config/sslConfig");
        for op in ["copy", "move"] {
            for to in
                ["/description", "/connection/config/username", "/connection/config/sslConfig/caCertificate"]
            {
                assert!(
                    refusal(json!([{"op": op, "from": from, "path": to}]))
                        .contains("moves or copies the secret")
                );
            }
            let elsewhere = json!([{"op": op, "from": ssl, "path": "/connection/config/connectionOptions"}]);
            assert!(refusal(elsewhere).contains("connection.config.sslConfig.sslKey"));
        }
        let swapped = json!([
            {"op": "copy", "from": from, "path": "/description"},
            {"op": "replace", "path": "/description", "value": "y"},
        ]);
        assert!(patched(swapped).is_ok());
    }

    #[test]
    fn a_list_that_shifts_does_not_hand_one_secret_to_another_element() {
        let stored = json!({
            "id": "1", "name": "x", "serviceType": "Mcp", "deleted": false,
            "connection": {"config": {"type": "Mcp", "servers": [{"apiKey": "secret:a"}, {"apiKey": "secret:b"}]}},
        });
        let update = |operations| {
            let patch = ServicePatch::read(EntityKind::McpService, operations).unwrap();
            patch.update(&stored, &SequentialRandom::default())
        };
        assert!(update(json!([{"op": "remove", "path": "/connection/config/servers/0"}])).is_err());
        let wanted = update(json!([{"op": "remove", "path": "/connection/config/servers/1"}])).unwrap();
        assert_eq!(wanted["connection"]["config"]["servers"], json!([{"apiKey": MASK}]));
    }

    #[test]
    fn what_the_server_decides_cannot_be_changed() {
        for (path, value) in [
            ("/id", json!("2")),
            ("/name", json!("y")),
            ("/serviceType", json!("Mysql")),
            ("/deleted", json!(true)),
        ] {
            assert!(
                refusal(json!([{"op": "replace", "path": path, "value": value}]))
                    .contains("cannot be changed")
            );
        }
        assert!(
            refusal(json!([{"op": "add", "path": "/nonsense", "value": "hunter2"}])).contains("\"nonsense\"")
        );
        assert!(
            refusal(json!([{"op": "add", "path": "/owners/-", "value": {"id": "hunter2"}}]))
                .contains("owners")
        );
        let ignored = json!([{"op": "replace", "path": "/version", "value": 9.9}, {"op": "add", "path": "/href", "value": "x"}]);
        assert_eq!(patched(ignored).unwrap()["version"], 0.1);
    }

    #[test]
    fn a_patch_is_bounded() {
        let operation = json!({"op": "replace", "path": "/description", "value": "y"});
        assert!(refusal(Value::Array(vec![operation; MAX_OPERATIONS + 1])).contains("100 operations"));
        let deep = "/a".repeat(MAX_POINTER + 1);
        assert!(refusal(json!([{"op": "remove", "path": deep}])).contains("32 steps"));
        let doubling: Vec<_> = (0..MAX_OPERATIONS)
            .map(|index| {
                let to = format!("/connection/config/connectionOptions/{index}");
                json!({"op": "copy", "from": "/connection/config/connectionOptions", "path": to})
            })
            .collect();
        let mut operations =
            vec![json!({"op": "add", "path": "/connection/config/connectionOptions", "value": {"a": "b"}})];
        operations.extend(doubling.into_iter().take(MAX_OPERATIONS - 1));
        assert!(refusal(Value::Array(operations)).contains("too large"));
    }

    /// Pointers to everything of interest in [`stored`], and to what is not there.
    fn pointer() -> impl Strategy<Value = &'static str> {
        prop::sample::select(vec![
            "",
            "/description",
            "/displayName",
            "/name",
            "/connection",
            "/connection/config",
            "/connection/config/authType",
            "/connection/config/authType/password",
            "/connection/config/sslConfig",
            "/connection/config/sslConfig/sslKey",
            "/connection/config/sslConfig/caCertificate",
            "/connection/config/connectionOptions",
            "/connection/config/username",
            "/owners",
            "/owners/-",
            "/owners/0",
        ])
    }

    fn operation() -> impl Strategy<Value = Value> {
        let value = prop::sample::select(vec![
            json!("plain"),
            json!({}),
            json!([]),
            json!(null),
            json!({"password": MASK}),
        ]);
        let op = prop::sample::select(vec!["add", "remove", "replace", "move", "copy", "test"]);
        (op, pointer(), pointer(), value)
            .prop_map(|(op, path, from, value)| json!({"op": op, "path": path, "from": from, "value": value}))
    }

    /// The pointers of all masks in a document.
    fn masks(value: &Value, at: &str, found: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                for (key, member) in members {
                    masks(member, &format!("{at}/{key}"), found);
                }
            }
            Value::Array(elements) => {
                elements
                    .iter()
                    .enumerate()
                    .for_each(|(index, element)| masks(element, &format!("{at}/{index}"), found));
            }
            Value::String(text) if text == MASK => found.push(at.to_owned()),
            _ => {}
        }
    }

    proptest! {
        #[test]
        fn whatever_a_patch_does_no_secret_leaves_its_place(operations in prop::collection::vec(operation(), 0..8)) {
            // Masks that the patch itself wrote may stand anywhere.
            let wrote_masks = operations.iter().any(|operation| operation.to_string().contains(MASK));
            match patched(Value::Array(operations)) {
                Err(text) => prop_assert!(!text.contains("hunter2") && !text.contains("sealed"), "{text}"),
                Ok(wanted) => {
                    let text = wanted.to_string();
                    prop_assert!(!text.contains("hunter2") && !text.contains("my-key") && !text.contains("sealed"), "{text}");
                    let mut found = Vec::new();
                    masks(&wanted, "", &mut found);
                    let home = ["/connection/config/authType/password", "/connection/config/sslConfig/sslKey"];
                    prop_assert!(wrote_masks || found.iter().all(|at| home.contains(&at.as_str())), "{found:?}");
                }
            }
        }
    }

    #[test]
    fn what_is_no_patch_is_refused_without_its_content() {
        for wrong in [
            json!({}),
            json!("hunter2"),
            json!([{"op": "hunter2"}]),
            json!([{"op": "add", "path": "hunter2"}]),
        ] {
            refusal(wrong);
        }
        assert!(
            refusal(json!([{"op": "remove", "path": "/absent"}])).contains("cannot be applied at /absent")
        );
        assert!(refusal(json!([{"op": "replace", "path": "", "value": 7}])).contains("not an object"));
    }
}
