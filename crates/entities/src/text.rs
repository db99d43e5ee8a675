//! The text of a stored document: read strictly, and written again with every byte that does not have to change.
//!
//! A document is walked and changed as a [`Value`], in which numbers are 64 bits and equal keys are one. The text in the row
//! can hold more: digits that no 64 bits hold, an order, white space. So [`rewrite`] goes from the old text to a new one that says
//! what the changed value says, and copies the rest as it stands; and [`read`] refuses what a value cannot say at all.

use std::collections::HashSet;
use std::ops::Range;

use serde_json::{Map, Number, Value};

use crate::path::{FieldPath, Step};

/// How deep lists and objects may lie in each other.
pub const MAX_DEPTH: usize = 128;

/// Why a text is left alone. It names places, never what stands there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TextError {
    /// It is not JSON.
    #[error("its document is not JSON (at byte {at})")]
    NotJson {
        /// Where it ceases to be, counted from 0.
        at: usize,
    },
    /// An object has one key twice, and nobody knows which of the two counts.
    #[error("its document holds {path} twice: correct it by hand")]
    Duplicate {
        /// The second of the two.
        path: FieldPath,
    },
    /// It is nested deeper than [`MAX_DEPTH`].
    #[error("its document is nested deeper than {MAX_DEPTH} levels: correct it by hand")]
    TooDeep,
}

/// Reads a document. A number that no 64 bits hold (`1e400`) becomes a text of its digits: [`rewrite`] leaves it a number.
///
/// # Errors
/// [`TextError`] if it is not JSON, or holds what a [`Value`] cannot.
pub fn read(text: &str) -> Result<Value, TextError> {
    Ok(Reader::read(text)?.into_value())
}

/// The text of a document that was `text` and shall say `after`. What says so already is copied byte for byte; a new member of an
/// object stands behind the old ones.
///
/// # Errors
/// [`TextError`] as [`read`].
pub fn rewrite(text: &str, after: &Value) -> Result<String, TextError> {
    let root = Reader::read(text)?;
    let mut out = String::with_capacity(text.len());
    out.push_str(&text[..root.span.start]);
    root.write(text, after, &mut out);
    out.push_str(&text[root.span.end..]);
    Ok(out)
}

/// A part of a text, and where it stands.
#[derive(Debug)]
struct Node {
    span: Range<usize>,
    shape: Shape,
}

#[derive(Debug)]
enum Shape {
    Scalar(Value),
    List(Vec<Node>),
    Object(Vec<Member>),
}

#[derive(Debug)]
struct Member {
    /// Where its key stands, quotes included.
    token: Range<usize>,
    key: String,
    node: Node,
}

impl Node {
    fn into_value(self) -> Value {
        match self.shape {
            Shape::Scalar(value) => value,
            Shape::List(nodes) => nodes.into_iter().map(Self::into_value).collect(),
            Shape::Object(members) => {
                let members = members.into_iter().map(|member| (member.key, member.node.into_value()));
                Value::Object(members.collect::<Map<_, _>>())
            }
        }
    }

    fn says(&self, value: &Value) -> bool {
        match (&self.shape, value) {
            (Shape::Scalar(scalar), value) => scalar == value,
            (Shape::List(nodes), Value::Array(values)) => {
                nodes.len() == values.len() && nodes.iter().zip(values).all(|(node, value)| node.says(value))
            }
            (Shape::Object(members), Value::Object(map)) => {
                members.len() == map.len()
                    && members
                        .iter()
                        .all(|member| map.get(&member.key).is_some_and(|value| member.node.says(value)))
            }
            _ => false,
        }
    }

    fn write(&self, text: &str, after: &Value, out: &mut String) {
        if self.says(after) {
            return out.push_str(&text[self.span.clone()]);
        }
        match (&self.shape, after) {
            (Shape::List(nodes), Value::Array(values)) if nodes.len() == values.len() => {
                self.write_in_place(text, nodes.iter().zip(values), out);
            }
            (Shape::List(nodes), Value::Array(values)) => {
                out.push('[');
                for (index, value) in values.iter().enumerate() {
                    separate(index, out);
                    match nodes.get(index) {
                        Some(node) => node.write(text, value, out),
                        None => out.push_str(&value.to_string()),
                    }
                }
                out.push(']');
            }
            (Shape::Object(members), Value::Object(map)) => {
                let kept = members.iter().filter_map(|member| Some((member, map.get(&member.key)?)));
                if members.len() == map.len() && kept.clone().count() == map.len() {
                    let parts = kept.map(|(member, value)| (&member.node, value));
                    return self.write_in_place(text, parts, out);
                }
                out.push('{');
                let old: HashSet<&str> = members.iter().map(|member| member.key.as_str()).collect();
                let mut count = 0;
                for (member, value) in kept {
                    separate(count, out);
                    out.push_str(&text[member.token.clone()]);
                    out.push(':');
                    member.node.write(text, value, out);
                    count += 1;
                }
                for (key, value) in map.iter().filter(|(key, _)| !old.contains(key.as_str())) {
                    separate(count, out);
                    out.push_str(&Value::from(key.as_str()).to_string());
                    out.push(':');
                    out.push_str(&value.to_string());
                    count += 1;
                }
                out.push('}');
            }
            _ => out.push_str(&after.to_string()),
        }
    }

