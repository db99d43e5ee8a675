use axum::Json;
use axum::response::{IntoResponse, Response};

use crate::body::JsonBody;
use crate::documents::answer::Occasion;
use crate::documents::patch::ServicePatch;
use crate::errors::ApiError;
use crate::services::{self, Done, KIND};
use crate::session::{EntityId, Session, change};
use crate::writes::to_the_end;

/// `PATCH services/databaseServices/{id}` with a JSON Patch.
pub(crate) async fn patch(
    session: Session,
    EntityId(id): EntityId,
    JsonBody(body): JsonBody,
) -> Result<Response, ApiError> {
    let patch = ServicePatch::read(KIND, body)?;
    let Session { app, caller, .. } = session.clone();
    let done =
        to_the_end(&session.app, async move { services::patch(&app, &caller, id, &patch).await }).await?;
    let what = if matches!(done, Done::Unchanged(_)) { "entityNoChange" } else { "entityUpdated" };
    let document = session.show(done.into_document(), Occasion::Patch)?;
    Ok((change(what), Json(document)).into_response())
}
