//! Old passwords in the version history and in events, for people.

use std::io::Write;

use anyhow::Result;
use strongroom_manager::migrate::HistoryReport;

/// What a plan says of the history, before anything else is written.
pub(super) fn tell_planned_history(
    out: &mut impl Write,
    history: &HistoryReport,
    is_managed: bool,
) -> Result<()> {
    if !is_managed {
        writeln!(out, "history: old passwords that were taken out of the version history do not come back.")?;
    }
    for table in history.tables.iter().filter(|table| table.scrubbed + table.kept > 0) {
        writeln!(
            out,
            "history: {} of {} rows of {} hold old passwords that would be taken out; {} would keep some",
            table.scrubbed, table.seen, table.table, table.kept
        )?;
    }
    Ok(())
}

/// What a report says of the history, and of what lies beyond the tables.
pub(super) fn tell_history(out: &mut impl Write, history: &HistoryReport) -> Result<()> {
    for table in history.tables.iter().filter(|table| table.scrubbed > 0) {
        writeln!(
            out,
            "history: old passwords were taken out of {} of {}",
            rows(table.scrubbed),
            table.table
        )?;
    }
    for table in history.tables.iter().filter(|table| table.kept > 0) {
        let verb = if table.kept == 1 { "keeps" } else { "keep" };
        writeln!(out, "history: {} of {} {verb} old passwords", rows(table.kept), table.table)?;
    }
    if history.kept() > 0 {
        writeln!(
            out,
            "They do since that was wished (--keep-history), or since a secret of their entity is not in the vault (strongroom \
             secrets list names it)."
        )?;
    }
    match history.reclaimed {
        None => {}
        Some(true) => writeln!(out, "The room that they left in the database's files was cleaned.")?,
        Some(false) => writeln!(
            out,
            "The room that they left in the database's files could not be cleaned, since another process reads there: run the \
             same command again when it has ended."
        )?,
    }
    if history.reclaimed.is_some() {
        writeln!(
            out,
            "Not reached: the database's archived and binary logs, its replicas, backups, and what the disk keeps of deleted \
             files. Change the passwords that stand there, and the Fernet key."
        )?;
    }
    Ok(())
}

fn rows(count: u64) -> String {
    if count == 1 { "1 row".to_owned() } else { format!("{count} rows") }
}
