use axum::Json;
use axum::response::{IntoResponse, Response};

use super::create::created;
use crate::body::JsonBody;
use crate::documents::answer::Occasion;
use crate::documents::request::ServiceRequest;
use crate::errors::ApiError;
use crate::services::{self, Done, KIND};
use crate::session::{Session, change};
use crate::writes::to_the_end;

/// `PUT services/databaseServices`: makes the service of that name, or makes it what the body says.
pub(crate) async fn put(session: Session, JsonBody(body): JsonBody) -> Result<Response, ApiError> {
    let request = ServiceRequest::read(KIND, body)?;
    let Session { app, caller, .. } = session.clone();
    let work = async move { services::put(&app, &caller, request).await };
    let show = |document, occasion| session.show(document, occasion);
    Ok(match to_the_end(&session.app, work).await? {
        Done::Created(document) => {
            (change("entityCreated"), created(show(document, Occasion::Read)?)).into_response()
        }
        Done::Updated(document) => {
            (change("entityUpdated"), Json(show(document, Occasion::Put)?)).into_response()
        }
        Done::Unchanged(document) => {
            (change("entityNoChange"), Json(show(document, Occasion::Put)?)).into_response()
        }
    })
}
