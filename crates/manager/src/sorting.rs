//! Sorting the secret fields of a document that somebody wants to store: what is kept, what refers, what is a new value.

use serde_json::Value;
use strongroom_entities::reference::{self, FieldText, Reference};
use strongroom_entities::unlisted::is_option;
use strongroom_entities::{EntityKind, FieldPath, MASK, secret_options};
use strongroom_metastore::OwnReference;
use strongroom_secrets::{SecretName, SecretValue};
use uuid::Uuid;

use crate::error::WriteError;
use crate::ownership::FieldOwner;
use crate::placing::Wanted;
use crate::{Keeping, Manager};

/// The secret fields of a document, sorted.
#[derive(Debug)]
pub(crate) struct Sorted {
    /// The document; fields of new values still hold what was sent.
    pub(crate) document: Value,
    /// Values that go to the vault.
    pub(crate) wanted: Vec<Wanted>,
    /// Fields that change, but for those in `wanted`.
    pub(crate) changed: Vec<FieldPath>,
}

impl Manager {
    /// Sorts the secret fields of `after`, which is to replace `before`.
    pub(crate) async fn sort(
        &self,
        kind: EntityKind,
        id: Uuid,
        before: Option<&Value>,
        after: Value,
    ) -> Result<Sorted, WriteError> {
        let fqn = fully_qualified_name(&after);
        let fields = strongroom_entities::walk(kind, &after).fields;
        let mut sorted = Sorted { document: after, wanted: Vec::new(), changed: Vec::new() };
        for field in &fields {
            self.sort_field(kind, id, &fqn, before, field, &mut sorted).await?;
        }
        self.check_options(kind, id, before, &sorted.document).await?;
        let dropped = before.map(|before| strongroom_entities::walk(kind, before).fields).unwrap_or_default();
        sorted.changed.extend(dropped.into_iter().filter(|field| !fields.contains(field)));
        Ok(sorted)
    }

    async fn sort_field(
        &self,
        kind: EntityKind,
        id: Uuid,
        fqn: &str,
        before: Option<&Value>,
        field: &FieldPath,
        sorted: &mut Sorted,
    ) -> Result<(), WriteError> {
        let invalid =
            |reason: &str| WriteError::InvalidField { field: field.clone(), reason: reason.to_owned() };
        let Some(Value::String(text)) = field.get(&sorted.document) else {
            return Err(invalid("holds a password, so it has to be a text"));
        };
        let text = SecretValue::new(text.as_str());
        let stored_value = before.and_then(|before| field.get(before)).filter(|value| !value.is_null());
        let stored = stored_value.and_then(Value::as_str);
        let replacement = match reference::classify(text.expose()) {
            FieldText::Empty => {
                if stored != Some("") {
                    sorted.changed.push(field.clone());
                }
                return Ok(());
            }
            FieldText::Mask => {
                // Whatever stands there stays, even what no password should be: nobody has changed it.
                let kept = stored_value.cloned().ok_or_else(|| {
                    invalid(&format!(
                        "holds the mask {MASK}, but there is no stored value to keep: type the password"
                    ))
                })?;
                field.set(&mut sorted.document, kept);
                return Ok(());
            }
            FieldText::MalformedReference(wrong) => {
                return Err(invalid(&format!("begins with secret:, which marks a reference, but {wrong}")));
            }
            FieldText::Fernet(_) => {
                return Err(invalid(
                    "begins with fernet:, which marks what is encrypted already: type the password itself",
                ));
            }
            FieldText::Reference(reference) => {
                let unchanged = match stored {
                    Some(stored) => self.readable(field, stored)?.expose() == text.expose(),
                    None => false,
                };
                match stored {
                    Some(stored) if unchanged && self.wraps(field) => stored.to_owned(),
                    _ => {
                        if !unchanged {
                            self.check_reference(kind, id, field, reference.name()).await?;
                            sorted.changed.push(field.clone());
                        }
                        self.reference_text(field, &reference)
                    }
                }
            }
            FieldText::Plain(_) if text.len() > SecretValue::MAX_BYTES => {
                return Err(invalid(&format!(
                    "is {} bytes long, and a vault takes {} at most",
                    text.len(),
                    SecretValue::MAX_BYTES
                )));
            }
            FieldText::Plain(_) => match &self.keeping {
                Keeping::Managed(_) => {
                    let owner = FieldOwner { kind, entity: id, field: field.clone() };
                    let current = match stored {
                        Some(stored) => self.name_of(&owner, fqn, stored).await?,
                        None => None,
                    };
                    sorted.wanted.push(Wanted { owner, fqn: fqn.to_owned(), value: text, current });
                    return Ok(());
                }
                Keeping::InDatabase(_) => match stored {
                    Some(stored) if self.readable(field, stored).is_ok_and(|stored| stored == text) => {
                        stored.to_owned()
                    }
                    _ => {
                        sorted.changed.push(field.clone());
                        self.encrypted(&text)
                    }
                },
            },
        };
        field.set(&mut sorted.document, Value::String(replacement));
        Ok(())
    }

