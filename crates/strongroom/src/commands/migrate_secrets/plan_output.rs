//! A plan as text for people and as JSON, written while it is made: it is never in memory as a whole.

use std::io::{self, BufWriter, Write, stdout};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use serde::Serialize;
use strongroom_entities::EntityKind;
use strongroom_manager::migrate::{KindCounts, Plan, PlannedAction, PlannedField, Watcher};
use tokio::time::Instant;

use super::history::tell_planned_history;
use super::report_output::tell_troubles;
use crate::commands::progress::Progress;

/// What a plan is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Json,
}

/// A plan that is being written somewhere.
pub(crate) struct Output<'a> {
    out: Box<dyn Write + Send + 'a>,
    form: Form,
    /// How many fields are written.
    fields: u64,
    /// What was written last belongs to this one.
    kind: Option<EntityKind>,
    entity: String,
    failed: Option<io::Error>,
}

impl<'a> Output<'a> {
    /// Text for people, on standard output.
    pub(super) fn text() -> Self {
        Self::new(Box::new(BufWriter::new(stdout())), Form::Text)
    }

    /// JSON: an object of these members and the plan's own. The fields come before all others.
    pub(super) fn json(out: impl Write + Send + 'a, members: &impl Serialize) -> Result<Self> {
        let mut output = Self::new(Box::new(out), Form::Json);
        let members = serde_json::to_string(members).context("a plan's head cannot be written")?;
        let members = members.trim_start_matches('{').trim_end_matches('}');
        let comma = if members.is_empty() { "" } else { ",\n" };
        output.note(|out| write!(out, "{{{members}{comma}\"fields\":["));
        Ok(output)
    }

    fn new(out: Box<dyn Write + Send + 'a>, form: Form) -> Self {
        Self { out, form, fields: 0, kind: None, entity: String::new(), failed: None }
    }

    fn note(&mut self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) {
        if self.failed.is_none()
            && let Err(error) = write(&mut *self.out)
        {
            self.failed = Some(error);
        }
    }

    fn field(&mut self, field: &PlannedField) {
        match self.form {
            Form::Text => self.line(field),
            Form::Json => {
                let comma = if self.fields == 0 { "" } else { "," };
                self.note(|out| {
                    writeln!(out, "{comma}")?;
                    serde_json::to_writer(&mut *out, field).map_err(io::Error::from)
                });
            }
        }
        self.fields += 1;
    }

    fn line(&mut self, field: &PlannedField) {
        let name = field.name.as_deref().unwrap_or_default();
        let what = match field.action {
            PlannedAction::Move => format!("moves to {name}"),
            PlannedAction::Rename => {
                format!("moves from {} to {name}", field.from.as_deref().unwrap_or_default())
            }
            PlannedAction::Unwrap => format!("keeps its reference to {name}, no longer encrypted"),
            PlannedAction::Wrap => format!("keeps its reference to {name}, encrypted from now on"),
            PlannedAction::Empty => "is empty: becomes an empty text".to_owned(),
            PlannedAction::Return => format!("comes back from {name} and is encrypted"),
            PlannedAction::Encrypt => "stands in clear text: is encrypted".to_owned(),
            PlannedAction::Keep if name.is_empty() => return,
            PlannedAction::Keep => format!("keeps its reference to {name}"),
        };
        let (new_kind, new_entity) = (self.kind != Some(field.kind), self.entity != field.entity);
        (self.kind, self.entity) = (Some(field.kind), field.entity.clone());
        self.note(|out| {
            if new_kind {
                writeln!(out, "{}", field.kind)?;
            }
            if new_kind || new_entity {
                writeln!(out, "  {}", field.entity)?;
            }
            writeln!(out, "    {}  {what}", field.field)
        });
    }

