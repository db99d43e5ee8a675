//! `vault.yaml`: where to listen, which vaults there are, and who may do what in them.
//!
//! [`VaultConfig`] is what the file says, word for word; [`VaultConfig::check`] turns it into what the service works with.
//! [`parse`](mod@parse) reads the file and words its errors, [`check`](mod@check) holds the rules, [`credentials`] those of what proves
//! who a principal is, [`roles`] those of what it may do, [`merge`] those of what was made at run time, [`development`] makes
//! the file that a first start without any gets.

mod admin;
mod audit;
mod check;
mod credentials;
mod delays;
mod development;
mod limits;
mod managed_identity;
mod merge;
mod parse;
mod roles;
mod tls;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use strongroom_secrets::SecretValue;

pub(crate) use admin::AdminListen;
pub use audit::{AuditPlace, AuditSettings};
pub(crate) use check::{Checked, check_client_id, check_vault};
pub(crate) use credentials::check_federated;
pub(crate) use delays::Delays;
pub use limits::Limits;
pub(crate) use managed_identity::ManagedIdentity;
pub use managed_identity::{ManagedIdentitySettings, UserAssignedSettings};
pub(crate) use parse::{parse, suggest};
pub(crate) use roles::define as define_roles;
pub use roles::{RoleAssignment, RoleSettings};
pub use tls::TlsSettings;

use crate::error::{Error, Result};
use crate::folder;

/// What `vault.yaml` says. Every key has a default; a key that is not listed here is an error.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct VaultConfig {
    /// The address to listen on, `address:port`. Port 0 lets the system choose one.
    pub listen: String,
    /// Vault `v1` answers at `https://v1.<domain>`, the token endpoints at `https://login.<domain>`.
    pub domain: String,
    /// The tenant that the challenge names. `adfs` lets Microsoft's clients skip instance discovery.
    pub tenant: String,
    /// Further tenants that issue tokens, besides `tenant` and `adfs`.
    pub tenants: Vec<String>,
    /// The vaults.
    pub vaults: Vec<VaultSettings>,
    /// Roles besides Azure's own.
    pub roles: Vec<RoleSettings>,
    /// How many seconds a deletion takes until the secret is seen among the deleted ones, as in Azure; 0 to 3600.
    pub delete_delay_seconds: u32,
    /// How many seconds a recovery takes until the secret is seen again; 0 to 3600.
    pub recover_delay_seconds: u32,
    /// Who may sign in.
    pub principals: Vec<PrincipalSettings>,
    /// The address for `/healthz`, `/readyz` and `/metrics`, or `off`; port 8444 of loopback by default.
    pub admin_listen: Option<String>,
    /// Where the lines of the audit trail go.
    pub audit: AuditSettings,
    /// How many days a key signs tokens until the next one does; 2 to 3650.
    pub signing_key_days: u32,
    /// A certificate of one's own; without it the vault makes one, and an authority for it.
    pub tls: Option<TlsSettings>,
    /// Who gets tokens without a secret, on this machine. Nobody, if absent.
    pub managed_identity: Option<ManagedIdentitySettings>,
    /// Bounds on connections and time.
    pub limits: Limits,
}

/// One vault.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VaultSettings {
    /// Its name: the first part of its host name. Letters, digits and hyphens, a letter first, at most 24.
    pub name: String,
    /// How many days a deleted secret can be recovered, 7 to 90.
    #[serde(default = "default_retention")]
    pub soft_delete_retention_in_days: u32,
    /// Whether nobody, whatever their role, can purge a deleted secret before its time.
    #[serde(default)]
    pub enable_purge_protection: bool,
}

impl VaultSettings {
    /// A vault with Azure's defaults: 90 days, no purge protection.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            soft_delete_retention_in_days: default_retention(),
            enable_purge_protection: false,
        }
    }
}

/// One principal: an application that signs in with a client id and something that proves who it is.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PrincipalSettings {
    /// Its name, for people, logs and `strongroom vault env`.
    pub name: String,
    /// Its application (client) id.
    pub client_id: String,
    /// Its secret; either this or [`client_secret_file`](Self::client_secret_file).
    #[serde(default)]
    pub client_secret: Option<SecretValue>,
    /// The file that holds its secret; a relative path starts at the folder of `vault.yaml`.
    #[serde(default)]
    pub client_secret_file: Option<PathBuf>,
    /// PEM files, each with a certificate whose key signs the principal's client assertions.
    #[serde(default)]
    pub certificates: Vec<PathBuf>,
    /// Identities of other issuers that count as the principal.
    #[serde(default)]
    pub federated_credentials: Vec<FederatedSettings>,
    /// What it may do. Nothing, if empty.
    #[serde(default)]
    pub roles: Vec<RoleAssignment>,
}

