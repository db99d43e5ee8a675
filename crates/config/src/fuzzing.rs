//! What fuzzers call: each target takes any bytes and panics if something is wrong. Only with the feature `fuzzing`.
//!
//! They run under a fuzzer that watches coverage and in the tests: both are in `tests/fuzz`, at the root of the repository.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a target fails as a test does")]

use std::collections::BTreeMap;

use crate::environment::Environment;
use crate::expandvars::{self, MAX_BYTES, expandvars};
pub use crate::workflow::fuzzing::{workflow_json, workflow_yaml};

/// A function that a fuzzer calls with any bytes.
pub type Target = fn(&[u8]);

/// Every target, by the name of its corpus.
pub const TARGETS: [(&str, Target); 3] =
    [("variables", variables), ("workflow_json", workflow_json), ("workflow_yaml", workflow_yaml)];

/// Variables are put in as the rule says, and every line of what comes out leads back to its own.
///
/// The input is lines `NAME=value`, an empty line, and the text.
pub fn variables(input: &[u8]) {
    let input = String::from_utf8_lossy(input);
    let (head, text) = input.split_once("\n\n").unwrap_or(("", &input));
    let set: BTreeMap<&str, &str> = head.lines().filter_map(|line| line.split_once('=')).collect();
    let environment: Environment = set.iter().map(|(name, value)| (*name, *value)).collect();
    let by_rule = plainly(text, &set);
    let Ok(once) = expandvars(text, &|name| environment.get(name).map(str::to_owned)) else {
        assert!(by_rule.is_none() && expandvars::expand(text, &environment).is_err());
        return;
    };
    assert_eq!(Some(&once), by_rule.as_ref());
    let file = expandvars::expand(text, &environment).expect("it is as long by the other way");
    assert_eq!(file.text.text.expose(), once);

    let written: Vec<_> = text.split('\n').collect();
    let mut last = 1;
    for (index, line) in once.split('\n').enumerate() {
        let (from, column) = file.text.written(index + 1, 1);
        assert!((last..=written.len()).contains(&from), "line {} comes from {from}", index + 1);
        if column.is_some() {
            assert_eq!(line, written[from - 1], "a line that is as it was written");
        }
        if let Some(left) = file.left_in(index + 1, line) {
            assert!(text.contains(left), "what was left stands in the file");
        }
        last = from;
    }
}

/// The rule of Python's `expandvars`, step by step; `None` if more comes out than there may.
fn plainly(text: &str, set: &BTreeMap<&str, &str>) -> Option<String> {
    let (mut out, mut rest) = (String::new(), text);
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let name = match rest[1..].strip_prefix('{') {
            Some(inside) => inside.find('}').map(|end| (&inside[..end], end + 3)),
            None => {
                let known = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
                let end = rest[1..].find(|letter| !known(letter)).unwrap_or(rest.len() - 1);
                (end > 0).then_some((&rest[1..=end], end + 1))
            }
        };
        let (value, length) = match name {
            Some((name, length)) => (set.get(name).copied().unwrap_or(&rest[..length]), length),
            None => ("$", 1),
        };
        out.push_str(value);
        rest = &rest[length..];
        if out.len() > MAX_BYTES {
            return None;
        }
    }
    out.push_str(rest);
    (out.len() <= MAX_BYTES).then_some(out)
}
