//! Before anything else: the token, and the challenge that says where to get one.

use serde_json::json;

use super::row::{Ask, Caller, Row, delete, get, patch, post, put, row};

const CHALLENGE: &str = "Bearer authorization=\"https://login.vault.localhost:{port}/adfs\", resource=\"https://vault.localhost:{port}\"";

pub(super) fn rows() -> Vec<Row> {
    let first = |fact: &'static str, ask: Ask| {
        row(fact)
            .ask(ask.by(Caller::Stranger))
            .refused(401, "Unauthorized", None)
            .saying("AKV10000: Request is missing a Bearer or PoP token.")
            .header("www-authenticate", CHALLENGE)
    };
    vec![
        first("A first set carries neither token nor body", put("/secrets/a", json!(null)).without_body()),
        first("A first get carries no token", get("/secrets/a/")),
        first(
            "A first update carries no token and no body",
            patch("/secrets/a/", json!(null)).without_body(),
        ),
        first("A first delete carries no token", delete("/secrets/a")),
        first("A first listing carries no token", get("/secrets?maxresults=5")),
        first("A first restore carries no token and no body", post("/secrets/restore")),
        first("A first backup carries no token", post("/secrets/a/backup")),
        first("A first purge carries no token", delete("/deletedsecrets/a")),
        first("The challenge comes before the API version", get("/secrets/a").bare()),
        first("The challenge comes before the name", get("/secrets/a_b")),
        first("The challenge comes before the path", get("/no/such/path")),
        first("The challenge comes before the method", post("/secrets/a")),
        first("The challenge comes before the body", put("/secrets/a", json!(null)).body("no JSON")),
        row("A token of another form is no token")
            .ask(get("/secrets/a").by(Caller::Stranger).header("authorization", "Basic YTpi"))
            .refused(401, "Unauthorized", None)
            .saying("AKV10000")
            .header("www-authenticate", CHALLENGE),
        row("A token that is none is answered with the challenge again")
            .ask(get("/secrets/a").by(Caller::Stranger).header("authorization", "Bearer a.b.c"))
            .refused(401, "Unauthorized", None)
            .header("www-authenticate", CHALLENGE),
        row("A refusal names caller, action, resource and vault")
            .ask(put("/secrets/a", json!({"value": "x"})).by(Caller::User))
            .refused(403, "Forbidden", "ForbiddenByRbac")
            .saying("Caller: appid=22222222-2222-2222-2222-222222222222;oid=")
            .saying("Action: 'Microsoft.KeyVault/vaults/secrets/setSecret/action'")
            .saying("Resource: '/secrets/a'")
            .saying("Vault: row"),
        row("Without any role nothing is allowed")
            .ask(get("/secrets").by(Caller::Nobody))
            .refused(403, "Forbidden", "ForbiddenByRbac")
            .saying("Microsoft.KeyVault/vaults/secrets/readMetadata/action")
            .header("www-authenticate", ""),
        row("A Secrets User reads values and lists")
            .given(put("/secrets/a", json!({"value": "x"})))
            .ask(get("/secrets/a").by(Caller::User))
            .answers_with(json!({"value": "x"}))
            .ask(get("/secrets").by(Caller::User))
            .lists(["{base}/secrets/a"], false)
            .ask(get("/secrets/a/versions").by(Caller::User))
            .lists(["{base}/secrets/a/{1}"], false)
            .ask(get("/deletedsecrets").by(Caller::User))
            .lists([""; 0], false)
            .ask(get("/deletedsecrets/a").by(Caller::User))
            .refused(404, "SecretNotFound", None),
        row("A Secrets User changes nothing")
            .ask(patch("/secrets/a", json!({})).by(Caller::User))
            .refused(403, "Forbidden", "ForbiddenByRbac")
            .ask(delete("/secrets/a").by(Caller::User))
            .refused(403, "Forbidden", "ForbiddenByRbac")
            .ask(delete("/deletedsecrets/a").by(Caller::User))
            .refused(403, "Forbidden", "ForbiddenByRbac")
            .ask(post("/deletedsecrets/a/recover").by(Caller::User))
            .refused(403, "Forbidden", "ForbiddenByRbac"),
        row("Every answer carries the headers of the real one")
            .ask(get("/secrets/a").header("x-ms-client-request-id", "my-id"))
            .refused(404, "SecretNotFound", None)
            .header("cache-control", "no-cache")
            .header("pragma", "no-cache")
            .header("expires", "-1")
            .header("strict-transport-security", "max-age=31536000;includeSubDomains")
            .header("x-content-type-options", "nosniff")
            .header("x-ms-request-id", "{any}")
            .header("x-ms-client-request-id", "my-id")
            .header("x-ms-keyvault-region", "{any}")
            .header("x-ms-keyvault-service-version", "{any}")
            .header("x-ms-keyvault-network-info", "conn_type=Ipv4;addr=127.0.0.1;act_addr_fam=InterNetwork;")
            .header("content-type", "application/json; charset=utf-8"),
        row("The challenge carries them too")
            .ask(get("/secrets/a").by(Caller::Stranger).header("x-ms-client-request-id", "my-id"))
            .refused(401, "Unauthorized", None)
            .header("x-ms-client-request-id", "my-id")
            .header("x-ms-request-id", "{any}")
            .header("content-type", "application/json; charset=utf-8"),
    ]
}
