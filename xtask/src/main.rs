//! The project's own chores, run as `cargo xtask <chore>`.
//!
//! A chore lives here if it has to do more than call cargo once: find or install what the tests need on a bare machine
//! ([`python`], [`javascript`], [`go`], [`postgres`], [`mysql`], [`certificates`], [`debian`]), build the program in the right way and say where it is
//! ([`cargo`]), run the tests ([`mod@test`]), measure ([`mod@bench`]), fuzz ([`mod@fuzz`]). What is tested and measured lives elsewhere: in the crates and in `tests/`. This crate depends on
//! none of ours, so that the first `cargo xtask --help` in a fresh clone takes seconds.
#![allow(clippy::print_stderr, reason = "a chore talks to the person who runs it")]

mod bench;
mod cache;
mod cargo;
mod certificates;
mod databases;
mod debian;
mod fuzz;
mod go;
mod java;
mod javascript;
mod mysql;
mod postgres;
mod process;
mod python;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The chores of the Strongroom project.
///
/// `cargo xtask test` is all that a fresh clone on a bare Debian with Rust needs to be tested.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Xtask {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Install and start what the tests need, then run all of them
    Test(test::Test),
    /// Run a command beside a throw-away PostgreSQL
    WithPostgres(databases::WithPostgres),
    /// Run a command beside a throw-away PostgreSQL, MySQL and MariaDB
    WithDatabases(databases::WithDatabases),
    /// Call what reads requests with any bytes
    Fuzz(fuzz::Fuzz),
    /// Measure the program, built for release, on this machine
    Bench(bench::Bench),
}

fn main() -> ExitCode {
    let done = match Xtask::parse().chore {
        Chore::Test(test) => test.run(),
        Chore::WithPostgres(with) => with.run(),
        Chore::WithDatabases(with) => with.run(),
        Chore::Fuzz(fuzz) => fuzz.run(),
        Chore::Bench(bench) => bench.run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
