//! Which certificate a client gets.

use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::azure;
use crate::error::{Error, ErrorKind, Result};

/// The certificates of now. New connections get the new ones; those that are open stay open.
#[derive(Debug)]
pub(super) struct Served {
    own: ArcSwap<CertifiedKey>,
    /// For who calls this service by Azure's names.
    azure: Option<ArcSwap<CertifiedKey>>,
}

impl Served {
    pub(super) fn new(own: CertifiedKey, azure: Option<CertifiedKey>) -> Self {
        Self { own: ArcSwap::from_pointee(own), azure: azure.map(ArcSwap::from_pointee) }
    }

    pub(super) fn replace_own(&self, key: CertifiedKey) {
        self.own.store(Arc::new(key));
    }

    pub(super) fn replace_azure(&self, key: CertifiedKey) {
        if let Some(azure) = &self.azure {
            azure.store(Arc::new(key));
        }
    }

    /// What is served: the own one, and the one for Azure's names.
    #[cfg(test)]
    pub(super) fn current(&self) -> Vec<Arc<CertifiedKey>> {
        std::iter::once(&self.own).chain(&self.azure).map(ArcSwap::load_full).collect()
    }

    /// TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1, no client certificates.
    pub(super) fn server_config(self: &Arc<Self>) -> Result<Arc<ServerConfig>> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(|error| Error::new(ErrorKind::Certificate, format!("TLS cannot be set up: {error}")))?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

impl ResolvesServerCert for Served {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let chosen = match (&self.azure, hello.server_name()) {
            (Some(azure), Some(name)) if azure::is_name(name) => azure,
            _ => &self.own,
        };
        Some(chosen.load_full())
    }
}
