//! About the server itself.

pub(crate) mod health;
pub(crate) mod jwks;
pub(crate) mod version;
