//! The other end of `admin.sock`.

use std::io;
use std::sync::Arc;

use serde_json::Value;

use super::order::Order;
use super::socket::{ORDERS, Reply, SocketPath};
use crate::error::{Error, ErrorKind, Result};
use crate::folder::{Folder, file_error};

/// What a client waits for, beyond the vault's own bound.
const GRACE: std::time::Duration = std::time::Duration::from_secs(5);

/// A way to the vault that runs on a data folder.
#[derive(Debug)]
pub(super) struct Client {
    http: reqwest::Client,
    _path: SocketPath,
}

impl Client {
    /// Looks for the vault; `None` if none runs there.
    pub(super) async fn connect(folder: &Folder) -> Result<Option<Self>> {
        let shown = folder.admin_socket();
        let unreachable = |error| file_error("reach the running vault at", &shown, error);
        let path = match SocketPath::of(folder) {
            Ok(path) => path,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreachable(error)),
        };
        match tokio::net::UnixStream::connect(&path.path).await {
            Ok(_) => {}
            // No socket, or one that a crash left.
            Err(error)
                if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(unreachable(error)),
        }
        let http = reqwest::Client::builder()
            .unix_socket(path.path.clone())
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .tls_backend_preconfigured(nobody_trusted()?)
            .build()
            .map_err(cannot_speak)?;
        Ok(Some(Self { http, _path: path }))
    }

    pub(super) async fn send(&self, order: &Order) -> Result<Value> {
        let failed = |error: reqwest::Error| {
            Error::new(ErrorKind::File, "the running vault did not answer")
                .with_hint("whether it carried out the order is not known; look, and try again")
                .with_source(error)
        };
        // The host is a form: the socket leads to one place only.
        let request =
            self.http.post(format!("http://vault{ORDERS}")).timeout(order.patience() + GRACE).json(order);
        let answer = request.send().await.map_err(failed)?;
        let answer = answer.error_for_status().map_err(failed)?;
        match answer.json().await.map_err(failed)? {
            Reply::Done(done) => Ok(done),
            Reply::Failed { kind, message, hint } => {
                let error = Error::new(kind, message);
                Err(match hint {
                    Some(hint) => error.with_hint(hint),
                    None => error,
                })
            }
        }
    }
}

/// The socket needs no TLS; the client wants to be told nevertheless.
fn nobody_trusted() -> Result<rustls::ClientConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(cannot_speak)?;
    Ok(builder.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth())
}

fn cannot_speak(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(ErrorKind::File, "cannot speak to the running vault").with_source(error)
}
