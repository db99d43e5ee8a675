//! YAML's merge keys (`<<: *defaults`), which the ingestion's parser knows, and keys that stand twice.

use std::collections::BTreeSet;

use strongroom_yaml::{Content, Key, Node, SyntaxError};

const MERGE: &str = "<<";

/// The most entries that merging may bring in: a chain of merges can double at each step.
const MAX_MERGED: usize = 10_000;

/// Puts the entries of merged mappings in. A mapping's own entries win, then those of the mapping merged first.
pub(super) fn merged(node: Node) -> Result<Node, SyntaxError> {
    merge(node, &mut 0)
}

fn merge(node: Node, count: &mut usize) -> Result<Node, SyntaxError> {
    let content = match node.content {
        Content::List(items) => {
            Content::List(items.into_iter().map(|item| merge(item, count)).collect::<Result<_, _>>()?)
        }
        Content::Map(entries) => Content::Map(mapping(entries, count)?),
        other => other,
    };
    Ok(Node { content, ..node })
}

fn mapping(entries: Vec<(Key, Node)>, count: &mut usize) -> Result<Vec<(Key, Node)>, SyntaxError> {
    let mut own = Vec::with_capacity(entries.len());
    let mut others = Vec::new();
    for (key, node) in entries {
        let node = merge(node, count)?;
        if key.name != MERGE {
            own.push((key, node));
            continue;
        }
        match node.content {
            Content::Map(entries) => others.extend(entries),
            Content::List(items) => {
                for item in items {
                    match item.content {
                        Content::Map(entries) => others.extend(entries),
                        _ => return Err(no_mapping(&item)),
                    }
                }
            }
            _ => return Err(no_mapping(&node)),
        }
    }
    if others.is_empty() {
        return Ok(own);
    }
    *count += others.len();
    if *count > MAX_MERGED {
        let (line, column) = others.first().map_or((1, 1), |(key, _)| (key.line, key.column));
        return Err(SyntaxError { line, column, what: "the document is too large" });
    }
    // Own keys that stand twice stay twice, to be refused.
    let mut known: BTreeSet<String> = own.iter().map(|(key, _)| key.name.clone()).collect();
    own.extend(others.into_iter().filter(|(key, _)| known.insert(key.name.clone())));
    Ok(own)
}

/// Refuses a key that stands twice in one mapping: the ingestion would silently take the second.
pub(super) fn each_once(node: &Node) -> Result<(), SyntaxError> {
    match &node.content {
        Content::Null | Content::Text(_) => Ok(()),
        Content::List(items) => items.iter().try_for_each(each_once),
        Content::Map(entries) => {
            let mut known = BTreeSet::new();
            entries.iter().try_for_each(|(key, value)| {
                if !known.insert(key.name.as_str()) {
                    let what = "the key stands here a second time";
                    return Err(SyntaxError { line: key.line, column: key.column, what });
                }
                each_once(value)
            })
        }
    }
}

fn no_mapping(node: &Node) -> SyntaxError {
    SyntaxError { line: node.line, column: node.column, what: "<< merges mappings only" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use strongroom_yaml::parse;

    fn names_and_texts(node: &Node) -> Vec<(&str, &str)> {
        let Content::Map(entries) = &node.content else { panic!("{}", node.kind()) };
        entries
            .iter()
            .map(|(key, value)| match &value.content {
                Content::Text(text) => (key.name.as_str(), text.expose()),
                _ => (key.name.as_str(), value.kind()),
            })
            .collect()
    }

    fn last(text: &str) -> Node {
        let Content::Map(mut entries) = merged(parse(text).unwrap()).unwrap().content else { panic!() };
        entries.pop().unwrap().1
    }

    #[test]
    fn merged_entries_come_after_a_mappings_own() {
        let node = last("base: &base {a: 1, b: 2}\nuse:\n  b: 3\n  <<: *base\n");
        assert_eq!(names_and_texts(&node), [("b", "3"), ("a", "1")]);
    }

    #[test]
    fn the_first_of_several_merged_mappings_wins() {
        let node = last("x: &x {a: 1}\ny: &y {a: 2, b: 3}\nuse: {<<: [*x, *y]}\n");
        assert_eq!(names_and_texts(&node), [("a", "1"), ("b", "3")]);
        let chained = last("x: &x {a: 1}\ny: &y {<<: *x, b: 2}\nuse: {<<: *y}\n");
        assert_eq!(names_and_texts(&chained), [("b", "2"), ("a", "1")]);
    }

    #[test]
    fn what_is_no_mapping_cannot_be_merged() {
        for text in ["a: {<<: x}", "a: {<<: [x]}", "a: {<<: }"] {
            let error = merged(parse(text).unwrap()).unwrap_err();
            assert_eq!(error.what, "<< merges mappings only", "{text}");
        }
    }
}
