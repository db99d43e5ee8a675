//! `strongroom migrate-secrets`: passwords move to where the configured secrets manager keeps them.

mod leftovers;
mod options;

use std::convert::Infallible;
use std::io::{IsTerminal, Write, stderr, stdout};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use strongroom_config::{Environment, FernetKey, SecretsManager, Settings};
use strongroom_manager::Keeping;
use strongroom_manager::migrate::{self, Plan, PlannedAction, Report, Watcher};
use strongroom_metastore::{Access, Metastore, Options};
use strongroom_secrets::Random;
use strongroom_secrets::random::SystemRandom;

use self::leftovers::tell_leftovers;
use self::options::Decisions;
use crate::exit::{CONFLICTS, FAILED, Usage};
use crate::signals::Signals;
use crate::{data_folder, vaults, wiring};

/// Move passwords to where the configured secrets manager keeps them
///
/// With a managed vault: from the database, or from another vault, to that one; the rows keep references. With `db` or `azure-kv`:
/// from the vault back into the database, encrypted.
#[derive(Debug, Args)]
pub(crate) struct MigrateSecretsArgs {
    /// The configuration: openmetadata.yaml
    #[arg(short, long, value_name = "FILE")]
    config: PathBuf,
    /// The data folder, for what the configuration does not name [default: ./strongroom-data]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Say what would happen, and write nothing at all
    #[arg(long)]
    plan: bool,
    /// Answer with JSON on stdout
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    decisions: Decisions,
}

/// Runs the command.
pub(crate) async fn run(args: MigrateSecretsArgs) -> Result<ExitCode> {
    let environment = Environment::process();
    let settings = Settings::load(Some(&args.config), &environment, args.data_dir.as_deref())?;
    wiring::warn(&settings);
    let provider = settings.secrets_manager.provider.unwrap_or(SecretsManager::Db);
    warn_of_default_keys(&settings, provider);
    let access = if args.plan { Access::ReadOnly } else { Access::ReadWrite };
    let store = Metastore::open(&Options { path: settings.database.path.clone(), access }).await?;
    let fernet = wiring::fernet(&settings, || data_folder::existing_fernet_key(&settings.data_dir))?;
    let keeping = wiring::keeping(provider, &settings, &environment)?;
    check_target(&settings, &keeping, fernet.is_some())?;
    let former = vaults::former(provider, &settings, &environment);
    let lock = match args.plan {
        true => None,
        false => Some(store.lock_migration(&format!("process {}", std::process::id()))?),
    };
    let random: &dyn Random = &SystemRandom;
    let holder = migrate::holder(random.uuid());
    let manager = wiring::manager(&settings, &store, keeping, provider, fernet, holder).await?;
    let manager = manager.with_former_vaults(former);
    let show = Bar::new("reading", !args.json);
    let options = args.decisions.options();
    let plan = manager.plan_migration(&options, &show).await?;
    show.clear();
    let conflicts = !plan.report.conflicts.is_empty();
    if args.plan || (conflicts && !options.skip_conflicts) {
        tell_plan(&plan, args.json)?;
        return Ok(if conflicts { ExitCode::from(CONFLICTS) } else { ExitCode::SUCCESS });
    }
    let mut signals = Signals::listen()?;
    let bar = Bar::new("migrating", !args.json);
    let report = tokio::select! {
        report = manager.apply_migration(&plan, &options, &bar) => report?,
        never = stop_when_asked(&mut signals, &bar) => match never {},
    };
    bar.clear();
    drop(lock);
    store.close().await;
    tell_report(&report, args.json)?;
    let failed = !report.failures.is_empty() || !report.conflicts.is_empty();
    Ok(if failed { ExitCode::from(FAILED) } else { ExitCode::SUCCESS })
}

/// Refuses to move passwords to where they would be lost, or could be read by anybody.
fn check_target(settings: &Settings, keeping: &Keeping, has_fernet_key: bool) -> Result<()> {
    let refusal = match keeping {
        Keeping::Managed(vault) if !vault.capabilities().durable => format!(
            "the {vault} is gone when this process ends, and with it every password that was moved there: choose another \
             secretsManagerConfiguration.secretsManager (SECRET_MANAGER)"
        ),
        Keeping::InDatabase(_) if !has_fernet_key && settings.fernet.key == FernetKey::NotSet => format!(
            "there is no key to encrypt passwords with: set fernetConfiguration.fernetKey (FERNET_KEY), or name the data folder \
             of the server that made one; {} holds none",
            settings.data_dir.display()
        ),
        Keeping::Managed(_) | Keeping::InDatabase(_) => return Ok(()),
    };
    Err(Usage(refusal).into())
}

/// The default keys of OpenMetadata are public: leaving them behind is what a migration to a vault is for, so it only warns.
fn warn_of_default_keys(settings: &Settings, provider: SecretsManager) {
    if !settings.fernet.is_public_default {
        return;
    }
    tracing::warn!(
        "the configured Fernet key is OpenMetadata's public default: whoever has a copy of this database can read its \
         passwords; {}",
        if provider.is_managed() { "change them after the migration" } else { "set a key of your own first" }
    );
}

