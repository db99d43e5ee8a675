//! Signing in, and the tokens of bots.

pub(crate) mod login;
pub(crate) mod refresh;
pub(crate) mod token;
