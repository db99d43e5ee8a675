use axum::Json;
use axum::response::{IntoResponse, Response};

use crate::body::JsonBody;
use crate::documents::answer::Occasion;
use crate::documents::text;
use crate::errors::ApiError;
use crate::services::{self, Done};
use crate::session::{Session, change};
use crate::writes::to_the_end;

/// `PUT services/databaseServices/restore` with `{id}`: takes a soft deletion back.
pub(crate) async fn restore(session: Session, JsonBody(body): JsonBody) -> Result<Response, ApiError> {
    let id = text(&body, "id").and_then(|id| id.parse().ok());
    let id = id.ok_or_else(|| ApiError::bad_request("[id must be a UUID]"))?;
    let Session { app, caller, .. } = session.clone();
    let done = to_the_end(&session.app, async move { services::restore(&app, &caller, id).await }).await?;
    let what = if matches!(done, Done::Unchanged(_)) { "entityNoChange" } else { "entityRestored" };
    let document = session.show(done.into_document(), Occasion::Upkeep)?;
    Ok((change(what), Json(document)).into_response())
}
