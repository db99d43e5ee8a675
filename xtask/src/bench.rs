//! `cargo xtask bench`: measurements of the program as it is shipped.

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::{
    cargo,
    process::{heading, run},
};

/// Measure the program, built for release, on this machine.
#[derive(Args)]
pub(crate) struct Bench {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Migrate the passwords of many services into the embedded vault, then resolve one from a cold start
    ///
    /// Makes a database with Fernet-encrypted dummy passwords in a temporary folder, starts an embedded vault without a
    /// quota, and runs `strongroom migrate-secrets` and `strongroom resolve` as a person would. Everything stays on this
    /// machine and is deleted afterwards.
    Migrate(Migrate),
}

#[derive(Args)]
struct Migrate {
    /// How many services with one password each
    #[arg(long, value_name = "N", default_value_t = 1000)]
    services: u32,
    /// Print the result as JSON instead of a table
    #[arg(long)]
    json: bool,
}

impl Bench {
    /// Runs the chore.
    pub(crate) fn run(&self) -> Result<()> {
        let What::Migrate(migrate) = &self.what;
        heading("Building the program for release");
        let program = cargo::build("strongroom", &["--release", "--package", "strongroom"])?;

        // The bench only starts the program and waits: its own speed does not matter, its build time does.
        heading("Measuring");
        let mut bench = cargo::cargo()?;
        bench
            .args([
                "bench",
                "--quiet",
                "--profile",
                "dev",
                "--package",
                "strongroom-tests",
                "--bench",
                "migrate",
            ])
            .env("STRONGROOM_TEST_BINARY", program)
            .args(["--", "--services", &migrate.services.to_string()]);
        if migrate.json {
            bench.arg("--json");
        }
        run(&mut bench)
    }
}
