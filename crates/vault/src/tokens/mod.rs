//! Access tokens: what they say, who signs them, and whether one that comes back is believed.
//!
//! [`signing`] holds a key, [`claims`] what a token says and how it is checked ([`believed`]: once, not on each call),
//! [`rotation`] when a key is followed by another. [`tenants`] and [`resource`] tell for whom and for what tokens are issued.
//! Who gets one is decided in [`entra`](crate::entra).

mod believed;
mod claims;
mod resource;
pub(crate) mod rotation;
mod signing;
mod tenants;

pub(crate) use believed::Believed;
pub(crate) use claims::{Authority, Grant, IDENTITY_LIFETIME, LIFETIME, Strength, TokenFault, Verified};
pub(crate) use resource::{Audience, is_known};
pub(crate) use rotation::Rotation;
pub(crate) use signing::SigningKey;
pub(crate) use tenants::{ADFS, Tenants};
