//! `strongroom vault env`: the variables of a client.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;
use strongroom_vault::{Administration, Environment};

use super::{VaultArgs, orders};

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
    let (data_dir, config, vault) = (args.data_dir(), args.config.as_deref(), env.vault.as_deref());
    let environment = match Environment::collect(&data_dir, config, &env.principal, vault) {
        Ok(environment) => environment,
        // What the file does not know may have been made at run time.
        Err(error) if error.is_usage() && Administration::is_there(&data_dir) => {
            let Ok(administration) = orders::reach(args).await else { return Err(error.into()) };
            let made = administration.made().await;
            administration.close().await;
            Environment::collect_with(&data_dir, config, &env.principal, vault, made?)?
        }
        Err(error) => return Err(error.into()),
    };
    if !environment.proves_the_principal() {
        writeln!(
            io::stderr(),
            "the client secret of {} is not kept where it could be read: set AZURE_CLIENT_SECRET, or what else it signs in with",
            env.principal
        )?;
    }
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
