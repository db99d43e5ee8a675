//! The table of contents: every route, who may call it, and what answers.
//!
//! The router is made from [`routes`], and who may call a route is checked before its handler runs: a handler cannot forget it,
//! and a route that is not in the table does not exist.
//!
//! | Who | May |
//! |---|---|
//! | anyone | ask for version, health and public keys, and sign in |
//! | any signed-in caller | read, with masks |
//! | bots | read with references; create and change services, report connection tests |
//! | admins | everything, but they see masks too |

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, on};
use axum::{Router, handler::Handler};

use crate::app::App;
use crate::auth::caller::{Role, authenticate};
use crate::controllers::{bots, database_services as services, system, users};
use crate::errors::ApiError;
use crate::layers;

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anyone; a token is not looked at.
    Anyone,
    /// Whoever presents a valid token.
    SignedIn,
    /// These roles only; the refusal names the operation.
    Only(&'static [Role], &'static str),
}

/// A route of the API.
#[derive(Debug)]
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path below `/api/v1`, as a pattern.
    pub path: &'static str,
    /// Who may call it.
    pub access: Access,
    handler: MethodRouter<Arc<App>>,
}

const WRITERS: &[Role] = &[Role::Admin, Role::Bot];
const ADMINS: &[Role] = &[Role::Admin];

/// Every route of the API.
#[rustfmt::skip]
pub fn routes() -> Vec<Route> {
    use Access::{Anyone, Only, SignedIn};
    let (get, post, put, patch, delete) = (Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE);
    vec![
        route(&get,    "/system/version",                Anyone,   system::version::version),
        route(&get,    "/system/health",                 Anyone,   system::health::health),
        route(&get,    "/system/config/jwks",            Anyone,   system::jwks::jwks),

        route(&post,   "/users/login",                   Anyone,   users::login::login),
        route(&post,   "/users/refresh",                 Anyone,   users::refresh::refresh),
        route(&get,    "/users/token/{id}",              Only(ADMINS, "ViewAll"), users::token::token),

        route(&get,    "/bots/name/{name}",              SignedIn, bots::get::by_name),

        route(&get,    "/services/databaseServices",            SignedIn,                   services::list::list),
        route(&post,   "/services/databaseServices",            Only(WRITERS, "Create"),    services::create::create),
        route(&put,    "/services/databaseServices",            Only(WRITERS, "EditAll"),   services::put::put),
        route(&get,    "/services/databaseServices/{id}",       SignedIn,                   services::get::by_id),
        route(&patch,  "/services/databaseServices/{id}",       Only(WRITERS, "EditAll"),   services::patch::patch),
        route(&delete, "/services/databaseServices/{id}",       Only(ADMINS, "Delete"),     services::delete::delete),
        route(&get,    "/services/databaseServices/name/{fqn}", SignedIn,                   services::get::by_name),
        route(&put,    "/services/databaseServices/restore",    Only(ADMINS, "Delete"),     services::restore::restore),
        route(&put,    "/services/databaseServices/{id}/testConnectionResult", Only(WRITERS, "EditAll"), services::test_connection::put_result),
    ]
}

fn route<H, T>(method: &Method, path: &'static str, access: Access, handler: H) -> Route
where
    H: Handler<T, Arc<App>>,
    T: 'static,
{
    let filter = method.clone().try_into().expect("the methods of the table are standard ones");
    Route { method: method.clone(), path, access, handler: on(filter, handler) }
}

/// The API, with everything that surrounds it.
pub fn router(app: Arc<App>) -> Router {
    let mut api = Router::new();
    for Route { path, access, handler, .. } in routes() {
        let gate = Gate { app: app.clone(), access };
        api = api.route(path, handler.route_layer(middleware::from_fn_with_state(gate, pass)));
    }
    let whole = Router::new().nest("/api/v1", api).fallback(no_route).method_not_allowed_fallback(no_method);
    layers::surround(whole, &app).with_state(app)
}

#[derive(Clone)]
struct Gate {
    app: Arc<App>,
    access: Access,
}

/// Lets a request through to its handler, with the [`Caller`](crate::auth::Caller) that it comes from.
async fn pass(
    State(Gate { app, access }): State<Gate>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    if access != Access::Anyone {
        let caller = authenticate(&app, request.headers()).await?;
        if let Access::Only(roles, operation) = access
            && !roles.contains(&caller.role)
        {
            return Err(ApiError::forbidden(&caller.name, operation));
        }
        request.extensions_mut().insert(caller);
    }
    Ok(next.run(request).await)
}

async fn no_route() -> Response {
    ApiError::new(StatusCode::NOT_FOUND, "HTTP 404 Not Found").into_response()
}

async fn no_method() -> Response {
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "HTTP 405 Method Not Allowed").into_response()
}
