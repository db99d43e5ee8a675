//! Listings: pages, cursors, and what is included.

use serde_json::{Value, json};

use crate::harness::{Api, Mode, SERVICES};

fn names(page: &Value) -> Vec<&str> {
    page["data"].as_array().unwrap().iter().map(|service| service["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_listing_is_walked_forth_and_back() {
    let api = Api::start(Mode::Managed).await;
    for name in ["c", "a", "e", "b", "d"] {
        api.post(SERVICES, &api.admin, &json!({"name": name, "serviceType": "Mysql"})).await.expect(201);
    }
    let page = |query: String| {
        let api = &api;
        async move { api.get(&format!("{SERVICES}?limit=2{query}"), &api.user).await.expect(200) }
    };
    let first = page(String::new()).await;
    assert_eq!(names(&first), ["a", "b"]);
    assert_eq!((first["paging"]["total"].as_u64(), first["paging"].get("before")), (Some(5), None));
    let cursor = |page: &Value, which: &str| format!("&{which}={}", page["paging"][which].as_str().unwrap());
    let second = page(cursor(&first, "after")).await;
    assert_eq!(names(&second), ["c", "d"]);
    let third = page(cursor(&second, "after")).await;
    assert_eq!(names(&third), ["e"]);
    assert_eq!(third["paging"].get("after"), None);
    let back = page(cursor(&third, "before")).await;
    assert_eq!(names(&back), ["c", "d"]);
    let start = page(cursor(&back, "before")).await;
    assert_eq!(names(&start), ["a", "b"]);
    assert_eq!(start["paging"].get("before"), None);
}

#[tokio::test]
async fn deleted_services_are_listed_only_if_asked_for() {
    let api = Api::start(Mode::Managed).await;
    api.make("kept", "dummy").await;
    let gone = api.make("gone", "dummy").await;
    api.delete(&format!("{SERVICES}/{gone}"), &api.admin).await.expect(200);
    for (include, expected) in
        [("", &["kept"][..]), ("non-deleted", &["kept"]), ("deleted", &["gone"]), ("all", &["gone", "kept"])]
    {
        let page = api.get(&format!("{SERVICES}?include={include}"), &api.user).await.expect(200);
        assert_eq!(names(&page), expected, "{include}");
        assert_eq!(page["paging"]["total"], expected.len());
    }
    api.get(&format!("{SERVICES}/{gone}?include=deleted"), &api.user).await.expect(200);
    api.get(&format!("{SERVICES}/name/gone"), &api.user).await.refusal(404);
    api.get(&format!("{SERVICES}/name/kept?include=deleted"), &api.user).await.refusal(404);
    api.patch(&format!("{SERVICES}/{gone}"), &api.admin, &json!([])).await.refusal(404);
}

#[tokio::test]
async fn a_page_of_nothing_tells_the_total() {
    let api = Api::start(Mode::Managed).await;
    api.make("pg", "dummy").await;
    let page = api.get(&format!("{SERVICES}?limit=0"), &api.user).await.expect(200);
    assert_eq!((names(&page).len(), &page["paging"]["total"]), (0, &json!(1)));
}

#[tokio::test]
async fn wrong_parameters_are_refused_by_name() {
    let api = Api::start(Mode::Managed).await;
    for (query, name) in [
        ("limit=1000001", "limit"),
        ("limit=x", "limit"),
        ("limit=1&limit=2", "limit"),
        ("after=x", "after"),
        ("before=x&after=y", "before"),
        ("include=some", "include"),
        ("fields=nonsense", "nonsense"),
    ] {
        let message = api.get(&format!("{SERVICES}?{query}"), &api.user).await.refusal(400);
        assert!(message.contains(name), "{query}: {message}");
    }
}

#[tokio::test]
async fn fields_that_exist_are_answered_and_nothing_else() {
    let api = Api::start(Mode::Managed).await;
    let id = api.make("pg", "dummy").await;
    let all = api.get(&format!("{SERVICES}/{id}?fields=*"), &api.bot).await.expect(200);
    for list in ["owners", "tags", "followers", "dataProducts", "domains", "pipelines"] {
        assert_eq!(all[list], json!([]), "{list}");
    }
    let some = api.get(&format!("{SERVICES}/{id}?fields=owners,tags"), &api.bot).await.expect(200);
    assert!(some.get("owners").is_some() && some.get("followers").is_none());
}
