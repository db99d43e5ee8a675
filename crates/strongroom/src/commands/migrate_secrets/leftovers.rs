//! What stays where it is, for people: names and places, never values.

use std::io::Write;

use anyhow::Result;
use strongroom_manager::migrate::{LeftColumn, LeftField, LeftTable, Leftovers, UnreadTable};

/// The most fields that are named one by one; JSON has them all.
const NAMED: usize = 20;

/// Says what holds secrets and is left.
pub(super) fn tell_leftovers(out: &mut impl Write, left: &Leftovers) -> Result<()> {
    for unknown in &left.unknown_types {
        let fields = match unknown.fields.is_empty() {
            true => "no field that is known to be secret holds anything".to_owned(),
            false => format!("these look secret: {}", unknown.fields.join(", ")),
        };
        writeln!(
            out,
            "left: {} is untouched, since its connection type \"{}\" is not known; {fields}",
            unknown.entity, unknown.connection_type
        )?;
    }
    tell_fields(
        out,
        &left.options,
        "stands in clear text, where only Strongroom resolves references (--include-options)",
    )?;
    tell_fields(
        out,
        &left.settings,
        "stays in the database, since OpenMetadata's own server does not look for it in a vault (--include-settings)",
    )?;
    if left.unlisted > 0 {
        writeln!(out, "left: {} more of these, which are not listed", left.unlisted)?;
    }
    for LeftTable { table, rows } in &left.tables {
        writeln!(
            out,
            "left: {} secrets that only OpenMetadata's own server can use",
            rows_hold(*rows, table)
        )?;
    }
    for LeftColumn { table, column, rows, in_clear_text } in &left.elsewhere {
        let what = match in_clear_text {
            true => "what looks like a password in clear text",
            false => "something that is encrypted with a Fernet key",
        };
        writeln!(out, "left: {} {what}, in {column}, where nothing is changed", rows_hold(*rows, table))?;
    }
    for UnreadTable { table, reason } in &left.unread {
        writeln!(
            out,
            "left: whether {table} holds secrets is not known, since it could not be looked through: {reason}"
        )?;
    }
    Ok(())
}

fn rows_hold(rows: u64, table: &str) -> String {
    if rows == 1 { format!("1 row of {table} holds") } else { format!("{rows} rows of {table} hold") }
}

fn tell_fields(out: &mut impl Write, fields: &[LeftField], why: &str) -> Result<()> {
    for LeftField { entity, field } in fields.iter().take(NAMED) {
        let place = if field.is_empty() { entity.clone() } else { format!("{entity}: {field}") };
        writeln!(out, "left: {place} {why}")?;
    }
    if fields.len() > NAMED {
        writeln!(out, "left: {} more of these (--json names them)", fields.len() - NAMED)?;
    }
    Ok(())
}
