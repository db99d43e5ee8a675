//! Who may do what: principals, roles, and the actions that roles grant.

mod credential;
mod principal;
mod role;

pub(crate) use credential::Credentials;
pub(crate) use principal::{Principal, Principals, SignIn};
pub(crate) use role::{Action, Role};
