//! Signing in with a password, and staying signed in.

use axum::http::StatusCode;
use serde_json::{Value, json};
use strongroom_entities::EntityKind;
use strongroom_metastore::Row;
use strongroom_secrets::SecretValue;

use crate::app::App;
use crate::auth::caller::{Role, may_act, role};
use crate::auth::lockout::{Account, Locked};
use crate::auth::tokens::{self, Claims, USER_TOKEN_MILLIS};
use crate::auth::{passwords, refresh};
use crate::errors::ApiError;

const WRONG: &str = "You have entered an invalid username or password.";
/// The longest address, in bytes (RFC 5321).
const MAX_ADDRESS_BYTES: usize = 254;

/// Signs a person in. Whether the address or the password is wrong, the answer and the work are the same.
pub(crate) async fn with_password(app: &App, email: &str, password: SecretValue) -> Result<Value, ApiError> {
    let address = email.trim().to_lowercase();
    if address.len() > MAX_ADDRESS_BYTES {
        return Err(ApiError::unauthorized(WRONG));
    }
    let user = app.store.user_by_email(&address).await?;
    let account = user.as_ref().map_or(Account::Stranger(address), |user| Account::User(user.id));
    let attempt = app.lockouts.begin(account, app.clock.now_millis()).map_err(locked)?;
    let user = user.filter(|user| may_act(user) && role(user) != Role::Bot);
    let hash = user.as_ref().and_then(password_hash);
    let right = passwords::verify(app, password, hash).await?;
    match user {
        Some(user) if right => {
            attempt.succeed();
            grant(app, &user).await
        }
        _ => Err(ApiError::unauthorized(WRONG)),
    }
}

/// Signs a person in again who has a refresh token. It is used up, and the answer holds the next.
pub(crate) async fn with_refresh_token(app: &App, token: &SecretValue) -> Result<Value, ApiError> {
    let refused = || ApiError::unauthorized("The refresh token is not valid: sign in again");
    let user = refresh::redeem(app, token).await?.ok_or_else(refused)?;
    let user = app.store.get(EntityKind::User, user).await?;
    let user = user.filter(|user| may_act(user) && role(user) != Role::Bot).ok_or_else(refused)?;
    grant(app, &user).await
}

async fn grant(app: &App, user: &Row) -> Result<Value, ApiError> {
    let access = tokens::sign(&app.keys, &Claims::of_user(app, &user.json))?;
    let refresh = refresh::issue(app, user.id).await?;
    Ok(json!({
        "accessToken": access.expose(),
        "refreshToken": refresh.expose(),
        "tokenType": "Bearer",
        "expiryDuration": app.clock.now_millis() + USER_TOKEN_MILLIS,
    }))
}

/// The bcrypt hash of a user who signs in with a password.
fn password_hash(user: &Row) -> Option<String> {
    let mechanism = user.json.get("authenticationMechanism")?;
    (mechanism.get("authType")?.as_str()? == "BASIC")
        .then(|| mechanism.get("config")?.get("password")?.as_str().map(str::to_owned))?
}

fn locked(Locked { seconds }: Locked) -> ApiError {
    let error = ApiError::new(
        StatusCode::TOO_MANY_REQUESTS,
        "Failed Login Attempts Exceeded. Please try after some time.",
    );
    error.with_retry_after(seconds)
}
