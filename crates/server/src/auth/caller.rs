//! The caller of a request: found by the token that it presents.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use serde_json::Value;
use strongroom_entities::{EntityKind, fqn_hash, quote_name};
use strongroom_metastore::Row;

use crate::app::App;
use crate::auth::tokens::{self, Refusal, TokenType};
use crate::errors::ApiError;

/// What a caller is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// An administrator.
    Admin,
    /// A program, such as the ingestion: it reads references, or values where the database holds them.
    Bot,
    /// Anybody else who is signed in.
    User,
}

/// Who is calling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The user's name.
    pub name: String,
    /// What the user is.
    pub role: Role,
}

/// The caller that the router found; a route that anyone may call has none.
impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, ApiError> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| {
            ApiError::unexpected("a handler asked for the caller of a route that anyone may call")
        })
    }
}

/// Finds out who is calling.
///
/// # Errors
/// 401 if there is no token, or it proves nothing; 502 or 503 if the vault that holds a bot's token does not answer.
pub(crate) async fn authenticate(app: &App, headers: &HeaderMap) -> Result<Caller, ApiError> {
    let token = bearer(headers)?;
    let claims = tokens::verify(&app.keys, &app.options.issuer, token, app.clock.now_seconds())?;
    let user = user_by_name(app, &claims.sub).await?.ok_or(Refusal::Invalid)?;
    let role = role(&user);
    let genuine = match claims.token_type {
        TokenType::User => role != Role::Bot,
        TokenType::Bot => role == Role::Bot && app.bot_tokens.is_current(app, &user, token).await?,
    };
    if !genuine {
        return Err(Refusal::Invalid.into());
    }
    let name = user.json.get("name").and_then(Value::as_str).unwrap_or(&claims.sub).to_owned();
    Ok(Caller { name, role })
}

/// The one bearer token of a request.
fn bearer(headers: &HeaderMap) -> Result<&str, ApiError> {
    let absent = || ApiError::unauthorized("Not Authorized! Token not present");
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next().ok_or_else(absent)?;
    if values.next().is_some() {
        return Err(Refusal::Invalid.into());
    }
    let (scheme, token) = value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or_else(absent)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(token.trim()) } else { Err(absent()) }
}

/// A user who may sign in and call: neither deleted nor deactivated. Names are stored in lower case.
pub(crate) async fn user_by_name(app: &App, name: &str) -> Result<Option<Row>, ApiError> {
    let hash = fqn_hash(&quote_name(&name.to_lowercase()));
    let row = app.store.get_by_hash(EntityKind::User, &hash).await?;
    Ok(row.filter(may_act))
}

/// Whether a user is neither deleted nor deactivated.
pub(crate) fn may_act(user: &Row) -> bool {
    !["deleted", "deactivated"].iter().any(|key| user.json.get(*key).and_then(Value::as_bool) == Some(true))
}

/// What a user is. A bot stays one even if it is marked as an administrator.
pub(crate) fn role(user: &Row) -> Role {
    let is = |key: &str| user.json.get(key).and_then(Value::as_bool).unwrap_or_default();
    match (is("isBot"), is("isAdmin")) {
        (true, _) => Role::Bot,
        (false, true) => Role::Admin,
        (false, false) => Role::User,
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (header::AUTHORIZATION, HeaderValue::from_str(value).unwrap())).collect()
    }

    #[test]
    fn exactly_one_bearer_token_is_taken() {
        assert_eq!(bearer(&headers(&["Bearer abc"])).unwrap(), "abc");
        assert_eq!(bearer(&headers(&["bearer  abc "])).unwrap(), "abc");
        for wrong in [&[][..], &["Basic abc"], &["Bearer"], &["Bearer a", "Bearer b"]] {
            assert!(bearer(&headers(wrong)).is_err(), "{wrong:?}");
        }
    }
}
