//! One throw-away server of each kind that the metadata can lie on.

use std::process::Command;

use anyhow::{Context, Result};
use clap::Args;

use crate::{
    certificates::{self, Certificates},
    mysql::{self, Flavour, Server},
    postgres::{self, Cluster},
    process::run,
};

/// Run a command beside a throw-away PostgreSQL, MySQL and MariaDB
///
/// Their URLs are in `STRONGROOM_TEST_POSTGRES`, `STRONGROOM_TEST_MYSQL` and `STRONGROOM_TEST_MARIADB`; the first two offer TLS, with
/// certificates of the authority in `STRONGROOM_TEST_DATABASE_TLS`. For single tests:
/// `cargo xtask with-databases -- cargo test -p strongroom-metastore`.
#[derive(Args)]
pub(crate) struct WithDatabases {
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<String>,
}

impl WithDatabases {
    /// Runs the chore.
    pub(crate) fn run(&self) -> Result<()> {
        let databases = Databases::start()?;
        let (program, arguments) = self.command.split_first().context("a command")?;
        run(Command::new(program).args(arguments).envs(databases.variables()))
    }
}

/// Run a command beside a throw-away PostgreSQL, whose URL is in `STRONGROOM_TEST_POSTGRES`
///
/// For single tests: `cargo xtask with-postgres -- cargo test -p strongroom-vault`.
#[derive(Args)]
pub(crate) struct WithPostgres {
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<String>,
}

impl WithPostgres {
    /// Runs the chore.
    pub(crate) fn run(&self) -> Result<()> {
        let cluster = Cluster::start()?;
        let (program, arguments) = self.command.split_first().context("a command")?;
        run(Command::new(program).args(arguments).env(postgres::URL, cluster.url()))
    }
}

/// The servers; stopped and deleted when dropped.
pub(crate) struct Databases {
    postgres: Cluster,
    mysql: Server,
    mariadb: Server,
    certificates: Certificates,
}

impl Databases {
    /// Starts them. What they need is fetched if it is not there.
    pub(crate) fn start() -> Result<Self> {
        let certificates = Certificates::make()?;
        Ok(Self {
            postgres: Cluster::start_with_tls(&certificates)?,
            mysql: Server::start_with_tls(Flavour::Mysql, &certificates)?,
            mariadb: Server::start(Flavour::MariaDb)?,
            certificates,
        })
    }

    /// What tells the tests where they are.
    pub(crate) fn variables(&self) -> [(&'static str, String); 4] {
        [
            (postgres::URL, self.postgres.url()),
            (mysql::MYSQL_URL, self.mysql.url()),
            (mysql::MARIADB_URL, self.mariadb.url()),
            (certificates::VARIABLE, self.certificates.folder().display().to_string()),
        ]
    }
}
