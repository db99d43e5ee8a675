//! What `--clean` deletes, or with `--plan` would delete: named while it is found, so that it is never in memory as a whole.

use std::io::{self, Write, stdout};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use serde_json::json;
use strongroom_manager::migrate::{Report, Watcher};

use super::report_output::{tell_troubles, to_json};
use crate::commands::progress::Progress;

/// The secrets that a cleaning is about.
pub(super) struct Doomed<'a> {
    pub(super) bar: Progress<'a>,
    plan: bool,
    json: bool,
    written: Mutex<(u64, Option<io::Error>)>,
}

impl<'a> Doomed<'a> {
    pub(super) fn new(bar: Progress<'a>, plan: bool, json: bool) -> Result<Self> {
        if plan && json {
            write!(stdout(), "{{\"toDelete\":[").context("the plan cannot be written")?;
        }
        Ok(Self { bar, plan, json, written: Mutex::default() })
    }

    /// Shows what came of it.
    pub(super) fn finish(self, report: &Report) -> Result<()> {
        self.bar.clear();
        let (_, failed) = self.written.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(error) = failed {
            return Err(error).context("the plan cannot be written");
        }
        let mut out = stdout().lock();
        match (self.json, self.plan) {
            (true, true) => {
                let rest = serde_json::to_string_pretty(report).context("the plan cannot be written")?;
                writeln!(out, "\n],{}", rest.trim_start_matches('{'))?;
                return Ok(());
            }
            (true, false) => return to_json(&mut out, report),
            (false, _) => {}
        }
        let secrets = &report.secrets;
        let would = if self.plan { "would be deleted" } else { "deleted" };
        writeln!(
            out,
            "{} secrets {would} in the old place, {} are in use, {} stay.",
            secrets.deleted,
            secrets.kept,
            report.stays.len() as u64 + report.unlisted
        )?;
        tell_troubles(&mut out, report)
    }
}

impl Watcher for Doomed<'_> {
    fn advance(&self, entities: u64) {
        self.bar.advance(entities);
    }

    fn would_delete(&self, vault: &str, name: &str) {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let comma = if written.0 == 0 { "" } else { "," };
        written.0 += 1;
        self.bar.beside(|| {
            let done = match self.json {
                true => write!(stdout(), "{comma}\n{}", json!({"vault": vault, "name": name})),
                false => writeln!(stdout(), "{vault}: {name}"),
            };
            if let Err(error) = done {
                written.1.get_or_insert(error);
            }
        });
    }

    fn why_stop(&self) -> Option<&'static str> {
        self.bar.why_stop()
    }
}
