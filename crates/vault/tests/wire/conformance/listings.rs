//! Listings, their pages, and the tokens that lead from one to the next.

use serde_json::json;

use super::row::{Ask, Row, delete, get, patch, put, row, set};

fn name(n: usize) -> String {
    format!("s{n:03}")
}

fn secrets(numbers: std::ops::Range<usize>) -> Vec<Ask> {
    numbers.map(|n| set(&name(n), "x")).collect()
}

fn ids(numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(|n| format!("{{base}}/secrets/{}", name(n))).collect()
}

fn version_ids(numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(|n| format!("{{base}}/secrets/a/{{{}}}", n + 1)).collect()
}

/// The token alone, for use at another listing.
fn with_token(path: &str, token: &str) -> Ask {
    get(format!("{path}?$skiptoken={token}"))
}

fn pages() -> Vec<Row> {
    let mut rows = vec![
        row("An empty vault lists nothing, with a null in the place of a next page")
            .ask(get("/secrets"))
            .answers(json!({"value": [], "nextLink": null}))
            .ask(get("/deletedsecrets"))
            .answers(json!({"value": [], "nextLink": null})),
        row("An unknown name has an empty list of versions")
            .ask(get("/secrets/unknown/versions"))
            .answers(json!({"value": [], "nextLink": null})),
        row("A listing has ids without version, the latest version's attributes, and no values")
            .given(put("/secrets/a", json!({"value": "1"})))
            .given(put(
                "/secrets/a",
                json!({"value": "2", "contentType": "c", "tags": {"t": "1"}, "attributes": {"exp": 5}}),
            ))
            .ask(get("/secrets"))
            .answers(json!({
                "value": [{
                    "id": "{base}/secrets/a", "contentType": "c", "tags": {"t": "1"},
                    "attributes": {
                        "enabled": true, "exp": 5, "created": "{now}", "updated": "{now}",
                        "recoveryLevel": "Recoverable+Purgeable", "recoverableDays": 90,
                    },
                }],
                "nextLink": null,
            })),
        row("A listing of versions has ids with version and no values")
            .given(set("a", "1"))
            .given(put("/secrets/a", json!({"value": "2", "attributes": {"enabled": false}})))
            .ask(get("/secrets/a/versions"))
            .lists(version_ids(0..2), false)
            .ask(get("/secrets/a/versions"))
            .answers_with(
                json!({"value": [{"value": null}, {"value": null, "attributes": {"enabled": false}}]}),
            ),
        row("Unasked, a page has 25 entries")
            .given_each(secrets(0..27))
            .ask(get("/secrets"))
            .lists(ids(0..25), true)
            .ask(get("{next}"))
            .lists(ids(25..27), false),
        row("A full last page is the last")
            .given_each(secrets(0..4))
            .ask(get("/secrets?maxresults=2"))
            .lists(ids(0..2), true)
            .ask(get("{next}"))
            .lists(ids(2..4), false),
        row("The link to the next page is a full URL with API version and size as they were asked for")
            .given_each(secrets(0..3))
            .ask(get("/secrets?api-version=2025-07-01&maxresults=1"))
            .answers_with(json!({"nextLink": "{base}/secrets?api-version=2025-07-01&$skiptoken={any}"}))
            .ask(get("{next}").bare())
            .lists(ids(1..2), true)
            .ask(get("{next}").bare())
            .lists(ids(2..3), false),
        row("Versions are paged too")
            .given_each((0..5).map(|n| set("a", &n.to_string())))
            .ask(get("/secrets/A/versions?maxresults=2"))
            .lists(version_ids(0..2), true)
            .ask(get("{next}"))
            .lists(version_ids(2..4), true)
            .ask(get("{next}"))
            .lists(version_ids(4..5), false),
        row("A secret may have more than 500 versions")
            .given_each((0..502).map(|n| set("a", &n.to_string())))
            .ask(get("/secrets/a"))
            .answers_with(json!({"value": "501"}))
            .ask(get("/secrets/a/{1}"))
            .answers_with(json!({"value": "0"}))
            .ask(get("/secrets/a/versions"))
            .lists(version_ids(0..25), true)
            .ask_pages((1..21).map(|page| version_ids(page * 25..502.min(page * 25 + 25)))),
    ];
    for (results, sizes) in [(1, vec![1, 1, 1]), (2, vec![2, 1]), (3, vec![3]), (25, vec![3])] {
        let mut row = row("A page has as many entries as were asked for").given_each(secrets(0..3));
        let mut from = 0;
        for (page, size) in sizes.iter().enumerate() {
            let ask = if page == 0 { get(format!("/secrets?maxresults={results}")) } else { get("{next}") };
            row = row.ask(ask).lists(ids(from..from + size), page + 1 < sizes.len());
            from += size;
        }
        rows.push(row);
    }
    for wrong in ["0", "26", "-1", "x", "", "1.5", "99999999999999999999"] {
        rows.push(
            row("maxresults is a number from 1 to 25")
                .ask(get(format!("/secrets?maxresults={wrong}")))
                .refused(400, "BadParameter", None)
                .ask(get(format!("/secrets/a/versions?maxresults={wrong}")))
                .refused(400, "BadParameter", None)
                .ask(get(format!("/deletedsecrets?maxresults={wrong}")))
                .refused(400, "BadParameter", None),
        );
    }
    rows
}

