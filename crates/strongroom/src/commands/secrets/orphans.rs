//! `strongroom secrets orphans`: what lies in the vault, and no row refers to.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use strongroom_manager::stock::orphans::{Fate, Orphan, Orphans};
use strongroom_metastore::Access;

use super::opening::InstallationArgs;
use super::output::{count, json, now, span};
use crate::commands::migrate_secrets;
use crate::commands::progress::Progress;
use crate::commands::table::table;
use crate::exit::FAILED;

/// Find secrets in the vault to which no row refers, and delete them on demand
///
/// Looked at is what carries the tag of this installation, or has a name under its prefix and cluster name. Soft-deleted entities
/// refer to their secrets, and what belongs to another installation is never an orphan of this one.
///
/// With --delete those that carry the tag are deleted, each under an intent, so that a server or a migration at work at the same
/// time loses nothing; a vault with soft delete keeps them for its retention time. What has only the name is left.
///
/// Exit codes: 0 there is no tagged orphan (any more); 1 there is, or something failed; 2 wrong usage or configuration.
#[derive(Debug, Args)]
pub(super) struct OrphansArgs {
    #[command(flatten)]
    installation: InstallationArgs,
    /// Delete those that carry the tag of this installation
    #[arg(long)]
    delete: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(super) async fn run(args: OrphansArgs) -> Result<ExitCode> {
    let access = if args.delete { Access::ReadWrite } else { Access::ReadOnly };
    let installation = args.installation.open(access).await?;
    let vault = installation.vault()?;
    let manager = &installation.manager;
    let lock = match args.delete {
        true => Some(migrate_secrets::lock(&installation.store, "secrets orphans").await?),
        false => None,
    };
    let progress = Progress::new("searching", "documents", true).under(lock.as_ref());
    let mut found;
    if args.delete {
        found = progress
            .watch(async {
                // We hold the lock, so whoever left something half-way under it is dead.
                manager.settle_dead_migrations().await?;
                let mut found = manager.find_orphans(&vault, &progress).await?;
                manager.delete_orphans(&vault, &mut found, &progress).await?;
                anyhow::Ok(found)
            })
            .await??;
    } else {
        found = manager.find_orphans(&vault, &progress).await?;
    }
    progress.clear();
    found.orphans.sort_by(|one, other| one.name.cmp(&other.name));
    let mut out = io::stdout().lock();
    match args.json {
        true => json(&mut out, &found)?,
        false => tell(&mut out, &found, &vault.to_string(), args.delete)?,
    }
    let remains = |orphan: &Orphan| orphan.is_tagged() && orphan.fate != Fate::Deleted;
    let failed = found.orphans.iter().any(remains) || (args.delete && !found.undecryptable.is_empty());
    Ok(if failed { ExitCode::from(FAILED) } else { ExitCode::SUCCESS })
}

fn tell(out: &mut impl Write, found: &Orphans, vault: &str, deleted: bool) -> Result<()> {
    let now = now();
    let mut lines = vec![["NAME", "WAS KEPT FOR", "AGE", "STATE"].map(str::to_owned).to_vec()];
    lines.extend(found.orphans.iter().map(|orphan| {
        let kept_for = match (&orphan.entity, &orphan.field) {
            (Some(entity), Some(field)) => format!("{field} of {entity}"),
            _ => "(no tag of ours)".to_owned(),
        };
        let age = orphan.created.map(|created| span(now - created)).unwrap_or_default();
        let state = match &orphan.fate {
            Fate::Found if orphan.is_tagged() => "orphan".to_owned(),
            Fate::Found => "only the name is ours".to_owned(),
            Fate::Deleted => "deleted".to_owned(),
            Fate::Left(reason) => format!("left: {reason}"),
            Fate::Failed(error) => format!("failed: {error}"),
        };
        vec![orphan.name.clone(), kept_for, age, state]
    }));
    if !found.orphans.is_empty() {
        out.write_all(table(&lines).as_bytes())?;
    }
    let tagged =
        |wanted: bool| found.orphans.iter().filter(|orphan| orphan.is_tagged() == wanted).count() as u64;
    let gone = found.orphans.iter().filter(|orphan| orphan.fate == Fate::Deleted).count() as u64;
    let ours = count(found.ours, "secret", "secrets");
    match deleted {
        true => writeln!(
            out,
            "{gone} of {} deleted, among {ours} of ours in the {vault}",
            count(tagged(true), "orphan", "orphans")
        )?,
        false => writeln!(
            out,
            "{} with our tag, and {} with only a name of ours, among {ours} of ours in the {vault}",
            count(tagged(true), "orphan", "orphans"),
            tagged(false)
        )?,
    }
    if !found.undecryptable.is_empty() {
        writeln!(
            out,
            "The Fernet keys do not open what these rows hold, and that may be references: while that is so, nothing is deleted. Add \
             the key that they were encrypted with to fernetConfiguration.fernetKey:"
        )?;
        for row in &found.undecryptable {
            writeln!(out, "    {row}")?;
        }
    } else if !deleted && tagged(true) > 0 {
        writeln!(out, "--delete deletes those with our tag.")?;
    }
    Ok(out.flush()?)
}
