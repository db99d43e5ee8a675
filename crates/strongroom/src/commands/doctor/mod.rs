//! `strongroom doctor`: tries what the server or the ingestion will need, and says what is wrong and what to do.
//!
//! Each subject is a module that makes [`finding`]s: [`configuration`], [`network`] (with identity and clocks), [`rights`],
//! [`database`], [`stored`] (what the rows hold), [`safety`]. A check that fails stops only those that need what it looked for.
//! Nothing is written to the database, and to the vault nothing but one probe. [`table`] shows it.

mod configuration;
mod database;
mod finding;
mod network;
mod rights;
mod safety;
mod stored;
mod subject;
mod table;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use serde_json::{Map, Value};
use strongroom_config::{Environment, SecretsManager, Settings};
use strongroom_entities::FernetKeys;
use strongroom_ingestion::Loader;
use strongroom_secrets::Provider;
use strongroom_secrets::clock::SystemClock;
use strongroom_secrets::probe::{self, Probed};
use strongroom_secrets::remote::SignedIn;

use self::finding::{Finding, Group, Report};
use self::network::Way;
use self::stored::Measure;
use self::subject::{Principal, Subject};
use self::table::Table;
use crate::{data_folder, wiring};

/// Try out configuration, vault, identity and database, and say what is wrong and what to do about it
///
/// Reads the configuration, goes to the vault and to the token endpoint, signs in, tries each right on one secret that it takes
/// away again, reads the whole database, and looks for what is unsafe. Nothing is written to the database. No value is shown.
///
/// Without -c the vault is found as the ingestion finds it, by --loader.
///
/// Exit codes: 0 nothing is wrong (warnings are allowed); 1 something is; 2 wrong usage or configuration.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// The configuration: openmetadata.yaml
    #[arg(short, long, value_name = "FILE", required_unless_present_any = ["loader", "principal"])]
    config: Option<PathBuf>,
    /// The data folder, for what the configuration does not name [default: ./strongroom-data]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Whose rights the identity shall have [default: server; ingestion with a loader]
    #[arg(long = "as", value_name = "WHO")]
    principal: Option<Principal>,
    /// Find the vault and the identity as the ingestion does: `env` (AZURE_KEY_VAULT_NAME and Azure's default credential) or
    /// `airflow` (airflow.cfg and its variables) [default: env, where no configuration is given]
    #[arg(long)]
    loader: Option<Loader>,
    /// With a loader: which secrets manager the ingestion is told [default: the configuration's, else azure-kv]
    #[arg(long, value_parser = super::resolve::provider)]
    provider: Option<SecretsManager>,
    /// How long one call, or one question to the database, may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    timeout: u64,
    /// Answer with JSON on stdout
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) async fn run(args: DoctorArgs) -> Result<ExitCode> {
    let environment = Environment::process();
    let patience = Duration::from_secs(args.timeout);
    let mut told = Told::new(args.json);
    let subject = match subject(&args, &environment, patience) {
        Ok(subject) => subject,
        Err(error) => {
            told.head(&args, None)?;
            told.group("Configuration", vec![configuration::unreadable(&error)])?;
            return told.end(&args, None);
        }
    };
    told.head(&args, Some(&subject))?;
    let examination = Doctor { subject: &subject, environment: &environment, patience };
    examination.run(&mut told).await?;
    told.end(&args, Some(&subject))
}

fn subject(
    args: &DoctorArgs,
    environment: &Environment,
    patience: Duration,
) -> Result<Subject, strongroom_config::ConfigError> {
    let config = args.config.as_deref();
    let mut settings =
        config.map(|file| Settings::load(Some(file), environment, args.data_dir.as_deref())).transpose()?;
    if let Some(settings) = &mut settings {
        settings.strongroom.call_timeout = patience;
    }
    let loader = args.loader.or_else(|| settings.is_none().then_some(Loader::Env));
    let configured = settings.as_ref().and_then(|settings| settings.secrets_manager.provider);
    let usual = if settings.is_some() { SecretsManager::Db } else { SecretsManager::AzureKv };
    let principal = args.principal.unwrap_or(match loader {
        Some(_) => Principal::Ingestion,
        None => Principal::Server,
    });
    let provider = args.provider.or(configured).unwrap_or(usual);
    Ok(Subject { principal, settings, loader, provider, call_timeout: patience })
}

