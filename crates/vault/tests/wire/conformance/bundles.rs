//! Set, get and update: what bundles say.

use serde_json::{Value, json};

use super::row::{Caller, Row, attributes, delete, get, patch, post, put, row, set};

/// Longer than any date.
const FAR: i64 = 253_402_300_799;

fn full() -> Value {
    json!({
        "value": "v", "contentType": "text/plain", "tags": {"b": "2", "a": "1"},
        "attributes": {"enabled": true, "nbf": 1_000, "exp": FAR},
    })
}

fn set_and_get() -> Vec<Row> {
    vec![
        row("A bundle says what was said, and leaves out what was not")
            .ask(set("a", "x"))
            .answers(json!({
                "value": "x", "id": "{base}/secrets/a/{hex}", "attributes": attributes("{now}", "{now}"),
            }))
            .ask(get("/secrets/a"))
            .answers(json!({
                "value": "x", "id": "{base}/secrets/a/{1}", "attributes": attributes("{now}", "{now}"),
            })),
        row("A bundle has content type, tags, and dates in whole seconds")
            .ask(put("/secrets/a", full()))
            .answers(json!({
                "value": "v", "id": "{base}/secrets/a/{hex}", "contentType": "text/plain", "tags": {"a": "1", "b": "2"},
                "attributes": {
                    "enabled": true, "nbf": 1_000, "exp": FAR, "created": "{now}", "updated": "{now}",
                    "recoveryLevel": "Recoverable+Purgeable", "recoverableDays": 90,
                },
            }))
            .ask(get("/secrets/a/{1}"))
            .answers_with(json!({"value": "v", "contentType": "text/plain", "tags": {"a": "1", "b": "2"}})),
        row("A value may be empty")
            .ask(set("a", ""))
            .answers_with(json!({"value": ""}))
            .ask(get("/secrets/a"))
            .answers_with(json!({"value": ""})),
        row("A value keeps every character")
            .given(set("a", "\u{0}\t\n\r\"\\/<>&'ä€\u{1f512}\u{feff}\u{7f}"))
            .ask(get("/secrets/a"))
            .answers_with(json!({"value": "\u{0}\t\n\r\"\\/<>&'ä€\u{1f512}\u{feff}\u{7f}"})),
        row("Every set makes a version; without one the latest is got")
            .given(set("a", "one"))
            .given(set("a", "two"))
            .ask(get("/secrets/a"))
            .answers_with(json!({"id": "{base}/secrets/a/{2}", "value": "two"}))
            .ask(get("/secrets/a/{1}"))
            .answers_with(json!({"id": "{base}/secrets/a/{1}", "value": "one"})),
        row("A set takes nothing over from the version before")
            .given(put("/secrets/a", full()))
            .ask(set("a", "x"))
            .answers(json!({
                "value": "x", "id": "{base}/secrets/a/{hex}", "attributes": attributes("{now}", "{now}"),
            })),
        row("Empty attributes are none")
            .ask(put("/secrets/a", json!({"value": "x", "attributes": {}})))
            .answers_with(json!({"attributes": {"enabled": true, "nbf": null, "exp": null}})),
        row("No tags and an empty set of tags are two things")
            .ask(put("/secrets/a", json!({"value": "x", "tags": {}})))
            .answers_with(json!({"tags": {}}))
            .ask(put("/secrets/a", json!({"value": "x", "tags": null})))
            .answers_with(json!({"tags": null})),
        row("An empty content type is kept")
            .ask(put("/secrets/a", json!({"value": "x", "contentType": ""})))
            .answers_with(json!({"contentType": ""})),
        row("Read-only attributes and unknown properties mean nothing")
            .ask(put(
                "/secrets/a",
                json!({
                    "value": "x", "id": "https://elsewhere/secrets/b", "kid": "k", "managed": true, "foo": [1],
                    "attributes": {"created": 5, "updated": 6, "recoveryLevel": "Purgeable", "recoverableDays": 7, "bar": {}},
                }),
            ))
            .answers(json!({
                "value": "x", "id": "{base}/secrets/a/{hex}", "attributes": attributes("{now}", "{now}"),
            })),
        row("Neither the content type of the request nor the one that is accepted matters")
            .ask(set("a", "x").header("accept", "text/html"))
            .answers_with(json!({"value": "x"}))
            .header("content-type", "application/json; charset=utf-8")
            .ask(set("a", "y").header("content-type", "application/json; charset=utf-8"))
            .answers_with(json!({"value": "y"}))
            .ask(set("a", "z").header("content-type", "text/plain"))
            .answers_with(json!({"value": "z"}))
            .ask(patch("/secrets/a/", json!({"tags": {"t": "1"}})).header("content-type", ""))
            .answers_with(json!({"tags": {"t": "1"}})),
        row("Names that are words of paths are names like others")
            .given_each(["versions", "backup", "recover", "restore", "secrets"].map(|name| set(name, name)))
            .ask(get("/secrets/versions"))
            .answers_with(json!({"value": "versions"}))
            .ask(get("/secrets/versions/versions"))
            .lists(["{base}/secrets/versions/{1}"], false)
            .ask(get("/secrets/backup/{2}"))
            .answers_with(json!({"value": "backup"}))
            .ask(patch("/secrets/recover/", json!({"contentType": "c"})))
            .answers_with(json!({"id": "{base}/secrets/recover/{3}"}))
            .ask(delete("/secrets/restore"))
            .answers_with(json!({"recoveryId": "{base}/deletedsecrets/restore"}))
            .ask(post("/deletedsecrets/restore/recover"))
            .answers_with(json!({"id": "{base}/secrets/restore/{4}"}))
            .ask(get("/secrets/secrets/"))
            .answers_with(json!({"value": "secrets"})),
        row("Of names that differ in case only there is one, through its whole life")
            .given(set("Mixed", "x"))
            .given(post("/secrets/MIXED/backup"))
            .ask(patch("/secrets/mIXED/", json!({"contentType": "c"})))
            .answers_with(json!({"id": "{base}/secrets/Mixed/{1}"}))
            .ask(delete("/secrets/MIXED"))
            .answers_with(json!({"id": "{base}/secrets/Mixed/{1}", "recoveryId": "{base}/deletedsecrets/Mixed"}))
            .ask(get("/deletedsecrets"))
            .lists(["{base}/secrets/Mixed"], false)
            .ask(post("/deletedsecrets/mixed/recover"))
            .answers_with(json!({"id": "{base}/secrets/Mixed/{1}"}))
            .ask(get("/secrets/mixed/versions"))
            .lists(["{base}/secrets/Mixed/{1}"], false),
        row("Of a property that is said twice nobody knows which was meant")
            .ask(put("/secrets/a", json!(null)).body("{\"value\": \"x\", \"value\": \"y\"}"))
            .refused(400, "BadParameter", None)
            .ask(get("/secrets"))
            .lists([""; 0], false),
        row("Names compare without case and keep the case of their first use")
            .given(set("Sales-Password", "one"))
            .ask(set("SALES-password", "two"))
            .answers_with(json!({"id": "{base}/secrets/Sales-Password/{hex}"}))
            .ask(get("/secrets/sales-PASSWORD/{1}"))
            .answers_with(json!({"id": "{base}/secrets/Sales-Password/{1}", "value": "one"}))
            .ask(get("/secrets"))
            .lists(["{base}/secrets/Sales-Password"], false),
        row("Neither nbf nor exp blocks a get: a time to come")
            .given(put("/secrets/a", json!({"value": "x", "attributes": {"nbf": FAR}})))
            .ask(get("/secrets/a"))
            .answers_with(json!({"value": "x", "attributes": {"nbf": FAR}})),
        row("Neither nbf nor exp blocks a get: a time that is over")
            .given(put("/secrets/a", json!({"value": "x", "attributes": {"nbf": 5, "exp": 9}})))
            .ask(get("/secrets/a").by(Caller::User))
            .answers_with(json!({"value": "x", "attributes": {"nbf": 5, "exp": 9}})),
        row("Dates may be negative, as a client that cuts them to 32 bits sends them")
            .given(put(
                "/secrets/a",
                json!({"value": "x", "attributes": {"nbf": -2_147_483_648_i64, "exp": -1}}),
            ))
            .ask(get("/secrets/a"))
            .answers_with(json!({"attributes": {"nbf": -2_147_483_648_i64, "exp": -1}})),
        row("A disabled version refuses a get")
            .given(set("a", "old"))
            .given(put("/secrets/a", json!({"value": "x", "attributes": {"enabled": false}})))
            .ask(get("/secrets/a"))
            .refused(403, "Forbidden", "SecretDisabled")
            .saying("Operation get is not allowed on a disabled secret.")
            .ask(get("/secrets/a/{2}"))
            .refused(403, "Forbidden", "SecretDisabled")
            .ask(get("/secrets/a/{1}"))
            .answers_with(json!({"value": "old"}))
            .ask(get("/secrets"))
            .lists(["{base}/secrets/a"], false)
            .ask(patch("/secrets/a/", json!({"attributes": {"enabled": true}})))
            .answers_with(json!({"attributes": {"enabled": true}}))
            .ask(get("/secrets/a"))
            .answers_with(json!({"value": "x"})),
        row("What is not there is not found, and may be recoverable")
            .given(set("a", "x"))
            .ask(get("/secrets/b"))
            .refused(404, "SecretNotFound", None)
            .saying("recover")
            .ask(get("/secrets/a/00000000000000000000000000000000"))
            .refused(404, "SecretNotFound", None)
            .ask(get("/secrets/a/not-a-version"))
            .refused(404, "SecretNotFound", None),
    ]
}

