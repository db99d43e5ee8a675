//! What becomes of a copy of a document: passwords make way for the reference that the entity has now, or for nothing.
//!
//! Two things are looked for: what stands in a field that is secret, encrypted or not; and Fernet tokens that the configured keys
//! open, wherever they stand, texts within texts included.

use std::ops::Range;

use serde_json::{Map, Value, json};
use strongroom_entities::reference::{self, FieldText};
use strongroom_entities::{EntityKind, FernetKeys, FieldPath, MASK, Step, secret_options, text, tokens};

use crate::sealed::TOKENS;

/// How deep documents may stand as texts within each other: an event within a failed event holds an entity.
const NESTED: usize = 4;

/// The lists of a `changeDescription`.
const CHANGES: [&str; 3] = ["fieldsAdded", "fieldsUpdated", "fieldsDeleted"];

/// Takes passwords out of copies.
pub(super) struct Scrubber<'a> {
    pub(super) keys: Option<&'a FernetKeys>,
    /// Whether encrypted references may stay encrypted.
    pub(super) wrapped: bool,
    /// Whether secrets in free maps count.
    pub(super) options: bool,
}

/// An entity that copies are of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subject<'a> {
    pub(super) kind: EntityKind,
    /// Its document now; none if it is gone.
    pub(super) current: Option<&'a Value>,
}

