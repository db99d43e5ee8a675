//! Versions, their history, and two writers at a time.

use serde_json::{Value, json};
use strongroom_entities::EntityKind;
use uuid::Uuid;

use crate::harness::{Api, Mode, SERVICES, plant, postgres};

fn describe(text: &str) -> Value {
    json!([{"op": "add", "path": "/description", "value": text}])
}

async fn history(api: &Api, id: &str) -> Vec<Value> {
    let mut history = api.store.history(EntityKind::DatabaseService, id.parse().unwrap()).await.unwrap();
    history.sort_by(|one, other| one["version"].as_f64().partial_cmp(&other["version"].as_f64()).unwrap());
    history
}

#[tokio::test]
async fn each_change_keeps_the_document_before_it() {
    let api = Api::start(Mode::Managed).await;
    let id = api.make("pg", "dummy").await;
    let first = api.row(&id).await;
    for text in ["a", "b"] {
        let mut body = postgres("pg", "dummy");
        body["description"] = text.into();
        api.put(SERVICES, &api.admin, &body).await.expect(200);
    }
    let history = history(&api, &id).await;
    assert_eq!(
        history.iter().map(|document| &document["version"]).collect::<Vec<_>>(),
        [&json!(0.1), &json!(0.2)]
    );
    let mut expected = first.clone();
    for list in ["tags", "owners", "dataProducts"] {
        expected[list] = json!([]);
    }
    assert_eq!(history[0], expected);
    assert_eq!(history[1]["description"], "a");
}

#[tokio::test]
async fn patches_of_one_user_within_ten_minutes_are_one_version() {
    let api = Api::start(Mode::Managed).await;
    let id = api.make("pg", "dummy").await;
    let path = format!("{SERVICES}/{id}");
    let patch = |token: &str, text: &str| {
        let (api, path, token, body) = (&api, path.clone(), token.to_owned(), describe(text));
        async move { api.patch(&path, &token, &body).await.expect(200) }
    };
    assert_eq!(patch(&api.admin, "one").await["version"], 0.2);
    api.clock.advance_millis(600_000);
    let merged = patch(&api.admin, "two").await;
    assert_eq!(merged["version"], 0.2);
    assert_eq!(
        merged["changeDescription"]["fieldsAdded"],
        json!([{"name": "description", "newValue": "two"}])
    );
    assert_eq!(merged["changeDescription"]["previousVersion"], 0.1);
    assert_eq!(history(&api, &id).await.len(), 1);
    assert_eq!(patch(&api.bot, "three").await["version"], 0.3);
    api.clock.advance_millis(600_001);
    assert_eq!(patch(&api.bot, "four").await["version"], 0.4);
    assert_eq!(history(&api, &id).await.len(), 3);
}

#[tokio::test]
async fn a_name_with_a_dot_is_found_by_its_quoted_name() {
    let api = Api::start(Mode::Managed).await;
    let made = api.post(SERVICES, &api.admin, &postgres("pg.dotted name", "dummy")).await.expect(201);
    assert_eq!(made["fullyQualifiedName"], "\"pg.dotted name\"");
    let path = format!("{SERVICES}/name/%22pg.dotted%20name%22");
    assert_eq!(api.get(&path, &api.admin).await.expect(200)["id"], made["id"]);
    api.get(&format!("{SERVICES}/name/pg.dotted%20name"), &api.admin).await.refusal(404);
    let slash = api.post(SERVICES, &api.admin, &postgres("a/b", "dummy")).await.expect(201);
    assert_eq!(api.get(&format!("{SERVICES}/name/a%2Fb"), &api.admin).await.expect(200)["id"], slash["id"]);
}

#[tokio::test]
async fn writers_at_the_same_time_all_take_effect_one_after_another() {
    let api = std::sync::Arc::new(Api::start(Mode::InDatabase).await);
    let id = api.make("pg", "dummy").await;
    let fields = ["/description", "/displayName", "/connection/config/database"];
    let writers = fields.map(|field| {
        let (api, path) = (api.clone(), format!("{SERVICES}/{id}"));
        tokio::spawn(async move {
            let patch = json!([{"op": "add", "path": field, "value": "new"}]);
            api.patch(&path, &api.admin, &patch).await.expect(200);
        })
    });
    for writer in writers {
        writer.await.unwrap();
    }
    let row = api.row(&id).await;
    for field in fields {
        assert_eq!(row.pointer(field), Some(&json!("new")), "{field}");
    }
}

#[tokio::test]
async fn a_service_with_pipelines_is_deleted_with_them_or_not_at_all() {
    let api = Api::start(Mode::InDatabase).await;
    let id = api.make("pg", "dummy").await;
    let pipeline = Uuid::from_u128(7);
    let document = json!({
        "id": pipeline, "name": "p", "fullyQualifiedName": "pg.p", "pipelineType": "metadata", "version": 0.1,
        "updatedAt": 1, "updatedBy": "admin", "deleted": false, "sourceConfig": {"config": {}},
    });
    plant(&api.manager, EntityKind::IngestionPipeline, pipeline, document).await;
    let mut transaction = api.store.begin().await.unwrap();
    let relationship = strongroom_metastore::Relationship {
        from: (EntityKind::DatabaseService, id.parse().unwrap()),
        to: (EntityKind::IngestionPipeline, pipeline),
        relation: strongroom_metastore::Relation::Contains,
    };
    transaction.relate(&relationship).await.unwrap();
    transaction.commit().await.unwrap();
    let path = format!("{SERVICES}/{id}");
    let pipelines =
        api.get(&format!("{path}?fields=pipelines"), &api.user).await.expect(200)["pipelines"].clone();
    assert_eq!(pipelines[0]["fullyQualifiedName"], "pg.p");
    let stored = || async { api.store.get(EntityKind::IngestionPipeline, pipeline).await.unwrap() };
    assert!(api.delete(&path, &api.admin).await.refusal(400).contains("not empty"));
    api.delete(&format!("{path}?recursive=true"), &api.admin).await.expect(200);
    assert_eq!(stored().await.unwrap().json["deleted"], true);
    api.put(&format!("{SERVICES}/restore"), &api.admin, &json!({"id": id})).await.expect(200);
    assert_eq!(stored().await.unwrap().json["deleted"], false);
    api.delete(&format!("{path}?recursive=true&hardDelete=true"), &api.admin).await.expect(200);
    assert_eq!(stored().await, None);
}

#[tokio::test]
async fn restoring_what_is_not_deleted_changes_nothing() {
    let api = Api::start(Mode::Managed).await;
    let id = api.make("pg", "dummy").await;
    let row = api.row(&id).await;
    let answer = api.put(&format!("{SERVICES}/restore"), &api.admin, &json!({"id": id})).await;
    assert_eq!(answer.header("x-openmetadata-change"), Some("entityNoChange"));
    assert_eq!(api.row(&id).await, row);
}
