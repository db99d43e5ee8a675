//! `migrate-secrets --status`: who migrates, how far that is, and what ran before.

use std::io::{Write, stdout};

use anyhow::{Context, Result};
use serde::Serialize;
use strongroom_metastore::{Metastore, RunRecord};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::report_output::to_json;

/// How many runs are listed.
const LISTED: u32 = 20;

/// What is known of a run.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    run: String,
    action: String,
    target: String,
    process: String,
    started: String,
    ended: Option<String>,
    outcome: String,
    entities: Option<i64>,
    done: Option<i64>,
    changed: Option<i64>,
    per_second: Option<f64>,
    seconds_left: Option<f64>,
}

#[derive(Debug, Serialize)]
struct Status {
    running: Option<String>,
    runs: Vec<Run>,
}

/// Shows who migrates and what ran before.
pub(super) async fn tell(store: &Metastore, json: bool) -> Result<()> {
    let is_running = store.migration_is_running().await?;
    let records = store.runs("", LISTED).await?;
    let mut runs: Vec<Run> = records.iter().map(|record| run(record, is_running)).collect::<Result<_>>()?;
    let running = runs.iter().find(|run| run.outcome == "running").map(|run| run.run.clone());
    let mut out = stdout().lock();
    if json {
        return to_json(&mut out, &Status { running, runs });
    }
    match runs.iter().find(|run| Some(&run.run) == running.as_ref()) {
        Some(run) => tell_running(&mut out, run)?,
        None if is_running => writeln!(out, "A migration is running, and has not said yet how far it is.")?,
        None => writeln!(out, "No migration is running.")?,
    }
    if runs.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "\n{:<38}{:<10}{:<22}{:<13}{:>10}{:>10}  TO",
        "RUN", "ACTION", "STARTED", "OUTCOME", "ENTITIES", "CHANGED"
    )?;
    for run in runs.drain(..) {
        let count = |count: Option<i64>| count.map(|count| count.to_string()).unwrap_or_default();
        writeln!(
            out,
            "{:<38}{:<10}{:<22}{:<13}{:>10}{:>10}  {}",
            run.run,
            run.action,
            run.started,
            run.outcome,
            count(run.done),
            count(run.changed),
            run.target
        )?;
    }
    Ok(())
}

fn tell_running(out: &mut impl Write, run: &Run) -> Result<()> {
    writeln!(
        out,
        "Running: {} to {}, by {}, since {} (run {}).",
        run.action, run.target, run.process, run.started, run.run
    )?;
    let (Some(done), Some(changed)) = (run.done, run.changed) else {
        writeln!(out, "It is reading.")?;
        return Ok(());
    };
    write!(out, "{done} of {} entities looked at, {changed} changed", run.entities.unwrap_or_default())?;
    if run.entities.is_some_and(|entities| done >= entities) {
        writeln!(out, ". It looks at the tables once more, or takes old passwords out of the history.")?;
        return Ok(());
    }
    if let Some(rate) = run.per_second {
        write!(out, ", {rate:.1} a second")?;
    }
    if let Some(left) = run.seconds_left {
        write!(out, ", about {left:.0} s left")?;
    }
    writeln!(out, ".")?;
    Ok(())
}

fn run(record: &RunRecord, is_running: bool) -> Result<Run> {
    let outcome = match (&record.outcome, record.ended_at) {
        (Some(outcome), _) => outcome.clone(),
        (None, None) if is_running => "running".to_owned(),
        (None, _) => "interrupted".to_owned(),
    };
    let seconds = record.updated_at.map(|updated| (updated - record.started_at) as f64 / 1000.0);
    let per_second = match (record.done, seconds) {
        (Some(done), Some(seconds)) if seconds > 0.0 => Some(done as f64 / seconds),
        _ => None,
    };
    let left = record.total.zip(record.done).map(|(total, done)| (total - done).max(0) as f64);
    let running = outcome == "running";
    Ok(Run {
        run: record.id.to_string(),
        action: record.action.clone(),
        target: record.target.clone(),
        process: record.process.clone(),
        started: moment(record.started_at)?,
        ended: record.ended_at.map(moment).transpose()?,
        outcome,
        entities: record.total,
        done: record.done,
        changed: record.changed,
        per_second,
        seconds_left: left
            .zip(per_second)
            .filter(|(_, rate)| running && *rate > 0.0)
            .map(|(left, rate)| left / rate),
    })
}

/// A moment, given in milliseconds since the Unix epoch, for people and programs.
pub(super) fn moment(millis: i64) -> Result<String> {
    let moment =
        OffsetDateTime::from_unix_timestamp(millis.div_euclid(1000)).context("a time that cannot be")?;
    Ok(moment.format(&Rfc3339)?)
}
