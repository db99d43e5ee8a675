//! What can be done with a database service. Each of these computes its change anew if somebody else was faster.

use serde_json::Value;
use strongroom_entities::{EntityKind, fqn_hash, mask};
use strongroom_manager::{WriteError, WriteOutcome};
use strongroom_metastore::{Include, Relation, Row};
use uuid::Uuid;

use crate::app::App;
use crate::auth::Caller;
use crate::documents::is_deleted;
use crate::documents::patch::ServicePatch;
use crate::documents::request::ServiceRequest;
use crate::errors::ApiError;
use crate::writes::{self, Counting, TRIES};

/// The kind of the services that this is about.
pub(crate) const KIND: EntityKind = EntityKind::DatabaseService;

/// What came of a request.
#[derive(Debug)]
pub(crate) enum Done {
    /// There is a new service.
    Created(Value),
    /// The service is another now.
    Updated(Value),
    /// Nothing changed, and nothing was written.
    Unchanged(Value),
}

impl From<WriteOutcome> for Done {
    fn from(outcome: WriteOutcome) -> Self {
        if outcome.written { Self::Updated(outcome.document) } else { Self::Unchanged(outcome.document) }
    }
}

/// A service by its id.
pub(crate) async fn by_id(app: &App, id: Uuid, include: Include) -> Result<Row, ApiError> {
    let row = app.store.get(KIND, id).await?.filter(|row| included(row, include));
    row.ok_or_else(|| ApiError::no_entity(KIND.entity_type(), &id.to_string()))
}

/// A service by its fully qualified name.
pub(crate) async fn by_name(app: &App, fqn: &str, include: Include) -> Result<Row, ApiError> {
    let row = app.store.get_by_hash(KIND, &fqn_hash(fqn)).await?.filter(|row| included(row, include));
    row.ok_or_else(|| ApiError::no_entity(KIND.entity_type(), fqn))
}

fn included(row: &Row, include: Include) -> bool {
    match include {
        Include::All => true,
        Include::Deleted => is_deleted(&row.json),
        Include::NonDeleted => !is_deleted(&row.json),
    }
}

/// Makes a service. One of that name must not exist, soft-deleted ones included.
pub(crate) async fn create(app: &App, caller: &Caller, request: ServiceRequest) -> Result<Value, ApiError> {
    if app.store.get_by_hash(KIND, &fqn_hash(&request.fqn())).await?.is_some() {
        return Err(ApiError::already_exists());
    }
    let document = request.create(app.random.uuid(), &caller.name, app.clock.now_millis());
    Ok(writes::create(app, KIND, document).await?)
}

/// Makes a service, or makes the one of that name what the request says.
pub(crate) async fn put(app: &App, caller: &Caller, request: ServiceRequest) -> Result<Done, ApiError> {
    for _ in 0..TRIES {
        let request = request.clone();
        let done = match app.store.get_by_hash(KIND, &fqn_hash(&request.fqn())).await? {
            None => {
                let document = request.create(app.random.uuid(), &caller.name, app.clock.now_millis());
                writes::create(app, KIND, document).await.map(Done::Created)
            }
            Some(row) => {
                let wanted = request.update(&row.json)?;
                writes::update(app, caller, &row, wanted, Counting::NewVersion).await.map(Done::from)
            }
        };
        match done {
            Err(WriteError::Changed | WriteError::AlreadyExists) => {}
            done => return Ok(done?),
        }
    }
    Err(writes::given_up())
}

/// Applies a patch to a service.
pub(crate) async fn patch(
    app: &App,
    caller: &Caller,
    id: Uuid,
    patch: &ServicePatch,
) -> Result<Done, ApiError> {
    for _ in 0..TRIES {
        let row = by_id(app, id, Include::NonDeleted).await?;
        let wanted = patch.update(&row.json, &*app.random)?;
        match writes::update(app, caller, &row, wanted, Counting::Merged).await {
            Err(WriteError::Changed) => {}
            done => return Ok(done?.into()),
        }
    }
    Err(writes::given_up())
}

