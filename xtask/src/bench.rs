//! `cargo xtask bench`: measurements of the program as it is shipped.

use std::process::Command;

use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};

use crate::{
    cargo, debian,
    mysql::{self, Flavour, Server},
    postgres::{self, Cluster},
    process::{exists, heading, run},
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
    /// Resolve many references cold, by a program that has just started, and warm
    ///
    /// Starts an embedded vault without a quota in a temporary folder and fills it. Everything stays on this machine and is
    /// deleted afterwards.
    Resolve(Resolve),
    /// Read one secret by a bare HTTPS request, by Azure's client, through our provider, and through and from its cache
    ///
    /// The embedded vault is another process on this machine. Options of the measurement come behind two dashes:
    /// `cargo xtask bench provider -- --help` lists them.
    Provider(Provider),
    /// Start, load and list the embedded vault, beside nginx and, if one is named, another Key Vault
    ///
    /// Installs Debian's wrk and nginx if they are missing. Options of the measurement come behind two dashes:
    /// `cargo xtask bench vault -- --help` lists them.
    Vault(Vault),
}

#[derive(Args)]
struct Provider {
    /// Options of the measurement
    #[arg(last = true, value_name = "OPTION")]
    options: Vec<String>,
}

#[derive(Args)]
struct Vault {
    /// Options of the measurement
    #[arg(last = true, value_name = "OPTION")]
    options: Vec<String>,
}

#[derive(Args)]
struct Resolve {
    /// How many references to as many secrets
    #[arg(long, value_name = "N", default_value_t = 1000)]
    references: u32,
    /// How often each is measured
    #[arg(long, value_name = "N", default_value_t = 10)]
    runs: u32,
    /// Print the result as JSON instead of a table
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Database {
    Sqlite,
    Postgres,
    Mysql,
}

#[derive(Args)]
struct Migrate {
    /// How many services with one password each; several numbers are measured one after the other
    #[arg(long, value_name = "N,…", default_value = "1000")]
    services: String,
    /// Where the metadata lies: sqlite, postgres or mysql, of which one is started
    #[arg(long, value_enum, value_name = "KIND", default_value_t = Database::Sqlite)]
    database: Database,
    /// Let the vault take no more calls than Azure does
    #[arg(long)]
    quota: bool,
    /// Print the result as JSON instead of a table
    #[arg(long)]
    json: bool,
}

impl Bench {
    /// Runs the chore.
    pub(crate) fn run(&self) -> Result<()> {
        match &self.what {
            What::Migrate(migrate) => migrate.run(),
            What::Resolve(resolve) => resolve.run(),
            What::Provider(provider) => run(bench_of("provider", "release")?.args(&provider.options)),
            What::Vault(vault) => vault.run(),
        }
    }
}

impl Migrate {
    fn run(&self) -> Result<()> {
        let postgres = (self.database == Database::Postgres).then(Cluster::start_durable).transpose()?;
        let mysql = self.database == Database::Mysql;
        let mysql = mysql.then(|| Server::start_durable(Flavour::Mysql)).transpose()?;
        let mut bench = bench("migrate")?;
        bench.args(["--services", &self.services, "--database"]);
        bench.arg(match self.database {
            Database::Sqlite => "sqlite",
            Database::Postgres => "postgres",
            Database::Mysql => "mysql",
        });
        if self.quota {
            bench.arg("--quota");
        }
        if self.json {
            bench.arg("--json");
        }
        let server = postgres.as_ref().map(Cluster::id).or(mysql.as_ref().map(Server::id));
        bench.args(server.map(|id| format!("--database-process={id}")));
        bench.envs(postgres.as_ref().map(|cluster| (postgres::URL, cluster.url())));
        bench.envs(mysql.as_ref().map(|server| (mysql::MYSQL_URL, server.url())));
        run(&mut bench)
    }
}

impl Resolve {
    fn run(&self) -> Result<()> {
        // It resolves by itself too: that must be as fast as the program.
        let mut bench = bench_of("resolve", "release")?;
        bench.args(["--references", &self.references.to_string(), "--runs", &self.runs.to_string()]);
        if self.json {
            bench.arg("--json");
        }
        run(&mut bench)
    }
}

impl Vault {
    fn run(&self) -> Result<()> {
        for (program, package) in [("wrk", "wrk"), (NGINX, "nginx-light")] {
            if !exists(Command::new(program).arg("-v")) {
                debian::install(&[package], "the measurement of the vault")?;
            }
        }
        run(bench("vault")?.env("STRONGROOM_BENCH_NGINX", NGINX).args(&self.options))
    }
}

/// Debian's nginx; its folder is on the path of root only.
const NGINX: &str = "/usr/sbin/nginx";

/// The bench `name` with the program built for release; its options come next. The bench itself only starts the program and
/// waits: its own speed hardly matters, its build time does.
fn bench(name: &str) -> Result<Command> {
    bench_of(name, "dev")
}

/// The same, with the bench built in `profile`.
fn bench_of(name: &str, profile: &str) -> Result<Command> {
    heading("Building the program for release");
    let program = cargo::build("strongroom", &["--release", "--package", "strongroom"])?;
    heading("Measuring");
    let mut bench = cargo::cargo()?;
    bench
        .args(["bench", "--quiet", "--profile", profile, "--package", "strongroom-tests", "--bench", name])
        .env("STRONGROOM_TEST_BINARY", program)
        .arg("--");
    Ok(bench)
}
