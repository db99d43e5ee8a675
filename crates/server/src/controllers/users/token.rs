use axum::Json;
use serde_json::{Value, json};
use strongroom_entities::EntityKind;

use crate::auth::bot_tokens::token_field;
use crate::auth::caller::{Role, may_act, role};
use crate::documents::text;
use crate::errors::ApiError;
use crate::session::{EntityId, Session};

/// `GET users/token/{id}`: the token of a bot's user, wherever it is kept.
pub(crate) async fn token(
    Session { app, .. }: Session,
    EntityId(id): EntityId,
) -> Result<Json<Value>, ApiError> {
    let user = app.store.get(EntityKind::User, id).await?.filter(may_act);
    let user = user.ok_or_else(|| ApiError::no_entity("user", &id.to_string()))?;
    if role(&user) != Role::Bot {
        return Err(ApiError::bad_request("Only the user of a bot has a token that can be read"));
    }
    let token = app.manager.reveal(&user, &token_field()).await?;
    let config = &user.json["authenticationMechanism"]["config"];
    let expiry = text(config, "JWTTokenExpiry").unwrap_or("Unlimited");
    Ok(Json(json!({"JWTToken": token.expose(), "JWTTokenExpiry": expiry})))
}
