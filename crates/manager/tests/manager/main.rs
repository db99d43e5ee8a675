//! The secrets manager against a real database and a vault in memory.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod actions;
mod changing;
mod harness;
mod history;
mod leftovers;
mod migrating;
mod orphaned;
mod rotating;
mod settling;
mod stocktaking;
mod there_and_back;
mod vault_state;
mod writing;
