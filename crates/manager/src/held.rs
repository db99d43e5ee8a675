//! What a secret field holds, once it is decrypted: the one place where that is told apart. What becomes of it is for others to say.

use serde_json::Value;
use strongroom_entities::reference::{self, FieldText};
use strongroom_entities::{FernetKeys, FieldPath};
use strongroom_secrets::{SecretName, SecretValue};

/// What a field holds.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) what: What,
    /// The key that opened it, counted from 0; none if it does not stand there encrypted.
    pub(crate) key: Option<usize>,
}

/// What it is.
#[derive(Debug)]
pub(crate) enum What {
    /// An empty text.
    Empty,
    /// A value.
    Value(SecretValue),
    /// A reference.
    Reference(SecretName),
    /// `secret:` and something that is no name, for this reason. It can be a password all the same.
    Malformed { text: SecretValue, wrong: String },
    /// An encrypted text that no key opens.
    Unopened,
    /// No text.
    Odd,
}

impl Held {
    /// What a field of a document holds.
    pub(crate) fn of(document: &Value, field: &FieldPath, keys: Option<&FernetKeys>) -> Self {
        let Some(stored) = field.get(document).and_then(Value::as_str) else {
            return Self { what: What::Odd, key: None };
        };
        match reference::classify(stored) {
            FieldText::Fernet(token) => match keys.map(|keys| keys.open(token)) {
                Some(Ok((key, text))) => Self { what: What::of(text), key: Some(key) },
                Some(Err(_)) | None => Self { what: What::Unopened, key: None },
            },
            _ => Self { what: What::of(SecretValue::new(stored)), key: None },
        }
    }

    /// Whether it stands there unencrypted.
    pub(crate) fn is_plain(&self) -> bool {
        self.key.is_none()
    }
}

impl What {
    /// What a text is that is not encrypted, or no longer.
    fn of(text: SecretValue) -> Self {
        match reference::classify(text.expose()) {
            FieldText::Empty => Self::Empty,
            FieldText::Reference(reference) => Self::Reference(reference.into_name()),
            FieldText::MalformedReference(wrong) => {
                let wrong = wrong.to_string();
                Self::Malformed { text, wrong }
            }
            FieldText::Mask | FieldText::Fernet(_) | FieldText::Plain(_) => Self::Value(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use strongroom_secrets::random::SequentialRandom;

    use super::*;

    #[test]
    fn what_stands_there_is_told_apart_with_the_key_that_opened_it() {
        let random = SequentialRandom::default();
        let (first, second, other) =
            (FernetKeys::generate(&random), FernetKeys::generate(&random), FernetKeys::generate(&random));
        let keys =
            FernetKeys::parse(&SecretValue::new(format!("{},{}", first.expose(), second.expose()))).unwrap();
        let sealed =
            |key: &SecretValue, text: &str| FernetKeys::parse(key).unwrap().encrypt(&SecretValue::new(text));
        let field: FieldPath = "a".parse().unwrap();
        let held = |value: Value| {
            let held = Held::of(&json!({"a": value}), &field, Some(&keys));
            let what = match held.what {
                What::Empty => "empty".to_owned(),
                What::Value(value) => format!("value {}", value.expose()),
                What::Reference(name) => format!("reference {name}"),
                What::Malformed { text, .. } => format!("malformed {}", text.expose()),
                What::Unopened => "unopened".to_owned(),
                What::Odd => "odd".to_owned(),
            };
            (what, held.key)
        };
        for (stored, what, key) in [
            (json!(""), "empty", None),
            (json!("pw"), "value pw", None),
            (json!(sealed(&first, "pw")), "value pw", Some(0)),
            (json!(sealed(&second, "")), "empty", Some(1)),
            (json!(sealed(&second, "secret:a-b")), "reference a-b", Some(1)),
            (json!("secret:a b"), "malformed secret:a b", None),
            (json!(sealed(&other, "pw")), "unopened", None),
            (json!("fernet:nothing"), "unopened", None),
            (json!({"b": 1}), "odd", None),
            (json!(sealed(&first, "fernet:x")), "value fernet:x", Some(0)),
        ] {
            assert_eq!(held(stored), (what.to_owned(), key));
        }
        let without = Held::of(&json!({"a": sealed(&first, "pw")}), &field, None);
        assert!(matches!(without.what, What::Unopened));
    }
}
