//! What a migration did, as text for people and as JSON.

use std::io::{Write, stdout};

use anyhow::{Context, Result};
use strongroom_manager::migrate::{Failure, Report};

use super::history::tell_history;
use super::leftovers::tell_leftovers;

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
    tell_history(&mut out, &report.history)?;
    tell_troubles(&mut out, report)?;
    if secrets.verified > 0 {
        writeln!(out, "This was run {}; --rollback with that id brings back what it moved.", report.run)?;
    }
    if !report.failures.is_empty() {
        writeln!(out, "What failed is as it was before. Run the same command again to go on.")?;
    }
    Ok(())
}

/// Shows conflicts, failures and what was left.
pub(super) fn tell_troubles(out: &mut impl Write, report: &Report) -> Result<()> {
    for conflict in &report.conflicts {
        let name = if conflict.name.is_empty() { String::new() } else { format!(" ({})", conflict.name) };
        writeln!(out, "conflict: {}{name}: {}", conflict.owners.join(" and "), conflict.reason)?;
    }
    for (word, failures) in [("failure", &report.failures), ("stays", &report.stays)] {
        for Failure { entity, field, error } in failures {
            let place: Vec<&str> =
                [entity.as_str(), field].into_iter().filter(|text| !text.is_empty()).collect();
            let place = if place.is_empty() { String::new() } else { format!("{}: ", place.join(": ")) };
            writeln!(out, "{word}: {place}{error}")?;
        }
    }
    if report.unlisted > 0 {
        writeln!(out, "and {} more of these, which are not listed", report.unlisted)?;
    }
    tell_leftovers(out, &report.left)
}

pub(super) fn to_json(out: &mut impl Write, value: &impl serde::Serialize) -> Result<()> {
    serde_json::to_writer_pretty(&mut *out, value).context("the report cannot be written")?;
    writeln!(out)?;
    Ok(())
}