impl Scrubber<'_> {
    /// Scrubs an earlier document of an entity.
    pub(super) fn version(&self, subject: Subject<'_>, document: &mut Value) {
        self.fields(subject, document);
        self.sweep(document, NESTED);
    }

    /// Scrubs an event. `subject` is the entity that it is about, if that is of a kind that can hold secrets.
    pub(super) fn event(&self, subject: Option<Subject<'_>>, event: &mut Value) {
        if let (Some(subject), Some(event)) = (subject, body_mut(event)) {
            match event.get_mut("entity") {
                // The entity stands there as a document, or as its text.
                Some(Value::String(inner)) => {
                    if let Ok(mut document) = text::read(inner) {
                        self.fields(subject, &mut document);
                        if let Ok(written) = text::rewrite(inner, &document) {
                            *inner = written;
                        }
                    }
                }
                Some(document) => self.fields(subject, document),
                None => {}
            }
            self.changes(subject, event);
        }
        self.sweep(event, NESTED);
    }

    /// The secret fields of a document.
    fn fields(&self, subject: Subject<'_>, document: &mut Value) {
        for field in self.secret_fields(subject.kind, document) {
            if let Some(replacement) =
                field.get(document).and_then(|held| self.replacement(subject, &field, held))
            {
                field.set(document, replacement);
            }
        }
        if let Value::Object(members) = document {
            self.changes(subject, members);
        }
    }

    fn secret_fields(&self, kind: EntityKind, document: &Value) -> Vec<FieldPath> {
        let mut fields = strongroom_entities::walk(kind, document).fields;
        if self.options && !kind.is_setting() {
            fields.extend(secret_options(document));
        }
        fields
    }

    /// What shall stand in a secret field of a copy, if not what it holds.
    fn replacement(&self, subject: Subject<'_>, field: &FieldPath, held: &Value) -> Option<Value> {
        // What is no text in such a place can only be a mistake, and can hold a password all the same.
        let opened = match held.as_str().map(reference::classify).unwrap_or(FieldText::Plain("")) {
            FieldText::Fernet(token) => self.keys.and_then(|keys| keys.decrypt(token).ok()),
            FieldText::Empty | FieldText::Reference(_) | FieldText::Mask => return None,
            FieldText::MalformedReference(_) | FieldText::Plain(_) => None,
        };
        if let Some(opened) = opened {
            match reference::classify(opened.expose()) {
                FieldText::Reference(_) if self.wrapped => return None,
                FieldText::Reference(reference) => return Some(Value::String(reference.to_string())),
                FieldText::Empty => return Some(Value::String(String::new())),
                _ => {}
            }
        }
        let now = subject.current.and_then(|current| field.get(current)).and_then(Value::as_str);
        Some(now.filter(|now| self.refers(now)).map_or(Value::Null, Value::from))
    }

    /// Whether a text is a reference, encrypted or not.
    fn refers(&self, text: &str) -> bool {
        match reference::classify(text) {
            FieldText::Reference(_) => true,
            FieldText::Fernet(token) => {
                self.keys.and_then(|keys| keys.decrypt(token).ok()).is_some_and(|opened| {
                    matches!(reference::classify(opened.expose()), FieldText::Reference(_))
                })
            }
            _ => false,
        }
    }

    /// The old and new values in a description of changes, which can be whole connections.
    fn changes(&self, subject: Subject<'_>, members: &mut Map<String, Value>) {
        let service_type = members.get("serviceType").cloned().unwrap_or_default();
        let Some(Value::Object(description)) = members.get_mut("changeDescription") else { return };
        for list in CHANGES {
            let Some(Value::Array(changes)) = description.get_mut(list) else { continue };
            for change in changes {
                let Some(at) = change.get("name").and_then(Value::as_str).and_then(|name| name.parse().ok())
                else {
                    continue;
                };
                for side in ["oldValue", "newValue"] {
                    if let Some(value) = change.get_mut(side) {
                        self.changed(subject, &service_type, &at, value);
                    }
                }
            }
        }
    }

    /// A value that a field had, or got.
    fn changed(&self, subject: Subject<'_>, service_type: &Value, at: &FieldPath, value: &mut Value) {
        let inner = value.as_str().and_then(|text| text::read(text).ok());
        let Some(mut document) = within(service_type, at, inner.as_ref().unwrap_or(value)) else { return };
        for field in self.secret_fields(subject.kind, &document) {
            if field == *at {
                // The server writes a note in the place of a secret.
                if !is_note(value) {
                    *value = Value::Null;
                }
                return;
            }
            if field.get(&document).is_some_and(|held| self.replacement(subject, &field, held).is_some()) {
                field.set(&mut document, Value::Null);
            }
        }
        let Some(after) = at.get(&document) else { return };
        match value {
            Value::String(text) => {
                if let Ok(written) = text::rewrite(text, after) {
                    *text = written;
                }
            }
            value => *value = after.clone(),
        }
    }

    /// Takes tokens that open out of all texts. A text that is a document is gone through as one.
    fn sweep(&self, value: &mut Value, nested: usize) {
        match value {
            Value::String(held) => {
                if let Some(after) = self.swept(held, nested) {
                    *value = after;
                }
            }
            Value::Array(list) => list.iter_mut().for_each(|element| self.sweep(element, nested)),
            Value::Object(members) => members.values_mut().for_each(|member| self.sweep(member, nested)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn swept(&self, held: &str, nested: usize) -> Option<Value> {
        if !TOKENS.iter().any(|mark| held.contains(mark)) {
            return None;
        }
        if nested > 0
            && held.starts_with(['{', '[', '"'])
            && let Ok(mut document) = text::read(held)
        {
            self.sweep(&mut document, nested - 1);
            return text::rewrite(held, &document).ok().filter(|after| after != held).map(Value::String);
        }
        let (mut after, mut done) = (String::new(), 0);
        for (token, replacement) in self.open_tokens(held) {
            if token == (0..held.len()) {
                return Some(replacement.map_or(Value::Null, Value::String));
            }
            after.push_str(&held[done..token.start]);
            after.push_str(replacement.as_deref().unwrap_or(MASK));
            done = token.end;
        }
        (done > 0).then(|| Value::String(after + &held[done..]))
    }

    /// The tokens in a text that open and must not stay, `fernet:` included, with the reference that takes their place, if they hold
    /// one.
    fn open_tokens(&self, held: &str) -> Vec<(Range<usize>, Option<String>)> {
        let Some(keys) = self.keys else { return Vec::new() };
        let mut found = Vec::new();
        for token in tokens::tokens(held) {
            let Ok(opened) = keys.decrypt(token.text) else { continue };
            let reference = match reference::classify(opened.expose()) {
                FieldText::Reference(_) if self.wrapped => continue,
                FieldText::Reference(reference) => Some(reference.to_string()),
                FieldText::Empty => Some(String::new()),
                _ => None,
            };
            found.push((token.range, reference));
        }
        found
    }

    /// Whether a text that is no document holds tokens that open.
    pub(super) fn has_tokens(&self, text: &str) -> bool {
        !self.open_tokens(text).is_empty()
    }
}

/// The event itself: a failed one stands within a note of the failure.
pub(super) fn body(event: &Value) -> Option<&Map<String, Value>> {
    let event = event.as_object()?;
    match event.get("changeEvent") {
        Some(Value::Object(inner)) => Some(inner),
        _ => Some(event),
    }
}

fn body_mut(event: &mut Value) -> Option<&mut Map<String, Value>> {
    let within = event.get("changeEvent").is_some_and(Value::is_object);
    match within {
        true => event.get_mut("changeEvent")?.as_object_mut(),
        false => event.as_object_mut(),
    }
}

/// A document of which nothing is known but this value and what is needed to walk it.
fn within(service_type: &Value, at: &FieldPath, value: &Value) -> Option<Value> {
    let mut document = value.clone();
    for step in at.steps().iter().rev() {
        let Step::Key(key) = step else { return None };
        document = json!({ key.as_str(): document });
    }
    let members = document.as_object_mut()?;
    members.entry("isBot").or_insert(Value::Bool(true));
    if service_type.is_string() {
        members.entry("serviceType").or_insert(service_type.clone());
    }
    Some(document)
}

/// What OpenMetadata's server writes in the place of an encrypted value.
fn is_note(value: &Value) -> bool {
    value.as_str().is_some_and(|text| {
        let text = text.trim_matches('"');
        text.is_empty()
            || text == MASK
            || (text.starts_with("old-") || text.starts_with("new-")) && text.ends_with("-encrypted-value")
    })
}

#[cfg(test)]
mod tests {
    use strongroom_secrets::SecretValue;

    use super::*;

    const KEY: &str = "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=";
    const OTHER: &str = "jJ/9sz0g0OHxsfxOoSfdFdmk3ysNmPRnH3TUAbz3IHA=";

    fn keys(key: &str) -> FernetKeys {
        FernetKeys::parse(&SecretValue::new(key)).unwrap()
    }

    fn token(value: &str) -> String {
        keys(KEY).encrypt(&SecretValue::new(value))
    }

    fn service(password: &Value) -> Value {
        json!({"serviceType": "Postgres", "connection": {"config": {"authType": {"password": password}, "username": "om"}}})
    }

    fn password(document: &Value) -> &Value {
        &document["connection"]["config"]["authType"]["password"]
    }

    fn scrubbed(current: Option<&Value>, document: &Value) -> Value {
        let keys = keys(KEY);
        let scrubber = Scrubber { keys: Some(&keys), wrapped: false, options: false };
        let mut after = document.clone();
        scrubber.version(Subject { kind: EntityKind::DatabaseService, current }, &mut after);
        after
    }

    fn scrubbed_event(event: &Value) -> Value {
        let keys = keys(KEY);
        let scrubber = Scrubber { keys: Some(&keys), wrapped: false, options: true };
        let (mut after, current) = (event.clone(), service(&json!("secret:now")));
        scrubber
            .event(Some(Subject { kind: EntityKind::DatabaseService, current: Some(&current) }), &mut after);
        after
    }

    #[test]
    fn an_old_password_makes_way_for_the_reference_of_now() {
        let current = service(&json!("secret:now"));
        for old in [
            token("old"),
            "in clear".to_owned(),
            keys(OTHER).encrypt(&SecretValue::new("x")),
            "secret:no name!".to_owned(),
        ] {
            let after = scrubbed(Some(&current), &service(&json!(old)));
            assert_eq!(password(&after), "secret:now");
            assert_eq!(password(&scrubbed(None, &service(&json!(old)))), &Value::Null);
        }
        let in_database = service(&json!(token("still")));
        assert_eq!(password(&scrubbed(Some(&in_database), &service(&json!("old")))), &Value::Null);
        assert_eq!(password(&scrubbed(Some(&current), &service(&json!({"odd": "clear"})))), "secret:now");
    }

    #[test]
    fn what_is_no_password_stays() {
        for kept in [json!(""), json!("secret:mine"), json!(MASK), Value::Null] {
            assert_eq!(password(&scrubbed(None, &service(&kept))), &kept);
        }
        assert_eq!(password(&scrubbed(None, &service(&json!(token("secret:mine"))))), "secret:mine");
        assert_eq!(password(&scrubbed(None, &service(&json!(token(""))))), "");
    }

    #[test]
    fn tokens_that_open_are_found_wherever_they_stand() {
        let mut document = service(&json!("secret:mine"));
        let foreign = keys(OTHER).encrypt(&SecretValue::new("x"));
        document["elsewhere"] = json!([token("a"), format!("see {} there", token("b")), foreign]);
        document["text"] = json!(json!({"deep": {"token": token("c"), "n": 1.50}}).to_string());
        document["reference"] = json!(token("secret:mine"));
        let after = scrubbed(None, &document);
        assert_eq!(after["elsewhere"], json!([null, "see ********* there", foreign]));
        assert_eq!(after["text"], json!(r#"{"deep":{"token":null,"n":1.5}}"#));
        assert_eq!(after["reference"], "secret:mine");
        assert_eq!(scrubbed(None, &after), after);
    }

    #[test]
    fn an_event_holds_its_entity_as_a_document_or_as_a_text() {
        let entity = service(&json!("in clear"));
        for event in [
            json!({"entity": entity}),
            json!({"entity": entity.to_string()}),
            json!({"changeEvent": {"entity": entity.to_string()}}),
        ] {
            let after = scrubbed_event(&event).to_string();
            assert!(!after.contains("in clear") && after.contains("secret:now"), "{after}");
        }
    }

    #[test]
    fn a_description_of_changes_holds_no_password() {
        let config = json!({"config": {"authType": {"password": "in clear"}, "username": "kept"}});
        let note = "\"old-encrypted-value\"";
        let event = json!({"entityType": "databaseService", "changeDescription": {
            "fieldsUpdated": [
                {"name": "connection", "oldValue": config.to_string(), "newValue": config},
                {"name": "connection.config.authType.password", "oldValue": "in clear", "newValue": note},
                {"name": "connection", "oldValue": note},
                {"name": "description", "oldValue": "a description"},
            ],
        }});
        let after = scrubbed_event(&event);
        let text = after.to_string();
        assert!(!text.contains("in clear"), "{text}");
        for kept in ["kept", "a description", "old-encrypted-value"] {
            assert!(text.contains(kept), "{kept} in {text}");
        }
    }

    #[test]
    fn wrapped_references_stay_for_who_wants_them_so() {
        let keys = keys(KEY);
        let scrubber = Scrubber { keys: Some(&keys), wrapped: true, options: false };
        let wrapped = service(&json!(token("secret:mine")));
        let mut after = wrapped.clone();
        scrubber.version(Subject { kind: EntityKind::DatabaseService, current: None }, &mut after);
        assert_eq!(after, wrapped);
    }
}
