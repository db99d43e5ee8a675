//! The vault over HTTPS: the wire facts of Key Vault and Entra ID, row by row, on a real listener.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod administration;
mod assertions;
mod audit;
mod authorization;
mod certificates;
mod conformance;
mod connections;
mod durability;
mod faults;
mod harness;
mod managed_identity;
mod monitoring;
mod postgres;
mod protocol;
mod quota;
mod reloading;
mod resource_manager;
mod roles;
mod rotation;
mod scopes;
mod secrets;
mod sharing;
mod starting;
mod stopping;
mod tokens;