fn update() -> Vec<Row> {
    vec![
        row("An update changes what it names, answers without the value, and makes no version")
            .given(put("/secrets/a", full()))
            .wait(5)
            .ask(patch("/secrets/a/{1}", json!({"contentType": "new"})))
            .answers(json!({
                "id": "{base}/secrets/a/{1}", "contentType": "new", "tags": {"a": "1", "b": "2"},
                "attributes": {
                    "enabled": true, "nbf": 1_000, "exp": FAR, "created": "{now-5}", "updated": "{now}",
                    "recoveryLevel": "Recoverable+Purgeable", "recoverableDays": 90,
                },
            }))
            .ask(get("/secrets/a"))
            .answers_with(json!({"value": "v", "contentType": "new"}))
            .ask(get("/secrets/a/versions"))
            .lists(["{base}/secrets/a/{1}"], false),
        row("An update without a version means the latest")
            .given(set("a", "one"))
            .given(set("a", "two"))
            .ask(patch("/secrets/a/", json!({"tags": {"t": "1"}})))
            .answers_with(json!({"id": "{base}/secrets/a/{2}", "tags": {"t": "1"}, "value": null}))
            .ask(get("/secrets/a/{1}"))
            .answers_with(json!({"tags": null})),
        row("An update may name a version that is not the latest")
            .given(set("a", "one"))
            .given(set("a", "two"))
            .ask(patch("/secrets/a/{1}", json!({"attributes": {"exp": 9}})))
            .answers_with(json!({"id": "{base}/secrets/a/{1}", "attributes": {"exp": 9}}))
            .ask(get("/secrets/a/{2}"))
            .answers_with(json!({"attributes": {"exp": null}})),
        row("Tags are replaced as a whole; an empty set clears them, null leaves them")
            .given(put("/secrets/a", full()))
            .ask(patch("/secrets/a", json!({"tags": null})))
            .answers_with(json!({"tags": {"a": "1", "b": "2"}}))
            .ask(patch("/secrets/a", json!({"tags": {"c": "3"}})))
            .answers_with(json!({"tags": {"a": null, "c": "3"}}))
            .ask(patch("/secrets/a", json!({"tags": {}})))
            .answers_with(json!({"tags": {"c": null}})),
        row("Empty attributes change nothing but the time of the update")
            .given(put("/secrets/a", full()))
            .wait(7)
            .ask(patch("/secrets/a/", json!({"attributes": {}})))
            .answers_with(json!({
                "contentType": "text/plain",
                "attributes": {"enabled": true, "nbf": 1_000, "exp": FAR, "created": "{now-7}", "updated": "{now}"},
            })),
        row("Read-only attributes are sent back and ignored; so is a value")
            .given(set("a", "x"))
            .ask(patch(
                "/secrets/a/",
                json!({
                    "value": "y", "id": "https://elsewhere/secrets/b/1",
                    "attributes": {
                        "created": 1, "updated": 2, "recoveryLevel": "Purgeable", "recoverableDays": 1, "enabled": true,
                    },
                }),
            ))
            .answers(json!({"id": "{base}/secrets/a/{1}", "attributes": attributes("{now}", "{now}")}))
            .ask(get("/secrets/a"))
            .answers_with(json!({"value": "x"})),
        row("A disabled version can be updated")
            .given(put("/secrets/a", json!({"value": "x", "attributes": {"enabled": false}})))
            .ask(patch("/secrets/a/{1}", json!({"contentType": "c"})))
            .answers_with(json!({"contentType": "c", "attributes": {"enabled": false}})),
        row("What is not there cannot be updated")
            .given(set("a", "x"))
            .ask(patch("/secrets/b/", json!({})))
            .refused(404, "SecretNotFound", None)
            .saying("recover")
            .ask(patch("/secrets/a/00000000000000000000000000000000", json!({})))
            .refused(404, "SecretNotFound", None),
        row("An update needs a body")
            .given(set("a", "x"))
            .ask(patch("/secrets/a/", json!(null)).without_body())
            .refused(400, "BadParameter", None),
    ]
}

pub(super) fn rows() -> Vec<Row> {
    set_and_get().into_iter().chain(update()).collect()
}
