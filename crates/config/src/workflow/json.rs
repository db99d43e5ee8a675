//! A JSON text as the same tree that a YAML document becomes: scalars as written, with their lines.

use strongroom_secrets::SecretValue;

use strongroom_yaml::{Content, Key, MAX_DEPTH, Node, SyntaxError};

/// Reads one JSON value. Numbers and booleans stay as they are written.
pub(super) fn parse(text: &str) -> Result<Node, SyntaxError> {
    let mut reader = Reader { text, at: 0, line: 1, counted: (0, 1), depth: 0 };
    reader.skip_space();
    let node = reader.value()?;
    reader.skip_space();
    if reader.at < text.len() {
        Err(reader.error("something follows the end of the JSON value"))
    } else {
        Ok(node)
    }
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    line: usize,
    /// A place of this line, in bytes from the text's beginning, and its column. Columns are counted on from here, so that a long
    /// line is gone through but once.
    counted: (usize, usize),
    depth: usize,
}

impl<'t> Reader<'t> {
    fn value(&mut self) -> Result<Node, SyntaxError> {
        let (line, column) = (self.line, self.column());
        let content = match self.peek() {
            Some(b'{') => self.nested(Self::object)?,
            Some(b'[') => self.nested(Self::list)?,
            Some(b'"') => Content::Text(self.string()?),
            _ => self.word()?,
        };
        Ok(Node { line, column, content })
    }

