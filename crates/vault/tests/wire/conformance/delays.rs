//! Deletions and recoveries that take their time: [`DELETE`] and [`RECOVER`] seconds.

use serde_json::json;

use super::row::{Ask, Row, delete, get, patch, post, put, row, set};

pub(super) const DELETE: u32 = 5;
pub(super) const RECOVER: u32 = 3;

fn restore() -> Ask {
    put("/secrets/restore", json!({"value": "{blob}"})).posted()
}

pub(super) fn rows() -> Vec<Row> {
    vec![
        row("A delete is answered at once; the secret is seen among the deleted ones some seconds later")
            .given(set("a", "x"))
            .ask(delete("/secrets/a"))
            .answers_with(json!({"id": "{base}/secrets/a/{1}", "deletedDate": "{now}"}))
            .ask(get("/secrets/a"))
            .refused(404, "SecretNotFound", None)
            .ask(get("/secrets"))
            .lists([""; 0], false)
            .ask(get("/deletedsecrets/a"))
            .refused(404, "SecretNotFound", None)
            .ask(get("/deletedsecrets"))
            .lists([""; 0], false)
            .wait(4)
            .ask(get("/deletedsecrets/a"))
            .refused(404, "SecretNotFound", None)
            .wait(1)
            .ask(get("/deletedsecrets/a"))
            .answers_with(json!({"deletedDate": "{now-5}"}))
            .ask(get("/deletedsecrets"))
            .lists(["{base}/secrets/a"], false),
        row("While a deletion is under way, changes are refused")
            .given(set("a", "x"))
            .given(post("/secrets/a/backup"))
            .given(delete("/secrets/a"))
            .ask(set("A", "y"))
            .refused(409, "Conflict", "ObjectIsBeingDeleted")
            .ask(patch("/secrets/a/", json!({})))
            .refused(409, "Conflict", "ObjectIsBeingDeleted")
            .ask(delete("/secrets/a"))
            .refused(409, "Conflict", "ObjectIsBeingDeleted")
            .ask(post("/deletedsecrets/a/recover"))
            .refused(409, "Conflict", "ObjectIsBeingDeleted")
            .ask(delete("/deletedsecrets/a"))
            .refused(409, "Conflict", "ObjectIsBeingDeleted")
            .ask(restore())
            .refused(409, "Conflict", "ObjectIsBeingDeleted")
            .wait(DELETE.into())
            .ask(set("a", "y"))
            .refused(409, "Conflict", "ObjectIsDeletedButRecoverable")
            .ask(delete("/deletedsecrets/a"))
            .answers_nothing(),
        row("A recovery is answered at once; the secret is seen again some seconds later")
            .given(set("a", "x"))
            .given(delete("/secrets/a"))
            .wait(DELETE.into())
            .ask(post("/deletedsecrets/a/recover"))
            .answers_with(json!({"id": "{base}/secrets/a/{1}"}))
            .ask(get("/secrets/a"))
            .refused(404, "SecretNotFound", None)
            .ask(get("/deletedsecrets/a"))
            .refused(404, "SecretNotFound", None)
            .wait(2)
            .ask(get("/secrets/a/{1}"))
            .refused(404, "SecretNotFound", None)
            .wait(1)
            .ask(get("/secrets/a"))
            .answers_with(json!({"value": "x"}))
            .ask(get("/secrets"))
            .lists(["{base}/secrets/a"], false),
        row("While a recovery is under way, changes are refused")
            .given(set("a", "x"))
            .given(post("/secrets/a/backup"))
            .given(delete("/secrets/a"))
            .wait(DELETE.into())
            .given(post("/deletedsecrets/a/recover"))
            .ask(set("a", "y"))
            .refused(409, "Conflict", "ObjectIsBeingRecovered")
            .ask(patch("/secrets/a", json!({})))
            .refused(409, "Conflict", "ObjectIsBeingRecovered")
            .ask(delete("/secrets/a"))
            .refused(409, "Conflict", "ObjectIsBeingRecovered")
            .ask(restore())
            .refused(409, "Conflict", "ObjectIsBeingRecovered")
            .wait(RECOVER.into())
            .ask(set("a", "y"))
            .answers_with(json!({"value": "y"})),
        row("A purge takes no time")
            .given(set("a", "x"))
            .given(delete("/secrets/a"))
            .wait(DELETE.into())
            .given(delete("/deletedsecrets/a"))
            .ask(set("a", "y"))
            .answers_with(json!({"value": "y"})),
    ]
}
