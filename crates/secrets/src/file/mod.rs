//! A folder of encrypted files: a vault for one machine, without a server.
//!
//! Start with [`FileProvider`] (`client`), which lets writers take turns and waits; `vault` does what is asked. `config` says which
//! folder and which key, `credential` is that key and what it seals, `folder` is the layout and what makes a change whole or
//! nothing, `models` is what a file holds, `failure` what each error of the file system means.
//!
//! # The folder
//! ```text
//! format                       sealed: proves that a key is this folder's
//! lock                         held by the one process that writes
//! secrets/NAME/000001-VERSION  a version, sealed: value, tags and all else
//! deleted/NAME/…               the same, moved here when the secret is soft-deleted
//! new/                         what is being written
//! ```
//! NAME is in lower case, so that names compare without case on every file system. A version is written to `new`, synced, and
//! moved to its place; a secret is deleted and recovered by moving its folder. Each change is one rename, so a crash leaves it
//! done or not done. Readers need no lock.
//!
//! # The key
//! AES-256-GCM under a key that lies outside the folder: in a file that only its owner can read, or in a variable. Each file is
//! bound to its secret's name and its own, so one that is moved or renamed does not open. What cannot be noticed is an older copy
//! of the whole folder.

mod client;
mod config;
mod credential;
mod failure;
mod folder;
mod models;
mod vault;

pub use client::FileProvider;
pub use config::{FileConfig, KeySource};
