use axum::Json;
use serde_json::Value;
use strongroom_metastore::Row;

use crate::controllers::database_services::fields::Fields;
use crate::documents::answer::Occasion;
use crate::errors::ApiError;
use crate::query::Params;
use crate::services;
use crate::session::{EntityId, EntityName, Session};

/// `GET services/databaseServices/{id}`.
pub(crate) async fn by_id(
    session: Session,
    EntityId(id): EntityId,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let row = services::by_id(&session.app, id, params.include()?).await?;
    show(&session, row, &params).await
}

/// `GET services/databaseServices/name/{fqn}`.
pub(crate) async fn by_name(
    session: Session,
    EntityName(fqn): EntityName,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let row = services::by_name(&session.app, &fqn, params.include()?).await?;
    show(&session, row, &params).await
}

async fn show(session: &Session, row: Row, params: &Params) -> Result<Json<Value>, ApiError> {
    let fields = Fields::from_params(params)?;
    let document = session.show(row.json, Occasion::Read)?;
    fields.add_to(session, row.id, document).await.map(Json)
}
