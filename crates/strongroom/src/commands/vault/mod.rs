//! `strongroom vault`: the embedded Key Vault as a server of its own, and what its owner and its users do with it.

mod development;
mod env;
mod input;
mod orders;
mod principal;
mod role;
mod secrets;
mod serve;
mod store;
mod trust;
mod upkeep;
mod vaults;

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
    /// The folder for the database, keys and certificates, one process at a time uses it; without it, strongroom-data/vault
    #[arg(long, value_name = "DIR", global = true)]
    data_dir: Option<PathBuf>,

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

    /// Start for development: a vault `dev`, a principal for each role, and their variables on standard output, ready to be
    /// pasted. Without --data-dir all is gone at the end
    #[arg(long)]
    dev: bool,

    /// Let calls fail as the file says (docs/vault/testing.md); only with --dev
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

    /// Make a vault
    Create(vaults::CreateArgs),
    /// List the vaults
    Vaults(vaults::VaultsArgs),
    /// Say who may sign in
    #[command(subcommand)]
    Principal(principal::PrincipalCommand),
    /// Say what principals may do
    #[command(subcommand)]
    Role(role::RoleCommand),
    /// Let the running vault read vault.yaml again, as SIGHUP does, and tell what came of it
    Reload(vaults::ReloadArgs),

    /// Change the master key and the data key, while the vault serves
    Rekey(upkeep::RekeyArgs),
    /// Write all that the vault keeps to a file, while it serves
    Backup(upkeep::BackupArgs),
    /// Put what a backup holds in the place of all that the vault keeps
    Restore(upkeep::RestoreArgs),
    /// Verify every row
    Check(upkeep::CheckArgs),
    /// Care for the keys that sign tokens
    #[command(subcommand)]
    Keys(upkeep::KeysCommand),

    /// Write a new version of a secret; its value comes from standard input or a file
    Put(secrets::PutArgs),
    /// Print a secret's value and nothing else
    Get(secrets::GetArgs),
    /// List secrets, versions or deleted secrets; never values
    List(secrets::ListArgs),
    /// Delete a secret; it can be recovered until it is purged
    Delete(secrets::DeleteArgs),
    /// Bring a deleted secret back
    Recover(secrets::RecoverArgs),
}

impl VaultArgs {
    /// The data folder.
    fn data_dir(&self) -> PathBuf {
        self.data_dir.clone().unwrap_or_else(|| PathBuf::from("strongroom-data/vault"))
    }

    /// Whether the vault is run, and not one of its commands.
    pub(crate) fn serves(&self) -> bool {
        self.command.is_none()
    }
}

/// Serves the vault until it is asked to end, or prints what was asked for.
///
/// # Errors
/// A [`strongroom_vault::Error`]; its `is_usage` tells a wrong configuration from a failure.
pub(crate) async fn run(mut args: VaultArgs) -> anyhow::Result<ExitCode> {
    match args.command.take() {
        None => serve::run(args).await,
        Some(VaultCommand::Env(env)) => env::run(&args, &env).await,
        Some(VaultCommand::Trust(trust)) => trust::run(&args, &trust),
        Some(VaultCommand::Create(create)) => vaults::create(&args, create).await,
        Some(VaultCommand::Vaults(list)) => vaults::list(&args, &list).await,
        Some(VaultCommand::Principal(command)) => principal::run(&args, command).await,
        Some(VaultCommand::Role(command)) => role::run(&args, command).await,
        Some(VaultCommand::Reload(reload)) => vaults::reload(&args, &reload).await,
        Some(VaultCommand::Rekey(rekey)) => upkeep::rekey(&args, rekey).await,
        Some(VaultCommand::Backup(backup)) => upkeep::backup(&args, backup).await,
        Some(VaultCommand::Restore(restore)) => upkeep::restore(&args, restore).await,
        Some(VaultCommand::Check(check)) => upkeep::check(&args, &check).await,
        Some(VaultCommand::Keys(command)) => upkeep::keys(&args, command).await,
        Some(VaultCommand::Put(put)) => secrets::put(put).await,
        Some(VaultCommand::Get(get)) => secrets::get(get).await,
        Some(VaultCommand::List(list)) => secrets::list(list).await,
        Some(VaultCommand::Delete(delete)) => secrets::delete(delete).await,
        Some(VaultCommand::Recover(recover)) => secrets::recover(recover).await,
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
            assert_eq!(args.data_dir(), PathBuf::from("D"));
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
