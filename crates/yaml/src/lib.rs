//! YAML as people write it: read without guessing at types, told apart by lines.
//!
//! [`parse`] makes a [`Node`] of a text, whose scalars are still what was written. Whoever knows what he expects walks through it, or
//! lets [`typed::read`] fill a type that serde knows. No error quotes a value, since any of them may be a password.

mod tree;
pub mod typed;

pub use tree::{Content, Key, MAX_DEPTH, Node, SyntaxError, parse};