/// Marks a service, and its pipelines, as deleted. Their secrets stay, so that they can be restored.
pub(crate) async fn soft_delete(
    app: &App,
    caller: &Caller,
    id: Uuid,
    recursive: bool,
) -> Result<Value, ApiError> {
    let row = by_id(app, id, Include::NonDeleted).await?;
    for pipeline in contents(app, &row, Include::NonDeleted, recursive).await? {
        set_deleted(app, caller, pipeline, true).await?;
    }
    set_deleted(app, caller, row, true).await.map(Done::into_document)
}

/// Deletes a service for good, soft-deleted or not, with its pipelines, history and secrets. Answers with what it was.
pub(crate) async fn hard_delete(app: &App, id: Uuid, recursive: bool) -> Result<Value, ApiError> {
    let row = by_id(app, id, Include::All).await?;
    for pipeline in contents(app, &row, Include::All, recursive).await? {
        match app.manager.delete(pipeline.kind, &pipeline).await {
            Ok(()) | Err(WriteError::NotFound) => {}
            Err(error) => return Err(error.into()),
        }
    }
    app.manager.delete(KIND, &row).await?;
    Ok(row.json)
}

/// Takes a soft deletion back, for the service and its pipelines.
pub(crate) async fn restore(app: &App, caller: &Caller, id: Uuid) -> Result<Done, ApiError> {
    let row = by_id(app, id, Include::All).await?;
    if !is_deleted(&row.json) {
        return Ok(Done::Unchanged(row.json));
    }
    let pipelines = contents(app, &row, Include::Deleted, true).await?;
    let done = set_deleted(app, caller, row, false).await?;
    for pipeline in pipelines {
        set_deleted(app, caller, pipeline, false).await?;
    }
    Ok(done)
}

/// Notes how a connection test went. It is no change of the service: version and time stay.
pub(crate) async fn note_test_result(app: &App, id: Uuid, result: &Value) -> Result<Value, ApiError> {
    for _ in 0..TRIES {
        let row = by_id(app, id, Include::NonDeleted).await?;
        let mut wanted = row.json.clone();
        mask(KIND, &mut wanted);
        wanted["testConnectionResult"] = result.clone();
        match writes::annotate(app, &row, wanted).await {
            Err(WriteError::Changed) => {}
            done => return Ok(done?.document),
        }
    }
    Err(writes::given_up())
}

/// The ingestion pipelines of a service.
pub(crate) async fn pipelines(app: &App, service: Uuid) -> Result<Vec<Row>, ApiError> {
    let mut pipelines = Vec::new();
    for id in app.store.related(service, Relation::Contains, EntityKind::IngestionPipeline).await? {
        pipelines.extend(app.store.get(EntityKind::IngestionPipeline, id).await?);
    }
    Ok(pipelines)
}

/// What goes with a service when it is deleted; refused if there is something and the caller did not say `recursive`.
async fn contents(app: &App, row: &Row, include: Include, recursive: bool) -> Result<Vec<Row>, ApiError> {
    let mut pipelines = pipelines(app, row.id).await?;
    pipelines.retain(|pipeline| included(pipeline, include));
    if recursive || pipelines.is_empty() {
        return Ok(pipelines);
    }
    Err(ApiError::bad_request(
        "databaseService is not empty: it has ingestion pipelines (recursive=true deletes them too)",
    ))
}

async fn set_deleted(app: &App, caller: &Caller, mut row: Row, deleted: bool) -> Result<Done, ApiError> {
    for _ in 0..TRIES {
        let mut wanted = row.json.clone();
        mask(row.kind, &mut wanted);
        wanted["deleted"] = deleted.into();
        match writes::update(app, caller, &row, wanted, Counting::NewVersion).await {
            Err(WriteError::Changed) => {
                let gone = || ApiError::no_entity(row.kind.entity_type(), &row.id.to_string());
                row = app.store.get(row.kind, row.id).await?.ok_or_else(gone)?;
            }
            done => return Ok(done?.into()),
        }
    }
    Err(writes::given_up())
}

impl Done {
    /// The service as it is now.
    pub(crate) fn into_document(self) -> Value {
        match self {
            Self::Created(document) | Self::Updated(document) | Self::Unchanged(document) => document,
        }
    }
}
