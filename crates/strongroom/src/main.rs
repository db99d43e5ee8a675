//! The program: commands, wiring, output.
//!
//! Each command is a file of [`commands`]. [`wiring`] turns settings into a secrets manager, [`metadata_server`] and
//! [`embedded_vault`] start the two servers, [`data_folder`] keeps what a first start makes, [`exit`] says what each exit code
//! means. What the commands do is done elsewhere; nothing else depends on this crate.

mod checklist;
mod commands;
mod data_folder;
mod embedded_vault;
mod exit;
mod logging;
mod metadata_server;
mod signals;
mod vaults;
mod wiring;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use tracing::Level;

use crate::commands::Command;

/// Keeps the credentials of a data platform in a vault, and only references to them in its metadata
#[derive(Debug, Parser)]
#[command(name = "strongroom", version, arg_required_else_help = true)]
#[command(
    after_help = "Exit codes: 0 done; 1 something failed; 2 wrong usage or configuration; 3 conflicts found, nothing written.\n\
                        STRONGROOM_LOG=error|warn|info|debug|trace says how much is logged on stderr."
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[tokio::main]
async fn main() -> ExitCode {
    #[cfg(feature = "failpoints")]
    let _crash_points = fail::FailScenario::setup();
    let Arguments { command } = Arguments::parse();
    logging::start(if command.serves() { Level::INFO } else { Level::WARN });
    match command.run().await {
        Ok(code) => code,
        Err(error) => {
            if !is_closed_output(&error) {
                let _ = writeln!(io::stderr(), "error: {}", message(&error));
            }
            exit::code_of(&error)
        }
    }
}

/// Whether whoever reads our output has heard enough (`strongroom secrets list | head`), which nobody needs to be told. Connections
/// report theirs through errors of their own.
fn is_closed_output(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// The error and its causes in one line, without saying twice what a cause already said.
fn message(error: &anyhow::Error) -> String {
    let mut message = String::new();
    for cause in error.chain() {
        let text = cause.to_string();
        if message.is_empty() {
            message = text;
        } else if !message.contains(&text) {
            message.push_str(": ");
            message.push_str(&text);
        }
    }
    message
}
