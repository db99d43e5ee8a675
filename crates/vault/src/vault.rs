//! Opening, starting and stopping.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum_server::tls_rustls::RustlsConfig;
use strongroom_secrets::clock::SystemClock;
use strongroom_secrets::random::SystemRandom;
use strongroom_secrets::{Clock, Random, SecretValue};
use tokio::sync::Semaphore;

use crate::access::SlowChecks;
use crate::administration::socket::AdminSocket;
use crate::audit::Audit;
use crate::chores::{self, Chores};
use crate::config::{Checked, TlsSettings, VaultConfig};
use crate::directory::Shared;
use crate::error::{Error, Result};
use crate::faults::Faults;
use crate::folder::{Folder, Lock};
use crate::keys::{Custody, Keyring};
use crate::listeners::Listeners;
use crate::metrics::{Metrics, Sources};
use crate::notes::Notes;
use crate::pki::{Certificates, Names};
use crate::ports::{Addresses, Plan};
use crate::quota::{Quota, Quotas};
use crate::run_file::RunFile;
use crate::service::{Service, Started};
use crate::store::{Preparing, StoreLocation};
use crate::tokens::{Authority, Believed, Rotation, SigningKey, Tenants};

/// How many backups are made or read at a time.
const BACKUPS: usize = 2;

/// Where the configuration comes from.
#[derive(Debug, Clone)]
pub enum ConfigSource {
    /// The data folder's own `vault.yaml`. A first start without one makes it: a vault `dev`, a principal `server` that
    /// may do everything, a principal `ingestion` that may read.
    Folder,
    /// This file.
    File(PathBuf),
    /// No file at all. `strongroom vault env` cannot know of it.
    Given(Box<VaultConfig>),
}

/// What a vault is opened with.
#[derive(Debug, Clone)]
pub struct Options {
    /// The folder for everything that is kept.
    pub data_dir: PathBuf,
    /// The configuration.
    pub config: ConfigSource,
    /// The master key's file; `None` means `master.key` in the data folder. Made on the first start.
    pub master_key_file: Option<PathBuf>,
    /// The master key itself, 32 bytes in base64, in the place of a file.
    pub master_key: Option<SecretValue>,
    /// Where the secrets lie.
    pub store: StoreLocation,
    /// Goes before the configuration's `listen`.
    pub listen: Option<SocketAddr>,
    /// How many calls each vault takes; without one, as many as the machine can answer.
    pub quota: Option<Quota>,
    /// The file of faults on demand. Only with [`dev`](Self::dev).
    pub faults: Option<PathBuf>,
    /// Whether Azure's own names are answered too, with a certificate of a second authority: for who maps them to this
    /// machine.
    pub answer_as_azure: bool,
    /// Whether the vault is for development: nothing in it is worth anything. A configuration that is made then has a
    /// principal for each role.
    pub dev: bool,
    /// How often deleted secrets whose time is up are forgotten. Nobody sees them in the meantime.
    pub purge_interval: Duration,
    /// The time for tokens, certificates and secrets.
    pub clock: Arc<dyn Clock>,
    /// Where identifiers and keys are drawn.
    pub random: Arc<dyn Random>,
}

impl Options {
    /// Defaults for a data folder, with the machine's clock and random source.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            config: ConfigSource::Folder,
            master_key_file: None,
            master_key: None,
            store: StoreLocation::Folder,
            listen: None,
            quota: None,
            faults: None,
            answer_as_azure: false,
            dev: false,
            purge_interval: Duration::from_secs(60 * 60),
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
        }
    }

    fn custody(&self, folder: &Folder) -> Result<Custody> {
        Custody::new(self.master_key.as_ref(), self.master_key_file.as_deref(), folder.master_key())
    }
}

/// A vault that is open but does not listen yet. The data folder is locked while it lives.
#[derive(Debug)]
pub struct Vault {
    config: VaultConfig,
    /// The file it was read from, if any.
    config_path: Option<PathBuf>,
    plan: Plan,
    folder: Folder,
    lock: Lock,
    certificates: Certificates,
    service: Service,
    purge_interval: Duration,
}

