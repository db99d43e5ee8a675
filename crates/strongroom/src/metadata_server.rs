//! The metadata server as part of a command: everything from settings to a socket that answers.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use strongroom_config::{FernetKey, SecretsManager, Settings};
use strongroom_manager::{Keeping, Manager};
use strongroom_metastore::{Access, Metastore, Options};
use strongroom_secrets::SecretValue;
use strongroom_secrets::clock::SystemClock;
use strongroom_secrets::random::SystemRandom;
use strongroom_server::server_connection::{PipelineOptions, VerifySsl};
use strongroom_server::{AdminPrincipal, App, AppParts, FirstAdmin, ServerOptions, TokenKeys};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::data_folder::{DataFolder, ServerIdentity};
use crate::exit::Usage;
use crate::wiring;

/// How often the server looks for writes that were left half-way.
const SWEEP_INTERVAL: Duration = Duration::from_secs(30);

/// The id of a token key that was made on the first start, unless the configuration names one.
const MADE_KEY_ID: &str = "strongroom";

/// A metadata server that answers.
pub(crate) struct MetadataServer {
    pub(crate) address: SocketAddr,
    pub(crate) admin_address: SocketAddr,
    pub(crate) manager: Arc<Manager>,
    pub(crate) store: Metastore,
    /// The first administrator, if this start made one.
    pub(crate) first_admin: FirstAdmin,
    stop: watch::Sender<bool>,
    serving: JoinHandle<std::io::Result<()>>,
    chores: Vec<JoinHandle<()>>,
    _identity: ServerIdentity,
}

impl MetadataServer {
    /// Starts a server. Its port is taken first, so that nothing is made where it cannot listen.
    pub(crate) async fn start(
        settings: &Settings,
        folder: &DataFolder,
        provider: SecretsManager,
        keeping: Keeping,
    ) -> Result<Self> {
        refuse_to_make_keys(settings)?;
        let listener = bind(&settings.server.host, settings.server.port, "SERVER_PORT")?;
        let admin_listener =
            bind(&settings.server.admin_host, settings.server.admin_port, "SERVER_ADMIN_PORT")?;
        let identity = folder.be_the_server(&SystemRandom)?;
        let store =
            Metastore::open(&Options::new(wiring::database(&settings.database), Access::Create)).await?;
        let fernet = wiring::fernet(settings, || folder.fernet_key(&SystemRandom).map(Some))?;
        let manager = Arc::new(
            wiring::manager(settings, &store, keeping, provider, fernet, identity.holder.clone()).await?,
        );
        // What this server left half-way before it was last stopped is nobody else's to wait for.
        if let Err(error) = manager.settle_abandoned(&[&identity.holder]).await {
            tracing::warn!(%error, "interrupted writes could not be settled; it will be tried again");
        }
        let app = App::new(AppParts {
            store: store.clone(),
            manager: Arc::clone(&manager),
            keys: token_keys(settings, folder)?,
            options: ServerOptions {
                issuer: settings.jwt.issuer.clone(),
                pipelines: pipelines(settings),
                ..ServerOptions::default()
            },
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
        });
        let first_admin =
            strongroom_server::bootstrap(&app, &admins(settings), &settings.authorizer.principal_domain)
                .await?;
        let (stop, stopped) = watch::channel(false);
        let limits = strongroom_server::Limits::default();
        let (address, admin_address) = (listener.local_addr()?, admin_listener.local_addr()?);
        let serving = tokio::spawn(strongroom_server::serve(
            listener,
            strongroom_server::router(Arc::clone(&app)),
            limits,
            told(stopped.clone()),
        ));
        let health = tokio::spawn({
            let router = strongroom_server::health::admin_router(Arc::clone(&app));
            async move {
                if let Err(error) =
                    strongroom_server::serve(admin_listener, router, limits, told(stopped)).await
                {
                    tracing::error!(%error, "the admin port is closed");
                }
            }
        });
        let sweeping = tokio::spawn(sweep(Arc::clone(&manager)));
        Ok(Self {
            address,
            admin_address,
            manager,
            store,
            first_admin,
            stop,
            serving,
            chores: vec![health, sweeping],
            _identity: identity,
        })
    }

    /// Waits until the server ends by itself, which it does only if it fails.
    pub(crate) async fn failed(&mut self) -> Result<()> {
        (&mut self.serving).await?.context("the server failed")
    }

    /// Takes no more requests, gives those in hand ten seconds, and closes the database.
    pub(crate) async fn stop(self) -> Result<()> {
        // Nobody listens any more if the server has ended already.
        let _ = self.stop.send(true);
        let ended = self.serving.await;
        for chore in &self.chores {
            chore.abort();
        }
        self.store.close().await;
        ended?.context("the server failed")
    }
}

