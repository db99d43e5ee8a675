//! `strongroom vault`: the embedded Key Vault as a server of its own, and what its owner and its users do with it.

mod env;
mod serve;
mod store;
mod trust;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use strongroom_vault::Quota;

/// Run a Key Vault with Entra ID sign-in on this machine
///
/// Microsoft's own clients work with it unmodified: `strongroom vault env` prints the variables that they need. The first
/// start makes keys, a certificate authority and, without a file, a vault.yaml with a vault `dev` and the principals `server`
/// (may do everything) and `ingestion` (may read). It is ready when GET /healthz on its port answers 200.
#[derive(Debug, Args)]
pub(crate) struct VaultArgs {
    /// The folder for the database, keys and certificates; one process at a time uses it
    #[arg(long, value_name = "DIR", default_value = "strongroom-data/vault", global = true)]
    data_dir: PathBuf,

    /// The configuration; without it, vault.yaml in the data folder
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,

    #[command(flatten)]
    store: store::StoreArgs,

    /// The address to listen on, before what the configuration says; port 0 lets the system choose
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,

    /// Take no more calls than Azure does; `azure,retry-after` tells refused clients when to come again
    #[arg(long, value_name = "azure")]
    quota: Option<Quota>,

    /// Let calls fail as the file says (docs/vault.md); only with --dev
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,

    /// Answer Azure's own names too (*.vault.azure.net, login.microsoftonline.com), with a certificate of a second authority:
    /// for who maps these names to this machine
    #[arg(long)]
    answer_as_azure: bool,

    #[command(subcommand)]
    command: Option<VaultCommand>,
}

#[derive(Debug, Subcommand)]
enum VaultCommand {
    /// Print export lines that make a client use the vault as one of its principals
    Env(env::EnvArgs),
    /// Print how clients, and the system, come to trust the vault's certificate
    Trust(trust::TrustArgs),
}

/// Serves the vault until it is asked to end, or prints what was asked for.
///
/// # Errors
/// A [`strongroom_vault::Error`]; its `is_usage` tells a wrong configuration from a failure.
pub(crate) async fn run(args: VaultArgs) -> anyhow::Result<ExitCode> {
    match &args.command {
        Some(VaultCommand::Env(env)) => env::run(&args, env).await,
        Some(VaultCommand::Trust(trust)) => trust::run(&args, trust),
        None => serve::run(args).await,
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        vault: VaultArgs,
    }

    #[test]
    fn the_data_folder_may_stand_before_and_behind_env() {
        for line in [
            "vault env --data-dir D --principal server --vault v1",
            "vault --data-dir D env --principal server --vault v1",
        ] {
            let args = Line::try_parse_from(line.split(' ')).unwrap().vault;
            assert_eq!(args.data_dir, PathBuf::from("D"));
            let Some(VaultCommand::Env(env)) = args.command else { panic!("{line} prints variables") };
            assert_eq!((env.principal.as_str(), env.vault.as_deref()), ("server", Some("v1")));
        }
    }

    #[test]
    fn env_needs_a_principal_and_serving_nothing() {
        assert!(Line::try_parse_from(["vault", "env"]).is_err());
        assert!(Line::try_parse_from(["vault"]).unwrap().vault.command.is_none());
        assert!(
            Line::try_parse_from(["vault", "--listen", "localhost"]).is_err(),
            "an address is an IP address and a port"
        );
    }
}
