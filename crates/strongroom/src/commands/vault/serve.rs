//! Serving until the process is asked to end.

use std::io::{self, Write};
use std::process::ExitCode;

use strongroom_vault::{ConfigSource, Options, Running, Vault, VaultConfig};

use super::VaultArgs;
use super::development::Development;
use crate::signals::{HangUps, Signals};

pub(super) async fn run(args: VaultArgs) -> anyhow::Result<ExitCode> {
    let dev = if args.dev { Some(Development::new(args.data_dir.as_deref())?) } else { None };
    let mut options =
        Options::new(dev.as_ref().map_or_else(|| args.data_dir(), |dev| dev.data_dir().to_owned()));
    options.config = args.config.map_or(ConfigSource::Folder, ConfigSource::File);
    args.store.apply(&mut options)?;
    options.listen = args.listen;
    options.quota = args.quota;
    options.faults = args.faults;
    options.answer_as_azure = args.answer_as_azure;
    options.dev = args.dev;
    let mut signals = Signals::listen()?;
    let mut hang_ups = HangUps::listen()?;
    let (running, config) = tokio::select! {
        started = start(options) => started?,
        () = signals.asked_to_end() => return Ok(ExitCode::SUCCESS),
    };
    write!(io::stderr(), "{}", greeting(&running))?;
    if let Some(dev) = &dev {
        dev.print_variables(&config).await?;
    }
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

async fn start(options: Options) -> strongroom_vault::Result<(Running, VaultConfig)> {
    let vault = Vault::open(options).await?;
    let config = vault.config().clone();
    Ok((vault.start(None).await?, config))
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
