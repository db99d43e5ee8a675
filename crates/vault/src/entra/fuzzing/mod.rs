//! Targets of the token service, for fuzzers, and tokens for those of the data plane.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a target fails as a test does")]

mod form_body;
mod issuer;

pub use form_body::form_body;
pub(crate) use issuer::Issuer;
