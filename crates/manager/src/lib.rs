//! The secrets manager: which secret is kept where, and how it gets there without ever being lost.
//!
//! [`Manager`] is what the server and the commands hold. Its parts, in the order in which a write passes them:
//! [`writing`] (the way in) → `sorting` (which fields are new values) → `placing` (names, intents, the vault) → `storing` (one
//! transaction) → `settling` (what was left half-way). [`migrate`] takes the same way for whole tables. [`stock`] looks at all of it, finds
//! what is not as it should be and what nobody needs; [`examine`] does so before there is a
//! manager; [`rotation`] encrypts what the database keeps with a new key. [`naming`] computes
//! names, `held` tells what a field holds, `ownership` reads and writes the tags that say whose a secret is, [`crash`] lists the points at which a crash
//! matters.
//!
//! Not here: the rows themselves (`strongroom_metastore`), what a secret field is (`strongroom_entities`), how a vault is
//! spoken to (`strongroom_secrets`).

pub mod crash;
mod error;
pub mod examine;
mod held;
mod lease;
mod manager;
pub mod migrate;
pub mod naming;
mod ownership;
mod placing;
pub mod rotation;
mod sealed;
mod settling;
mod sorting;
pub mod stock;
mod storing;
mod writing;

pub use error::WriteError;
pub use lease::Timing;
pub use manager::{Keeping, Manager, Parts};
pub use writing::{Change, Draft, Stored, WriteOutcome};
