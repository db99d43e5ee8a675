//! `strongroom migrate-secrets`: passwords move to where the configured secrets manager keeps them, or where another does.

mod actions;
mod cleaning;
mod history;
mod leftovers;
mod options;
mod places;
mod plan_file;
mod plan_output;
mod report_output;
mod status;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result, anyhow};
use clap::Args;
use strongroom_config::{Environment, FernetKey, SecretsManager, Settings};
use strongroom_manager::migrate::{self, MigrateOptions, Plan};
use strongroom_manager::{Keeping, Manager};
use strongroom_metastore::{Access, Metastore, MigrationLock, Options, RunRecord, StoreError};
use strongroom_secrets::clock::SystemClock;
use strongroom_secrets::random::SystemRandom;
use strongroom_secrets::{Clock, Random};
use uuid::Uuid;

use self::actions::Actions;
use self::cleaning::Doomed;
use self::options::Decisions;
use self::places::{PlaceArgs, Places};
use self::plan_file::{PlanFile, Writing};
pub(crate) use self::plan_output::told_plan;
use self::plan_output::{Output, Outputs, tell_plan};
pub(crate) use self::report_output::tell_report;
use crate::commands::progress::Progress;
use crate::exit::{CONFLICTS, FAILED, Usage};
use crate::{data_folder, wiring};

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
    /// The same, and keep the plan in a file, for --apply
    #[arg(long, value_name = "FILE", conflicts_with = "clean")]
    plan_out: Option<PathBuf>,
    /// Answer with JSON on stdout
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    action: Actions,
    #[command(flatten)]
    places: PlaceArgs,
    #[command(flatten)]
    decisions: Decisions,
    /// Do not wait for the caches of OpenMetadata's own server
    #[arg(long)]
    no_wait: bool,
}

/// What is to be done, wherever that was said.
struct Order {
    options: MigrateOptions,
    places: PlaceArgs,
    /// The plan that is carried out, if it was made before.
    file: Option<PlanFile>,
    only_plan: bool,
}

impl MigrateSecretsArgs {
    fn order(&self) -> Result<Order> {
        if let Some(path) = &self.action.apply {
            let file = PlanFile::read(path)?;
            let options = MigrateOptions { no_wait: self.no_wait, ..file.head.options.clone() };
            let places = PlaceArgs { from: file.head.from.clone(), to: file.head.to.clone() };
            return Ok(Order { options, places, file: Some(file), only_plan: false });
        }
        let (rename, no_wait) = (self.action.rename, self.no_wait);
        let options = MigrateOptions { rename, no_wait, ..self.decisions.options() };
        let only_plan = self.plan || self.plan_out.is_some();
        Ok(Order { options, places: self.places.clone(), file: None, only_plan })
    }
}

/// Runs the command.
pub(crate) async fn run(args: MigrateSecretsArgs) -> Result<ExitCode> {
    let environment = Environment::process();
    let base = Settings::load(Some(&args.config), &environment, args.data_dir.as_deref())?;
    if args.action.status {
        let store = open(&base, Access::ReadOnly).await?;
        status::tell(&store, args.json).await?;
        return Ok(ExitCode::SUCCESS);
    }
    wiring::warn(&base);
    let mut order = args.order()?;
    let mut places = Places::open(&base, &order.places, &environment, args.data_dir.as_deref())?;
    warn_of_default_keys(&base, places.provider);
    let store = open(&base, if order.only_plan { Access::ReadOnly } else { Access::ReadWrite }).await?;
    let fernet = wiring::fernet(&base, || data_folder::existing_fernet_key(&base.data_dir))?;
    let rolled_back = match &args.action.rollback {
        Some(run) => Some(find_run(&store, run).await?),
        None => None,
    };
    if let Some(run) = rolled_back.as_ref().map(|run| run.id).or(order.options.rollback) {
        order.options.rollback = Some(run);
        places.keeping = back_from(places.keeping);
    }
    check_target(&base, &places.keeping, fernet.is_some())?;
    if order.options.rename && matches!(places.keeping, Keeping::InDatabase(_)) {
        let message = "there is nothing to rename: no vault is configured that passwords are kept in, so they have no names there";
        return Err(Usage(message.to_owned()).into());
    }
    let lock = if order.only_plan { None } else { Some(lock(&store, "migrate-secrets").await?) };
    let random: &dyn Random = &SystemRandom;
    let run = random.uuid();
    let Places { settings, provider, keeping, former, former_namings } = places;
    let manager = wiring::manager(&settings, &store, keeping, provider, fernet, migrate::holder(run)).await?;
    let manager = manager.with_former_vaults(former).with_former_namings(former_namings);
    if let Some(run) = order.options.rollback {
        check_vaults_of(&store, &manager, run).await?;
    }
    if !order.only_plan {
        manager.begin_run(run, action_of(&args.action, &order.options), &this_process()).await?;
    }
    let code = match args.action.clean {
        true => clean(&args, &order, &manager, run, lock.as_ref()).await?,
        false => Box::pin(plan_and_apply(&args, &order, &manager, run, lock.as_ref())).await?,
    };
    drop(lock);
    store.close().await;
    Ok(code)
}

async fn open(settings: &Settings, access: Access) -> Result<Metastore> {
    Ok(Metastore::open(&Options::new(wiring::database(&settings.database), access)).await?)
}

