//! The embedded vault as part of another command: started beside the metadata server, and reached over HTTPS like any
//! other Key Vault.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use strongroom_secrets::azure::{AzureConfig, AzureProvider, ClientSecret, Credential};
use strongroom_secrets::transport::Trust;
use strongroom_secrets::{Provider, SecretValue};
use strongroom_vault::{Options, Running, Vault, VaultConfig};

/// The principals of the configuration that a first start makes.
const SERVER: &str = "server";
const INGESTION: &str = "ingestion";

/// A vault that runs in this process.
pub(crate) struct EmbeddedVault {
    running: Running,
    config: VaultConfig,
    vault: String,
}

impl EmbeddedVault {
    /// Starts the vault of a data folder, at `listen` or where its configuration says.
    pub(crate) async fn start(data_dir: PathBuf, listen: Option<SocketAddr>) -> Result<Self> {
        let opened = Vault::open(Options { listen, ..Options::new(data_dir) }).await?;
        let config = opened.config().clone();
        let running = opened.start(None).await?;
        let vault =
            config.vaults.first().map(|vault| vault.name.clone()).context("the vault.yaml names no vault")?;
        Ok(Self { running, config, vault })
    }

    /// The vault's URL.
    pub(crate) fn url(&self) -> String {
        self.running.url(&self.vault)
    }

    /// The certificate that its clients have to trust.
    pub(crate) fn ca_file(&self) -> PathBuf {
        self.running.ca_file().to_owned()
    }

    /// The vault as the metadata server sees it: it may read and write.
    pub(crate) fn as_server(&self, call_timeout: Duration) -> Result<Arc<dyn Provider>> {
        self.provider(SERVER, call_timeout)
    }

    /// The vault as the ingestion sees it: it may read.
    pub(crate) fn as_ingestion(&self, call_timeout: Duration) -> Result<Arc<dyn Provider>> {
        self.provider(INGESTION, call_timeout)
    }

    fn provider(&self, principal: &str, call_timeout: Duration) -> Result<Arc<dyn Provider>> {
        let missing =
            || format!("the embedded vault's vault.yaml has no principal {principal} with a client secret");
        let principal =
            self.config.principals.iter().find(|known| known.name == principal).with_context(missing)?;
        let client_secret: SecretValue = principal.client_secret.clone().with_context(missing)?;
        let credential = Credential::ClientSecret(ClientSecret {
            tenant: self.config.tenant.clone(),
            client_id: principal.client_id.clone(),
            client_secret,
        });
        let mut config = AzureConfig::new(self.url().parse()?, credential);
        config.authority = self.running.authority().parse()?;
        config.trust = Trust::default().with_ca_file(self.ca_file());
        config.call_timeout = call_timeout;
        Ok(Arc::new(AzureProvider::new(&config)?))
    }

    /// Lets requests in hand finish, and closes the store.
    pub(crate) async fn stop(self) -> Result<()> {
        Ok(self.running.stop().await?)
    }
}
