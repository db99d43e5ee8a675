//! Who may do what: principals, roles, and the actions that roles grant.

mod action;
mod certificate;
mod credential;
mod identity;
mod issuer_keys;
mod principal;
mod role;
mod slow_hash;

pub(crate) use action::{Action, Actions};
pub(crate) use certificate::Certificate;
pub(crate) use credential::{Credentials, FederatedCredential, SecretDigest};
pub(crate) use identity::{Identities, Identity, Selector, Unclear, subscription_id};
pub(crate) use issuer_keys::{IssuerKeys, KeySource};
pub(crate) use principal::{Principal, Principals, Scope, SignIn};
pub(crate) use role::{BuiltIn, Roles};
pub(crate) use slow_hash::{Busy, SlowChecks, SlowHash};