/// Asks the migration to stop at the first signal; the entities in hand are finished.
async fn stop_when_asked(signals: &mut Signals, bar: &Bar) -> Infallible {
    signals.asked_to_end().await;
    bar.stop.store(true, Ordering::Relaxed);
    bar.say("finishing the entities in hand; run the same command again to go on");
    std::future::pending().await
}

/// A progress bar on a terminal, and nothing elsewhere.
struct Bar {
    bar: ProgressBar,
    stop: AtomicBool,
}

impl Bar {
    fn new(doing: &'static str, wanted: bool) -> Self {
        let bar = match wanted && stderr().is_terminal() {
            true => ProgressBar::no_length(),
            false => ProgressBar::hidden(),
        };
        let style =
            ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} entities, {per_sec}, {eta} left");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_message(doing);
        Self { bar, stop: AtomicBool::new(false) }
    }

    fn say(&self, line: &str) {
        if self.bar.is_hidden() {
            tracing::info!("{line}");
        } else {
            self.bar.println(line);
        }
    }

    fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

impl Watcher for Bar {
    fn total(&self, entities: u64) {
        self.bar.set_length(entities);
    }

    fn advance(&self, entities: u64) {
        self.bar.inc(entities);
    }

    fn should_stop(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// Shows a plan. The last line says what to do next.
pub(crate) fn tell_plan(plan: &Plan, json: bool) -> Result<()> {
    let mut out = stdout().lock();
    if json {
        return to_json(&mut out, plan);
    }
    for field in &plan.fields {
        let name = field.name.as_deref().unwrap_or_default();
        let what = match field.action {
            PlannedAction::Move => format!("moves to {name}"),
            PlannedAction::Unwrap => format!("keeps its reference to {name}, no longer encrypted"),
            PlannedAction::Wrap => format!("keeps its reference to {name}, encrypted from now on"),
            PlannedAction::Empty => "is empty: becomes an empty text".to_owned(),
            PlannedAction::Return => format!("comes back from {name} and is encrypted"),
            PlannedAction::Encrypt => "stands in clear text: is encrypted".to_owned(),
            PlannedAction::Keep if name.is_empty() => continue,
            PlannedAction::Keep => format!("keeps its reference to {name}"),
        };
        writeln!(out, "{} {}: {} {what}", field.kind, field.entity, field.field)?;
    }
    let Report { entities, secrets, .. } = &plan.report;
    writeln!(
        out,
        "{} of {} entities would change: {} secrets to write, {} to bring back, {} kept.",
        entities.changed, entities.seen, secrets.written, secrets.returned, secrets.kept
    )?;
    tell_troubles(&mut out, &plan.report)?;
    if !plan.report.conflicts.is_empty() {
        writeln!(out, "Nothing was written. Settle the conflicts, or do the rest with --skip-conflicts.")?;
    }
    Ok(())
}

/// Shows what a migration did.
pub(crate) fn tell_report(report: &Report, json: bool) -> Result<()> {
    let mut out = stdout().lock();
    if json {
        return to_json(&mut out, report);
    }
    let Report { entities, secrets, seconds, .. } = report;
    writeln!(
        out,
        "{} of {} entities changed, {} were as they should be, {} failed: {} secrets written, {} verified, {} brought back, \
         {} kept, in {seconds:.1} s.",
        entities.changed,
        entities.seen,
        entities.unchanged,
        entities.failed,
        secrets.written,
        secrets.verified,
        secrets.returned,
        secrets.kept
    )?;
    tell_troubles(&mut out, report)?;
    if !report.failures.is_empty() {
        writeln!(out, "What failed is as it was before. Run the same command again to go on.")?;
    }
    Ok(())
}

fn tell_troubles(out: &mut impl Write, report: &Report) -> Result<()> {
    for conflict in &report.conflicts {
        let name = if conflict.name.is_empty() { String::new() } else { format!(" ({})", conflict.name) };
        writeln!(out, "conflict: {}{name}: {}", conflict.owners.join(" and "), conflict.reason)?;
    }
    for failure in &report.failures {
        let place = [failure.entity.as_str(), failure.field.as_str()];
        let place: Vec<&str> = place.into_iter().filter(|text| !text.is_empty()).collect();
        let place = if place.is_empty() { String::new() } else { format!("{}: ", place.join(": ")) };
        writeln!(out, "failure: {place}{}", failure.error)?;
    }
    tell_leftovers(out, &report.left)
}

fn to_json(out: &mut impl Write, value: &impl serde::Serialize) -> Result<()> {
    serde_json::to_writer_pretty(&mut *out, value).context("the report cannot be written")?;
    writeln!(out)?;
    Ok(())
}
