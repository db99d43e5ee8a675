//! The secrets manager against a real database and a vault in memory.

mod harness;
mod migrating;
mod settling;
mod writing;