/// An identity of another issuer, such as a Kubernetes service account, that counts as a principal.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FederatedSettings {
    /// The claim `iss` of its tokens, letter for letter.
    pub issuer: String,
    /// The claim `sub`: `system:serviceaccount:<namespace>:<name>` for Kubernetes.
    pub subject: String,
    /// What must be among the claim `aud`.
    #[serde(default = "default_audience")]
    pub audience: String,
    /// The file with the issuer's JSON Web Key Set; either this or [`jwks_url`](Self::jwks_url). It is read again when it
    /// changes.
    #[serde(default)]
    pub jwks_file: Option<PathBuf>,
    /// The `https` address of the issuer's JSON Web Key Set.
    #[serde(default)]
    pub jwks_url: Option<String>,
}

impl Default for VaultConfig {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8443".to_owned(),
            domain: "vault.localhost".to_owned(),
            tenant: "adfs".to_owned(),
            tenants: Vec::new(),
            delete_delay_seconds: 0,
            recover_delay_seconds: 0,
            vaults: Vec::new(),
            roles: Vec::new(),
            principals: Vec::new(),
            admin_listen: None,
            tls: None,
            signing_key_days: 90,
            audit: AuditSettings::default(),
            managed_identity: None,
            limits: Limits::default(),
        }
    }
}

impl VaultConfig {
    /// Reads a file. Its client secrets given by file are read too.
    ///
    /// # Errors
    /// [`Configuration`](crate::ErrorKind::Configuration) names the line, and never a value.
    pub fn read(path: &Path) -> Result<Self> {
        let text = folder::read_if_present(path)?.ok_or_else(|| {
            Error::configuration(format!("there is no configuration file {}", path.display()))
                .with_hint("correct --config, or leave it out: a first start makes a file by itself")
        })?;
        let mut config: Self = parse(&text, path)?;
        let base = path.parent().unwrap_or(Path::new("."));
        config.read_secret_files(base)?;
        if let Some(section) = &mut config.managed_identity {
            section.read_files(base)?;
        }
        config.resolve_paths(base);
        Ok(config)
    }

    /// The keys whose change takes effect at the next start only.
    pub(crate) fn fixed_keys_that_differ(&self, other: &Self) -> Vec<&'static str> {
        // All of them are named, so that a new key cannot be forgotten here.
        let Self {
            listen,
            domain,
            tenant,
            tenants,
            vaults: _,
            roles: _,
            principals: _,
            delete_delay_seconds,
            recover_delay_seconds,
            audit,
            managed_identity,
            limits,
            admin_listen,
            tls,
            signing_key_days,
        } = self;
        let port = |section: &Option<ManagedIdentitySettings>| {
            section.as_ref().map(|section| (section.listen.clone(), section.header.clone()))
        };
        [
            ("listen", *listen != other.listen),
            ("domain", !domain.eq_ignore_ascii_case(&other.domain)),
            ("tenant", !tenant.eq_ignore_ascii_case(&other.tenant)),
            ("tenants", *tenants != other.tenants),
            ("deleteDelaySeconds", *delete_delay_seconds != other.delete_delay_seconds),
            ("recoverDelaySeconds", *recover_delay_seconds != other.recover_delay_seconds),
            ("audit", *audit != other.audit),
            ("managedIdentity", port(managed_identity) != port(&other.managed_identity)),
            ("limits", *limits != other.limits),
            ("signingKeyDays", *signing_key_days != other.signing_key_days),
            ("tls", *tls != other.tls),
            ("adminListen", *admin_listen != other.admin_listen),
        ]
        .into_iter()
        .filter_map(|(key, differs)| differs.then_some(key))
        .collect()
    }

    /// Relative paths start at the folder of the file.
    fn resolve_paths(&mut self, base: &Path) {
        if let Some(tls) = &mut self.tls {
            tls.resolve_paths(base);
        }
        for principal in &mut self.principals {
            let federated =
                principal.federated_credentials.iter_mut().filter_map(|known| known.jwks_file.as_mut());
            for path in principal.certificates.iter_mut().chain(federated) {
                *path = base.join(&*path);
            }
        }
    }

    /// Replaces each `clientSecretFile` by what the file holds, without the line break at its end.
    fn read_secret_files(&mut self, base: &Path) -> Result<()> {
        for principal in &mut self.principals {
            let Some(file) = &principal.client_secret_file else { continue };
            if principal.client_secret.is_some() {
                return Err(Error::configuration(format!(
                    "principal {:?} has both clientSecret and clientSecretFile",
                    principal.name
                ))
                .with_hint("leave one of them out"));
            }
            let path = base.join(file);
            let text = folder::read_if_present(&path)?.ok_or_else(|| {
                Error::configuration(format!(
                    "the clientSecretFile {} of principal {:?} does not exist",
                    path.display(),
                    principal.name
                ))
            })?;
            let text = zeroize::Zeroizing::new(text);
            principal.client_secret = Some(SecretValue::new(text.trim_end_matches(['\r', '\n'])));
        }
        Ok(())
    }
}

fn default_audience() -> String {
    "api://AzureADTokenExchange".to_owned()
}

const fn default_retention() -> u32 {
    90
}
