//! `strongroom serve`: the metadata server.

use std::io::{Write, stderr};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use strongroom_config::{Environment, SecretsManager, Settings};
use strongroom_manager::Keeping;
use strongroom_server::FirstAdmin;

use crate::data_folder::DataFolder;
use crate::embedded_vault::EmbeddedVault;
use crate::metadata_server::{MetadataServer, refuse_default_keys};
use crate::signals::Signals;
use crate::wiring;

/// Serve the metadata API, with passwords in a vault
///
/// Without a configuration everything is made on the first start: a vault of its own, a database, keys, an administrator.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// The configuration: openmetadata.yaml
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The folder for what is made on the first start [default: ./strongroom-data]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Serve even if a configured key is OpenMetadata's public default, which everybody knows
    #[arg(long)]
    allow_default_keys: bool,
}

/// Runs the command until the process is asked to end.
pub(crate) async fn run(args: ServeArgs) -> Result<ExitCode> {
    let environment = Environment::process();
    let settings = Settings::load(args.config.as_deref(), &environment, args.data_dir.as_deref())?;
    wiring::warn(&settings);
    refuse_default_keys(&settings, args.allow_default_keys)?;
    let mut signals = Signals::listen()?;
    let (mut server, vault) = tokio::select! {
        started = start(&settings, &environment) => started?,
        // Nothing runs yet that had to be finished; a write that was cut short is settled by the next start.
        () = signals.asked_to_end() => return Ok(ExitCode::SUCCESS),
    };
    tell(&settings, &server, vault.as_ref())?;
    let ended = tokio::select! {
        () = signals.asked_to_end() => {
            tracing::info!("asked to end: finishing what runs");
            server.stop().await
        }
        failed = server.failed() => failed,
    };
    if let Some(vault) = vault {
        vault.stop().await?;
    }
    ended?;
    Ok(ExitCode::SUCCESS)
}

/// Starts the server, and a vault of its own if none is configured.
async fn start(
    settings: &Settings,
    environment: &Environment,
) -> Result<(MetadataServer, Option<EmbeddedVault>)> {
    let folder = DataFolder::open(&settings.data_dir)?;
    let (provider, keeping, vault) = match settings.secrets_manager.provider {
        Some(provider) => {
            let keeping = wiring::keeping(provider, settings, environment)?;
            warn_of_short_memory(&keeping);
            (provider, keeping, None)
        }
        None => {
            let vault = EmbeddedVault::start(folder.vault(), None).await?;
            let keeping = Keeping::Managed(vault.as_server(settings.strongroom.call_timeout)?);
            (SecretsManager::ManagedAzureKv, keeping, Some(vault))
        }
    };
    let server = MetadataServer::start(settings, &folder, provider, keeping).await?;
    Ok((server, vault))
}

/// What is kept in the process alone is for tests.
fn warn_of_short_memory(keeping: &Keeping) {
    if let Keeping::Managed(vault) = keeping
        && !vault.capabilities().durable
    {
        tracing::warn!(
            "passwords go to the {vault}: when this process ends they are gone, and the database holds references to nothing; this \
             is for tests"
        );
    }
}

fn tell(settings: &Settings, server: &MetadataServer, vault: Option<&EmbeddedVault>) -> Result<()> {
    let mut err = stderr().lock();
    writeln!(
        err,
        "metadata API on http://{}/api/v1, health on http://{}/healthcheck",
        server.address, server.admin_address
    )?;
    writeln!(err, "database {}", wiring::database(&settings.database))?;
    if let Some(vault) = vault {
        writeln!(
            err,
            "vault {} (its clients trust {}; their variables: strongroom vault env --data-dir {} --principal ingestion)",
            vault.url(),
            vault.ca_file().display(),
            vault.ca_file().parent().unwrap_or(std::path::Path::new(".")).display()
        )?;
    }
    tell_first_admin(&mut err, &server.first_admin)
}

/// Says the first administrator's password, once: it is stored nowhere but as a hash.
pub(crate) fn tell_first_admin(out: &mut impl Write, admin: &FirstAdmin) -> Result<()> {
    if let Some(password) = &admin.made_password {
        writeln!(
            out,
            "administrator {} with the password {} (shown this once: change it, or keep it in a safe place)",
            admin.email,
            password.expose()
        )?;
    }
    Ok(())
}
