//! `strongroom secrets`: the secrets of a metadata database, wherever their values are kept: what there is, whether it is as it
//! should be, what nobody needs, what ends soon, and a new Fernet key. (What lies in a vault, whoever put it there, is shown by
//! `strongroom vault list` and the commands beside it.)
//!
//! [`opening`] opens database and vault as the configuration says, and [`output`] holds what the commands print alike.

mod expiring;
mod list;
mod opening;
mod orphans;
mod output;
mod rotate;
mod verify;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand};

/// Look after the secrets of a metadata database, wherever they are kept
///
/// These commands go by the rows of the database: which field of which service, bot, pipeline or workflow has a secret, and where.
/// (`strongroom vault list`, `get`, `put`, … work on a vault by itself, whoever uses it.) No value is ever shown.
#[derive(Debug, Args)]
pub(crate) struct SecretsArgs {
    #[command(subcommand)]
    command: SecretsCommand,
}

#[derive(Debug, Subcommand)]
enum SecretsCommand {
    List(list::ListArgs),
    Verify(verify::VerifyArgs),
    Orphans(orphans::OrphansArgs),
    Expiring(expiring::ExpiringArgs),
    RotateFernetKey(rotate::RotateArgs),
}

/// Runs the command.
pub(crate) async fn run(args: SecretsArgs) -> Result<ExitCode> {
    match args.command {
        SecretsCommand::List(args) => Box::pin(list::run(args)).await,
        SecretsCommand::Verify(args) => Box::pin(verify::run(args)).await,
        SecretsCommand::Orphans(args) => Box::pin(orphans::run(args)).await,
        SecretsCommand::Expiring(args) => Box::pin(expiring::run(args)).await,
        SecretsCommand::RotateFernetKey(args) => Box::pin(rotate::run(args)).await,
    }
}
