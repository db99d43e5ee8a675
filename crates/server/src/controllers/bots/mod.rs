//! Bots.

pub(crate) mod get;
