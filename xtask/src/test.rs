//! `cargo xtask test`: everything that the tests need, then the tests.

use std::process::Command;

use anyhow::{Context, Result};
use clap::Args;

use crate::{
    cargo::{self, TEST_FEATURES},
    databases::Databases,
    debian, go, java, javascript,
    process::{exists, heading, run},
    python,
};

/// Install and start what the tests need, then run all of them.
///
/// Builds the program with its crash points, installs the pinned clients of Azure for Python, JavaScript and Go (outside of
/// the clone, in the user's cache folder), starts a PostgreSQL, a MySQL and a MariaDB of its own, and runs the tests of all crates and of the whole
/// system. A thing that cannot be had is an error: no test is left out because of it.
#[derive(Args)]
pub(crate) struct Test {
    /// Run only the tests whose full name contains TEXT
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Run those as well that need Java and Maven or the Azure CLI, which are fetched too
    #[arg(long)]
    all: bool,
    /// Options for the test programs, such as `--nocapture`
    #[arg(last = true, value_name = "OPTION")]
    rest: Vec<String>,
}

impl Test {
    /// Runs the chore.
    pub(crate) fn run(&self) -> Result<()> {
        let root = cargo::workspace()?;
        let python = python::environment("python-azure", &root.join("tests/python/requirements.txt"))?;
        let python_source =
            python::source("python-azure-source", &python, &root.join("tests/python/own_tests/sources.txt"))?;
        let javascript = javascript::packages("javascript-azure", &root.join("tests/javascript"))?;
        let go = go::program("clients", &root.join("tests/go"))?;

        let java = self.all.then(|| java::class_path("java-azure", &root.join("tests/java"))).transpose()?;
        let az = self.all.then(|| python::environment("python-az", &root.join("tests/az/requirements.txt")));
        let az = az.transpose()?;

        // Some tests make networks of their own, at whose addresses nobody else answers.
        if !exists(Command::new("ip").arg("-Version")) {
            debian::install(&["iproute2"], "a test in a network of its own")?;
        }

        // A script of ours is run by each shell that people may have, and checked.
        for shell in ["dash", "bash", "shellcheck"] {
            if !exists(Command::new(shell).arg("--version")) {
                debian::install(&[shell], "the test of bootstrap/openmetadata-ops.sh")?;
            }
        }

        // One build serves both the program under test and the tests: the same features, so nothing is compiled twice.
        heading("Building the program and the tests");
        let features = TEST_FEATURES.join(",");
        let program =
            cargo::build("strongroom", &["--workspace", "--bins", "--tests", "--features", &features])?;

        let databases = Databases::start()?;
        heading("Running the tests");
        run(cargo::cargo()?
            .args(["test", "--workspace", "--no-fail-fast", "--features", &features])
            .env("STRONGROOM_TEST_BINARY", program)
            .env("STRONGROOM_TEST_PYTHON", python)
            .env("STRONGROOM_TEST_PYTHON_SOURCE", python_source)
            .env("STRONGROOM_TEST_NODE", javascript.node)
            .env("STRONGROOM_TEST_NODE_MODULES", javascript.modules)
            .env("STRONGROOM_TEST_GO", go)
            .envs(databases.variables())
            .envs(java.map(|path| ("STRONGROOM_TEST_JAVA_CLASS_PATH", path)))
            .envs(az.map(|python| ("STRONGROOM_TEST_AZ", python)))
            .arg("--")
            .args(self.all.then_some("--include-ignored"))
            .args(&self.filter)
            .args(&self.rest))
        .context("not every test passed")?;
        for (database, only) in ON_SERVERS {
            heading(&format!("Running the tests of the secrets manager on {database}"));
            run(cargo::cargo()?
                .args(["test", "--workspace", "--test", "manager", "--features", &features])
                .env("STRONGROOM_TEST_DATABASE", database)
                .envs(databases.variables())
                .arg("--")
                .args(if self.filter.is_some() { &[] } else { *only })
                .args(&self.filter)
                .args(&self.rest))
            .with_context(|| format!("not every test passed on {database}"))?;
        }
        Ok(())
    }
}

/// On which servers the tests of the manager run as well, and which of them: MySQL takes seconds to make the tables of each.
const ON_SERVERS: &[(&str, &[&str])] =
    &[("postgres", &[]), ("mysql", &["migrating::", "settling::", "writing::"])];