fn tokens() -> Vec<Row> {
    vec![
        row("A listing goes on where it was, whatever is written in between")
            .given_each(["b", "d", "f", "h"].map(|name| set(name, "x")))
            .ask(get("/secrets?maxresults=2"))
            .lists(["{base}/secrets/b", "{base}/secrets/d"], true)
            .given(set("a", "before"))
            .given(set("e", "behind"))
            .given(set("b", "again"))
            .given(delete("/secrets/d"))
            .given(delete("/secrets/f"))
            .ask(get("{next}"))
            .lists(["{base}/secrets/e", "{base}/secrets/h"], false),
        row("A listing of versions goes on where it was")
            .given_each((0..3).map(|n| set("a", &n.to_string())))
            .ask(get("/secrets/a/versions?maxresults=2"))
            .lists(version_ids(0..2), true)
            .given(set("a", "3"))
            .given(patch("/secrets/a/{1}", json!({"contentType": "c"})))
            .ask(get("{next}"))
            .lists(version_ids(2..4), false),
        row("A page may be asked for again")
            .given_each(secrets(0..3))
            .ask(get("/secrets?maxresults=2"))
            .lists(ids(0..2), true)
            .ask(get("{next}"))
            .lists(ids(2..3), false)
            .ask(get("{next}"))
            .lists(ids(2..3), false),
        row("What the token points behind may be gone")
            .given_each(secrets(0..3))
            .ask(get("/secrets?maxresults=2"))
            .lists(ids(0..2), true)
            .given(delete("/secrets/s001"))
            .given(delete("/deletedsecrets/s001"))
            .ask(get("{next}"))
            .lists(ids(2..3), false),
        row("A page is asked for with the version of another API, too")
            .given_each(secrets(0..2))
            .ask(get("/secrets?maxresults=1&api-version=7.0"))
            .lists(ids(0..1), true)
            .ask(get("{next}&api-version=7.6").bare())
            .lists(ids(1..2), false),
        row("What is not a token is refused")
            .given_each(secrets(0..2))
            .ask(with_token("/secrets", ""))
            .refused(400, "BadParameter", None)
            .saying("$skiptoken")
            .ask(with_token("/secrets", "!"))
            .refused(400, "BadParameter", None)
            .ask(with_token("/secrets", "YWJj"))
            .refused(400, "BadParameter", None)
            .ask(with_token("/secrets", &"A".repeat(4000)))
            .refused(400, "BadParameter", None)
            .ask(get("/secrets?maxresults=1"))
            .lists(ids(0..1), true)
            .ask(get("{next}AAAA").bare())
            .refused(400, "BadParameter", None),
        row("A token of another listing is refused")
            .given_each((0..2).map(|n| set("a", &n.to_string())))
            .given(set("b", "x"))
            .ask(get("/secrets?maxresults=1"))
            .lists(["{base}/secrets/a"], true)
            .ask(with_token("/secrets", "{token}"))
            .lists(["{base}/secrets/b"], false)
            .ask(with_token("/secrets/a/versions", "{token}"))
            .refused(400, "BadParameter", None)
            .ask(with_token("/deletedsecrets", "{token}"))
            .refused(400, "BadParameter", None)
            .ask(get("/secrets/a/versions?maxresults=1"))
            .lists(version_ids(0..1), true)
            .ask(with_token("/secrets/A/versions", "{token}"))
            .lists(version_ids(1..2), false)
            .ask(with_token("/secrets/b/versions", "{token}"))
            .refused(400, "BadParameter", None)
            .ask(with_token("/secrets", "{token}"))
            .refused(400, "BadParameter", None),
        row("A token of another vault is refused")
            .given_each(secrets(0..2))
            .ask(get("/secrets?maxresults=1"))
            .lists(ids(0..1), true)
            .ask(with_token("{other}/secrets", "{token}"))
            .refused(400, "BadParameter", None),
    ]
}

pub(super) fn rows() -> Vec<Row> {
    pages().into_iter().chain(tokens()).collect()
}
