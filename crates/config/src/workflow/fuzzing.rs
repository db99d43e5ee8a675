//! Targets for fuzzers: workflow files.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a target fails as a test does")]

use std::path::Path;

use serde_json::{Number, Value};

use super::{WorkflowFile, json, merge};
use crate::environment::Environment;
use crate::error::Place;
use strongroom_yaml::{Content, Node};

/// What stands in the variable `P`, and may stand in no message.
const PASSWORD: &str = "hunter2-Grüße";

/// How long a key may be in a mapping of YAML's that is written like one of JSON's: 1024 characters, each of them escaped.
const MAX_KEY: usize = 1024 / 6;

/// The longest tree that is written and read again, in bytes.
const MAX_WRITTEN: usize = 256 * 1024;

/// A file in YAML is read or refused with its place and without a value; what was read says the same when it is written anew.
pub fn workflow_yaml(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    file("w.yaml", &text);
    if let Ok(tree) = strongroom_yaml::parse(&text) {
        comes_back(&tree);
    }
}

/// The same in JSON, of which another reader has to think the same.
pub fn workflow_json(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    file("w.json", &text);
    match (json::parse(&text), serde_json::from_str::<Value>(&text)) {
        (Ok(tree), Ok(value)) => {
            // Where a key stands twice, each takes another.
            assert!(merge::each_once(&tree).is_err() || says(&tree, &value), "it is read as something else");
            comes_back(&tree);
        }
        (Err(error), Ok(_)) => assert_eq!(error.what, "it is nested too deeply"),
        (Ok(_), Err(error)) => panic!("another reader refuses it: {error}"),
        (Err(_), Err(_)) => {}
    }
}

fn file(name: &str, text: &str) {
    let environment =
        Environment::from([("P", PASSWORD), ("EMPTY", ""), ("LINES", "a:\n- b\n"), ("A", "$P")]);
    let lines = text.split('\n').count();
    let is_in_the_file = |place: &Place| {
        if let Place::File { line, column, .. } = place {
            assert!((1..=lines).contains(line) && *column != Some(0), "{place} of {lines} lines");
        }
    };
    match WorkflowFile::parse(Path::new(name), text, &environment) {
        Ok(file) => {
            for entry in file.entries() {
                is_in_the_file(&entry.place);
                assert!(entry.left.is_none_or(|left| text.contains(left)));
            }
            is_in_the_file(file.place_of_provider());
            assert!(!format!("{file:?}").contains(PASSWORD));
        }
        Err(error) => {
            error.place().into_iter().for_each(is_in_the_file);
            // Keys are named, and a variable can stand where one is expected.
            let keys = error.key_path().unwrap_or_default();
            assert!(
                keys.contains(PASSWORD) || !format!("{error} {error:?}").contains(PASSWORD),
                "a value is told"
            );
        }
    }
}

/// Whether a tree is what another reader has read. Numbers stay as they are written.
fn says(node: &Node, value: &Value) -> bool {
    match (&node.content, value) {
        (Content::Null, Value::Null) => true,
        (Content::Text(text), Value::String(same)) => text.expose() == same,
        (Content::Text(text), Value::Bool(same)) => text.expose() == same.to_string(),
        (Content::Text(text), Value::Number(same)) => {
            serde_json::from_str::<Number>(text.expose()).is_ok_and(|number| number == *same)
        }
        (Content::List(items), Value::Array(same)) => {
            items.len() == same.len() && items.iter().zip(same).all(|(item, same)| says(item, same))
        }
        (Content::Map(entries), Value::Object(same)) => {
            entries.len() == same.len()
                && entries
                    .iter()
                    .all(|(key, value)| same.get(&key.name).is_some_and(|same| says(value, same)))
        }
        _ => false,
    }
}

/// Written as JSON, a tree is the same to both readers: JSON is YAML too.
fn comes_back(tree: &Node) {
    let mut written = String::new();
    if !is_short(tree) {
        return;
    }
    write(tree, &mut written);
    if written.len() > MAX_WRITTEN {
        return;
    }
    for (reader, again) in [("JSON", json::parse(&written)), ("YAML", strongroom_yaml::parse(&written))] {
        let again =
            again.unwrap_or_else(|error| panic!("{reader}, line {}: {}: {written}", error.line, error.what));
        assert!(same(tree, &again), "as {reader} it changes: {written}");
    }
}

fn is_short(node: &Node) -> bool {
    match &node.content {
        Content::Null | Content::Text(_) => true,
        Content::List(items) => items.iter().all(is_short),
        Content::Map(entries) => {
            entries.iter().all(|(key, value)| key.name.len() < MAX_KEY && is_short(value))
        }
    }
}

fn write(node: &Node, out: &mut String) {
    match &node.content {
        Content::Null => out.push_str("null"),
        Content::Text(value) => quote(value.expose(), out),
        Content::List(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { "," });
                write(item, out);
            }
            out.push(']');
        }
        Content::Map(entries) => {
            out.push('{');
            for (index, (key, value)) in entries.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { "," });
                quote(&key.name, out);
                out.push(':');
                write(value, out);
            }
            out.push('}');
        }
    }
}

/// A text in double quotes. What JSON takes as it is and YAML does not is escaped.
fn quote(text: &str, out: &mut String) {
    for letter in Value::from(text).to_string().chars() {
        match letter {
            ' '..='~' | '\u{a0}'..='\u{fdff}' | '\u{10000}'.. => out.push(letter),
            other => out.push_str(&format!("\\u{:04x}", u32::from(other))),
        }
    }
}

fn same(one: &Node, other: &Node) -> bool {
    match (&one.content, &other.content) {
        (Content::Null, Content::Null) => true,
        (Content::Text(one), Content::Text(other)) => one == other,
        (Content::List(one), Content::List(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Content::Map(one), Content::Map(other)) => {
            one.len() == other.len()
                && one.iter().zip(other).all(|((key, value), (other_key, other))| {
                    key.name == other_key.name && same(value, other)
                })
        }
        _ => false,
    }
}
