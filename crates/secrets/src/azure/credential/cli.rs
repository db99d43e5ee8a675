//! Tokens of whoever is signed in to the Azure CLI.

use std::sync::Arc;

use async_trait::async_trait;
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_identity::{AzureCliCredential, AzureCliCredentialOptions};

use super::{AzureCli, no_tenant};
use crate::Result;
use crate::azure::channel::{Cause, Failure, Peer};

pub(super) fn build(known: &AzureCli) -> Result<Arc<dyn TokenCredential>> {
    let options =
        AzureCliCredentialOptions { tenant_id: known.tenant.clone(), ..AzureCliCredentialOptions::default() };
    let credential = AzureCliCredential::new(Some(options))
        .map_err(|_| no_tenant(known.tenant.as_deref().unwrap_or_default()))?;
    Ok(Arc::new(Telling(credential)))
}

/// The SDK's credential, with what the CLI said kept apart from the SDK's words around it.
#[derive(Debug)]
struct Telling(Arc<AzureCliCredential>);

#[async_trait]
impl TokenCredential for Telling {
    async fn get_token(
        &self,
        scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        self.0.get_token(scopes, options).await.map_err(|error| {
            // What the CLI printed where errors go; a token is printed elsewhere.
            let mut innermost: &dyn std::error::Error = &error;
            while let Some(source) = innermost.source() {
                innermost = source;
            }
            let said = innermost.to_string();
            let line = said.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("it said nothing");
            Failure { peer: Peer::Authority, cause: Cause::NoToken(line.to_owned()) }.into_azure()
        })
    }
}
