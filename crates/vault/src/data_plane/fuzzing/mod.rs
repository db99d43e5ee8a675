//! Targets of the data plane, for fuzzers.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a target fails as a test does")]

mod backup_blob;
mod bearer_token;
mod continuation_token;
mod request_body;

use std::sync::LazyLock;

use strongroom_secrets::random::SystemRandom;

pub use backup_blob::backup_blob;
pub use bearer_token::bearer_token;
pub use continuation_token::continuation_token;
pub use request_body::request_body;

use crate::keys::Keyring;

/// Keys that nobody else has: what was sealed with others must not open.
static KEYRING: LazyLock<Keyring> = LazyLock::new(keyring);

fn keyring() -> Keyring {
    Keyring::alone(&SystemRandom)
}
