//! The handlers, one file for each: `<resource>/<verb>.rs`. They read the request, have the work done, and shape the answer.

pub(crate) mod bots;
pub(crate) mod database_services;
pub(crate) mod system;
pub(crate) mod users;
