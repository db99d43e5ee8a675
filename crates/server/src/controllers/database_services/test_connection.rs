use axum::Json;
use serde_json::Value;

use crate::body::JsonBody;
use crate::documents::answer::Occasion;
use crate::documents::test_result;
use crate::errors::ApiError;
use crate::services;
use crate::session::{EntityId, Session};
use crate::writes::to_the_end;

/// `PUT services/databaseServices/{id}/testConnectionResult`: how a connection test went.
pub(crate) async fn put_result(
    session: Session,
    EntityId(id): EntityId,
    JsonBody(result): JsonBody,
) -> Result<Json<Value>, ApiError> {
    test_result::check(&result)?;
    let app = session.app.clone();
    let work = async move { services::note_test_result(&app, id, &result).await };
    let document = to_the_end(&session.app, work).await?;
    session.show(document, Occasion::Upkeep).map(Json)
}
