//! `GET /metadata/endpoints`: what `az cloud register` learns a cloud's addresses from.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::host::Host;
use crate::service::Service;

/// The first version that answers one cloud; those before answer a list of them.
const ONE_CLOUD: &str = "2022-01-01";

/// The version with the oldest form.
const OLDEST: &str = "2015-01-01";

#[derive(Debug, Deserialize)]
pub(super) struct Version {
    #[serde(rename = "api-version")]
    api_version: Option<String>,
}

pub(super) async fn endpoints(
    State(service): State<Arc<Service>>,
    host: Host,
    Query(version): Query<Version>,
) -> Json<Value> {
    let (domain, port) = (service.domain(), host.port_suffix());
    let version = version.api_version.unwrap_or_default();
    let management = format!("https://management.{domain}{port}/");
    let authentication = json!({
        // Without a slash at its end: `az` puts one behind it.
        "loginEndpoint": format!("https://login.{domain}{port}"),
        // `az` asks for a token for the first.
        "audiences": ["https://management.core.windows.net/", "https://management.azure.com/", management],
        "tenant": service.tenant,
        "identityProvider": if service.tenant == "adfs" { "ADFS" } else { "AAD" },
    });
    if version == OLDEST {
        return Json(json!({
            "galleryEndpoint": management,
            "graphEndpoint": "https://graph.windows.net/",
            "portalEndpoint": management,
            "authentication": authentication,
        }));
    }
    let cloud = json!({
        "name": "Strongroom",
        "resourceManager": management,
        "portal": management,
        "gallery": management,
        "authentication": authentication,
        "graph": "https://graph.windows.net/",
        "graphAudience": "https://graph.windows.net/",
        "microsoftGraphResourceId": "https://graph.microsoft.com/",
        "batch": "https://batch.core.windows.net/",
        "media": "https://rest.media.azure.net/",
        "sqlManagement": management,
        "vmImageAliasDoc": "",
        "activeDirectoryDataLake": "",
        "suffixes": {
            // With the port: whoever puts a vault's name in front of it has its address.
            "keyVaultDns": format!("{domain}{port}"),
        },
    });
    Json(if version.as_str() < ONE_CLOUD { json!([cloud]) } else { cloud })
}
