//! `strongroom quickstart`: the whole way of a password on one machine, each step said in plain words.

use std::io::{Write, stdout};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use clap::Args;
use serde_json::{Value, json};
use strongroom_config::{Environment, SecretsManager, Settings};
use strongroom_entities::reference::{self, FieldText, Reference};
use strongroom_entities::{EntityKind, FernetKeys, FieldPath, fqn_hash};
use strongroom_ingestion::{Resolver, Wanted};
use strongroom_manager::Keeping;
use strongroom_manager::migrate::{MigrateOptions, StopFlag};
use strongroom_metastore::{Metastore, StoreError};
use strongroom_secrets::clock::SystemClock;
use strongroom_secrets::random::SystemRandom;
use strongroom_secrets::transport::Trust;
use strongroom_secrets::{Clock, Random, SecretValue};

use super::migrate_secrets::{tell_report, told_plan};
use crate::data_folder::DataFolder;
use crate::embedded_vault::EmbeddedVault;
use crate::metadata_server::MetadataServer;
use crate::signals::Signals;
use crate::wiring;

/// How long one call of the demonstration may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// Show the whole way of a password: REST, vault, database, migration, resolution
///
/// Starts a vault and a metadata server on free ports, with a few services whose dummy passwords still lie in the database,
/// and moves them to the vault. Then it keeps serving, for you to try.
#[derive(Debug, Args)]
pub(crate) struct QuickstartArgs {
    /// The folder for everything that is made
    #[arg(long, value_name = "DIR", default_value = "./strongroom-data")]
    data_dir: PathBuf,
    /// End when everything was shown, instead of serving on
    #[arg(long)]
    exit: bool,
}

/// A service as an earlier server left it.
struct Sample {
    kind: EntityKind,
    name: &'static str,
    service_type: &'static str,
    config: Value,
    field: &'static str,
    password: &'static str,
}

/// Services of different types. All passwords are dummies.
fn samples() -> Vec<Sample> {
    let postgres = json!({"type": "Postgres", "scheme": "postgresql+psycopg2", "username": "om", "authType": {"password": ""},
                          "hostPort": "localhost:5432", "database": "shop"});
    let bigquery = json!({"type": "BigQuery", "scheme": "bigquery", "hostPort": "bigquery.googleapis.com", "credentials":
                          {"gcpConfig": {"type": "service_account", "projectId": "demo", "privateKey": ""}}});
    let superset = json!({"type": "Superset", "hostPort": "http://localhost:8088", "connection":
                          {"type": "Postgres", "username": "om", "authType": {"password": ""}, "hostPort": "localhost:5432",
                           "database": "superset"}});
    let s3 = json!({"type": "S3", "awsConfig": {"awsRegion": "eu-west-1", "awsAccessKeyId": "AKIADUMMY", "awsSecretAccessKey": ""}});
    let sample = |kind, name, service_type, config, field, password| Sample {
        kind,
        name,
        service_type,
        config,
        field,
        password,
    };
    vec![
        sample(
            EntityKind::DatabaseService,
            "shop",
            "Postgres",
            postgres,
            "connection.config.authType.password",
            "dummy-pg-shop",
        ),
        sample(
            EntityKind::DatabaseService,
            "warehouse",
            "BigQuery",
            bigquery,
            "connection.config.credentials.gcpConfig.privateKey",
            "-----BEGIN PRIVATE KEY-----\ndummy\n-----END PRIVATE KEY-----\n",
        ),
        sample(
            EntityKind::DashboardService,
            "reports",
            "Superset",
            superset,
            "connection.config.connection.authType.password",
            "dummy-superset",
        ),
        sample(
            EntityKind::StorageService,
            "lake",
            "S3",
            s3,
            "connection.config.awsConfig.awsSecretAccessKey",
            "dummy-aws-secret",
        ),
    ]
}

