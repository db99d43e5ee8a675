//! Managed identities: tokens for whoever runs on this machine, without a secret.
//!
//! A plain-http listener speaks the two protocols that Azure's hosts have: [`imds`], the metadata service of virtual
//! machines, and [`app_service`], the endpoint of App Service, Functions and Container Apps. [`identity`] tells which
//! principals there are and which one a request means, [`request`] reads what both have in common.

mod app_service;
mod imds;
mod request;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use strongroom_secrets::{Random, SecretValue};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::TimeoutLayer;

use crate::config::Limits;
use crate::error::Result;
use crate::folder::{self, Folder, Readers};
use crate::host::Host;
use crate::service::Service;

/// The path that `IDENTITY_ENDPOINT` names.
pub(crate) const APP_SERVICE_PATH: &str = "/msi/token";

/// What the handlers of this listener share.
#[derive(Debug)]
struct Endpoint {
    service: Arc<Service>,
    header: SecretValue,
    /// Whether only this machine reaches it.
    loopback: bool,
}

/// All paths of the listener at `address`. `header` is what App Service's clients have to send.
pub(crate) fn routes(
    service: Arc<Service>,
    header: SecretValue,
    address: SocketAddr,
    limits: &Limits,
) -> Router {
    let endpoint = Arc::new(Endpoint { service, header, loopback: address.ip().is_loopback() });
    Router::new()
        .route("/metadata/identity/oauth2/token", get(imds::token))
        .route("/metadata/identity/oauth2/token/", get(imds::token))
        .route(APP_SERVICE_PATH, get(app_service::token))
        // A newer protocol of virtual machines is probed for at /metadata/identity/getplatformmetadata: 404 says no.
        .fallback(|| async { StatusCode::NOT_FOUND })
        .layer(middleware::from_fn_with_state(Arc::clone(&endpoint), only_local_names))
        .layer(CatchPanicLayer::new())
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, limits.request()))
        .with_state(endpoint)
}

/// On loopback, only names of this machine are answered: else a web page could have its own name point here, and a
/// browser would let it read a token.
async fn only_local_names(State(endpoint): State<Arc<Endpoint>>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let host = Host::of(&parts);
    let local = !endpoint.loopback
        || host.is_some_and(|host| host.is_this_machine() || host.is_under(endpoint.service.domain()));
    if local {
        return next.run(Request::from_parts(parts, body)).await;
    }
    (StatusCode::FORBIDDEN, "this listener answers to names of this machine only\n").into_response()
}

/// The header that is kept in the data folder, drawn on the first start.
pub(crate) fn kept_header(folder: &Folder, random: &dyn Random) -> Result<SecretValue> {
    if let Some(header) = read_header(folder)? {
        return Ok(header);
    }
    let header = SecretValue::new(URL_SAFE_NO_PAD.encode(random.bytes::<32>()));
    folder::write(&folder.identity_header(), header.expose().as_bytes(), Readers::Owner)?;
    Ok(header)
}

/// The header that an earlier start drew, if there was one.
pub(crate) fn read_header(folder: &Folder) -> Result<Option<SecretValue>> {
    let text = folder::read_if_present(&folder.identity_header())?.map(zeroize::Zeroizing::new);
    Ok(text.map(|text| SecretValue::new(text.trim())).filter(|header| !header.is_empty()))
}
