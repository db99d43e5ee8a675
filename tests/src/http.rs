//! HTTP as the tests speak it.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Certificate, Client, ClientBuilder, redirect};

/// The longest that an answer may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A client for plain HTTP, which trusts nobody's certificate.
///
/// # Panics
/// If the TLS library does not load.
pub fn client() -> Client {
    builder().tls_certs_only([]).build().expect("an HTTP client")
}

/// A client that trusts exactly the certificate authority in the file `ca` (PEM) and finds every `*.localhost` here.
/// `None` if there is no such file yet.
///
/// # Panics
/// If the file holds no certificate.
pub fn client_trusting(ca: &Path) -> Option<Client> {
    let pem = std::fs::read(ca).ok().filter(|pem| !pem.is_empty())?;
    let authorities = Certificate::from_pem_bundle(&pem).expect("certificates in the file");
    assert!(!authorities.is_empty(), "{} holds no certificate", ca.display());
    Some(builder().tls_certs_only(authorities).build().expect("an HTTPS client"))
}

fn builder() -> ClientBuilder {
    // Only the first call installs it; that the others fail is what they expect.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    Client::builder()
        .no_proxy()
        .redirect(redirect::Policy::none())
        .timeout(TIMEOUT)
        .dns_resolver(Arc::new(Loopback))
}

/// Resolves `localhost` and everything under it to this machine, as RFC 6761 asks, and nothing else.
struct Loopback;

impl Resolve for Loopback {
    fn resolve(&self, name: Name) -> Resolving {
        let host = name.as_str().trim_end_matches('.').to_owned();
        Box::pin(async move {
            if host != "localhost" && !host.ends_with(".localhost") {
                return Err(format!("the tests do not ask {host}").into());
            }
            let here = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            Ok(Box::new(std::iter::once(here)) as Addrs)
        })
    }
}
