//! Connections of clients: what our servers, the metadata server and the vault, do alike below their routes.
//!
//! [`Bounded`] takes a bounded number of connections at a time, each of which is given up when nothing moves on it. Its
//! [`Connection`] ends so that the last answer arrives, whatever the client is still sending. [`unread`] keeps a connection usable after
//! a call that was refused before its body was read.
//!
//! Not here: what is answered, TLS, and the bounds on a request.

mod connection;
mod listener;
pub mod unread;

pub use connection::Connection;
pub use listener::{Bounded, Peer};