impl Vault {
    /// Reads the configuration, takes the data folder, and opens (or makes) keys, certificates and database.
    ///
    /// # Errors
    /// See [`ErrorKind`](crate::ErrorKind). What was stored before is as it was.
    pub async fn open(options: Options) -> Result<Self> {
        let folder = Folder::at(&options.data_dir);
        // A wrong configuration must leave no trace: it is checked before anything is made.
        let mut config = match &options.config {
            ConfigSource::Folder => None,
            ConfigSource::File(path) => Some((VaultConfig::read(path)?, Some(path.clone()))),
            ConfigSource::Given(config) => Some(((**config).clone(), None)),
        };
        if config.is_none() && folder.config().exists() {
            config = Some((VaultConfig::read(&folder.config())?, Some(folder.config())));
        }
        if let Some((config, _)) = &config {
            // What was made at run time is not known before the database is open.
            let first = matches!(options.store, StoreLocation::Folder) && !folder.database().exists();
            if first {
                config.check()?
            } else {
                config.check_alone()?
            };
        }
        let custody = options.custody(&folder)?;
        let faults = read_faults(&options)?;
        folder.create()?;
        let lock = folder.lock()?;
        let (config, config_path) = match config {
            Some(found) => found,
            None => {
                let made = match options.dev {
                    true => VaultConfig::with_each_role("dev", &*options.random),
                    false => VaultConfig::for_development("dev", &*options.random),
                };
                made.write(&folder.config())?;
                (made, Some(folder.config()))
            }
        };
        let checked = config.check_alone()?;

        let plan = Plan::new(&checked, options.listen, &folder, &*options.random)?;
        let domain = checked.domain.clone();
        let started = Started {
            config: config.clone(),
            path: config_path.as_deref().and_then(|path| std::path::absolute(path).ok()),
        };
        let service = open_service(&folder, started, checked, faults, custody, &options).await?;
        let names = Names::Own { domain, vaults: service.directory().vault_names() };
        let given = config.tls.as_ref().map(TlsSettings::given);
        let now = chores::now(&*options.clock);
        let certificates = Certificates::open(&folder, names, given.as_ref(), options.answer_as_azure, now)?;
        service.metrics.set_certificate_end(certificates.ends());
        if options.answer_as_azure {
            tracing::warn!(
                ca = %folder.azure_ca().display(),
                "this vault answers as *.vault.azure.net and login.microsoftonline.com: who trusts its authority and sends these \
                 names here shows it what was meant for Azure"
            );
        }
        Ok(Self {
            config,
            config_path,
            plan,
            folder,
            lock,
            certificates,
            service,
            purge_interval: options.purge_interval,
        })
    }

    /// The configuration as it was read or made, client secrets included.
    pub fn config(&self) -> &VaultConfig {
        &self.config
    }

    pub(crate) fn service(&self) -> &Service {
        &self.service
    }

    /// The data folder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Closes the database without having served.
    pub(crate) async fn close(self) {
        self.service.store.close().await;
    }

    /// Listens, on a socket of the caller's or on the configured address, and answers from now on.
    ///
    /// # Errors
    /// [`Address`](crate::ErrorKind::Address) if the address is taken.
    pub async fn start(self, listener: Option<TcpListener>) -> Result<Running> {
        let service = Arc::new(self.service);
        let tls = RustlsConfig::from_config(self.certificates.server_config()?);
        let config = self.config_path.and_then(|path| std::path::absolute(path).ok());
        let announce = |addresses: &Addresses| {
            RunFile {
                address: addresses.main,
                managed_identity: addresses.managed_identity,
                admin: addresses.admin,
                as_azure: service.answers_as_azure,
                config,
            }
            .write(&self.folder)
        };
        let (listeners, addresses) = self.plan.open(listener, tls, &service, announce)?;
        let admin = AdminSocket::open(&self.folder, Arc::clone(&service))
            .inspect_err(|error| {
                tracing::warn!(%error, "this vault cannot be administered while it runs");
            })
            .ok();
        let ca = self.certificates.ca();
        let chores = Chores::start(self.certificates, &service, self.purge_interval);
        Ok(Running { addresses, ca, service, listeners, admin, _chores: chores, _lock: self.lock })
    }
}

/// Faults are for development: nobody should find them in a vault that others rely on.
fn read_faults(options: &Options) -> Result<Option<Arc<Faults>>> {
    match &options.faults {
        None => Ok(None),
        Some(path) if options.dev => Faults::read(path).map(|faults| Some(Arc::new(faults))),
        Some(path) => Err(Error::configuration(format!(
            "--faults {}: a vault fails on demand in development only",
            path.display()
        ))
        .with_hint("start it with --dev, or leave --faults out")),
    }
}