/// Runs the demonstration.
pub(crate) async fn run(args: QuickstartArgs) -> Result<ExitCode> {
    let folder = DataFolder::open(&args.data_dir)?;
    let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
    let vault = EmbeddedVault::start(folder.vault(), Some(any_port)).await?;
    step(1, &format!("A Key Vault of its own listens at {}.", vault.url()))?;
    note(&format!(
        "Its clients trust {}. Microsoft's own clients work with it unmodified.",
        vault.ca_file().display()
    ))?;

    let settings = settings(&folder)?;
    let provider = SecretsManager::ManagedAzureKv;
    let keeping = Keeping::Managed(vault.as_server(CALL_TIMEOUT)?);
    let server = MetadataServer::start(&settings, &folder, provider, keeping).await?;
    step(
        2,
        &format!("A metadata server speaks OpenMetadata's REST API at http://{}/api/v1.", server.address),
    )?;
    let password = settings.strongroom.admin_password.clone().context("the administrator has a password")?;
    note(&format!("Its administrator is {}, the password {}.", server.first_admin.email, password.expose()))?;

    let key = folder.fernet_key(&SystemRandom)?;
    let keys = FernetKeys::parse(&key).map_err(|error| anyhow::anyhow!("{error}"))?;
    let samples = samples();
    for sample in &samples {
        plant(&server.store, &keys, sample).await?;
    }
    let shop = samples.first().context("there are samples")?;
    step(
        3,
        &format!(
            "{} services stand in {}, as an earlier server left them.",
            samples.len(),
            wiring::database(&settings.database)
        ),
    )?;
    note(&format!("The row of {} holds the password encrypted, next to whoever has the key:", shop.name))?;
    show_row(&server.store, shop).await?;

    step(4, "The plan says what a migration would do, and writes nothing:")?;
    let (options, watcher) = (MigrateOptions::default(), StopFlag::default());
    let told = told_plan();
    let plan = server.manager.plan_migration(&options, &told).await?;
    told.finish(&plan)?;
    ensure!(plan.report.conflicts.is_empty(), "the plan has conflicts; start again with an empty --data-dir");

    step(5, "The migration writes each password to the vault, reads it back, and leaves a reference:")?;
    let lock = server.store.lock_migration("quickstart").await?;
    let report = server.manager.apply_migration(&plan, &options, &watcher).await?;
    drop(lock);
    tell_report(&report, false)?;
    ensure!(report.failures.is_empty(), "the migration failed");
    show_row(&server.store, shop).await?;

    step(6, "A new password enters over REST. The answer is masked, and the row holds a reference:")?;
    let answer = put_over_rest(&server, &password).await?;
    note(&format!("PUT /api/v1/services/databaseServices → \"password\": {answer}"))?;

    step(7, "The ingestion resolves the reference where it connects, with an identity that may only read:")?;
    let resolver = Resolver::new(vault.as_ingestion(CALL_TIMEOUT)?);
    let name = referred(&server.store, shop).await?;
    let wanted = Wanted { field: shop.field.to_owned(), reference: Reference::new(name.clone()) };
    let values = resolver.resolve(&[wanted]).await.map_err(|errors| {
        anyhow::anyhow!(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
    })?;
    let value = values.first().context("one reference has one value")?;
    ensure!(value.expose() == shop.password, "the vault holds another value than the service had");
    note(&format!("secret:{name} → {}", value.expose()))?;

    if args.exit {
        server.stop().await?;
        vault.stop().await?;
        step(8, "That is all. Without --exit it keeps serving, for you to try.")?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut signals = Signals::listen()?;
    step(8, "It keeps serving until Ctrl-C. Try, in another terminal:")?;
    let vault_dir = folder.vault();
    note(&format!(
        "eval \"$(strongroom vault env --data-dir {} --principal ingestion)\"",
        vault_dir.display()
    ))?;
    note(&format!("strongroom resolve --show secret:{name}"))?;
    note(&format!("curl http://{}/api/v1/system/version", server.address))?;
    signals.asked_to_end().await;
    server.stop().await?;
    vault.stop().await?;
    Ok(ExitCode::SUCCESS)
}

/// The settings of the demonstration: nothing of the environment, free ports, an administrator's password that a second
/// start finds again.
fn settings(folder: &DataFolder) -> Result<Settings> {
    let environment = Environment::from([("SERVER_PORT", "0"), ("SERVER_ADMIN_PORT", "0")]);
    let mut settings = Settings::load(None, &environment, Some(folder.path()))?;
    let random: &dyn Random = &SystemRandom;
    let draw = || SecretValue::new(URL_SAFE_NO_PAD.encode(random.bytes::<12>()));
    settings.strongroom.admin_password = Some(folder.secret_or("quickstart-password", draw)?);
    Ok(settings)
}

/// Puts a service into the database as a server without a vault would have: the password encrypted with Fernet.
async fn plant(store: &Metastore, keys: &FernetKeys, sample: &Sample) -> Result<()> {
    let random: &dyn Random = &SystemRandom;
    let mut document = json!({
        "id": random.uuid().to_string(),
        "name": sample.name,
        "fullyQualifiedName": sample.name,
        "serviceType": sample.service_type,
        "connection": {"config": sample.config},
        "version": 0.1,
        "updatedAt": SystemClock.now_millis(),
        "updatedBy": "admin",
        "deleted": false,
    });
    let encrypted = keys.encrypt(&SecretValue::new(sample.password));
    path(sample)?.set(&mut document, Value::String(encrypted));
    let mut transaction = store.begin().await?;
    match transaction.insert(sample.kind, &fqn_hash(sample.name), &document).await {
        Ok(()) => transaction.commit().await?,
        // A second start finds what the first one made.
        Err(StoreError::AlreadyExists) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

fn path(sample: &Sample) -> Result<FieldPath> {
    sample.field.parse().map_err(|error| anyhow::anyhow!("{}: {error}", sample.field))
}

/// What the secret field of a stored service holds.
async fn stored(store: &Metastore, sample: &Sample) -> Result<String> {
    let row =
        store.get_by_hash(sample.kind, &fqn_hash(sample.name)).await?.context("the service is stored")?;
    let text = path(sample)?.get(&row.json).and_then(Value::as_str).context("its password is a text")?;
    Ok(text.to_owned())
}

async fn show_row(store: &Metastore, sample: &Sample) -> Result<()> {
    let text = stored(store, sample).await?;
    let shown = if text.len() > 72 { format!("{}…", &text[..60]) } else { text };
    note(&format!("{} {} → \"{}\": \"{shown}\"", sample.kind.table(), sample.name, sample.field))
}

/// The name that the secret field of a stored service refers to.
async fn referred(store: &Metastore, sample: &Sample) -> Result<strongroom_secrets::SecretName> {
    let text = stored(store, sample).await?;
    match reference::classify(&text) {
        FieldText::Reference(reference) => Ok(Reference::into_name(reference)),
        _ => anyhow::bail!("the row of {} holds no reference", sample.name),
    }
}

/// Signs in as the administrator and sends a service with a password; answers with what the answer shows of it.
async fn put_over_rest(server: &MetadataServer, password: &SecretValue) -> Result<String> {
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(Trust::default().client_config()?)
        .no_proxy()
        .timeout(CALL_TIMEOUT)
        .build()?;
    let api = format!("http://{}/api/v1", server.address);
    let login = json!({"email": server.first_admin.email, "password": STANDARD.encode(password.expose())});
    let answer = client.post(format!("{api}/users/login")).json(&login).send().await?;
    let answer: Value = answer.error_for_status().context("signing in")?.json().await?;
    let token = answer["accessToken"].as_str().context("the answer to the login holds a token")?;
    let service = json!({
        "name": "orders",
        "serviceType": "Mysql",
        "connection": {"config": {"type": "Mysql", "username": "om", "authType": {"password": "dummy-orders"},
                                  "hostPort": "localhost:3306"}},
    });
    let answer = client
        .put(format!("{api}/services/databaseServices"))
        .bearer_auth(token)
        .json(&service)
        .send()
        .await?
        .error_for_status()
        .context("storing the service")?;
    let answer: Value = answer.json().await?;
    Ok(answer["connection"]["config"]["authType"]["password"].to_string())
}

fn step(number: u8, text: &str) -> Result<()> {
    writeln!(stdout(), "\n{number}. {text}")?;
    Ok(())
}

fn note(text: &str) -> Result<()> {
    writeln!(stdout(), "   {text}")?;
    Ok(())
}
