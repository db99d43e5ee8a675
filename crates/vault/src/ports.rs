//! What is opened when a vault starts: the port for vaults and tokens, and beside it what the configuration asks for.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use axum_server::tls_rustls::RustlsConfig;
use strongroom_secrets::SecretValue;
use tokio::sync::Semaphore;

use crate::config::{AdminListen, Checked, Limits};
use crate::error::Result;
use crate::folder::Folder;
use crate::listeners::{Listeners, address, bind};
use crate::managed_identity;
use crate::monitoring;
use crate::server;
use crate::service::Service;

/// Where to listen.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) listen: SocketAddr,
    managed_identity: Option<ManagedIdentityPort>,
    admin: AdminListen,
    limits: Limits,
}

#[derive(Debug)]
struct ManagedIdentityPort {
    listen: SocketAddr,
    header: SecretValue,
}

/// Where it listens, in the end.
#[derive(Debug, Clone)]
pub(crate) struct Addresses {
    pub(crate) main: SocketAddr,
    pub(crate) managed_identity: Option<SocketAddr>,
    pub(crate) admin: Option<SocketAddr>,
}

impl Plan {
    /// What a configuration asks for. `listen` goes before its own.
    pub(crate) fn new(
        checked: &Checked,
        listen: Option<SocketAddr>,
        folder: &Folder,
        random: &dyn strongroom_secrets::Random,
    ) -> Result<Self> {
        let managed_identity = match &checked.managed_identity {
            Some(section) => Some(ManagedIdentityPort {
                listen: section.listen,
                header: match &section.header {
                    Some(header) => header.clone(),
                    None => managed_identity::kept_header(folder, random)?,
                },
            }),
            None => None,
        };
        Ok(Self {
            listen: listen.unwrap_or(checked.listen),
            managed_identity,
            admin: match (checked.admin, listen) {
                // Whoever lets the system choose a port does not want a fixed one beside it.
                (AdminListen::Default(address), Some(main)) if main.port() == 0 => {
                    AdminListen::Default((address.ip(), 0).into())
                }
                (admin, _) => admin,
            },
            limits: checked.limits.clone(),
        })
    }

    /// Takes all addresses, has them announced, and answers from then on: who gets an answer finds what was announced.
    /// `socket` goes before the address for vaults and tokens.
    ///
    /// # Errors
    /// [`Address`](crate::ErrorKind::Address) if one is taken, and whatever `announce` fails with. Nothing is answered then.
    pub(crate) fn open(
        self,
        socket: Option<TcpListener>,
        tls: RustlsConfig,
        service: &Arc<Service>,
        announce: impl FnOnce(&Addresses) -> Result<()>,
    ) -> Result<(Listeners, Addresses)> {
        let main = match socket {
            Some(socket) => socket,
            None => bind(self.listen)?,
        };
        let managed_identity = match &self.managed_identity {
            Some(port) => Some((bind(port.listen)?, port)),
            None => None,
        };
        let admin = self.bind_admin()?;
        let addresses = Addresses {
            main: address(&main)?,
            managed_identity: managed_identity.as_ref().map(|(socket, _)| address(socket)).transpose()?,
            admin: admin.as_ref().map(address).transpose()?,
        };
        announce(&addresses)?;
        let mut listeners = Listeners::default();
        let places = Arc::new(Semaphore::new(self.limits.connections));
        let routes = server::router(Arc::clone(service), &self.limits);
        let may_be_cut = service.faults.is_some();
        listeners.start_tls(main, tls, routes, &self.limits, Arc::clone(&places), may_be_cut)?;
        if let Some((socket, port)) = managed_identity {
            if !port.listen.ip().is_loopback() {
                tracing::warn!(
                    listen = %port.listen,
                    "whoever reaches this address gets the managed identities' tokens, without a secret"
                );
            }
            let routes =
                managed_identity::routes(Arc::clone(service), port.header.clone(), port.listen, &self.limits);
            listeners.start_plain(socket, routes, &self.limits, false)?;
        }
        if let Some(socket) = admin {
            let routes = monitoring::routes(Arc::clone(service), places, &self.limits);
            listeners.start_plain(socket, routes, &self.limits, true)?;
        }
        Ok((listeners, addresses))
    }

    /// Takes the address for whoever runs the vault. A second vault on the same machine does without, unless it is told
    /// where.
    fn bind_admin(&self) -> Result<Option<TcpListener>> {
        match self.admin {
            AdminListen::Off => Ok(None),
            AdminListen::Given(address) => bind(address).map(Some),
            AdminListen::Default(address) => Ok(bind(address)
                .inspect_err(|error| {
                    tracing::warn!(%error, "there is no /readyz and no /metrics: name another address with adminListen");
                })
                .ok()),
        }
    }
}
