//! Vaults that are reached over a network, with an identity: what can be told of the way there and of who we are.

use std::net::IpAddr;

use async_trait::async_trait;

pub use crate::azure::SignedIn;
use crate::probe::DataAction;
use crate::{Error, Result};

/// A vault that is reached over a network, with an identity.
#[async_trait]
pub trait Remote: Send + Sync {
    /// The servers that calls go to: the vault first, then whoever gives the tokens, if that is known beforehand.
    fn endpoints(&self) -> Vec<Endpoint>;

    /// Asks a server for a sign of life, by the way that calls take. No token is sent.
    ///
    /// # Errors
    /// What a call would fail with: no address, no connection, a certificate that is not trusted, another server.
    async fn reach(&self, endpoint: &Endpoint) -> Result<Reached>;

    /// Gets a token, unless there is one already, and says whose it is.
    ///
    /// # Errors
    /// Why there is none.
    async fn sign_in(&self) -> Result<SignedIn>;

    /// The roles that may be given to an identity for the secrets of a vault, the least first. Each grants all that the ones
    /// before it do.
    fn roles(&self) -> &'static [Role];

    /// What somebody has to do so that the identity gets `role`. `refusal` is the vault's, if there was one: some vaults do not
    /// go by roles.
    fn how_to_grant(&self, role: &Role, to: Option<&SignedIn>, refusal: Option<&Error>) -> Advice;

    /// What somebody has to do so that the identity has `role` only.
    fn how_to_narrow(&self, role: &Role, of: Option<&SignedIn>) -> Advice;
}

/// A server that calls go to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Which of them it is.
    pub part: Part,
    /// Its address: scheme, host and port.
    pub url: String,
    /// Its host.
    pub host: String,
}

/// What a server does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// It keeps the secrets.
    Vault,
    /// It gives the tokens.
    TokenEndpoint,
}

/// A sign of life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reached {
    /// By how many seconds this machine's clock is ahead of the server's; negative if it is behind. `None` if the server does not
    /// tell the time. A difference of a second or two is that of the way.
    pub ahead: Option<i64>,
}

/// A role that an identity can be given.
#[derive(Debug, PartialEq, Eq)]
pub struct Role {
    /// Its name.
    pub name: &'static str,
    /// Its id, by which commands can name it too.
    pub id: &'static str,
    /// What it allows.
    pub grants: &'static [DataAction],
}

impl Role {
    /// Whether it allows all of these.
    pub fn suffices(&self, needed: &[DataAction]) -> bool {
        needed.iter().all(|action| self.grants.contains(action))
    }
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advice {
    /// In words.
    pub text: String,
    /// The command that does it, if one does.
    pub command: Option<String>,
}

/// The addresses of a host, as the system knows them; those of `localhost` and all below it are this machine's.
///
/// # Errors
/// In words why there is none.
pub async fn addresses(host: &str) -> std::result::Result<Vec<IpAddr>, String> {
    crate::transport::addresses(host).await.map_err(|unknown| unknown.to_string())
}