/// Plans, and carries the plan out unless that is all that is wanted, or it has conflicts.
async fn plan_and_apply(
    args: &MigrateSecretsArgs,
    order: &Order,
    manager: &Manager,
    run: Uuid,
    lock: Option<&MigrationLock>,
) -> Result<ExitCode> {
    let options = &order.options;
    let mut outputs = Vec::new();
    if order.only_plan {
        outputs.push(match args.json {
            true => Output::json(std::io::stdout(), &serde_json::json!({}))?,
            false => Output::text(),
        });
    }
    let mut writing = None;
    if let Some(path) = &args.plan_out {
        let (file, output) = Writing::begin(path, options, &order.places)?;
        writing = Some(file);
        outputs.push(output);
    }
    let outputs = Outputs::new(Progress::new("reading", "entities", !args.json), outputs);
    let mut plan = manager.plan_migration(options, &outputs).await?;
    plan.report.run = run;
    let conflicts = !plan.report.conflicts.is_empty();
    outputs.finish(&plan)?;
    if let Some(file) = writing {
        file.finish()?;
    }
    if order.only_plan {
        return Ok(if conflicts { ExitCode::from(CONFLICTS) } else { ExitCode::SUCCESS });
    }
    if let Some(difference) = order.file.as_ref().and_then(|file| file.differs(&plan)) {
        manager.end_run(run, "refused").await?;
        tell_refusal(&difference)?;
        return Ok(ExitCode::from(CONFLICTS));
    }
    if conflicts && !options.skip_conflicts {
        manager.end_run(run, "conflicts").await?;
        tell_conflicts(&plan, args.json)?;
        return Ok(ExitCode::from(CONFLICTS));
    }
    let progress = Progress::new("migrating", "entities", !args.json).under(lock);
    let report = progress.watch(manager.apply_migration(&plan, options, &progress)).await?;
    let report =
        report.context("the migration ended early; run the same command again to go on where it stopped")?;
    progress.clear();
    tell_report(&report, args.json)?;
    Ok(if report.is_whole() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

/// Deletes in the old place what the new one holds, or says what it would delete.
async fn clean(
    args: &MigrateSecretsArgs,
    order: &Order,
    manager: &Manager,
    run: Uuid,
    lock: Option<&MigrationLock>,
) -> Result<ExitCode> {
    let progress = Progress::new("looking", "entities", !args.json).under(lock);
    let doomed = Doomed::new(progress, order.only_plan, args.json)?;
    let report = doomed.bar.watch(manager.clean(run, &order.options, order.only_plan, &doomed)).await??;
    doomed.finish(&report)?;
    Ok(if report.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

fn action_of(actions: &Actions, options: &MigrateOptions) -> &'static str {
    match options {
        MigrateOptions { rename: true, .. } => "rename",
        MigrateOptions { rollback: Some(_), .. } => "rollback",
        _ => actions.word(),
    }
}

/// Takes the migration lock, for a migration or for what must not happen beside one; who has it already is named.
pub(super) async fn lock(store: &Metastore, doing: &str) -> Result<MigrationLock> {
    let since = status::moment(SystemClock.now_millis())?;
    match store.lock_migration(&format!("{} ({doing}), since {since}", this_process())).await {
        Ok(lock) => Ok(lock),
        Err(StoreError::Locked(holder)) => {
            // One that was killed has not ended its run.
            let is_it = |run: &RunRecord| run.ended_at.is_none() && holder.starts_with(&run.process);
            let who = match store.runs("", 1).await?.into_iter().find(is_it) {
                Some(RunRecord { process, action, started_at, .. }) => {
                    format!("{process} ({action}), since {}", status::moment(started_at)?)
                }
                None => holder,
            };
            Err(anyhow!(
                "another migration is running on this database: {who}; wait for it (--status tells how far it is), or stop it"
            ))
        }
        Err(error) => Err(error.into()),
    }
}

/// This process, for others that work on the same database.
fn this_process() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = if host.trim().is_empty() { "an unknown machine" } else { host.trim() };
    format!("process {} on {host}", std::process::id())
}

/// The run whose id begins as the user says.
async fn find_run(store: &Metastore, id: &str) -> Result<RunRecord> {
    let legal = id.len() >= 4 && id.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    let mut found = if legal { store.runs(&id.to_ascii_lowercase(), 2).await? } else { Vec::new() };
    match (found.pop(), found.pop()) {
        (Some(run), None) => Ok(run),
        (Some(_), Some(_)) => {
            Err(Usage(format!("more than one run begins with {id}: say more of its id")).into())
        }
        (None, _) => Err(Usage(format!("there is no run {id}: migrate-secrets --status lists them")).into()),
    }
}

/// What a rollback works with: passwords are kept in the database, and what users refer to stays where it is.
fn back_from(keeping: Keeping) -> Keeping {
    match keeping {
        Keeping::Managed(vault) => Keeping::InDatabase(Some(vault)),
        in_database @ Keeping::InDatabase(_) => in_database,
    }
}

/// Refuses to roll a run back whose vault is not at hand, or that moved nothing.
async fn check_vaults_of(store: &Metastore, manager: &Manager, run: Uuid) -> Result<()> {
    let vaults = store.vaults_of_run(run).await?;
    if vaults.is_empty() {
        return Err(Usage(format!(
            "the run {run} moved nothing to a vault, so there is nothing to roll back"
        ))
        .into());
    }
    for (vault, fields) in vaults {
        if let Some(vault) = vault.filter(|vault| !manager.knows_vault(vault)) {
            let message = format!(
                "the run {run} moved {fields} secrets to {vault}, which is not configured: name its configuration with --from FILE"
            );
            return Err(Usage(message).into());
        }
    }
    Ok(())
}

fn tell_conflicts(plan: &Plan, json: bool) -> Result<()> {
    match json {
        true => report_output::to_json(&mut std::io::stdout().lock(), plan),
        false => tell_plan(plan),
    }
}

fn tell_refusal(why: &str) -> Result<()> {
    std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("error: {why}\n"))?;
    Ok(())
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
