//! What the tests of the whole system share: the real program, started and watched as a person would.
//!
//! [`program`] runs `strongroom` once and looks at what it printed; [`running`] keeps it running as a server. [`vault`] and
//! [`metadata`] know the two servers: where they listen, how to sign in, what to ask ([`api`]). [`http`] is a client that
//! trusts a vault's own certificate authority, and [`fixtures`] fills databases. [`clients`] are programs in other
//! languages with Azure's own packages, [`identities`] are those among them without a client secret,
//! [`managed`] those without any credential, [`network`] is where a virtual machine would find them. [`snapshot`] sees
//! whether vault and database are as they were, [`canary`] whether a secret has got out. [`proxy`] stands between a program
//! and its vault; [`gate`] before a server that can be out of reach, and [`cluster`] is one that can be restarted. [`process`] is
//! what the system says of a running one. The tests themselves are in `system/` (one binary),
//! measurements in `bench/`. [`postgres`] makes databases.
//!
//! A test gets a folder of its own and starts what it needs there; ports are chosen by the system; nothing outlives the
//! test. What goes wrong here panics, with what the program printed: the harness never goes on with half a system.

pub mod api;
pub mod canary;
pub mod clients;
pub mod cluster;
pub mod database;
pub mod fixtures;
pub mod gate;
pub mod http;
pub mod identities;
pub mod managed;
pub mod metadata;
pub mod network;
pub mod postgres;
pub mod process;
pub mod program;
pub mod proxy;
pub mod running;
pub mod snapshot;
pub mod vault;

pub use clients::Client;
pub use cluster::Cluster;
pub use database::Database;
pub use identities::Identities;
pub use metadata::MetadataServer;
pub use network::Network;
pub use process::Process;
pub use program::{Finished, Program};
pub use running::Running;
pub use vault::VaultServer;

/// A new folder for one test, deleted when the answer is dropped.
///
/// # Panics
/// If the system's folder for temporary files cannot be written.
pub fn scratch() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("strongroom-test-").tempdir().expect("a folder for the test")
}
