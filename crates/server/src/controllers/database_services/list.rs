use axum::Json;
use serde_json::{Value, json};

use crate::controllers::database_services::fields::Fields;
use crate::documents::answer::Occasion;
use crate::errors::ApiError;
use crate::paging::Page;
use crate::query::Params;
use crate::services::KIND;
use crate::session::Session;

/// `GET services/databaseServices`: a page of the services, by name.
pub(crate) async fn list(session: Session, params: Params) -> Result<Json<Value>, ApiError> {
    let page = Page::from_params(&params)?;
    let fields = Fields::from_params(&params)?;
    let store = &session.app.store;
    let slice = page.slice(store.list(KIND, &page.query()).await?);
    let paging = slice.paging(store.count(KIND, page.include()).await?);
    let mut data = Vec::with_capacity(slice.rows.len());
    for row in slice.rows {
        let document = session.show(row.json, Occasion::Read)?;
        data.push(fields.add_to(&session, row.id, document).await?);
    }
    Ok(Json(json!({"data": data, "paging": paging})))
}
