//! The texts of a stored document, found as they are written.
//!
//! [`text`](crate::text) reads a document as a value, and refuses what a value cannot say: a key that stands twice, a nesting without
//! end. Here nothing is refused, since nothing is read but the texts.

use std::borrow::Cow;
use std::ops::Range;

/// A text in a document: a value, not a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Literal<'a> {
    /// Where it stands, with its quotes.
    pub range: Range<usize>,
    /// What it says.
    pub text: Cow<'a, str>,
}

/// The texts of a JSON document that begin with one of `marks`, in the order in which they stand there. What is no JSON gives
/// whatever looks like it.
pub fn literals<'a>(json: &'a str, marks: &'a [&'a str]) -> impl Iterator<Item = Literal<'a>> + 'a {
    Strings { json, at: 0 }.filter_map(move |range| {
        let raw = &json[range.start + 1..range.end - 1];
        // Most texts are none of those: they are not looked at more closely. A mark may be written with escapes.
        if !raw.contains('\\') && !marks.iter().any(|mark| raw.starts_with(mark)) {
            return None;
        }
        let text: Cow<'a, str> = match raw.contains('\\') {
            false => Cow::Borrowed(raw),
            true => Cow::Owned(serde_json::from_str(&json[range.clone()]).ok()?),
        };
        let is_key = json[range.end..].trim_start().starts_with(':');
        (!is_key && marks.iter().any(|mark| text.starts_with(mark))).then_some(Literal { range, text })
    })
}

/// The places of all strings, keys among them.
struct Strings<'a> {
    json: &'a str,
    at: usize,
}

impl Iterator for Strings<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let bytes = self.json.as_bytes();
        let start = self.at + bytes.get(self.at..)?.iter().position(|byte| *byte == b'"')?;
        let mut end = start + 1;
        loop {
            match bytes.get(end)? {
                b'"' => break,
                b'\\' => end += 2,
                _ => end += 1,
            }
        }
        self.at = end + 1;
        Some(start..end + 1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn texts<'a>(json: &'a str, marks: &'a [&'a str]) -> Vec<String> {
        literals(json, marks).map(|literal| literal.text.into_owned()).collect()
    }

    #[test]
    fn values_are_found_keys_and_what_stands_within_a_text_are_not() {
        let json = r#"{"fernet:k" : "fernet:a", "b": ["x", "fernet:\"b\\", "say \"fernet:c\""], "d": "\u0066ernet:d"}"#;
        assert_eq!(texts(json, &["fernet:"]), ["fernet:a", "fernet:\"b\\", "fernet:d"]);
        assert_eq!(texts(json, &["x", "say"]), ["x", "say \"fernet:c\""]);
        assert_eq!(texts("", &["x"]), Vec::<String>::new());
        assert_eq!(texts(r#"{"open": "fernet:"#, &["fernet:"]), Vec::<String>::new());
    }

    #[test]
    fn nesting_has_no_end() {
        let json = format!("{}\"fernet:x\"{}", "[".repeat(10_000), "]".repeat(10_000));
        assert_eq!(texts(&json, &["fernet:"]), ["fernet:x"]);
    }

    proptest! {
        #[test]
        fn any_texts_of_any_document_are_found(texts_in in proptest::collection::vec(any::<String>(), 0..6), key in any::<String>()) {
            let marked: Vec<String> = texts_in.iter().map(|text| format!("fernet:{text}")).collect();
            let document = json!({key: {"list": marked, "others": texts_in}});
            let found: Vec<String> = texts(&document.to_string(), &["fernet:"]);
            let others = texts_in.iter().filter(|text| text.starts_with("fernet:"));
            let expected: Vec<String> = marked.iter().chain(others).cloned().collect();
            prop_assert_eq!(&found, &expected);
            // Written in any other way they are found as well.
            prop_assert_eq!(&texts(&format!("{document:#}"), &["fernet:"]), &expected);
        }
    }
}