    /// The name that a stored text refers to, if that secret is this field's own.
    async fn name_of(
        &self,
        owner: &FieldOwner,
        fqn: &str,
        stored: &str,
    ) -> Result<Option<SecretName>, WriteError> {
        let Ok(stored) = self.readable(&owner.field, stored) else { return Ok(None) };
        let FieldText::Reference(reference) = reference::classify(stored.expose()) else { return Ok(None) };
        let name = reference.name();
        let ours = match self.store.owner(name).await? {
            Some(kept_for) => kept_for.entity == owner.entity && kept_for.field == owner.field.to_string(),
            // OpenMetadata's own server wrote it for this field.
            None => self
                .naming
                .openmetadata_name(owner.kind, fqn, &owner.field)
                .is_ok_and(|computed| computed == *name),
        };
        Ok(ours.then(|| name.clone()))
    }

    /// Whether somebody may type a reference to `name` into a field: not to a secret that is kept for another field, nor, in managed
    /// mode, to a name under our own prefix, which may hold a password yet to come; and only where a vault resolves it.
    async fn check_reference(
        &self,
        kind: EntityKind,
        id: Uuid,
        field: &FieldPath,
        name: &SecretName,
    ) -> Result<(), WriteError> {
        if matches!(self.keeping, Keeping::InDatabase(None)) {
            let reason = format!(
                "begins with secret:, which marks a reference, but under the provider {} no vault is configured that \
                 could resolve it: type the password itself (or configure azure-kv)",
                self.provider_name()
            );
            return Err(WriteError::InvalidField { field: field.clone(), reason });
        }
        let owner = FieldOwner { kind, entity: id, field: field.clone() };
        let forbidden = match self.store.owner(name).await? {
            Some(kept_for) => kept_for.entity != owner.entity || kept_for.field != owner.field.to_string(),
            // Where we keep no secrets in the vault, all names there are the users' own.
            None => matches!(self.keeping, Keeping::Managed(_)) && self.naming.is_ours(name),
        };
        if forbidden {
            return Err(WriteError::ForbiddenReference { field: field.clone(), name: name.clone() });
        }
        Ok(())
    }

    /// Checks the references that somebody typed into a free map: they are resolved where a connection is made, too.
    async fn check_options(
        &self,
        kind: EntityKind,
        id: Uuid,
        before: Option<&Value>,
        document: &Value,
    ) -> Result<(), WriteError> {
        if kind.is_setting() {
            return Ok(());
        }
        for field in secret_options(document) {
            let text = field.get(document);
            let Some(FieldText::Reference(reference)) = text.and_then(Value::as_str).map(reference::classify)
            else {
                continue;
            };
            // Without a vault such a text was never anything but itself.
            let resolves = !matches!(self.keeping, Keeping::InDatabase(None));
            if resolves && before.and_then(|before| field.get(before)) != text {
                self.check_reference(kind, id, &field, reference.name()).await?;
            }
        }
        Ok(())
    }

    /// Every reference of a document, with the field that holds it: those to secrets that are kept for the field, and those that
    /// are the users' own.
    pub(crate) fn references(&self, kind: EntityKind, id: Uuid, document: &Value) -> Vec<OwnReference> {
        let mut references = Vec::new();
        let mut fields = strongroom_entities::walk(kind, document).fields;
        if !kind.is_setting() {
            fields.extend(secret_options(document));
        }
        for field in fields {
            let Some(Value::String(text)) = field.get(document) else { continue };
            let Ok(text) = self.readable(&field, text) else { continue };
            if let FieldText::Reference(reference) = reference::classify(text.expose()) {
                let (name, field) = (reference.name().clone(), field.to_string());
                references.push(OwnReference { name, kind, entity: id, field });
            }
        }
        references
    }

    /// Puts a reference to `name` into a field.
    pub(crate) fn refer(&self, document: &mut Value, field: &FieldPath, name: &SecretName) {
        let reference = Reference::new(name.clone());
        field.set(document, Value::String(self.reference_text(field, &reference)));
    }

    /// A reference as the database keeps it.
    fn reference_text(&self, field: &FieldPath, reference: &Reference) -> String {
        match self.wraps(field) {
            true => self.encrypted(&SecretValue::new(reference.to_string())),
            false => reference.to_string(),
        }
    }

    /// Whether the references of a field are encrypted, as OpenMetadata's own server writes them. What stands in free maps nobody
    /// decrypts.
    pub(crate) fn wraps(&self, field: &FieldPath) -> bool {
        self.wrapped_references && self.fernet.is_some() && !is_option(field)
    }

    pub(crate) fn encrypted(&self, value: &SecretValue) -> String {
        match &self.fernet {
            Some(keys) => keys.encrypt(value),
            None => value.expose().to_owned(),
        }
    }
}

/// The fully qualified name that a document says it has; its name, if it says none.
pub(crate) fn fully_qualified_name(document: &Value) -> String {
    let text = |key: &str| document.get(key).and_then(Value::as_str).map(str::to_owned);
    text("fullyQualifiedName").or_else(|| text("name")).unwrap_or_default()
}
