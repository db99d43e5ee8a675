//! The tests of the whole system: the real program, started as a person would. `cargo xtask test` runs them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[macro_use]
mod on_each;

mod bad_input;
mod canary;
mod clients;
mod connections;
mod crash;
mod credentials;
mod databases;
mod doctor;
mod faults_on_the_way;
mod migration;
mod ops_script;
mod output;
mod provider_conformance;
mod providers;
mod proxies;
mod quickstart;
mod quota;
mod reading;
mod recorded_rows;
mod resolve;
mod rotation;
mod secrets;
mod serve;
mod vault_commands;
mod vault_killed;
