//! Refresh tokens: random, good for one use, and kept as hashes only.

use aws_lc_rs::digest::{SHA256, digest};
use strongroom_secrets::SecretValue;
use uuid::Uuid;

use crate::app::App;
use crate::auth::keys::hex;
use crate::errors::ApiError;

/// How long a refresh token can be used, in milliseconds: seven days.
const LIFETIME_MILLIS: i64 = 7 * 24 * 3_600_000;

/// Makes a refresh token for a user.
pub(crate) async fn issue(app: &App, user: Uuid) -> Result<SecretValue, ApiError> {
    let token = SecretValue::new(app.random.uuid().to_string());
    let now = app.clock.now_millis();
    app.store.keep_refresh_token(&hash(&token), user, now + LIFETIME_MILLIS, now).await?;
    Ok(token)
}

/// Uses a refresh token up; says whose it was, if it was good.
pub(crate) async fn redeem(app: &App, token: &SecretValue) -> Result<Option<Uuid>, ApiError> {
    Ok(app.store.use_refresh_token(&hash(token), app.clock.now_millis()).await?)
}

fn hash(token: &SecretValue) -> String {
    hex(digest(&SHA256, token.expose().as_bytes()).as_ref())
}
