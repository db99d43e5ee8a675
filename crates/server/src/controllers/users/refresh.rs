use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::Value;

use crate::app::App;
use crate::auth::sign_in;
use crate::body::JsonBody;
use crate::documents::text;
use crate::errors::ApiError;

/// `POST users/refresh` with `{refreshToken}`: a new token, and a new refresh token in the place of the one sent.
pub(crate) async fn refresh(
    State(app): State<Arc<App>>,
    JsonBody(body): JsonBody,
) -> Result<Json<Value>, ApiError> {
    let missing = || ApiError::bad_request("[refreshToken must not be null]");
    let token = text(&body, "refreshToken").ok_or_else(missing)?;
    sign_in::with_refresh_token(&app, &token.into()).await.map(Json)
}
