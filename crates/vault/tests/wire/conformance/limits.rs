//! Names, sizes and counts at their bounds.

use serde_json::{Map, Value, json};

use super::row::{Row, delete, get, patch, post, put, row, set};

fn tags(count: usize) -> Value {
    (0..count).map(|n| (format!("tag{n}"), Value::from("v"))).collect::<Map<_, _>>().into()
}

fn long(length: usize) -> String {
    "a".repeat(length)
}

pub(super) fn rows() -> Vec<Row> {
    let taken =
        |fact: &'static str, body: Value| row(fact).ask(put("/secrets/a", body.clone())).answers_with(body);
    let refused = |fact: &'static str, body: &Value| {
        let row = row(fact).ask(put("/secrets/a", body.clone())).refused(400, "BadParameter", None);
        row.ask(get("/secrets")).lists([""; 0], false)
    };
    let mut rows = vec![
        taken("A value may have 25,600 bytes", json!({"value": long(25_600)})),
        refused("A value may not have 25,601 bytes", &json!({"value": long(25_601)})),
        taken("A value's length is counted in UTF-8", json!({"value": "ä".repeat(12_800)})),
        refused("12,801 characters of two bytes are too long", &json!({"value": "ä".repeat(12_801)})),
        taken("However a value is escaped, its own length counts", json!({"value": "\u{1}".repeat(25_600)})),
        taken(
            "The largest value, tags and content type are taken together, however they are escaped",
            json!({
                "value": "\u{1}".repeat(25_600),
                "contentType": "\u{1}".repeat(255),
                "tags": (0..15)
                    .map(|n| (format!("{n:x}{}", "\u{2}".repeat(511)), Value::from("\u{3}".repeat(512))))
                    .collect::<Map<_, _>>(),
            }),
        ),
        taken("A secret may have 15 tags", json!({"value": "x", "tags": tags(15)})),
        refused("A secret may not have 16 tags", &json!({"value": "x", "tags": tags(16)})),
        taken(
            "A tag's name and value may have 512 characters",
            json!({"value": "x", "tags": {long(512): "ä".repeat(512)}}),
        ),
        refused("A tag's name may not have 513", &json!({"value": "x", "tags": {long(513): ""}})),
        refused("A tag's value may not have 513", &json!({"value": "x", "tags": {"a": long(513)}})),
        taken(
            "A content type may have 255 characters",
            json!({"value": "x", "contentType": "ä".repeat(255)}),
        ),
        refused("A content type may not have 256", &json!({"value": "x", "contentType": long(256)})),
        refused("A value is needed", &json!({"contentType": "c"})),
        refused("A value is not null", &json!({"value": null})),
        refused("A value is a text", &json!({"value": 1})),
        refused("A tag's value is a text", &json!({"value": "x", "tags": {"a": 1}})),
        refused("Tags are an object", &json!({"value": "x", "tags": ["a"]})),
        refused("A date is a number", &json!({"value": "x", "attributes": {"exp": "soon"}})),
        refused("A date has whole seconds", &json!({"value": "x", "attributes": {"exp": 1.5}})),
        refused("enabled is true or false", &json!({"value": "x", "attributes": {"enabled": "yes"}})),
        refused("A body is an object", &json!(["x"])),
        refused("A body is an object, whatever an array holds", &json!(["x", null, null, null])),
        refused("Attributes are an object", &json!({"value": "x", "attributes": [true, 1, 2]})),
        row("A body is JSON")
            .ask(put("/secrets/a", json!(null)).body("{\"value\": \"x\""))
            .refused(400, "BadParameter", None)
            .ask(put("/secrets/a", json!(null)).body("value=x"))
            .refused(400, "BadParameter", None)
            .ask(put("/secrets/a", json!(null)).body(""))
            .refused(400, "BadParameter", None)
            .ask(put("/secrets/a", json!(null)).without_body())
            .refused(400, "BadParameter", None),
        row("An update has the same bounds")
            .given(set("a", "x"))
            .ask(patch("/secrets/a/", json!({"tags": tags(16)})))
            .refused(400, "BadParameter", None)
            .ask(patch("/secrets/a/", json!({"contentType": long(256)})))
            .refused(400, "BadParameter", None)
            .ask(patch("/secrets/a/", json!({"tags": tags(15), "contentType": long(255)})))
            .answers_with(json!({"contentType": long(255)})),
        row("A name may have 127 characters of letters, digits and hyphens")
            .given(set(&long(127), "x"))
            .given(set("0-9-A-z", "x"))
            .given(set("-", "x"))
            .ask(get(format!("/secrets/{}", long(127))))
            .answers_with(json!({"value": "x"})),
        row("A name may be percent-encoded")
            .given(set("%61-b", "x"))
            .ask(get("/secrets/a%2Db"))
            .answers_with(json!({"id": "{base}/secrets/a-b/{1}"})),
    ];
    for name in
        [&long(128), "a_b", "a.b", "a b", "a%20b", "%C3%A4", "a%2Fb", "a%00", "%FF", "a+b", "a@b", "~"]
    {
        rows.push(
            row("A name has no other characters, and no more than 127")
                .ask(set(name, "x"))
                .refused(400, "BadParameter", None)
                .ask(get(format!("/secrets/{name}")))
                .refused(400, "BadParameter", None)
                .ask(patch(format!("/secrets/{name}/"), json!({})))
                .refused(400, "BadParameter", None)
                .ask(delete(format!("/secrets/{name}")))
                .refused(400, "BadParameter", None)
                .ask(get(format!("/secrets/{name}/versions")))
                .refused(400, "BadParameter", None)
                .ask(get(format!("/deletedsecrets/{name}")))
                .refused(400, "BadParameter", None)
                .ask(post(format!("/deletedsecrets/{name}/recover")))
                .refused(400, "BadParameter", None)
                .ask(delete(format!("/deletedsecrets/{name}")))
                .refused(400, "BadParameter", None),
        );
    }
    rows
}