/// What was found so far, shown as it comes unless machines want it whole.
struct Told {
    report: Report,
    table: Option<Table<io::StdoutLock<'static>>>,
}

impl Told {
    fn new(json: bool) -> Self {
        Self { report: Report::default(), table: (!json).then(Table::on_stdout) }
    }

    fn head(&mut self, args: &DoctorArgs, subject: Option<&Subject>) -> Result<()> {
        let what = match (&args.config, subject.and_then(|subject| subject.loader)) {
            (Some(file), None) => file.display().to_string(),
            (Some(file), Some(loader)) => format!("{}, vault by the loader {loader}", file.display()),
            (None, loader) => format!("vault by the loader {}", loader.unwrap_or(Loader::Env)),
        };
        let role = subject.map_or("server", |subject| subject.principal.name());
        match &mut self.table {
            Some(table) => Ok(table.head(&format!("strongroom doctor: {what}, as {role}"))?),
            None => Ok(()),
        }
    }

    fn group(&mut self, title: &'static str, findings: Vec<Finding>) -> Result<()> {
        if findings.is_empty() {
            return Ok(());
        }
        let group = Group { title, findings };
        if let Some(table) = &mut self.table {
            table.group(&group)?;
        }
        self.report.groups.push(group);
        Ok(())
    }

    fn end(mut self, args: &DoctorArgs, subject: Option<&Subject>) -> Result<ExitCode> {
        match &mut self.table {
            Some(table) => table.end(&self.report)?,
            None => {
                let mut about = Map::new();
                let file = args.config.as_ref().map(|file| file.display().to_string());
                about.insert("file".to_owned(), file.into());
                if let Some(subject) = subject {
                    about.insert("as".to_owned(), subject.principal.name().into());
                    about.insert("provider".to_owned(), subject.provider.as_str().into());
                    about.insert(
                        "loader".to_owned(),
                        subject.loader.map_or(Value::Null, |loader| loader.name().into()),
                    );
                }
                let mut out = io::stdout().lock();
                writeln!(out, "{:#}", self.report.json(about))?;
            }
        }
        Ok(self.report.code())
    }
}

/// One examination.
struct Doctor<'a> {
    subject: &'a Subject,
    environment: &'a Environment,
    patience: Duration,
}

