//! `managedIdentity`: which principals whoever runs on this machine is, without a secret.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use strongroom_secrets::SecretValue;

use super::parse::suggest;
use super::{PrincipalSettings, VaultConfig};
use crate::access::{Identities, Identity, Principals};
use crate::error::{Error, Result};
use crate::folder;

/// The port if none is named.
const PORT: u16 = 8445;

/// A header shorter than this could be guessed.
const SHORTEST_HEADER: usize = 16;

/// The section `managedIdentity`. Without it no listener is opened.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ManagedIdentitySettings {
    /// The address of the plain-http listener; without it port 8445 of loopback, or a port that the system chooses if
    /// `listen` does so too.
    pub listen: Option<String>,
    /// Allows an address that other machines reach. Whoever reaches it is these principals.
    pub allow_remote: bool,
    /// What `IDENTITY_HEADER` has to say; drawn and kept in the data folder if neither this nor
    /// [`header_file`](Self::header_file) is given.
    pub header: Option<SecretValue>,
    /// The file that holds it; a relative path starts at the folder of `vault.yaml`.
    pub header_file: Option<PathBuf>,
    /// The name of the principal that a request gets which names none.
    pub system_assigned: Option<String>,
    /// Principals that a request has to name by client, object or resource id.
    pub user_assigned: Vec<UserAssignedSettings>,
}

/// A user-assigned identity.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UserAssignedSettings {
    /// The principal's name.
    pub principal: String,
    /// Its resource id; made up from the name if left out.
    #[serde(default)]
    pub resource_id: Option<String>,
}

/// The section once its rules are kept.
#[derive(Debug, Clone)]
pub(crate) struct ManagedIdentity {
    pub(crate) listen: SocketAddr,
    pub(crate) header: Option<SecretValue>,
}

impl ManagedIdentitySettings {
    /// Reads the header's file, if one is named.
    pub(super) fn read_files(&mut self, base: &Path) -> Result<()> {
        let Some(file) = &self.header_file else { return Ok(()) };
        if self.header.is_some() {
            return Err(Error::configuration("managedIdentity has both header and headerFile")
                .with_hint("leave one of them out"));
        }
        let path = base.join(file);
        let text = folder::read_if_present(&path)?.map(zeroize::Zeroizing::new).ok_or_else(|| {
            Error::configuration(format!("managedIdentity: the headerFile {} does not exist", path.display()))
        })?;
        self.header = Some(SecretValue::new(text.trim_end_matches(['\r', '\n'])));
        Ok(())
    }

    /// Whether a principal is one of the identities, so that it needs no secret.
    pub(super) fn names(&self, principal: &str) -> bool {
        self.system_assigned.as_deref() == Some(principal)
            || self.user_assigned.iter().any(|identity| identity.principal == principal)
    }

    /// Checks all rules. `main` is the address of the port with TLS.
    pub(super) fn check(&self, main: SocketAddr) -> Result<ManagedIdentity> {
        let listen = match &self.listen {
            None => SocketAddr::from(([127, 0, 0, 1], if main.port() == 0 { 0 } else { PORT })),
            Some(text) => text.parse().map_err(|_| {
                Error::configuration(format!(
                    "managedIdentity: listen: {text:?} is not an IP address and a port"
                ))
                .with_hint("write it like 127.0.0.1:8445")
            })?,
        };
        if !listen.ip().is_loopback() && !self.allow_remote {
            return Err(Error::configuration(format!(
                "managedIdentity: other machines reach {listen}, and whoever reaches it gets tokens without a secret"
            ))
            .with_hint("listen on 127.0.0.1, or write allowRemote: true"));
        }
        if let Some(header) = &self.header {
            let text = header.expose();
            if text.len() < SHORTEST_HEADER || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(Error::configuration(format!(
                    "managedIdentity: the header must have at least {SHORTEST_HEADER} characters, and no spaces"
                )));
            }
        }
        Ok(ManagedIdentity { listen, header: self.header.clone() })
    }

    /// The identities, by what their principals are.
    pub(super) fn identities(
        &self,
        settings: &[PrincipalSettings],
        principals: &Principals,
        tenant: &str,
    ) -> Result<Identities> {
        let find = |name: &str| {
            settings
                .iter()
                .find(|known| known.name == name)
                .and_then(|known| principals.get(&known.client_id))
                .ok_or_else(|| {
                    Error::configuration(format!("managedIdentity: there is no principal {name:?}"))
                        .with_hint(suggest(name, settings.iter().map(|known| known.name.as_str())))
                })
        };
        let system = match &self.system_assigned {
            Some(name) => Some(Identity::system_assigned(find(name)?, tenant)),
            None => None,
        };
        let mut user: Vec<Identity> = Vec::with_capacity(self.user_assigned.len());
        for assigned in &self.user_assigned {
            let identity =
                Identity::user_assigned(find(&assigned.principal)?, assigned.resource_id.as_deref(), tenant);
            if system.iter().chain(&user).any(|known| known.is_like(&identity)) {
                return Err(Error::configuration(format!(
                    "managedIdentity: the principal {:?} or its resourceId is there twice",
                    assigned.principal
                )));
            }
            user.push(identity);
        }
        Ok(Identities::new(system, user))
    }
}

impl VaultConfig {
    /// Whether a principal is a managed identity.
    pub(crate) fn is_managed_identity(&self, principal: &str) -> bool {
        self.managed_identity.as_ref().is_some_and(|section| section.names(principal))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn main() -> SocketAddr {
        "127.0.0.1:8443".parse().unwrap()
    }

    #[test]
    fn the_listener_is_on_loopback_unless_told_otherwise() {
        let settings = ManagedIdentitySettings::default();
        assert_eq!(settings.check(main()).unwrap().listen, "127.0.0.1:8445".parse().unwrap());
        let any_port = settings.check("127.0.0.1:0".parse().unwrap()).unwrap();
        assert_eq!(any_port.listen.port(), 0);
        let mut remote = ManagedIdentitySettings {
            listen: Some("0.0.0.0:80".into()),
            ..ManagedIdentitySettings::default()
        };
        assert!(remote.check(main()).unwrap_err().to_string().contains("allowRemote: true"));
        remote.allow_remote = true;
        remote.check(main()).unwrap();
    }

    #[test]
    fn a_header_that_could_be_guessed_is_refused_without_being_shown() {
        for bad in ["hunter2", "hunter2 hunter2 hunter2"] {
            let settings =
                ManagedIdentitySettings { header: Some(bad.into()), ..ManagedIdentitySettings::default() };
            let error = settings.check(main()).unwrap_err().to_string();
            assert!(error.contains("at least 16") && !error.contains("hunter2"), "{error}");
        }
    }
}
