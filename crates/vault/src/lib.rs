//! A Key Vault with Entra ID in one process: what whoever has no Azure at hand runs in its place.
//!
//! Microsoft's own clients work with it unmodified. Vault `v1` answers at `https://v1.<domain>:<port>/secrets/…`
//! ([`data_plane`]), every host name of the port answers token requests ([`entra`]); the port's certificate comes from a
//! private authority ([`pki`]). Secrets lie in SQLite or PostgreSQL ([`store`]), encrypted by keys that a
//! master key wraps ([`keys`]).
//! `vault.yaml` ([`config`]) says which vaults there are and who may do what in them ([`access`]);
//! so do the entries that are made at run time ([`administration`]). Both make the [`directory`] of the moment.
//!
//! Start with [`Vault::open`] and [`Vault::start`]; [`Environment`] tells a client's variables. Not here: what a secret
//! is for. This crate knows nothing of metadata, entities or references.

mod access;
mod administration;
mod audit;
mod azure;
mod chores;
mod config;
mod data_plane;
mod directory;
mod entra;
mod environment;
mod error;
mod faults;
mod folder;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod host;
mod keys;
mod listeners;
mod managed_identity;
mod metrics;
mod monitoring;
mod notes;
mod operations;
mod pki;
mod ports;
mod quota;
mod reload;
mod resource_manager;
mod run_file;
mod server;
mod service;
mod store;
mod tokens;
mod trust;
mod upkeep;
mod vault;

pub use administration::{Administration, Made, NewPrincipal, NewSecret, Order};
pub use config::{
    AuditPlace, AuditSettings, FederatedSettings, Limits, ManagedIdentitySettings, PrincipalSettings,
    RoleAssignment, RoleSettings, TlsSettings, UserAssignedSettings, VaultConfig, VaultSettings,
};
pub use environment::Environment;
pub use error::{Error, ErrorKind, Result};
pub use keys::MASTER_KEY_VARIABLE;
#[doc(hidden)]
pub use operations::{Operation, RouteInfo, routes};
pub use quota::{Quota, UnknownQuota};
pub use store::{
    BackedUp, Checked, Finding, Findings, PostgresUrl, Rekeyed, Restored, STORE_VARIABLE, StoreLocation,
};
pub use trust::Trust;
pub use vault::{ConfigSource, Options, Running, Vault};
