use proptest::prelude::*;
use serde_json::json;

use super::*;

#[test]
fn what_does_not_change_stays_byte_for_byte() {
    let text = " { \"b\":1.10 ,\"a\" : [1e400, 12345678901234567890123,-0.0 ],\r\n \"\\u0070w\":\"old\",\"ü\":\"\\u00fc\"}\n";
    let mut document = read(text).unwrap();
    document["pw"] = json!("secret:new");
    let expected = text.replace("\"old\"", "\"secret:new\"");
    assert_eq!(rewrite(text, &document).unwrap(), expected);
    assert_eq!(read(&expected).unwrap(), document);
}

#[test]
fn members_and_elements_come_and_go_beside_what_stays() {
    let text = r#"{"gone":1,"kept":{"n":1.50},"list":[1.0,2]}"#;
    let after = json!({"kept": {"n": 1.5}, "list": [1.0, 2, 3], "new": null});
    assert_eq!(rewrite(text, &after).unwrap(), r#"{"kept":{"n":1.50},"list":[1.0,2,3],"new":null}"#);
    assert_eq!(rewrite(text, &json!("other")).unwrap(), "\"other\"");
}

#[test]
fn a_key_that_stands_twice_is_refused_with_its_path() {
    let text = r#"{"a":[{"b":1,"c":2,"\u0062":3}]}"#;
    assert_eq!(read(text), Err(TextError::Duplicate { path: "a[0].b".parse().unwrap() }));
    assert_eq!(read(r#"{"a":{"x":1},"b":{"x":1}}"#).unwrap(), json!({"a": {"x": 1}, "b": {"x": 1}}));
}

#[test]
fn what_is_nested_too_deep_is_refused_and_not_read_to_its_end() {
    let deep = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
    assert!(read(&deep(MAX_DEPTH)).is_ok());
    for text in [deep(MAX_DEPTH + 2), deep(1_000_000), "{\"a\":".repeat(100_000)] {
        assert_eq!(read(&text), Err(TextError::TooDeep));
    }
}

#[test]
fn what_is_not_json_is_refused_without_quoting_it() {
    for text in [
        "",
        "{",
        "{\"a\"}",
        "{\"a\":1,}",
        "[1,]",
        "[1 2]",
        "{a:1}",
        "\"",
        "\"\u{1}\"",
        "\"\\x\"",
        "01",
        "1.",
        ".5",
        "+1",
        "1e",
        "-",
        "1-2",
        "nul",
        "true false",
        "\"\\ud800\"",
        "{\"hunter2\":hunter2}",
    ] {
        let error = read(text).unwrap_err();
        assert!(matches!(error, TextError::NotJson { .. }), "{text}: {error}");
        assert!(!error.to_string().contains("hunter2"));
    }
}

#[test]
fn numbers_beyond_64_bits_are_read_as_their_digits() {
    assert_eq!(read("[1e400,-1E+999]").unwrap(), json!(["1e400", "-1E+999"]));
    assert_eq!(read("12345678901234567890").unwrap(), json!(12_345_678_901_234_567_890_u64));
}

/// Numbers of any length.
const NUMBER: &str = "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?";

/// Numbers that 64 bits hold exactly.
const EXACT: &str = "-?[1-9][0-9]{0,8}(\\.[0-9]{1,4})?";

/// Any document as a text, with white space and such numbers in it.
fn any_text(number: &'static str) -> impl Strategy<Value = String> {
    let string = any::<String>().prop_map(|text| Value::from(text).to_string());
    let leaf = prop_oneof![number, string, Just("null".to_owned()), Just("true".to_owned())];
    leaf.prop_recursive(4, 40, 5, |inner| {
        let space = prop::sample::select(vec!["", " ", "\n\t"]);
        let list = (prop::collection::vec(inner.clone(), 0..5), space.clone())
            .prop_map(|(parts, space)| format!("[{space}{}{space}]", parts.join(&format!("{space},"))));
        let object = (prop::collection::btree_map("[a-e\"\\\\é]{0,3}", inner, 0..5), space).prop_map(
            |(members, space)| {
                let members: Vec<String> = members
                    .iter()
                    .map(|(key, value)| format!("{}{space}:{value}", Value::from(key.as_str())))
                    .collect();
                format!("{{{space}{}}}", members.join(&format!(",{space}")))
            },
        );
        prop_oneof![list, object]
    })
}

proptest! {
    #[test]
    fn a_document_that_does_not_change_is_the_same_text(text in any_text(NUMBER)) {
        let document = read(&text).unwrap();
        prop_assert_eq!(rewrite(&text, &document).unwrap(), text);
    }

    #[test]
    fn a_document_that_changes_says_what_it_shall(one in any_text(NUMBER), other in any_text(EXACT)) {
        let after = read(&other).unwrap();
        let rewritten = read(&rewrite(&one, &after).unwrap()).unwrap();
        prop_assert_eq!(rewritten, after);
    }

    #[test]
    fn it_reads_what_serde_json_reads(text in any_text(NUMBER)) {
        if let Ok(value) = serde_json::from_str::<Value>(&text) {
            prop_assert_eq!(read(&text).unwrap(), value);
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in "[\\[\\]{}:,\"\\\\a0-9eE.+ u-]{0,60}") {
        let _ = read(&text);
    }
}
