//! `strongroom secrets rotate-fernet-key`: everything that the database keeps encrypted is encrypted with a new key.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use strongroom_manager::migrate::Watcher;
use strongroom_manager::rotation::Rotation;
use strongroom_metastore::Access;

use super::opening::InstallationArgs;
use super::output::{count, json};
use crate::commands::migrate_secrets;
use crate::commands::progress::Progress;
use crate::commands::table::table;
use crate::exit::{FAILED, Usage};

/// Encrypt everything that the database keeps encrypted with the first Fernet key of the list
///
/// fernetConfiguration.fernetKey (FERNET_KEY) takes several keys with commas between them: the first encrypts, all decrypt. Put a new
/// one first, start every server anew with that list, and run this. Entities, settings, event subscriptions, applications, the version
/// history, events and the encrypted columns of the tables for OAuth are gone through; nothing changes but these values. It may run
/// while servers do, and be killed and run again.
///
/// Exit codes: 0 the first key opens everything (with --plan: some key does); 1 something is opened by no key, or something failed;
/// 2 wrong usage or configuration.
#[derive(Debug, Args)]
pub(super) struct RotateArgs {
    #[command(flatten)]
    installation: InstallationArgs,
    /// Say what would change, and write nothing
    #[arg(long)]
    plan: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(super) async fn run(args: RotateArgs) -> Result<ExitCode> {
    let access = if args.plan { Access::ReadOnly } else { Access::ReadWrite };
    let installation = args.installation.open(access).await?;
    let manager = &installation.manager;
    let Some(keys) = manager.fernet_keys() else {
        return Err(Usage(
            "no Fernet key is configured (fernetConfiguration.fernetKey, FERNET_KEY), so nothing is encrypted in this database"
                .to_owned(),
        )
        .into());
    };
    if keys.is_default() {
        tracing::warn!(
            "the first Fernet key is OpenMetadata's public default, which everybody knows: put a key of your own before it"
        );
    }
    let count_of_keys = keys.count();
    let lock = match args.plan {
        true => None,
        false => Some(migrate_secrets::lock(&installation.store, "secrets rotate-fernet-key").await?),
    };
    let progress = Progress::new(if args.plan { "reading" } else { "encrypting" }, "documents", true);
    let progress = progress.under(lock.as_ref());
    let watcher: &dyn Watcher = &progress;
    let rotation = match args.plan {
        true => manager.rotate_fernet_key(true, watcher).await?,
        false => progress.watch(manager.rotate_fernet_key(false, watcher)).await??,
    };
    progress.clear();
    let mut out = io::stdout().lock();
    match args.json {
        true => json(&mut out, &rotation)?,
        false => tell(&mut out, &rotation, args.plan, count_of_keys)?,
    }
    let good = if args.plan { rotation.failed == 0 } else { rotation.complete };
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

fn tell(out: &mut impl Write, rotation: &Rotation, plan: bool, keys: usize) -> Result<()> {
    let Rotation { values, renewed, failed, seconds, .. } = rotation;
    let heading = ["TABLE", "DOCUMENTS", "VALUES", if plan { "TO RENEW" } else { "RENEWED" }];
    let mut lines = vec![heading.map(str::to_owned).to_vec()];
    lines.extend(rotation.tables.iter().map(|turn| {
        let numbers = [turn.documents, turn.values, turn.renewed].map(|number| number.to_string());
        [vec![turn.table.clone()], numbers.to_vec()].concat()
    }));
    if !rotation.tables.is_empty() {
        out.write_all(table(&lines).as_bytes())?;
    }
    for failure in &rotation.failures {
        let field = if failure.field.is_empty() { String::new() } else { format!(": {}", failure.field) };
        let row = if failure.row.is_empty() { String::new() } else { format!(" {}", failure.row) };
        writeln!(out, "failure: {}{row}{field} {}", failure.table, failure.error)?;
    }
    let more = failed - rotation.failures.len() as u64;
    if more > 0 {
        writeln!(out, "and {} like these", count(more, "failure", "failures"))?;
    }
    let all = count(*values, "encrypted value", "encrypted values");
    match plan {
        true => writeln!(
            out,
            "{renewed} of {all} would be encrypted with the first key, {failed} cannot be. Nothing was written."
        )?,
        false => {
            writeln!(
                out,
                "{renewed} of {all} encrypted with the first key, {failed} failed, in {seconds:.1} s."
            )?;
        }
    }
    for left in &rotation.left {
        writeln!(out, "left as it is: {}: {}", left.place, left.reason)?;
    }
    if rotation.reclaimed == Some(false) {
        writeln!(
            out,
            "The room in which the old values stood was not given back: they are in no row any more, and yet in the database's files. \
             Run the same command again."
        )?;
    }
    tell_next(out, rotation, plan, keys)?;
    Ok(out.flush()?)
}

/// Says what to do next.
fn tell_next(out: &mut impl Write, rotation: &Rotation, plan: bool, keys: usize) -> Result<()> {
    if let Some(why) = rotation.stopped {
        writeln!(
            out,
            "It ended early, since {why}. Run the same command again to go on; until then keep the old keys."
        )?;
        return Ok(());
    }
    let text = if plan {
        match keys {
            1 => {
                "Only one key is configured: put the new one before it, with a comma between them (FERNET_KEY=NEW,OLD).\n"
            }
            _ => "Run the same command without --plan to do it.\n",
        }
    } else if rotation.failed > 0 {
        "Keep the old keys. Add the key that these values were encrypted with to the end of the list and run the same command again, \
         or give the entities new passwords.\n"
    } else if !rotation.complete {
        "Somebody goes on encrypting with an old key: start every server anew with the new list, then run the same command again. \
         Until then keep the old keys.\n"
    } else if keys == 1 {
        "The only key opens everything. For a new one put it before the old one, with a comma between them (FERNET_KEY=NEW,OLD), start \
         every server anew with that, and run the same command again.\n"
    } else {
        "The first key opens everything. Before the old keys can go:\n\
         1. Every server on this database must have been started anew with the new list; one that was not goes on encrypting with the \
         old key.\n\
         2. OpenMetadata's own server may still write from what it read half a minute ago: after a minute run the same command once \
         more, until it renews nothing.\n\
         3. Leave only the first key in fernetConfiguration.fernetKey (FERNET_KEY), and start the servers anew.\n\
         Backups from before still need the old keys.\n"
    };
    Ok(out.write_all(text.as_bytes())?)
}