/// Refuses to serve with keys that everybody knows.
pub(crate) fn refuse_default_keys(settings: &Settings, allowed: bool) -> Result<()> {
    let mut known = Vec::new();
    if settings.fernet.is_public_default {
        known.push("fernetConfiguration.fernetKey (FERNET_KEY): anybody can read the passwords in a copy of the database");
    }
    if settings.jwt.is_public_default {
        known.push("jwtTokenConfiguration's key files (RSA_PUBLIC_KEY_FILE_PATH): anybody can sign an administrator's token");
    }
    if known.is_empty() {
        return Ok(());
    }
    let message = format!(
        "these keys are OpenMetadata's public defaults:\n  {}\nleave them out, and keys are made on the first start; \
         to use them all the same, say --allow-default-keys",
        known.join("\n  ")
    );
    if allowed {
        tracing::warn!("{message}");
        return Ok(());
    }
    Err(Usage(message).into())
}

/// Refuses to make keys for a database that other servers may share: each would make its own.
fn refuse_to_make_keys(settings: &Settings) -> Result<()> {
    if settings.database.file().is_some() {
        return Ok(());
    }
    let mut missing = Vec::new();
    if settings.fernet.key == FernetKey::NotSet {
        missing.push(
            "fernetConfiguration.fernetKey (FERNET_KEY): what one server encrypts, another could not read",
        );
    }
    if settings.jwt.key_pair.is_none() {
        missing.push(
            "jwtTokenConfiguration.rsapublicKeyFilePath and rsaprivateKeyFilePath (RSA_PUBLIC_KEY_FILE_PATH, \
             RSA_PRIVATE_KEY_FILE_PATH): who signs in at one server would be a stranger to another",
        );
    }
    if missing.is_empty() {
        return Ok(());
    }
    Err(Usage(format!(
        "the database is on a server, which others may share, so keys are not made here; set\n  {}",
        missing.join("\n  ")
    ))
    .into())
}

fn bind(host: &str, port: u16, variable: &str) -> Result<TcpListener> {
    let context = || format!("cannot listen on {host}:{port}");
    let listener = match TcpListener::bind((host, port)) {
        Ok(listener) => listener,
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            bail!(
                "the port {port} is in use on {host}: stop whoever listens there, or set another one with {variable}"
            )
        }
        Err(error) => return Err(error).with_context(context),
    };
    listener.set_nonblocking(true).with_context(context)?;
    Ok(listener)
}

fn token_keys(settings: &Settings, folder: &DataFolder) -> Result<TokenKeys> {
    let kid = settings.jwt.key_id.as_deref().unwrap_or(MADE_KEY_ID);
    Ok(match &settings.jwt.key_pair {
        Some(files) => TokenKeys::load_der(&files.private, &files.public, kid)?,
        None => TokenKeys::load_or_generate(folder.path(), kid)?,
    })
}

/// What deployed pipelines are told.
fn pipelines(settings: &Settings) -> PipelineOptions {
    let pipeline = &settings.pipeline;
    PipelineOptions {
        cluster_name: settings.cluster_name.clone(),
        api_endpoint: pipeline.metadata_api_endpoint.clone(),
        secrets_manager_loader: pipeline.secrets_manager_loader.as_str().to_owned(),
        verify_ssl: match pipeline.verify_ssl {
            strongroom_config::VerifySsl::NoSsl => VerifySsl::NoSsl,
            strongroom_config::VerifySsl::Ignore => VerifySsl::Ignore,
            strongroom_config::VerifySsl::Validate => VerifySsl::Validate,
        },
        ca_certificate: pipeline.certificate_path.clone(),
    }
}

/// The configured administrators. `strongroom.admin.password` is the first one's.
fn admins(settings: &Settings) -> Vec<AdminPrincipal> {
    let mut given: Option<SecretValue> = settings.strongroom.admin_password.clone();
    settings
        .authorizer
        .admin_principals
        .iter()
        .map(|admin| AdminPrincipal {
            name: admin.name.clone(),
            password: admin.password.clone().or_else(|| given.take()),
        })
        .collect()
}

async fn told(mut stopped: watch::Receiver<bool>) {
    // The sender is gone only if the server is.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

async fn sweep(manager: Arc<Manager>) {
    let mut interval = tokio::time::interval(SWEEP_INTERVAL);
    loop {
        interval.tick().await;
        if let Err(error) = manager.sweep().await {
            tracing::warn!(%error, "looking for interrupted writes failed; it will be tried again");
        }
    }
}
