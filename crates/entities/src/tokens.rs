//! Fernet tokens, wherever they stand in a text: alone in a field, in a document that stands as a text within another, in prose.
//!
//! Nothing is parsed. What a token is made of is written the same in a document and in a document within a document, but for the `=` at
//! its end, which some writers escape. So a token can be exchanged where it stands, and every other byte stays as it is.

use std::ops::Range;

use crate::fernet::PREFIX;

/// What every token begins with that is made before the year 2106.
pub const START: &str = "gAAAAA";

/// What looks like a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token<'a> {
    /// Where it stands: with `fernet:` before it, and `=` behind it.
    pub range: Range<usize>,
    /// The token, without them.
    pub text: &'a str,
    /// Whether `fernet:` stands before it. Without that it may be somebody else's.
    pub is_marked: bool,
}

/// What looks like a token in a text, in the order in which it stands there.
pub fn tokens(text: &str) -> impl Iterator<Item = Token<'_>> {
    Tokens { text, at: 0 }
}

/// The text with others in the place of some. The places must be in order and must not overlap.
pub fn replaced(text: &str, by: &[(Range<usize>, String)]) -> String {
    let (mut after, mut done) = (String::with_capacity(text.len()), 0);
    for (range, new) in by {
        after.push_str(&text[done..range.start]);
        after.push_str(new);
        done = range.end;
    }
    after.push_str(&text[done..]);
    after
}

struct Tokens<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            let found = self.text.get(self.at..)?.find(['f', 'g'])?;
            let start = self.at + found;
            let rest = &self.text[start..];
            let (is_marked, body) = match rest.strip_prefix(PREFIX) {
                Some(body) => (true, body),
                None if rest.starts_with(START) => (false, rest),
                None => {
                    self.at = start + 1;
                    continue;
                }
            };
            let is_of_token = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
            let length = body.find(|c| !is_of_token(c)).unwrap_or(body.len());
            let (text, behind) = body.split_at(length);
            let end = self.text.len() - behind.len() + padding(behind);
            self.at = end;
            if !text.is_empty() {
                return Some(Token { range: start..end, text, is_marked });
            }
        }
    }
}

/// How many bytes the padding behind a token takes: at most two `=`, each as it is or escaped, in a text within texts more than once.
fn padding(behind: &str) -> usize {
    let mut length = 0;
    for _ in 0..2 {
        let rest = &behind[length..];
        let unescaped = rest.trim_start_matches('\\');
        let slashes = rest.len() - unescaped.len();
        length += match unescaped.get(..5) {
            _ if slashes == 0 && rest.starts_with('=') => 1,
            Some(escape) if slashes > 0 && escape.eq_ignore_ascii_case("u003d") => slashes + 5,
            _ => break,
        };
    }
    length
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn found(text: &str) -> Vec<(&str, bool, &str)> {
        tokens(text).map(|token| (token.text, token.is_marked, &text[token.range])).collect()
    }

    #[test]
    fn tokens_are_found_wherever_they_stand() {
        let token = "gAAAAABnaB-_0w==";
        let body = "gAAAAABnaB-_0w";
        let inner = json!({"password": format!("fernet:{token}")}).to_string();
        for (text, marked, place) in [
            (token.to_owned(), false, token.to_owned()),
            (format!("fernet:{token}"), true, format!("fernet:{token}")),
            (format!("it was {token}."), false, token.to_owned()),
            (json!({"a": {"b": format!("fernet:{token}")}}).to_string(), true, format!("fernet:{token}")),
            (json!({"entity": inner}).to_string(), true, format!("fernet:{token}")),
            (json!([json!({"entity": inner}).to_string()]).to_string(), true, format!("fernet:{token}")),
            (format!("{{\"a\": \"{body}\\u003d\\u003d\"}}"), false, format!("{body}\\u003d\\u003d")),
            (format!("\"{{\\\"a\\\": \\\"{body}\\\\u003D=\\\"}}\""), false, format!("{body}\\\\u003D=")),
        ] {
            assert_eq!(found(&text), [(body, marked, place.as_str())], "{text}");
        }
    }

    #[test]
    fn what_only_begins_like_one_is_none_and_a_mark_is_enough() {
        for text in ["", "f", "g", "fernet:", "fernet: a plant", "a fernet:\" b", "gAAAA", "é\\"] {
            assert_eq!(found(text), [], "{text}");
        }
        assert_eq!(found("fernet:x fernet:y"), [("x", true, "fernet:x"), ("y", true, "fernet:y")]);
        assert_eq!(found("x==="), []);
        assert_eq!(found("gAAAAA==="), [("gAAAAA", false, "gAAAAA==")]);
    }

    proptest! {
        #[test]
        fn only_tokens_are_exchanged_in_a_text_within_texts(
            bodies in proptest::collection::vec("gAAAAA[A-Za-z0-9_-]{0,9}={0,2}", 0..5), note in any::<String>(), depth in 0..4,
        ) {
            prop_assume!(found(&note).is_empty());
            let document = |texts: &[String]| {
                let mut document = json!({"note": note, "list": texts});
                for _ in 0..depth {
                    document = json!({"text": document.to_string(), "note": note});
                }
                document
            };
            let before = document(&bodies).to_string();
            let by: Vec<_> = tokens(&before).map(|token| (token.range, "new==".to_owned())).collect();
            prop_assert_eq!(by.len(), bodies.len());
            let after: Value = serde_json::from_str(&replaced(&before, &by)).unwrap();
            prop_assert_eq!(after, document(&vec!["new==".to_owned(); bodies.len()]));
        }
    }
}
