//! `strongroom secrets verify`: each reference is read, and what is not as it should be is told.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use strongroom_manager::Manager;
use strongroom_manager::migrate::Watcher;
use strongroom_manager::stock::verify::{Fault, Finding, Verified};
use strongroom_metastore::Access;
use strongroom_secrets::SecretName;

use super::opening::{InstallationArgs, SelectionArgs};
use super::output::{JsonList, count};
use crate::commands::migrate_secrets;
use crate::commands::progress::Progress;
use crate::exit::FAILED;

/// Read every secret that a row refers to, and say what is not as it should be
///
/// Each is compared with the version that was committed: found are secrets that drifted, are missing, disabled, expired or not yet
/// valid, that belong to somebody else, references that point nowhere, and encrypted values that no Fernet key opens: in the rows and,
/// unless --only or --except choose some, in the version history, in events and in columns of their own. No value is shown. It may run while servers do: what they are writing just now is not taken for drift.
///
/// Exit codes: 0 all is as it should be; 1 something is not, or the vault or the database failed; 2 wrong usage or configuration.
#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    #[command(flatten)]
    installation: InstallationArgs,
    #[command(flatten)]
    selection: SelectionArgs,
    /// What drifted is right: note the vault's latest versions as the committed ones
    #[arg(long)]
    accept: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(super) async fn run(args: VerifyArgs) -> Result<ExitCode> {
    let access = if args.accept { Access::ReadWrite } else { Access::ReadOnly };
    let installation = args.installation.open(access).await?;
    let lock = match args.accept {
        true => Some(migrate_secrets::lock(&installation.store, "secrets verify --accept").await?),
        false => None,
    };
    let manager = &installation.manager;
    if args.accept {
        // We hold the lock, so whoever left something half-way under it is dead; a name that is in hand is not taken for drift.
        manager.settle_dead_migrations().await?;
    }
    let selection = args.selection.selection();
    let progress = Progress::new("verifying", "entities", true).under(lock.as_ref());
    progress.total(manager.count_stock(&selection).await?);
    let is_everything = selection.is_everything();
    let mut verification = manager.verification(selection);
    let mut list = match args.json {
        true => Some(JsonList::begin(io::BufWriter::new(io::stdout()), "findings")?),
        false => None,
    };
    let mut before = Verified::default();
    let mut accepted = 0;
    while let Some(mut findings) = verification.next().await? {
        if args.accept {
            accepted += accept(manager, &mut findings, &progress).await?;
        }
        match &mut list {
            Some(list) => findings.iter().try_for_each(|finding| list.item(finding))?,
            None => progress.beside(|| findings.iter().try_for_each(tell))?,
        }
        progress.advance(verification.done().entities - before.entities);
        before = verification.done();
    }
    progress.clear();
    let done = verification.done();
    let done = Verified { findings: done.findings - accepted, ..done };
    match list {
        Some(list) => list.end("verified", &done)?,
        None => tell_summary(&done, accepted, is_everything)?,
    }
    Ok(if done.findings == 0 { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

/// Accepts what drifted; answers how many that were. What cannot be accepted stays a finding.
async fn accept(manager: &Manager, findings: &mut Vec<Finding>, watcher: &dyn Watcher) -> Result<u64> {
    let mut accepted = 0;
    let mut left = Vec::with_capacity(findings.len());
    for finding in findings.drain(..) {
        if let Some(why) = watcher.why_stop() {
            anyhow::bail!("{why}: run the same command again to go on");
        }
        let name = finding.name.as_deref().and_then(|name| name.parse::<SecretName>().ok());
        match (finding.fault, name) {
            (Fault::Drifted, Some(name)) => match manager.accept_latest(&name).await {
                Ok(()) => accepted += 1,
                Err(error) => {
                    left.push(Finding { remark: format!("{}; {error}", finding.remark), ..finding });
                }
            },
            _ => left.push(finding),
        }
    }
    *findings = left;
    Ok(accepted)
}

fn tell(finding: &Finding) -> io::Result<()> {
    let Finding { kind, entity, field, name, fault, remark } = finding;
    let place = format!("{kind} {entity}: {field}");
    let place = place.trim().trim_end_matches(':');
    let name = name.as_ref().map(|name| format!("  secret:{name}")).unwrap_or_default();
    let mut out = io::stdout().lock();
    match place.is_empty() {
        true => writeln!(out, "✗ {}: {remark}", word(*fault)),
        false => writeln!(out, "✗ {place}{name}\n    {}: {remark}", word(*fault)),
    }
}

fn tell_summary(done: &Verified, accepted: u64, is_everything: bool) -> io::Result<()> {
    let Verified { in_history, in_events, in_columns, .. } = done;
    // Where only some entities are meant, nothing is looked at beside them.
    let beside = match is_everything {
        true => format!(
            ", {in_history} in the version history, {in_events} in events, {in_columns} in columns for OAuth"
        ),
        false => String::new(),
    };
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{} of {} read; {} in the rows{beside}: {}{}",
        count(done.references, "reference", "references"),
        count(done.entities, "entity", "entities"),
        count(done.in_database, "value", "values"),
        match done.findings {
            0 => "all is as it should be".to_owned(),
            findings => count(findings, "finding", "findings"),
        },
        match accepted {
            0 => String::new(),
            accepted => format!("; {} accepted", count(accepted, "newer version", "newer versions")),
        }
    )?;
    out.flush()
}

fn word(fault: Fault) -> &'static str {
    match fault {
        Fault::Drifted => "drifted",
        Fault::Missing => "missing",
        Fault::Dangling => "dangling",
        Fault::Disabled => "disabled",
        Fault::Expired => "expired",
        Fault::NotYetValid => "not yet valid",
        Fault::Anothers => "another's",
        Fault::Undecryptable => "undecryptable",
        Fault::Malformed => "malformed",
        Fault::Unreadable => "unreadable",
        Fault::BrokenRow => "broken row",
    }
}