impl Doctor<'_> {
    async fn run(&self, told: &mut Told) -> Result<()> {
        let subject = self.subject;
        let vault = subject.open(self.environment);
        let mut findings = configuration::findings(subject);
        findings.push(configuration::vault(subject, &vault));
        told.group("Configuration", findings)?;
        let vault = vault.ok().flatten();
        let (ways, probed) = self.vault(vault.as_ref(), told).await?;
        let mut clocks = network::clocks(&ways);
        match &subject.settings {
            Some(settings) => {
                self.stored(settings, vault.as_ref(), probed.as_ref(), &mut clocks, told).await?;
            }
            None => {
                let why = "no configuration is given, so there is no database to look into (-c)";
                told.group("Database", vec![Finding::not_tried("database.open", why)])?;
            }
        }
        told.group("Clocks", clocks)
    }

    /// The way to the vault, who we are there, and what we may do.
    async fn vault(
        &self,
        vault: Option<&Arc<dyn Provider>>,
        told: &mut Told,
    ) -> Result<(Vec<Way>, Option<Probed>)> {
        let (mut ways, mut signed_in) = (Vec::new(), None);
        let Some(vault) = vault else {
            let why = match self.subject.provider.vault() {
                None => "there is no vault",
                Some(_) => "the vault is not set up: configuration.vault",
            };
            told.group("Vault", vec![Finding::not_tried("vault.address", why)])?;
            return Ok((ways, None));
        };
        if let Some(remote) = vault.remote() {
            ways = network::ways(remote, self.patience).await;
            told.group("Vault", network::findings(&ways, self.subject))?;
            let (finding, known) = network::identity(remote, self.subject, &SystemClock).await;
            signed_in = known;
            told.group("Identity", vec![finding])?;
            let why = match (network::is_reached(&ways), &signed_in) {
                (false, _) => Some("the vault was not reached: vault.tls"),
                (true, None) => Some("there is no token: identity.token"),
                (true, Some(_)) => None,
            };
            if let Some(why) = why {
                told.group("Rights", rights::not_tried(why))?;
                return Ok((ways, None));
            }
        }
        Ok((ways, self.rights(vault, signed_in.as_ref(), told).await?))
    }

    async fn rights(
        &self,
        vault: &Arc<dyn Provider>,
        signed_in: Option<&SignedIn>,
        told: &mut Told,
    ) -> Result<Option<Probed>> {
        if let Some(place) = self.subject.not_made_yet(self.environment) {
            let why = format!("{place} is not there yet: the first write makes it, and its key");
            told.group("Rights", rights::not_tried(&why))?;
            return Ok(None);
        }
        // A deletion takes the real service some seconds.
        let probed = probe::run(&**vault, self.patience * 2).await;
        told.group("Rights", rights::findings(&probed, &**vault, self.subject, signed_in))?;
        Ok(Some(probed))
    }

    /// The database, what its rows hold, and what is unsafe.
    async fn stored(
        &self,
        settings: &Settings,
        vault: Option<&Arc<dyn Provider>>,
        probed: Option<&Probed>,
        clocks: &mut Vec<Finding>,
        told: &mut Told,
    ) -> Result<()> {
        let subject = self.subject;
        let (mut findings, opened) = database::open(settings, self.patience).await;
        let fernet: Result<Option<FernetKeys>, String> =
            wiring::fernet(settings, || data_folder::existing_fernet_key(&settings.data_dir))
                .map_err(|error| crate::message(&error));
        let theirs = opened.as_ref().is_some_and(|opened| opened.layout.reference.is_some());
        let naming = wiring::naming(settings, theirs);
        let mut found = None;
        let mut stored =
            vec![configuration::fernet(subject, &fernet), configuration::naming(subject, &naming)];
        if let Some(opened) = &opened {
            clocks.push(database::clock(&opened.store, &SystemClock, self.patience).await);
            let measure = Measure {
                subject,
                opened,
                naming: naming.as_ref().ok(),
                fernet: fernet.as_ref().map(Option::as_ref).map_err(Clone::clone),
                vault,
                probed,
                patience: self.patience,
            };
            let (rows, examined) = stored::findings(&measure).await;
            found = examined;
            stored.extend(rows);
        } else {
            let why = "the database cannot be read";
            stored.extend(
                ["database.rows", "fernet.rows", "names.collisions", "references.resolve"]
                    .map(|id| Finding::not_tried(id, why)),
            );
        }
        // What is about the database as such stands with it.
        let (of_database, stored): (Vec<_>, Vec<_>) =
            stored.into_iter().partition(|finding| finding.id.starts_with("database."));
        findings.extend(of_database);
        told.group("Database", findings)?;
        told.group("Secrets", stored)?;
        let store = opened.as_ref().map(|opened| &opened.store);
        let keys = fernet.as_ref().ok().and_then(Option::as_ref);
        let mut safety = vec![
            safety::fernet(subject, settings, keys, found.as_ref()),
            safety::token_keys(subject, settings),
            safety::admins(settings, store, self.patience).await,
            safety::sign_in(subject, settings),
            safety::airflow(subject, settings, self.patience).await,
        ];
        safety.extend(safety::database(subject, settings));
        safety.extend(safety::files(settings));
        told.group("Safety", safety)?;
        if let Some(opened) = opened {
            opened.store.close().await;
        }
        Ok(())
    }
}
