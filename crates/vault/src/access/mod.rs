//! Who may do what: principals, roles, and the actions that roles grant.

mod principal;
mod role;

pub(crate) use principal::{Principal, Principals, SignIn};
pub(crate) use role::{Action, Role};
