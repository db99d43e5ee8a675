//! Azure Key Vault, or whatever speaks its protocol, through Microsoft's crates.
//!
//! Start with [`AzureProvider`] (`client`). `config` says which vault and how long to wait, `credential` who we are.
//! `channel` is the only way out for a request: it lets none pass to another host than the vault or the token endpoint it
//! was made for. `retry` decides what is sent again, `failure` what each answer of a vault means, `credential::refusal` why
//! there is no token; no other file looks at an HTTP status. What both have to say of requests without a usable answer is in
//! `meaning`. `models` turns the SDK's types into ours.
//!
//! # Whom the client trusts
//! The vault answers the first request with a challenge that names a *resource*. The SDK asks for a token only if the
//! vault's host lies below the resource's host, so a vault cannot collect tokens for other services. That check stays on;
//! a bare host or an IP address can never pass it and is refused as a vault URL. Where tokens come from is never taken
//! from the challenge, but from the configuration.

mod channel;
mod client;
mod config;
mod credential;
mod failure;
mod meaning;
mod models;
mod retry;

pub use client::AzureProvider;
pub use config::{AuthorityHost, AzureConfig, DEFAULT_CALL_TIMEOUT, VaultUrl};
pub use credential::{
    AzureCli, AzureDeveloperCli, ClientCertificate, ClientSecret, Credential, CredentialKind,
    DefaultCredential, IdentityHost, ManagedIdentity, SignedIn, WorkloadIdentity,
};
