//! The REST API from the outside, with a database in a temporary folder and a vault in memory.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod access;
mod bad_input;
mod bootstrapping;
mod connections;
mod harness;
mod listing;
mod pipelines;
mod recorded;
mod secrets;
mod signing_in;
mod versions;