    fn nested(
        &mut self,
        inside: fn(&mut Self) -> Result<Content, SyntaxError>,
    ) -> Result<Content, SyntaxError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.error("it is nested too deeply"));
        }
        self.at += 1;
        let content = inside(self)?;
        self.depth -= 1;
        Ok(content)
    }

    fn object(&mut self) -> Result<Content, SyntaxError> {
        let mut entries = Vec::new();
        self.skip_space();
        if self.take(b'}') {
            return Ok(Content::Map(entries));
        }
        loop {
            self.skip_space();
            let (line, column) = (self.line, self.column());
            if self.peek() != Some(b'"') {
                return Err(self.error("a key in double quotes is expected here"));
            }
            let name = self.string()?.expose().to_owned();
            self.skip_space();
            if !self.take(b':') {
                return Err(self.error("a colon is expected here"));
            }
            self.skip_space();
            entries.push((Key { name, line, column }, self.value()?));
            self.skip_space();
            if self.take(b'}') {
                return Ok(Content::Map(entries));
            }
            if !self.take(b',') {
                return Err(self.error("a comma or a closing brace is expected here"));
            }
        }
    }

    fn list(&mut self) -> Result<Content, SyntaxError> {
        let mut items = Vec::new();
        self.skip_space();
        if self.take(b']') {
            return Ok(Content::List(items));
        }
        loop {
            self.skip_space();
            items.push(self.value()?);
            self.skip_space();
            if self.take(b']') {
                return Ok(Content::List(items));
            }
            if !self.take(b',') {
                return Err(self.error("a comma or a closing bracket is expected here"));
            }
        }
    }

    /// A text in double quotes. Which escapes there are is serde_json's affair.
    fn string(&mut self) -> Result<SecretValue, SyntaxError> {
        let bytes = self.text.as_bytes();
        let mut end = self.at + 1;
        loop {
            match bytes.get(end) {
                Some(b'"') => break,
                Some(b'\\') => end += 2,
                Some(b'\n') | None => return Err(self.error("a quotation mark is not closed in its line")),
                Some(_) => end += 1,
            }
        }
        let decoded = serde_json::from_str::<SecretValue>(&self.text[self.at..=end]).map_err(|_| {
            self.error("a text holds a \\ that begins no known escape, or a control character")
        })?;
        self.at = end + 1;
        Ok(decoded)
    }

    /// A number, `true`, `false` or `null`.
    fn word(&mut self) -> Result<Content, SyntaxError> {
        let rest = &self.text[self.at..];
        let end = rest.find([',', ']', '}', ' ', '\t', '\r', '\n']).unwrap_or(rest.len());
        let word = &rest[..end];
        let content = match word {
            "null" => Content::Null,
            _ if serde_json::from_str::<serde_json::Value>(word)
                .is_ok_and(|value| value.is_number() || value.is_boolean()) =>
            {
                Content::Text(SecretValue::new(word))
            }
            "" if self.at == self.text.len() => return Err(self.error("the text ends too early")),
            _ => return Err(self.error("no JSON value begins here")),
        };
        self.at += end;
        Ok(content)
    }

    fn skip_space(&mut self) {
        while let Some(byte @ (b' ' | b'\t' | b'\r' | b'\n')) = self.peek() {
            self.at += 1;
            if byte == b'\n' {
                self.line += 1;
                self.counted = (self.at, 1);
            }
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn column(&mut self) -> usize {
        let (from, column) = self.counted;
        self.counted = (self.at, column + self.text[from..self.at].chars().count());
        self.counted.1
    }

    fn error(&mut self, what: &'static str) -> SyntaxError {
        SyntaxError { line: self.line, column: self.column(), what }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn back(node: &Node) -> Value {
        match &node.content {
            Content::Null => Value::Null,
            Content::Text(text) => text.expose().into(),
            Content::List(items) => items.iter().map(back).collect(),
            Content::Map(entries) => {
                Value::Object(entries.iter().map(|(key, value)| (key.name.clone(), back(value))).collect())
            }
        }
    }

    #[test]
    fn every_kind_of_value_is_read_and_numbers_stay_as_written() {
        let text = r#"{"a": [1.50, -0, 1E5, true, null, []], "b\u00e9": "\ud83d\ude00\"\\/\/\n", "c": {}}"#;
        let expected = json!({"a": ["1.50", "-0", "1E5", "true", null, []], "bé": "😀\"\\//\n", "c": {}});
        assert_eq!(back(&parse(text).unwrap()), expected);
        assert_eq!(back(&parse("\t\"x\"\r\n").unwrap()), json!("x"));
    }

    #[test]
    fn nodes_know_their_lines_and_columns() {
        let node = parse("{\n  \"é\": 1,\n\t\"b\": [\n    \"x\"]}").unwrap();
        let Content::Map(entries) = node.content else { panic!() };
        let places: Vec<_> =
            entries.iter().map(|(key, value)| (key.line, key.column, value.line, value.column)).collect();
        assert_eq!(places, [(2, 3, 2, 8), (3, 2, 3, 7)]);
        let Content::List(items) = &entries[1].1.content else { panic!() };
        assert_eq!((items[0].line, items[0].column), (4, 5));
    }

    #[test]
    fn faults_are_told_in_our_own_words_with_their_place() {
        for (broken, line, column, what) in [
            ("", 1, 1, "the text ends too early"),
            ("{\"a\":\n \"b}", 2, 2, "a quotation mark is not closed in its line"),
            ("{a: 1}", 1, 2, "a key in double quotes is expected here"),
            ("{\"a\" 1}", 1, 6, "a colon is expected here"),
            ("{\"a\": 1\n\"b\": 2}", 2, 1, "a comma or a closing brace is expected here"),
            ("[1 2]", 1, 4, "a comma or a closing bracket is expected here"),
            ("[1,]", 1, 4, "no JSON value begins here"),
            ("[01]", 1, 2, "no JSON value begins here"),
            ("[NaN]", 1, 2, "no JSON value begins here"),
            ("['a']", 1, 2, "no JSON value begins here"),
            ("[\"\\x\"]", 1, 2, "a text holds a \\ that begins no known escape, or a control character"),
            ("{} {}", 1, 4, "something follows the end of the JSON value"),
            ("{\"a\": ", 1, 7, "the text ends too early"),
        ] {
            assert_eq!(parse(broken).unwrap_err(), SyntaxError { line, column, what }, "{broken:?}");
        }
        let deep = "[".repeat(1_000_000);
        assert_eq!(parse(&deep).unwrap_err().what, "it is nested too deeply");
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from)
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((any::<String>(), inner), 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    fn as_texts(value: &Value) -> Value {
        match value {
            Value::Bool(_) | Value::Number(_) => value.to_string().into(),
            Value::Array(items) => items.iter().map(as_texts).collect(),
            Value::Object(members) => {
                Value::Object(members.iter().map(|(key, value)| (key.clone(), as_texts(value))).collect())
            }
            other => other.clone(),
        }
    }

    proptest! {
        #[test]
        fn what_serde_json_writes_is_read_alike(value in any_json()) {
            for text in [value.to_string(), format!("{value:#}")] {
                prop_assert_eq!(back(&parse(&text).unwrap()), as_texts(&value));
            }
        }

        #[test]
        fn what_serde_json_refuses_is_refused(text in "([\\[\\]{}\",:0-9.eE+\\-truefalsn\\\\ \n]|.){0,40}") {
            // What is read back is compared as texts, but whether it is JSON at all must be the same.
            prop_assert_eq!(parse(&text).is_ok(), serde_json::from_str::<Value>(&text).is_ok(), "{}", text);
        }
    }
}