    /// Writes the rest of a plan.
    pub(super) fn finish(mut self, plan: &Plan) -> Result<()> {
        match self.form {
            Form::Text => {
                let mut summary = Vec::new();
                summarize(&mut summary, plan)?;
                self.note(|out| out.write_all(&summary));
            }
            Form::Json => {
                let rest = serde_json::to_string_pretty(plan).context("a plan cannot be written")?;
                let rest = rest.trim_start_matches('{').to_owned();
                self.note(|out| writeln!(out, "\n],{rest}"));
            }
        }
        self.note(|out| out.flush());
        match self.failed {
            Some(error) => Err(error).context("the plan cannot be written"),
            None => Ok(()),
        }
    }
}

/// Makes a plan known while it is made: on all outputs, beside the progress.
pub(crate) struct Outputs<'a> {
    pub(super) bar: Progress<'a>,
    outputs: Mutex<Vec<Output<'a>>>,
}

impl<'a> Outputs<'a> {
    pub(super) fn new(bar: Progress<'a>, outputs: Vec<Output<'a>>) -> Self {
        Self { bar, outputs: Mutex::new(outputs) }
    }

    /// Writes the rest of the plan to all outputs.
    pub(crate) fn finish(self, plan: &Plan) -> Result<()> {
        self.bar.clear();
        let outputs = self.outputs.into_inner().unwrap_or_else(PoisonError::into_inner);
        outputs.into_iter().try_for_each(|output| output.finish(plan))
    }
}

impl Watcher for Outputs<'_> {
    fn total(&self, entities: u64) {
        self.bar.total(entities);
    }

    fn advance(&self, entities: u64) {
        self.bar.advance(entities);
    }

    fn planned(&self, field: &PlannedField) {
        let mut outputs = self.outputs.lock().unwrap_or_else(PoisonError::into_inner);
        if !outputs.is_empty() {
            self.bar.beside(|| outputs.iter_mut().for_each(|output| output.field(field)));
        }
    }

    fn waits_until(&self, until: Instant) {
        self.bar.waits_until(until);
    }

    fn should_stop(&self) -> bool {
        self.bar.should_stop()
    }
}

/// Shows what a plan comes to. The last line says what to do next.
fn summarize(out: &mut impl Write, plan: &Plan) -> Result<()> {
    if plan.kinds.len() > 1 {
        writeln!(
            out,
            "{:<20}{:>10}{:>10}{:>10}{:>10}{:>10}{:>10}{:>10}",
            "", "entities", "change", "stay", "fail", "to write", "to return", "kept"
        )?;
        for KindCounts { kind, entities, secrets } in &plan.kinds {
            writeln!(
                out,
                "{:<20}{:>10}{:>10}{:>10}{:>10}{:>10}{:>10}{:>10}",
                kind.entity_type(),
                entities.seen,
                entities.changed,
                entities.unchanged,
                entities.failed,
                secrets.written,
                secrets.returned,
                secrets.kept
            )?;
        }
    }
    let (entities, secrets) = (&plan.report.entities, &plan.report.secrets);
    writeln!(
        out,
        "{} of {} entities would change: {} secrets to write, {} to bring back, {} kept. They go to {}.",
        entities.changed, entities.seen, secrets.written, secrets.returned, secrets.kept, plan.target
    )?;
    let estimate = plan.estimate;
    if estimate.writes + estimate.reads > 0 {
        writeln!(
            out,
            "Under the quota of a Key Vault in Azure (300 new versions and 4,000 other calls in 10 s) that takes {} s at least.",
            estimate.seconds_under_quota
        )?;
    }
    tell_planned_history(out, &plan.report.history, plan.is_managed)?;
    tell_troubles(out, &plan.report)?;
    if !plan.report.conflicts.is_empty() {
        writeln!(out, "Nothing was written. Settle the conflicts, or do the rest with --skip-conflicts.")?;
    }
    Ok(())
}

/// Tells people a plan on standard output while it is made.
pub(crate) fn told_plan() -> Outputs<'static> {
    Outputs::new(Progress::new("reading", "entities", false), vec![Output::text()])
}

/// Shows what a plan comes to, on standard output.
pub(super) fn tell_plan(plan: &Plan) -> Result<()> {
    summarize(&mut stdout().lock(), plan)
}
