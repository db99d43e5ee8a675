//! Backup and restore of one secret.

use serde_json::json;

use super::row::{Ask, Caller, Row, attributes, delete, get, patch, post, put, row, set};

fn restore() -> Ask {
    put("/secrets/restore", json!({"value": "{blob}"})).posted()
}

pub(super) fn rows() -> Vec<Row> {
    let refused = |fact: &'static str, body: serde_json::Value| {
        row(fact).ask(put("/secrets/restore", body).posted()).refused(400, "BadParameter", None)
    };
    vec![
        row("A backup is a text in base64url")
            .given(set("a", "x"))
            .ask(post("/secrets/a/backup"))
            .answers(json!({"value": "{base64url}"})),
        row("A backup may carry an empty body, and its path a trailing slash")
            .given(set("a", "x"))
            .ask(post("/secrets/a/backup/").body("{}"))
            .answers(json!({"value": "{base64url}"})),
        row("What is not there cannot be backed up")
            .given(set("b", "x"))
            .given(delete("/secrets/b"))
            .ask(post("/secrets/a/backup"))
            .refused(404, "SecretNotFound", None)
            .ask(post("/secrets/b/backup"))
            .refused(404, "SecretNotFound", None)
            .ask(post("/secrets/a_b/backup"))
            .refused(400, "BadParameter", None),
        row("A restored secret has all its versions, with their times and all that was said")
            .given(put(
                "/secrets/Name",
                json!({"value": "one", "contentType": "c", "tags": {"t": "1"}, "attributes": {"nbf": -5, "exp": 9}}),
            ))
            .wait(3)
            .given(put("/secrets/name", json!({"value": "", "attributes": {"enabled": false}, "tags": {}})))
            .wait(2)
            .given(patch("/secrets/name/{1}", json!({"contentType": "d"})))
            .given(set("name", "three"))
            .given(post("/secrets/NAME/backup"))
            .given(delete("/secrets/name"))
            .given(delete("/deletedsecrets/name"))
            .wait(10)
            .ask(restore())
            .answers(json!({
                "id": "{base}/secrets/Name/{3}", "attributes": attributes("{now-10}", "{now-10}"),
            }))
            .ask(get("/secrets/name"))
            .answers_with(json!({"id": "{base}/secrets/Name/{3}", "value": "three"}))
            .ask(get("/secrets/name/versions"))
            .lists(["{base}/secrets/Name/{1}", "{base}/secrets/Name/{2}", "{base}/secrets/Name/{3}"], false)
            .ask(get("/secrets/name/{1}"))
            .answers_with(json!({
                "value": "one", "contentType": "d", "tags": {"t": "1"},
                "attributes": {"nbf": -5, "exp": 9, "created": "{now-15}", "updated": "{now-10}"},
            }))
            .ask(get("/secrets/name/{2}"))
            .refused(403, "Forbidden", "SecretDisabled")
            .ask(patch("/secrets/name/{2}", json!({"attributes": {"enabled": true}})))
            .answers_with(json!({"tags": {}, "contentType": null}))
            .ask(get("/secrets/name/{2}"))
            .answers_with(json!({"value": ""}))
            .ask(set("name", "four"))
            .answers_with(json!({"id": "{base}/secrets/Name/{hex}"})),
        row("A backup may be restored into another vault of the service")
            .given(set("a", "x"))
            .given(post("/secrets/a/backup"))
            .ask(put("{other}/secrets/restore", json!({"value": "{blob}"})).posted())
            .answers_with(json!({"id": "{other}/secrets/a/{1}", "attributes": {"recoverableDays": 7}}))
            .ask(get("{other}/secrets/a"))
            .answers_with(json!({"value": "x"})),
        row("A live name takes no restore")
            .given(set("a", "x"))
            .given(post("/secrets/a/backup"))
            .ask(restore())
            .refused(409, "Conflict", None),
        row("A soft-deleted name takes no restore")
            .given(set("a", "x"))
            .given(post("/secrets/a/backup"))
            .given(delete("/secrets/a"))
            .ask(restore())
            .refused(409, "Conflict", "ObjectIsDeletedButRecoverable"),
        row("An altered backup is refused")
            .given(set("a", "x"))
            .given(post("/secrets/a/backup"))
            .given(delete("/secrets/a"))
            .given(delete("/deletedsecrets/a"))
            .ask(put("/secrets/restore", json!({"value": "AAAA{blob}"})).posted())
            .refused(400, "BadParameter", None)
            .ask(put("/secrets/restore", json!({"value": "{blob}AAAA"})).posted())
            .refused(400, "BadParameter", None)
            .ask(get("/secrets"))
            .lists([""; 0], false)
            .ask(restore())
            .answers_with(json!({"id": "{base}/secrets/a/{1}"})),
        refused("What is no backup is refused: zeros", json!({"value": "A".repeat(4000)})),
        refused("What is no backup is refused: nothing", json!({"value": ""})),
        refused("What is no backup is refused: no base64url", json!({"value": "+/%"})),
        refused("A restore needs a value", json!({})),
        refused("A restore's value is a text", json!({"value": 1})),
        row("A restore needs a body").ask(post("/secrets/restore")).refused(400, "BadParameter", None),
        row("A secret named restore is a secret like others")
            .given(set("restore", "x"))
            .ask(get("/secrets/restore"))
            .answers_with(json!({"value": "x"}))
            .ask(post("/secrets/restore/backup"))
            .answers(json!({"value": "{base64url}"})),
        row("500 versions can be backed up and restored; 501 can not")
            .given_each((0..500).map(|n| set("a", &n.to_string())))
            .given(post("/secrets/a/backup"))
            .given(set("a", "500"))
            .ask(post("/secrets/a/backup"))
            .refused(400, "BadParameter", None)
            .saying("500 versions")
            .given(delete("/secrets/a"))
            .given(delete("/deletedsecrets/a"))
            .ask(restore())
            .answers_with(json!({"id": "{base}/secrets/a/{500}"}))
            .ask(get("/secrets/a/{1}"))
            .answers_with(json!({"value": "0"})),
        row("Backup and restore need roles of their own")
            .given(set("a", "x"))
            .given(post("/secrets/a/backup"))
            .ask(post("/secrets/a/backup").by(Caller::User))
            .refused(403, "Forbidden", "ForbiddenByRbac")
            .saying("Microsoft.KeyVault/vaults/secrets/backup/action")
            .ask(restore().by(Caller::User))
            .refused(403, "Forbidden", "ForbiddenByRbac")
            .saying("Microsoft.KeyVault/vaults/secrets/restore/action"),
    ]
}
