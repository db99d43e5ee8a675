//! HTTP clients that trust what the user says and go where they are told.
//!
//! [`client`] builds every HTTP client of Strongroom: rustls with AWS-LC, the certificate authorities of [`Trust`],
//! `*.localhost` on this machine, no redirects, HTTP/1.1 connections that are kept for reuse.

mod loopback;
mod pinned;
mod trust;

use std::time::Duration;

pub use loopback::{Resolver, UnknownHost, addresses, is_local};
pub use trust::{SystemRoots, Trust};

use crate::{Error, ErrorKind, Result};

/// How long a connection, its TLS handshake included, may take to come up.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Connections unused for this long are closed: well before Azure's own front ends do it, whose closing could otherwise
/// meet a request that has just been sent.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// A client for requests to `host`, which never take longer than `timeout` each. `tls` comes from
/// [`Trust::client_config`]; reading the authorities takes milliseconds, so clients for several hosts share it.
///
/// Plain HTTP goes to this machine only. Proxies from the environment (`HTTPS_PROXY`, `NO_PROXY`) are used, but never to
/// reach this machine itself.
///
/// # Errors
/// [`Configuration`](ErrorKind::Configuration) if the client cannot be set up.
pub fn client(tls: rustls::ClientConfig, host: &str, timeout: Duration) -> Result<reqwest::Client> {
    let local = is_local(host);
    let builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .dns_resolver(Resolver)
        .https_only(!local)
        .http1_only()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .connect_timeout(CONNECT_TIMEOUT.min(timeout))
        .timeout(timeout)
        .pool_idle_timeout(IDLE_TIMEOUT);
    let builder = if local { builder.no_proxy() } else { builder };
    builder.build().map_err(|error| {
        Error::new(ErrorKind::Configuration, "cannot set up an HTTPS client").with_source(error)
    })
}

/// How long the endpoint that a host gives to what runs on it may take to accept a connection: it is on the host itself.
const HOST_CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// A client for the endpoint that a host gives to what runs on it: plain HTTP, and never through a proxy.
///
/// # Errors
/// [`Configuration`](ErrorKind::Configuration) if the client cannot be set up.
pub fn host_client(tls: rustls::ClientConfig, timeout: Duration) -> Result<reqwest::Client> {
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .dns_resolver(Resolver)
        .no_proxy()
        .http1_only()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .connect_timeout(HOST_CONNECT_TIMEOUT)
        .timeout(timeout)
        .build()
        .map_err(|error| {
            Error::new(ErrorKind::Configuration, "cannot set up an HTTP client").with_source(error)
        })
}

/// The same over TLS, for an endpoint whose certificate no authority has signed: it is told by its SHA-1 `thumbprint`.
///
/// # Errors
/// [`Configuration`](ErrorKind::Configuration) if that is no thumbprint, or the client cannot be set up.
pub fn pinned_client(thumbprint: &str, timeout: Duration) -> Result<reqwest::Client> {
    host_client(pinned::client_config(thumbprint)?, timeout)
}
