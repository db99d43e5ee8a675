//! Serving until the process is asked to end.

use std::io::{self, Write};
use std::process::ExitCode;

use strongroom_vault::{ConfigSource, Options, Running, Vault};

use super::VaultArgs;
use crate::signals::{HangUps, Signals};

pub(super) async fn run(args: VaultArgs) -> anyhow::Result<ExitCode> {
    let mut options = Options::new(args.data_dir);
    options.config = args.config.map_or(ConfigSource::Folder, ConfigSource::File);
    args.store.apply(&mut options)?;
    options.listen = args.listen;
    options.quota = args.quota;
    options.faults = args.faults;
    options.answer_as_azure = args.answer_as_azure;
    let mut signals = Signals::listen()?;
    let mut hang_ups = HangUps::listen()?;
    let running = tokio::select! {
        started = async { Vault::open(options).await?.start(None).await } => started?,
        () = signals.asked_to_end() => return Ok(ExitCode::SUCCESS),
    };
    write!(io::stderr(), "{}", greeting(&running))?;
    loop {
        tokio::select! {
            () = signals.asked_to_end() => break,
            // The log says what came of it; the vault goes on either way.
            () = hang_ups.next() => drop(running.reload().await),
        }
    }
    running.stop().await?;
    Ok(ExitCode::SUCCESS)
}

/// What a person wants to know once it runs.
fn greeting(running: &Running) -> String {
    let mut text = String::new();
    for vault in running.vaults() {
        text.push_str(&format!("vault {vault}: {}\n", running.url(&vault)));
    }
    text.push_str(&format!("tokens: {}/{}\n", running.authority(), running.tenant()));
    text.push_str(&format!("clients have to trust: {}\n", running.ca_file().display()));
    text.push_str(&format!("listening on {}; Ctrl-C ends it\n", running.address()));
    text
}
