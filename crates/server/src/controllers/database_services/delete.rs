use axum::Json;
use axum::response::{IntoResponse, Response};

use crate::documents::answer::Occasion;
use crate::errors::ApiError;
use crate::query::Params;
use crate::services;
use crate::session::{EntityId, Session, change};
use crate::writes::to_the_end;

/// `DELETE services/databaseServices/{id}`: softly, or for good with `hardDelete=true`.
pub(crate) async fn delete(
    session: Session,
    EntityId(id): EntityId,
    params: Params,
) -> Result<Response, ApiError> {
    let (hard, recursive) = (params.flag("hardDelete")?, params.flag("recursive")?);
    let Session { app, caller, .. } = session.clone();
    let work = async move {
        match hard {
            true => services::hard_delete(&app, id, recursive).await,
            false => services::soft_delete(&app, &caller, id, recursive).await,
        }
    };
    let document = session.show(to_the_end(&session.app, work).await?, Occasion::Upkeep)?;
    let what = if hard { "entityDeleted" } else { "entitySoftDeleted" };
    Ok((change(what), Json(document)).into_response())
}
