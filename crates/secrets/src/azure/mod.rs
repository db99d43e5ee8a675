//! Azure Key Vault, or whatever speaks its protocol, through Microsoft's crates.
//!
//! Start with [`AzureProvider`] (`client`). `config` says which vault and how long to wait, `credential` who we are.
//! `channel` is the only way out for a request: it lets none pass to another host than the vault or the token endpoint it
//! was made for. `limit` decides who may send one now, and keeps the vault's quota (`budget`); `retry` what is sent again;
//! `writing` finds out what became of a write whose answer was lost. `failure` says what went wrong, `answer` what each
//! refusal of a vault means, `action` which role is missing, `credential::refusal` why there is no token, and `meaning` what
//! all of them have to say of requests without a usable answer. `paging` goes through listings. `remote` tells of the way to
//! a vault and of its roles. `cloud` knows Azure's
//! clouds. `models` turns the SDK's types into ours.
//!
//! # Whom the client trusts
//! The vault answers the first request with a challenge that names a *resource*. A token is asked for only if that is the
//! domain of the vault's own host, so a vault cannot collect tokens for other services, and the scope follows the cloud that
//! the vault is in. A bare host or an IP address has no such domain and is refused as a vault URL. Where tokens come from is
//! never taken from the challenge, but from the configuration.

mod action;
mod answer;
mod budget;
mod channel;
mod client;
mod cloud;
mod config;
mod credential;
mod failure;
mod limit;
mod meaning;
mod models;
mod paging;
mod remote;
mod retry;
mod writing;

pub use client::AzureProvider;
pub use cloud::locate;
pub use config::{AuthorityHost, AzureConfig, DEFAULT_CALL_TIMEOUT, VaultUrl};
pub use credential::{
    AzureCli, AzureDeveloperCli, ClientCertificate, ClientSecret, Credential, CredentialKind,
    DefaultCredential, IdentityHost, ManagedIdentity, SignedIn, WorkloadIdentity,
};
