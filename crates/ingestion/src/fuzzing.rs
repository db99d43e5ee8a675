//! What fuzzers call: each target takes any bytes and panics if something is wrong. Only with the feature `fuzzing`.
//!
//! They run under a fuzzer that watches coverage and in the tests: both are in `tests/fuzz`, at the root of the repository.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a target fails as a test does")]

use std::collections::BTreeMap;

use strongroom_secrets::SecretValue;

use crate::airflow::expansion::{self, Endless, MAX_BYTES};
use crate::airflow::ini::{Ini, InterpolationError};

/// A function that a fuzzer calls with any bytes.
pub type Target = fn(&[u8]);

/// Every target, by the name of its corpus.
pub const TARGETS: [(&str, Target); 2] =
    [("airflow_cfg", airflow_cfg), ("airflow_expansion", airflow_expansion)];

/// An `airflow.cfg` is read, or refused with a line that it has; and any text comes back that is written as the form wants it.
pub fn airflow_cfg(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    match Ini::parse(&text) {
        Ok(ini) => {
            for (section, option) in ini.options() {
                assert!(ini.has(section, option));
                match ini.get(section, option) {
                    Ok(value) => assert!(value.expect("it is there").len() <= MAX_BYTES + text.len()),
                    Err(_) => assert!(text.contains('%'), "it was something else than a %"),
                }
            }
            assert!(!ini.has("no such section", "a") && ini.get("no such section", "a") == Ok(None));
        }
        Err(error) => {
            let lines = text.replace("\r\n", "\n").split(['\n', '\r']).count();
            assert!((1..=lines).contains(&error.line), "line {} of {lines}", error.line);
        }
    }
    percent_signs(&text);
}

/// A value of one line, with its percent signs doubled and as they are.
fn percent_signs(text: &str) {
    // What else the form gives a meaning to: lines, and space around a value.
    let value: String =
        text.chars().filter(|letter| !letter.is_whitespace() && !letter.is_control()).collect();
    let read = |value: &str| Ini::parse(&format!("[s]\na = {value}\n")).unwrap().get("s", "a");
    let doubled = read(&value.replace('%', "%%"));
    assert_eq!(doubled.unwrap().as_ref().map(SecretValue::expose), Some(&*value));
    match read(&value) {
        Ok(read) if !value.contains("%(") => {
            assert_eq!(read.unwrap().expose(), value.replace("%%", "%"));
        }
        Ok(_) => {}
        // It can name but itself.
        Err(InterpolationError::TooDeep) => assert!(value.contains("%(a)s")),
        Err(_) => assert!(value.replace("%%", "").contains('%')),
    }
}

/// Putting variables and homes in comes to an end, and what comes out stays as it is when they are put in again.
///
/// The input is lines `NAME=value`, an empty line, and the text.
pub fn airflow_expansion(input: &[u8]) {
    let input = String::from_utf8_lossy(input);
    let (head, text) = input.split_once("\n\n").unwrap_or(("", &input));
    let set: BTreeMap<&str, &str> = head.lines().filter_map(|line| line.split_once('=')).collect();
    let variable = |name: &str| set.get(name).map(|value| (*value).to_owned());
    let home = |user: Option<&str>| match user {
        None => Some("/home/own/".to_owned()),
        Some("root") => Some("/root".to_owned()),
        Some(_) => None,
    };
    let expand = |text: &str| expansion::expand_with(text, &variable, &home);
    match expand(text) {
        Ok(value) => {
            assert!(value.len() <= MAX_BYTES);
            assert_eq!(expand(value.expose()).as_ref(), Ok(&value), "it changes again");
            if set.is_empty() && !text.starts_with('~') {
                assert_eq!(value.expose(), text);
            }
        }
        Err(Endless) => {
            let goes_on = set.values().any(|value| value.contains(['$', '~']));
            let most = set.values().map(|value| value.len()).max().unwrap_or_default() * text.len();
            assert!(goes_on || most + text.len() > MAX_BYTES / 2, "it had an end");
        }
    }
}