    /// Writes all parts anew, and what stands between them as it is.
    fn write_in_place<'a>(
        &self,
        text: &str,
        parts: impl Iterator<Item = (&'a Self, &'a Value)>,
        out: &mut String,
    ) {
        let mut at = self.span.start;
        for (node, value) in parts {
            out.push_str(&text[at..node.span.start]);
            node.write(text, value, out);
            at = node.span.end;
        }
        out.push_str(&text[at..self.span.end]);
    }
}

fn separate(index: usize, out: &mut String) {
    if index > 0 {
        out.push(',');
    }
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    path: Vec<Step>,
}

impl<'t> Reader<'t> {
    fn read(text: &'t str) -> Result<Node, TextError> {
        let mut reader = Self { text, at: 0, path: Vec::new() };
        let root = reader.node()?;
        reader.blanks();
        if reader.at == text.len() { Ok(root) } else { Err(reader.not_json()) }
    }

    fn not_json(&self) -> TextError {
        TextError::NotJson { at: self.at }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Takes a byte that has to stand here.
    fn expect(&mut self, byte: u8) -> Result<(), TextError> {
        match self.peek() {
            Some(found) if found == byte => {
                self.at += 1;
                Ok(())
            }
            _ => Err(self.not_json()),
        }
    }

    fn node(&mut self) -> Result<Node, TextError> {
        self.blanks();
        let start = self.at;
        let shape = match self.peek() {
            Some(b'{') => self.object()?,
            Some(b'[') => self.list()?,
            Some(b'"') => Shape::Scalar(Value::String(self.string()?)),
            Some(b'-' | b'0'..=b'9') => Shape::Scalar(self.number()?),
            _ => Shape::Scalar(self.word()?),
        };
        Ok(Node { span: start..self.at, shape })
    }

    fn object(&mut self) -> Result<Shape, TextError> {
        let mut members = Vec::new();
        let mut keys = HashSet::new();
        self.at += 1;
        self.blanks();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Shape::Object(members));
        }
        loop {
            self.blanks();
            let start = self.at;
            let key = match self.peek() {
                Some(b'"') => self.string()?,
                _ => return Err(self.not_json()),
            };
            let token = start..self.at;
            self.path.push(Step::Key(key.clone()));
            if !keys.insert(key.clone()) {
                return Err(TextError::Duplicate { path: FieldPath::new(self.path.clone()) });
            }
            self.blanks();
            self.expect(b':')?;
            let node = self.below()?;
            members.push(Member { token, key, node });
            if self.ends_with(b'}')? {
                return Ok(Shape::Object(members));
            }
        }
    }

    fn list(&mut self) -> Result<Shape, TextError> {
        let mut nodes = Vec::new();
        self.at += 1;
        self.blanks();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Shape::List(nodes));
        }
        loop {
            self.path.push(Step::Index(nodes.len()));
            nodes.push(self.below()?);
            if self.ends_with(b']')? {
                return Ok(Shape::List(nodes));
            }
        }
    }

    /// Reads what stands at the path, and steps back from it.
    fn below(&mut self) -> Result<Node, TextError> {
        if self.path.len() > MAX_DEPTH {
            return Err(TextError::TooDeep);
        }
        let node = self.node()?;
        self.path.pop();
        Ok(node)
    }

    /// Whether the list or object ends here; else another part follows.
    fn ends_with(&mut self, end: u8) -> Result<bool, TextError> {
        self.blanks();
        if self.peek() == Some(end) {
            self.at += 1;
            return Ok(true);
        }
        self.expect(b',')?;
        Ok(false)
    }

    fn string(&mut self) -> Result<String, TextError> {
        let start = self.at;
        let mut escaped = false;
        self.at += 1;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    self.at += 2;
                }
                Some(0x20..) => self.at += 1,
                _ => return Err(self.not_json()),
            }
        }
        self.at += 1;
        let token = &self.text[start..self.at];
        if !escaped {
            return Ok(token[1..token.len() - 1].to_owned());
        }
        // The parser's message quotes what it could not read.
        serde_json::from_str(token).map_err(|_| TextError::NotJson { at: start })
    }

    fn number(&mut self) -> Result<Value, TextError> {
        let start = self.at;
        while matches!(self.peek(), Some(b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9')) {
            self.at += 1;
        }
        let token = &self.text[start..self.at];
        if !is_number(token) {
            return Err(TextError::NotJson { at: start });
        }
        Ok(serde_json::from_str::<Number>(token)
            .map_or_else(|_| Value::String(token.to_owned()), Value::Number))
    }

    fn word(&mut self) -> Result<Value, TextError> {
        for (word, value) in
            [("null", Value::Null), ("true", Value::Bool(true)), ("false", Value::Bool(false))]
        {
            if self.text[self.at..].starts_with(word) {
                self.at += word.len();
                return Ok(value);
            }
        }
        Err(self.not_json())
    }
}

/// Whether a text is a number as JSON writes one, however large.
fn is_number(token: &str) -> bool {
    fn digits(text: &str) -> &str {
        text.trim_start_matches(|c: char| c.is_ascii_digit())
    }
    let rest = token.strip_prefix('-').unwrap_or(token);
    let whole = digits(rest);
    let length = rest.len() - whole.len();
    if length == 0 || (length > 1 && rest.starts_with('0')) {
        return false;
    }
    let fraction = match whole.strip_prefix('.') {
        Some(after) if digits(after).len() == after.len() => return false,
        Some(after) => digits(after),
        None => whole,
    };
    match fraction.strip_prefix(['e', 'E']) {
        None => fraction.is_empty(),
        Some(exponent) => {
            let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            !exponent.is_empty() && digits(exponent).is_empty()
        }
    }
}

#[cfg(test)]
mod tests;
