use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use strongroom_secrets::SecretValue;

use crate::app::App;
use crate::auth::sign_in;
use crate::body::JsonBody;
use crate::documents::text;
use crate::errors::ApiError;

/// `POST users/login` with `{email, password}`, the password in base64.
pub(crate) async fn login(
    State(app): State<Arc<App>>,
    JsonBody(body): JsonBody,
) -> Result<Json<Value>, ApiError> {
    let missing = |field: &str| ApiError::bad_request(format!("[{field} must not be null]"));
    let email = text(&body, "email").ok_or_else(|| missing("email"))?;
    let password = text(&body, "password").ok_or_else(|| missing("password"))?;
    let broken = || ApiError::bad_request("The password has to be the base64 form of a UTF-8 text");
    let password = STANDARD.decode(password).map_err(|_| broken())?;
    let password = SecretValue::new(String::from_utf8(password).map_err(|_| broken())?);
    sign_in::with_password(&app, email, password).await.map(Json)
}
