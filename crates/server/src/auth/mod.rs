//! Who is calling: tokens and the keys they are signed with, passwords, and what guards both.
//!
//! A request goes through [`caller::authenticate`], which checks its token ([`tokens`], [`keys`]), reads the user that it names,
//! and, for a bot, compares it with the one that is stored ([`bot_tokens`]). A sign-in goes through [`sign_in`], which verifies
//! the password ([`passwords`]) unless the account is locked ([`lockout`]), and hands out a token and a [`refresh`] token.

pub(crate) mod bot_tokens;
pub mod caller;
pub mod keys;
pub(crate) mod lockout;
pub(crate) mod passwords;
pub(crate) mod refresh;
pub(crate) mod sign_in;
pub(crate) mod tokens;

pub use caller::{Caller, Role};
