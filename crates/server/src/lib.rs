//! The metadata server: OpenMetadata's REST API, as far as secrets need it.
//!
//! Start with [`mod@router`]: its table lists every route, who may call it, and the handler in `controllers/<resource>/<verb>.rs`.
//! Handlers stay small; what they are made of stands beside them: [`auth`] (who is calling, and the tokens that prove it),
//! `documents` (what a create, a PUT or a PATCH makes of a stored document, and what an answer shows of it), `services` (what can
//! be done with a service), `writes` (storing that, whoever else writes at the same time), [`paging`], [`errors`]. [`App`] is what
//! all of them share, [`bootstrap()`] makes the first admin and the ingestion's bot, [`mod@server_connection`] is what a deployed pipeline
//! is told, and [`serving`] runs the whole on a socket.
//!
//! Not here: where a password goes. Every document is written through `strongroom_manager`, and every answer is masked unless a
//! bot asks. Configuration files and the command line belong to the program.

pub mod app;
pub mod auth;
mod body;
pub mod bootstrap;
mod controllers;
mod documents;
pub mod errors;
pub mod health;
mod layers;
pub mod paging;
mod query;
pub mod router;
pub mod server_connection;
mod services;
pub mod serving;
mod session;
mod writes;

pub use app::{App, AppParts, Limits, ServerOptions};
pub use auth::keys::{KeyError, TokenKeys};
pub use auth::passwords::with_default_password;
pub use bootstrap::{AdminPrincipal, FirstAdmin, bootstrap};
pub use router::router;
pub use serving::serve;
