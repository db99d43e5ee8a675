//! The commands, one file each.

mod doctor;
mod migrate_secrets;
mod progress;
mod quickstart;
mod resolve;
mod secrets;
mod serve;
pub(crate) mod table;
mod vault;

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;

/// What the program can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Quickstart(quickstart::QuickstartArgs),
    Serve(serve::ServeArgs),
    Doctor(doctor::DoctorArgs),
    MigrateSecrets(migrate_secrets::MigrateSecretsArgs),
    Resolve(resolve::ResolveArgs),
    Secrets(secrets::SecretsArgs),
    Vault(Box<vault::VaultArgs>),
}

impl Command {
    /// Runs the command to its end.
    pub(crate) async fn run(self) -> Result<ExitCode> {
        match self {
            Self::Quickstart(args) => Box::pin(quickstart::run(args)).await,
            Self::Serve(args) => Box::pin(serve::run(args)).await,
            Self::Doctor(args) => Box::pin(doctor::run(args)).await,
            Self::MigrateSecrets(args) => Box::pin(migrate_secrets::run(args)).await,
            Self::Resolve(args) => Box::pin(resolve::run(args)).await,
            Self::Secrets(args) => Box::pin(secrets::run(args)).await,
            Self::Vault(args) => Box::pin(vault::run(*args)).await,
        }
    }

    /// Whether it is a server, whose log says what it does.
    pub(crate) fn serves(&self) -> bool {
        match self {
            Self::Serve(_) => true,
            Self::Vault(args) => args.serves(),
            Self::Quickstart(_)
            | Self::Doctor(_)
            | Self::MigrateSecrets(_)
            | Self::Resolve(_)
            | Self::Secrets(_) => false,
        }
    }
}