/// Opens the database with its keys.
async fn open_service(
    folder: &Folder,
    started: Started,
    checked: Checked,
    faults: Option<Arc<Faults>>,
    custody: Custody,
    options: &Options,
) -> Result<Service> {
    let now = options.clock.now_seconds();
    let audit = Arc::new(Audit::open(&checked.audit.destination(folder))?);
    let mut store = Preparing::open(&options.store, &folder.database()).await?;
    let wrapped = store.data_keys().await?;
    let (keyring, first) = Keyring::begin(custody, &wrapped, store.name(), &*options.random)?;
    if let Some(first) = first {
        store.add_data_key(&first, now).await?;
    }
    let keyring = Arc::new(keyring);

    let mut keys = store
        .signing_keys()
        .await?
        .iter()
        .map(|stored| SigningKey::open(&keyring, stored))
        .collect::<Result<Vec<_>>>()?;
    if keys.is_empty() {
        let (key, sealed) = SigningKey::generate(&keyring, now)?;
        store.add_signing_key(&sealed).await?;
        keys.push(key);
    }
    let store = store.start(Arc::clone(&audit), Arc::clone(&keyring)).await?;
    let sources = Sources {
        groups: store.commits().sizes.clone(),
        commits: store.commits().seconds.clone(),
        unrecorded: audit.unrecorded().clone(),
    };
    let directory = Shared::open(Arc::new(started.config.clone()), &store, &keyring).await?;
    Ok(Service {
        authority: Authority::new(&checked.domain, Tenants::new(&checked.tenant, &checked.tenants), keys),
        believed: Believed::default(),
        rotation: Rotation::new(checked.signing_key_days),
        domain: checked.domain,
        answers_as_azure: options.answer_as_azure,
        tenant: checked.tenant,
        directory,
        started,
        slow_checks: SlowChecks::default(),
        keyring,
        store,
        metrics: Metrics::new(now, sources),
        notes: Notes::default(),
        stopping: AtomicBool::new(false),
        quotas: options.quota.map(Quotas::new),
        delays: checked.delays,
        faults,
        backups: Semaphore::new(BACKUPS),
        audit,
        clock: Arc::clone(&options.clock),
        random: Arc::clone(&options.random),
    })
}

/// A vault that answers. Dropping it stops it at once; [`Running::stop`] lets requests in hand finish.
#[derive(Debug)]
pub struct Running {
    addresses: Addresses,
    ca: PathBuf,
    service: Arc<Service>,
    listeners: Listeners,
    admin: Option<AdminSocket>,
    _chores: Chores,
    _lock: Lock,
}

impl Running {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.addresses.main
    }

    /// Where managed identities get their tokens, if the configuration has them.
    pub fn managed_identity_address(&self) -> Option<SocketAddr> {
        self.addresses.managed_identity
    }

    /// Where `/healthz`, `/readyz` and `/metrics` are, unless they are switched off.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.addresses.admin
    }

    /// A vault's URL: `https://v1.vault.localhost:8443`.
    pub fn url(&self, vault: &str) -> String {
        format!(
            "https://{}.{}:{}",
            vault.to_ascii_lowercase(),
            self.service.domain,
            self.addresses.main.port()
        )
    }

    /// The URL of the token endpoints, without a tenant: `https://login.vault.localhost:8443`.
    pub fn authority(&self) -> String {
        self.url("login")
    }

    /// The tenant that the challenge names.
    pub fn tenant(&self) -> &str {
        &self.service.tenant
    }

    /// The names of the vaults, in order.
    pub fn vaults(&self) -> Vec<String> {
        self.service.directory().vault_names()
    }

    /// Reads the configuration file again. Vaults, principals and roles are then as it says; what cannot change while the
    /// vault runs is answered by its key, and stays as it was. Vaults that are no longer in the file are not served, but keep
    /// their secrets.
    ///
    /// # Errors
    /// [`Configuration`](crate::ErrorKind::Configuration) if something is wrong with the file. Everything stays as it was.
    pub async fn reload(&self) -> Result<Vec<&'static str>> {
        self.service.reload().await
    }

    /// The certificate that clients have to trust.
    pub fn ca_file(&self) -> &Path {
        &self.ca
    }

    /// Makes a new key that signs tokens from now on, and answers its id. Tokens signed before stay good until they end.
    ///
    /// # Errors
    /// If the database does not take it; the old key goes on to sign then.
    pub async fn rotate_signing_key(&self) -> Result<String> {
        self.service.rotate_signing_key().await
    }

    /// Takes no more connections, gives requests in hand ten seconds, and closes the database.
    ///
    /// # Errors
    /// If the server had failed before.
    pub async fn stop(mut self) -> Result<()> {
        self.admin = None;
        self.service.stopping.store(true, Ordering::Relaxed);
        let ended = self.listeners.stop().await;
        self.service.store.close().await;
        self.service.audit.close().await;
        ended
    }
}
