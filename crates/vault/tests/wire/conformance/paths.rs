//! API versions, queries, paths and methods.

use serde_json::json;

use super::row::{Caller, Row, delete, get, patch, post, put, row, set};

pub(super) fn rows() -> Vec<Row> {
    let mut rows =
        vec![
        row("The name of a parameter may be percent-encoded")
            .given(set("a", "x"))
            .ask(get("/secrets/a?api%2Dversion=7.4").bare())
            .answers_with(json!({"value": "x"})),
        row("Parameters come in any order, and unknown ones mean nothing")
            .given(set("a", "x"))
            .ask(get("/secrets/a?x=1&api-version=7.0&y").bare())
            .answers_with(json!({"value": "x"})),
        row("Version 2026-04-01 may ask for a type of content, which a secret that is no certificate has not")
            .given(set("a", "x"))
            .given(set("a", "y"))
            .ask(get("/secrets/a?api-version=2026-04-01&outContentType=application%2Fx-pem-file"))
            .answers_with(json!({"value": "y", "previousVersion": null}))
            .ask(get("/secrets/a?api-version=2025-07-01"))
            .answers_with(json!({"value": "y", "previousVersion": null})),
        row("Without a version a path may end with a slash")
            .given(set("a", "x"))
            .ask(get("/secrets/a/"))
            .answers_with(json!({"id": "{base}/secrets/a/{1}", "value": "x"}))
            .ask(patch("/secrets/a/", json!({"contentType": "c"})))
            .answers_with(json!({"id": "{base}/secrets/a/{1}", "contentType": "c"}))
            .ask(delete("/secrets/a/"))
            .answers_with(json!({"id": "{base}/secrets/a/{1}"}))
            .ask(get("/deletedsecrets/a/"))
            .answers_with(json!({"id": "{base}/secrets/a/{1}"})),
        row("Double slashes count as one")
            .given(put("//secrets//a", json!({"value": "x"})))
            .ask(get("//secrets/a//{1}"))
            .answers_with(json!({"value": "x"}))
            .ask(get("//secrets//"))
            .lists(["{base}/secrets/a"], false)
            .ask(post("//secrets//restore"))
            .refused(400, "BadParameter", None),
        row("The first part of a path compares without case")
            .given(set("a", "x"))
            .ask(get("/Secrets/a"))
            .answers_with(json!({"value": "x"})),
        row("A version compares without case")
            .given(set("a", "x"))
            .ask(get("/secrets/a/{1}/"))
            .answers_with(json!({"value": "x"})),
        row("What no operation has for a path is not there")
            .ask(get("/"))
            .refused(404, "NotFound", None)
            .ask(get("/secrets/a/{hex}/c"))
            .refused(404, "NotFound", None)
            .ask(get("/deletedsecrets/a/b"))
            .refused(404, "NotFound", None),
        row("A path that is known has its own methods")
            .ask(put("/secrets/", json!({"value": "x"})))
            .refused(405, "MethodNotAllowed", None)
            .ask(post("/secrets/a"))
            .refused(405, "MethodNotAllowed", None)
            .header("allow", "PUT, GET, PATCH, DELETE")
            .ask(put("/deletedsecrets/a", json!({"value": "x"})))
            .refused(405, "MethodNotAllowed", None)
            .ask(get("/deletedsecrets/a/recover"))
            .refused(405, "MethodNotAllowed", None)
            .header("allow", "POST")
            .ask(put("/secrets/a/00000000000000000000000000000000", json!({"value": "x"})))
            .refused(405, "MethodNotAllowed", None)
            .header("allow", "GET, PATCH")
            .ask(delete("/secrets"))
            .refused(405, "MethodNotAllowed", None)
            .header("allow", "GET")
            .ask(get("/secrets/a").by_method("OPTIONS"))
            .refused(405, "MethodNotAllowed", None)
            .header("allow", "PUT, GET, PATCH, DELETE")
            .ask(get("/secrets/a").by_method("TRACE"))
            .refused(405, "MethodNotAllowed", None)
            .ask(get("/secrets/a").by_method("PROPFIND"))
            .refused(405, "MethodNotAllowed", None)
            .ask(get("/secrets/a").by_method("HEAD"))
            .refused_without_body(405)
            .header("allow", "PUT, GET, PATCH, DELETE"),
        row("Without a token every method gets the challenge")
            .ask(get("/secrets/a").by_method("OPTIONS").by(Caller::Stranger))
            .refused(401, "Unauthorized", None)
            .header("www-authenticate", "{any}")
            .ask(get("/secrets/a").by_method("HEAD").by(Caller::Stranger))
            .refused_without_body(401)
            .header("www-authenticate", "{any}"),
    ];
    for version in [
        "2016-10-01",
        "7.0",
        "7.1",
        "7.2",
        "7.3",
        "7.4",
        "7.5",
        "7.6",
        "7.7",
        "8.0",
        "7.0-preview",
        "7.6-preview.1",
        "7.6-preview.2",
        "2025-06-01-preview",
        "2025-07-01",
        "2026-04-01",
        "2026-10-01-preview.1",
    ] {
        rows.push(
            row("Every API version from 7.0 on is known, dated ones and previews, and 2016-10-01")
                .given(put(format!("/secrets/a?api-version={version}"), json!({"value": "x"})))
                .ask(get(format!("/secrets/a?api-version={version}")))
                .answers_with(json!({"value": "x"})),
        );
    }
    for query in [
        "",
        "?",
        "?api-version",
        "?api-version=",
        "?api-version=6.0",
        "?api-version=1",
        "?api-version=latest",
    ] {
        rows.push(
            row("An API version is needed and must be one")
                .given(set("a", "x"))
                .ask(get(format!("/secrets/a{query}")).bare())
                .refused(400, "BadParameter", None)
                .saying("api-version"),
        );
    }
    rows
}
