//! Where in a document a field stands.

use std::fmt;
use std::str::FromStr;

use serde_json::Value;

/// One step down into a document.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {
    /// Into the member of an object.
    Key(String),
    /// Into the element of a list, counted from 0.
    Index(usize),
}

/// The way from a document's root to one of its fields.
///
/// Its text has a dot between keys and brackets around indexes: `connection.config.servers[0].apiKey`. A key that is
/// empty or holds `.`, `[`, `]` or `"` stands in double quotes, with `\` before a quote or a backslash. So the text
/// tells any two paths apart, and is parsed back to the same path.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FieldPath(Vec<Step>);

/// The text is not a [`FieldPath`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the path of a field: what stands at byte {at} is out of place")]
pub struct ParsePathError {
    at: usize,
}

impl FieldPath {
    /// The path along `steps`.
    pub fn new(steps: Vec<Step>) -> Self {
        Self(steps)
    }

    /// The path along `keys`, without a list on the way.
    pub fn of_keys<'a>(keys: impl IntoIterator<Item = &'a str>) -> Self {
        Self(keys.into_iter().map(|key| Step::Key(key.to_owned())).collect())
    }

    /// The steps from the root on.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    /// What stands there, `null` included; `None` if the document does not reach that far.
    pub fn get<'a>(&self, document: &'a Value) -> Option<&'a Value> {
        self.0.iter().try_fold(document, |value, step| match step {
            Step::Key(key) => value.as_object()?.get(key),
            Step::Index(index) => value.as_array()?.get(*index),
        })
    }

    /// What stands there, to be changed.
    pub fn get_mut<'a>(&self, document: &'a mut Value) -> Option<&'a mut Value> {
        self.0.iter().try_fold(document, |value, step| match step {
            Step::Key(key) => value.as_object_mut()?.get_mut(key),
            Step::Index(index) => value.as_array_mut()?.get_mut(*index),
        })
    }

    /// Puts `value` there and tells whether it could: the parent must be an object, or a list that has such an element.
    pub fn set(&self, document: &mut Value, value: Value) -> bool {
        if let Some(there) = self.get_mut(document) {
            *there = value;
            return true;
        }
        let Some((Step::Key(key), parents)) = self.0.split_last() else { return false };
        let parent = Self(parents.to_vec());
        let Some(Value::Object(members)) = parent.get_mut(document) else { return false };
        members.insert(key.clone(), value);
        true
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.0.iter().enumerate() {
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Key(key) => {
                    if position > 0 {
                        f.write_str(".")?;
                    }
                    if needs_quotes(key) {
                        write!(f, "\"{}\"", key.replace('\\', "\\\\").replace('"', "\\\""))?;
                    } else {
                        f.write_str(key)?;
                    }
                }
            }
        }
        Ok(())
    }
}

fn needs_quotes(key: &str) -> bool {
    key.is_empty() || key.contains(['.', '[', ']', '"'])
}

impl FromStr for FieldPath {
    type Err = ParsePathError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut steps = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let at = text.len() - rest.len();
            let (step, length) = if let Some(inside) = rest.strip_prefix('[') {
                index(inside).map(|(index, length)| (Step::Index(index), length + 1))
            } else {
                let dot = usize::from(!steps.is_empty());
                if dot == 1 && !rest.starts_with('.') {
                    return Err(ParsePathError { at });
                }
                key(&rest[dot..]).map(|(key, length)| (Step::Key(key), length + dot))
            }
            .ok_or(ParsePathError { at })?;
            steps.push(step);
            rest = &rest[length..];
        }
        Ok(Self(steps))
    }
}

/// Reads an index and its closing bracket: the number, and how many bytes it took. Only the way `Display` writes it.
fn index(text: &str) -> Option<(usize, usize)> {
    let digits = &text[..text.find(']')?];
    let number: usize = digits.parse().ok()?;
    (number.to_string() == digits).then_some((number, digits.len() + 1))
}

/// Reads a key, quoted or not: the key, and how many bytes it took.
fn key(text: &str) -> Option<(String, usize)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(['.', '[']).unwrap_or(text.len());
        let key = &text[..end];
        return (!needs_quotes(key)).then(|| (key.to_owned(), end));
    };
    let mut key = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return needs_quotes(&key).then_some((key, at + 2)),
            '\\' => match chars.next()?.1 {
                escaped @ ('\\' | '"') => key.push(escaped),
                _ => return None,
            },
            _ => key.push(char),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn path(text: &str) -> FieldPath {
        text.parse().unwrap()
    }

    #[test]
    fn the_text_has_dots_between_keys_and_brackets_around_indexes() {
        let path = FieldPath::new(vec![
            Step::Key("connection".to_owned()),
            Step::Key("servers".to_owned()),
            Step::Index(10),
            Step::Key("api.key".to_owned()),
            Step::Key(String::new()),
        ]);
        assert_eq!(path.to_string(), r#"connection.servers[10]."api.key".""#.to_owned() + "\"");
        assert_eq!(path.to_string().parse(), Ok(path));
        assert_eq!("".parse(), Ok(FieldPath::default()));
    }

    #[test]
    fn text_that_no_path_has_is_refused() {
        for text in [
            ".a",
            "a.",
            "a..b",
            "a[",
            "a[]",
            "a[01]",
            "a[-1]",
            "a[0]b",
            "a]",
            "\"a",
            "\"plain\"",
            r#""a.\x""#,
        ] {
            assert!(text.parse::<FieldPath>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_field_is_read_and_replaced_where_it_stands() {
        let mut document = json!({"a": [{"b": 1}], "c": null});
        assert_eq!(path("a[0].b").get(&document), Some(&json!(1)));
        assert_eq!(path("c").get(&document), Some(&Value::Null));
        assert_eq!(path("a[1]").get(&document), None);
        assert_eq!(path("a.b").get(&document), None);
        assert!(path("a[0].b").set(&mut document, json!("x")));
        assert!(path("a[0].new").set(&mut document, json!(true)));
        assert_eq!(document, json!({"a": [{"b": "x", "new": true}], "c": null}));
    }

    #[test]
    fn a_field_without_a_parent_is_not_set() {
        let mut document = json!({"a": [], "c": "text"});
        for text in ["a[0]", "a.b", "c.d", "x.y"] {
            assert!(!path(text).set(&mut document, json!(1)), "{text}");
        }
        assert_eq!(document, json!({"a": [], "c": "text"}));
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let key = prop_oneof!["[a-c.\\[\\]\"\\\\]{0,4}", any::<String>()];
        let step = prop_oneof![key.prop_map(Step::Key), any::<usize>().prop_map(Step::Index)];
        prop::collection::vec(step, 0..5)
    }

    proptest! {
        #[test]
        fn the_text_is_parsed_back_to_the_same_path(steps in steps()) {
            let path = FieldPath::new(steps);
            prop_assert_eq!(path.to_string().parse(), Ok(path));
        }

        #[test]
        fn what_parses_has_only_this_text(text in r#"[a-b01.\[\]"\\]{0,10}"#) {
            if let Ok(path) = text.parse::<FieldPath>() {
                prop_assert_eq!(path.to_string(), text);
            }
        }
    }
}
