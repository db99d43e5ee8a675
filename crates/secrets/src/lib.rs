//! What a secret is, and where it can live.
//!
//! Here are the words that every other room uses: [`SecretValue`] (a value that cannot be printed), [`SecretName`]
//! (what Azure Key Vault accepts as a name), and [`Provider`], the one trait behind which every kind of vault stands.
//! The providers are folders of their own with the same files each: [`azure`] speaks to a Key Vault through Microsoft's
//! crates, [`mod@file`] keeps encrypted files on this machine, [`memory`] keeps everything in the process, for tests. What they
//! can do they say themselves ([`Capabilities`]), and [`conformance`] holds the cases that all of them pass. [`cache`] stands
//! before any of them. What the identity may do there [`probe`] finds out, and [`remote`] what can be told of the way to one.
//! [`clock`] and [`random`] are the only places of the workspace that touch the global clock and random source.
//!
//! Not here: databases, entities, configuration files. Start with [`provider`].

pub mod azure;
pub mod cache;
pub mod capabilities;
pub mod clock;
pub mod conformance;
pub mod error;
pub mod file;
pub mod memory;
pub mod name;
pub mod probe;
pub mod provider;
pub mod random;
pub mod remote;
mod rules;
pub mod transport;
pub mod value;

pub use capabilities::Capabilities;
pub use clock::Clock;
pub use error::{Error, ErrorKind, Result};
pub use name::SecretName;
pub use provider::{
    DeletedSecret, ListScope, NewSecret, Provider, Secret, SecretProperties, SecretUpdate, SecretVersion,
    Tags,
};
pub use random::Random;
pub use remote::Remote;
pub use value::SecretValue;
