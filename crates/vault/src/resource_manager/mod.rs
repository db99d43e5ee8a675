//! What `az` needs of Azure Resource Manager: which endpoints there are, and which tenant and subscription one signs in to.
//!
//! Only `https://management.<domain>` answers these paths; at any other host they are a vault's, if anybody's. [`metadata`]
//! holds the endpoints, which anybody may read; the rest wants a token for Resource Manager. There is one subscription for
//! each tenant, with nothing in it that could be managed.

mod fault;
mod metadata;

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::access::subscription_id;
use crate::data_plane;
use crate::entra;
use crate::host::Host;
use crate::service::Service;
use crate::tokens::Verified;
use fault::Fault;

/// The label in front of the domain.
const LABEL: &str = "management";

/// All paths.
pub(crate) fn routes(service: Arc<Service>) -> Router<Arc<Service>> {
    Router::new()
        .route("/metadata/endpoints", get(metadata::endpoints))
        .route("/tenants", get(tenants))
        .route("/tenants/", get(tenants))
        .route("/subscriptions", get(subscriptions))
        .route("/subscriptions/", get(subscriptions))
        .route("/subscriptions/{id}", get(subscription))
        .route("/subscriptions/{id}/locations", get(locations))
        .route("/subscriptions/{id}/resourcegroups", get(nothing))
        .route("/subscriptions/{id}/resources", get(nothing))
        .layer(middleware::from_fn_with_state(service, only_here))
}

/// Hands requests for other hosts to the vaults.
async fn only_here(State(service): State<Arc<Service>>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let here = Host::of(&parts).is_some_and(|host| host.label_under(service.domain()) == Some(LABEL));
    let request = Request::from_parts(parts, body);
    if here { next.run(request).await } else { data_plane::handle(State(service), request).await }
}

/// The tenant that a caller has signed in to.
async fn signed_in(service: &Service, host: &Host, headers: &HeaderMap) -> Result<String, Fault> {
    let refuse = |message| Fault::unauthenticated(service, host, message);
    let token = data_plane::bearer(headers.get(header::AUTHORIZATION))
        .ok_or_else(|| refuse("Authentication failed. The 'Authorization' header is missing."))?;
    let token = entra::believe_for_resource_manager(service, token)
        .await
        .map_err(|_| refuse("The access token is invalid, has expired, or is for another audience."))?;
    let directory = service.fresh_directory().await.map_err(|_| Fault::internal())?;
    if directory.principals.get(&token.client_id).is_none() {
        return Err(refuse("The principal of the access token does not exist any more."));
    }
    tenant(&token).ok_or_else(Fault::internal)
}

/// Issuers of ours are `https://login.<domain>/<tenant>/v2.0`.
fn tenant(token: &Verified) -> Option<String> {
    token.issuer.rsplit('/').nth(1).map(str::to_owned)
}

async fn tenants(
    State(service): State<Arc<Service>>,
    host: Host,
    headers: HeaderMap,
) -> Result<Json<Value>, Fault> {
    let tenant = signed_in(&service, &host, &headers).await?;
    let described = json!({
        "id": format!("/tenants/{tenant}"),
        "tenantId": tenant,
        "tenantCategory": "Home",
        "tenantType": "AAD",
        "displayName": "Strongroom",
        "defaultDomain": service.domain(),
        "domains": [service.domain()],
    });
    Ok(Json(json!({ "value": [described] })))
}

async fn subscriptions(
    State(service): State<Arc<Service>>,
    host: Host,
    headers: HeaderMap,
) -> Result<Json<Value>, Fault> {
    let tenant = signed_in(&service, &host, &headers).await?;
    Ok(Json(json!({ "value": [described(&tenant)], "count": {"type": "Total", "value": 1} })))
}

async fn subscription(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
    host: Host,
    headers: HeaderMap,
) -> Result<Json<Value>, Fault> {
    let tenant = own_subscription(&service, &id, &host, &headers).await?;
    Ok(Json(described(&tenant)))
}

/// There is one place, and it is here.
async fn locations(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
    host: Host,
    headers: HeaderMap,
) -> Result<Json<Value>, Fault> {
    own_subscription(&service, &id, &host, &headers).await?;
    let place = json!({
        "id": format!("/subscriptions/{id}/locations/local"),
        "name": "local",
        "type": "Region",
        "displayName": "Local",
        "regionalDisplayName": "Local",
        "metadata": {"regionType": "Physical", "regionCategory": "Recommended"},
    });
    Ok(Json(json!({ "value": [place] })))
}

/// Groups and resources: there are none that could be managed.
async fn nothing(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
    host: Host,
    headers: HeaderMap,
) -> Result<Json<Value>, Fault> {
    own_subscription(&service, &id, &host, &headers).await?;
    Ok(Json(json!({ "value": [] })))
}

/// The tenant of the caller, if the subscription is its.
async fn own_subscription(
    service: &Service,
    id: &str,
    host: &Host,
    headers: &HeaderMap,
) -> Result<String, Fault> {
    let tenant = signed_in(service, host, headers).await?;
    if id.eq_ignore_ascii_case(&subscription_id(&tenant).to_string()) {
        return Ok(tenant);
    }
    Err(Fault::unknown_subscription(id))
}

fn described(tenant: &str) -> Value {
    let id = subscription_id(tenant).to_string();
    json!({
        "id": format!("/subscriptions/{id}"),
        "subscriptionId": id,
        "tenantId": tenant,
        "displayName": "Strongroom",
        "state": "Enabled",
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
        "subscriptionPolicies": {
            "locationPlacementId": "Public_2014-09-01",
            "quotaId": "Internal_2014-09-01",
            "spendingLimit": "Off",
        },
    })
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        self.answer()
    }
}
