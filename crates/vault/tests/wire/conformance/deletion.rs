//! Soft delete, recovery, purge.

use serde_json::{Value, json};

use super::row::{Row, attributes, delete, get, patch, post, put, row, set};

const DAY: i64 = 24 * 60 * 60;

/// What is left of `a` in a vault with Azure's defaults; `{1}` was its latest version.
fn deleted(id: &str) -> Value {
    json!({
        "recoveryId": "{base}/deletedsecrets/a", "deletedDate": "{now}", "scheduledPurgeDate": "{now+7776000}",
        "id": id, "attributes": attributes("{now}", "{now}"),
    })
}

pub(super) fn rows() -> Vec<Row> {
    let mut rows = vec![
        row("A delete answers with the deleted bundle, without the value")
            .given(set("a", "x"))
            .ask(delete("/secrets/a"))
            .answers(deleted("{base}/secrets/a/{1}"))
            .ask(get("/deletedsecrets/A"))
            .answers(deleted("{base}/secrets/a/{1}")),
        row("Deleted secrets are listed with ids without version")
            .given(set("a", "x"))
            .given(delete("/secrets/a"))
            .ask(get("/deletedsecrets"))
            .answers(json!({"value": [deleted("{base}/secrets/a")], "nextLink": null})),
        row("A deleted bundle keeps content type, tags and dates")
            .given(put(
                "/secrets/a",
                json!({"value": "x", "contentType": "c", "tags": {"t": "1"}, "attributes": {"enabled": false, "exp": 9}}),
            ))
            .ask(delete("/secrets/a"))
            .answers_with(json!({
                "contentType": "c", "tags": {"t": "1"}, "attributes": {"enabled": false, "exp": 9}, "value": null,
            })),
        row("A deleted secret is gone for all but what deals with deleted ones")
            .given(set("a", "x"))
            .given(delete("/secrets/a"))
            .ask(get("/secrets/a"))
            .refused(404, "SecretNotFound", None)
            .saying("recover")
            .ask(get("/secrets/a/{1}"))
            .refused(404, "SecretNotFound", None)
            .ask(patch("/secrets/a/", json!({})))
            .refused(404, "SecretNotFound", None)
            .ask(delete("/secrets/a"))
            .refused(404, "SecretNotFound", None)
            .ask(get("/secrets"))
            .lists([""; 0], false)
            .ask(get("/secrets/a/versions"))
            .lists([""; 0], false),
        row("A deleted name cannot be set")
            .given(set("a", "x"))
            .given(delete("/secrets/a"))
            .ask(set("A", "y"))
            .refused(409, "Conflict", "ObjectIsDeletedButRecoverable")
            .saying("deleted but recoverable state"),
        row("Nobody deletes what is not there")
            .ask(delete("/secrets/a"))
            .refused(404, "SecretNotFound", None)
            .saying("recover"),
        row("An unknown deleted secret is not found")
            .given(set("live", "x"))
            .ask(get("/deletedsecrets/unknown"))
            .refused(404, "SecretNotFound", None)
            .saying("recover")
            .ask(get("/deletedsecrets/live"))
            .refused(404, "SecretNotFound", None)
            .ask(post("/deletedsecrets/live/recover"))
            .refused(404, "SecretNotFound", None)
            .ask(delete("/deletedsecrets/live"))
            .refused(404, "SecretNotFound", None)
            .ask(get("/secrets/live"))
            .answers_with(json!({"value": "x"})),
        row("A recovered secret is as it was, with all its versions")
            .given(set("a", "one"))
            .given(put("/secrets/a", json!({"value": "two", "tags": {"t": "1"}})))
            .given(delete("/secrets/a"))
            .ask(post("/deletedsecrets/A/recover"))
            .answers(json!({
                "id": "{base}/secrets/a/{2}", "attributes": attributes("{now}", "{now}"), "tags": {"t": "1"},
            }))
            .ask(get("/secrets/a"))
            .answers_with(json!({"id": "{base}/secrets/a/{2}", "value": "two", "tags": {"t": "1"}}))
            .ask(get("/secrets/a/{1}"))
            .answers_with(json!({"value": "one"}))
            .ask(get("/deletedsecrets/a"))
            .refused(404, "SecretNotFound", None)
            .ask(get("/deletedsecrets"))
            .lists([""; 0], false)
            .ask(set("a", "three"))
            .answers_with(json!({"value": "three"})),
        row("A recovery may carry an empty body")
            .given(set("a", "x"))
            .given(delete("/secrets/a"))
            .ask(post("/deletedsecrets/a/recover").body("{}"))
            .answers_with(json!({"id": "{base}/secrets/a/{1}"})),
        row("A purged secret is gone, and its name free")
            .given(set("a", "x"))
            .given(delete("/secrets/a"))
            .ask(delete("/deletedsecrets/A"))
            .answers_nothing()
            .ask(get("/deletedsecrets/a"))
            .refused(404, "SecretNotFound", None)
            .ask(post("/deletedsecrets/a/recover"))
            .refused(404, "SecretNotFound", None)
            .ask(delete("/deletedsecrets/a"))
            .refused(404, "SecretNotFound", None)
            .ask(set("A", "y"))
            .answers_with(json!({"id": "{base}/secrets/A/{hex}", "value": "y"}))
            .ask(get("/secrets/a/{1}"))
            .refused(404, "SecretNotFound", None),
        row("Deleted secrets are paged")
            .given_each(["a", "b", "c"].map(|name| set(name, "x")))
            .given_each(["c", "a", "b"].map(|name| delete(format!("/secrets/{name}"))))
            .ask(get("/deletedsecrets?maxresults=2"))
            .lists(["{base}/secrets/a", "{base}/secrets/b"], true)
            .given(delete("/deletedsecrets/a"))
            .ask(get("{next}"))
            .lists(["{base}/secrets/c"], false),
        row("Purge protection refuses a purge, whoever asks")
            .in_vault(90, true)
            .given(set("a", "x"))
            .given(delete("/secrets/a"))
            .ask(delete("/deletedsecrets/a"))
            .refused(400, "NotSupported", None)
            .saying("Operation \"purge\" is not enabled for this vault.")
            .ask(post("/deletedsecrets/a/recover"))
            .answers_with(json!({"id": "{base}/secrets/a/{1}"})),
        row("When its time is up a deleted secret is purged, in a protected vault too")
            .in_vault(7, true)
            .given(set("a", "x"))
            .given(delete("/secrets/a"))
            .wait(7 * DAY - 1)
            .ask(get("/deletedsecrets/a"))
            .answers_with(json!({"scheduledPurgeDate": "{now+1}"}))
            .ask(set("a", "y"))
            .refused(409, "Conflict", "ObjectIsDeletedButRecoverable")
            .wait(1)
            .ask(get("/deletedsecrets/a"))
            .refused(404, "SecretNotFound", None)
            .ask(get("/deletedsecrets"))
            .lists([""; 0], false)
            .ask(post("/deletedsecrets/a/recover"))
            .refused(404, "SecretNotFound", None)
            .ask(set("a", "y"))
            .answers_with(json!({"value": "y"}))
            .ask(get("/secrets/a/versions"))
            .lists(["{base}/secrets/a/{2}"], false),
    ];
    for (days, protection, level) in [
        (90, false, "Recoverable+Purgeable"),
        (90, true, "Recoverable"),
        (89, false, "CustomizedRecoverable+Purgeable"),
        (7, false, "CustomizedRecoverable+Purgeable"),
        (7, true, "CustomizedRecoverable"),
        (89, true, "CustomizedRecoverable"),
    ] {
        let until = format!("{{now+{}}}", i64::from(days) * DAY);
        rows.push(
            row("The recovery level tells retention and purge protection")
                .in_vault(days, protection)
                .ask(set("a", "x"))
                .answers_with(json!({"attributes": {"recoveryLevel": level, "recoverableDays": days}}))
                .ask(delete("/secrets/a"))
                .answers_with(json!({
                    "scheduledPurgeDate": until, "attributes": {"recoveryLevel": level, "recoverableDays": days},
                })),
        );
    }
    rows
}
