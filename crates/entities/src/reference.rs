//! References to secrets, and what else the text of a secret field can be.

use std::fmt;

use strongroom_secrets::SecretName;
use strongroom_secrets::name::InvalidName;

use crate::fernet;
use crate::mask::MASK;

/// What a reference begins with, exactly and in lower case.
pub const PREFIX: &str = "secret:";

/// A reference to a secret: the text `secret:<name>` in the place of the value.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference(SecretName);

impl Reference {
    /// The reference to the secret of this name.
    pub fn new(name: SecretName) -> Self {
        Self(name)
    }

    /// The name of the secret, in the case in which it was written.
    pub fn name(&self) -> &SecretName {
        &self.0
    }

    /// The name of the secret.
    pub fn into_name(self) -> SecretName {
        self.0
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", self.0)
    }
}

/// What the text of a secret field is.
#[derive(Clone, PartialEq, Eq)]
pub enum FieldText<'a> {
    /// Nothing.
    Empty,
    /// The mask: in a request it means "unchanged".
    Mask,
    /// A reference to a secret.
    Reference(Reference),
    /// It begins as a reference does, but what follows is no secret's name. It may be a password.
    MalformedReference(InvalidName),
    /// A Fernet token, `fernet:` included. Whether a key opens it is another question.
    Fernet(&'a str),
    /// Any other text: a value.
    Plain(&'a str),
}

/// Tells what `text` is. Nothing is trimmed and case counts: exactly a leading `secret:` marks a reference.
pub fn classify(text: &str) -> FieldText<'_> {
    if text.is_empty() {
        FieldText::Empty
    } else if text == MASK {
        FieldText::Mask
    } else if let Some(name) = text.strip_prefix(PREFIX) {
        match SecretName::new(name) {
            Ok(name) => FieldText::Reference(Reference(name)),
            Err(invalid) => FieldText::MalformedReference(invalid),
        }
    } else if text.starts_with(fernet::PREFIX) {
        FieldText::Fernet(text)
    } else {
        FieldText::Plain(text)
    }
}

impl fmt::Debug for FieldText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("Empty"),
            Self::Mask => f.write_str("Mask"),
            Self::Reference(reference) => f.debug_tuple("Reference").field(reference.name()).finish(),
            Self::MalformedReference(_) => f.write_str("MalformedReference(***)"),
            Self::Fernet(_) => f.write_str("Fernet(***)"),
            Self::Plain(_) => f.write_str("Plain(***)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_text_is_what_it_looks_like() {
        let reference = Reference::new(SecretName::new("Sales-1").unwrap());
        assert_eq!(reference.to_string(), "secret:Sales-1");
        assert_eq!(classify("secret:Sales-1"), FieldText::Reference(reference));
        assert_eq!(classify(""), FieldText::Empty);
        assert_eq!(classify("*********"), FieldText::Mask);
        assert_eq!(classify("fernet:gAAA"), FieldText::Fernet("fernet:gAAA"));
        assert_eq!(classify("hunter2"), FieldText::Plain("hunter2"));
    }

    #[test]
    fn only_an_exact_prefix_and_a_legal_name_make_a_reference() {
        for plain in ["Secret:a", " secret:a", "secret", "secret :a", "********", "Fernet:x", "x fernet:"] {
            assert_eq!(classify(plain), FieldText::Plain(plain));
        }
        for malformed in ["secret:", "secret:a b", "secret:a_b", "secret: a", "secret:a\n", "secret:secret:a"]
        {
            assert!(matches!(classify(malformed), FieldText::MalformedReference(_)), "{malformed:?}");
        }
        let longest = format!("secret:{}", "a".repeat(127));
        assert!(matches!(classify(&longest), FieldText::Reference(_)));
        assert!(matches!(
            classify(&format!("{longest}a")),
            FieldText::MalformedReference(InvalidName::TooLong(128))
        ));
    }

    #[test]
    fn debug_never_shows_a_value() {
        for text in ["hunter2", "secret:hunter2!", "fernet:hunter2"] {
            assert!(!format!("{:?}", classify(text)).contains("hunter2"));
        }
    }

    proptest! {
        #[test]
        fn any_text_is_classified_and_every_legal_name_comes_back(text in any::<String>(), name in "[0-9A-Za-z-]{1,127}") {
            let _ = classify(&text);
            let reference = Reference::new(SecretName::new(name.clone()).unwrap());
            let text = reference.to_string();
            match classify(&text) {
                FieldText::Reference(found) => prop_assert_eq!(found.name().as_str(), name),
                other => prop_assert!(false, "{:?}", other),
            }
        }
    }
}
