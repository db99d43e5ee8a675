//! `strongroom vault env`: the variables of a client.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;
use strongroom_vault::Environment;

use super::VaultArgs;

#[derive(Debug, Args)]
pub(super) struct EnvArgs {
    /// The principal's name in the configuration
    #[arg(long, value_name = "NAME")]
    pub(super) principal: String,

    /// The vault; may be left out if the principal has roles in one only
    #[arg(long, value_name = "VAULT")]
    pub(super) vault: Option<String>,
}

pub(super) async fn run(args: &VaultArgs, env: &EnvArgs) -> anyhow::Result<ExitCode> {
    let environment =
        Environment::collect(&args.data_dir(), args.config.as_deref(), &env.principal, env.vault.as_deref())?;
    if let Some(line) = environment.missing_hosts_line().await {
        writeln!(
            io::stderr(),
            "this machine does not know the vault's names; add this line to /etc/hosts:\n{line}"
        )?;
    }
    let mut stdout = io::stdout().lock();
    stdout.write_all(environment.exports().expose().as_bytes())?;
    stdout.flush()?;
    Ok(ExitCode::SUCCESS)
}
