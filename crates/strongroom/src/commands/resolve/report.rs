//! What `resolve --check` prints: what would become of each field, and no value.

use std::io::{self, Write};
use std::process::ExitCode;

use serde_json::{Map, Value, json};
use strongroom_config::Place;
use strongroom_ingestion::{Fault, Holds, ResolveError};

use super::asked::{Asked, Item, ItemPlace};
use crate::checklist::{self, INDENT, Sign, kebab};
use crate::exit::FAILED;

/// The widest column of fields, in characters: one long path must not push all others away.
const MAX_WIDTH: usize = 80;

/// What would become of each field.
pub(super) struct Report<'a> {
    pub(super) asked: &'a Asked,
    /// The vault that was asked; none if there was nothing to ask for.
    pub(super) vault: Option<String>,
    /// One for each item.
    pub(super) outcomes: Vec<Outcome<'a>>,
}

/// What would become of a field.
pub(super) enum Outcome<'a> {
    /// Its reference can be resolved.
    Resolves,
    /// Its reference cannot be resolved.
    Fails(ResolveError),
    /// It holds something that cannot be meant.
    Fault(&'a Fault),
    /// It holds its value itself.
    Value { unset_variable: bool },
}

impl Outcome<'_> {
    fn is_good(&self) -> bool {
        matches!(self, Self::Resolves | Self::Value { .. })
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Resolves => "resolves",
            Self::Fails(_) => "fails",
            Self::Fault(_) => "faulty",
            Self::Value { .. } => "value",
        }
    }

    fn sign(&self) -> Sign {
        match self {
            Self::Resolves => Sign::Good,
            Self::Fails(_) | Self::Fault(_) => Sign::Bad,
            Self::Value { .. } => Sign::Mind,
        }
    }

    /// Why not, or what else is to be known.
    fn remark(&self) -> Option<String> {
        match self {
            Self::Resolves => None,
            Self::Fails(failure) if failure.was_asked() => Some(failure.cause().to_string()),
            Self::Fails(_) => Some("not asked for, since the vault has failed before".to_owned()),
            Self::Fault(fault) => Some(fault.to_string()),
            Self::Value { unset_variable } => Some(match unset_variable {
                false => "the value itself stands in the file".to_owned(),
                true => {
                    "the value itself stands in the file, and a $VARIABLE in it that is not set stays as text"
                        .to_owned()
                }
            }),
        }
    }
}

impl Report<'_> {
    /// Prints it and tells how the program ends: well if nothing is wrong with any field.
    pub(super) fn print(&self, json: bool) -> io::Result<ExitCode> {
        let mut out = io::stdout().lock();
        if json {
            writeln!(out, "{:#}", self.json())?;
        } else {
            self.table(&mut out)?;
        }
        out.flush()?;
        Ok(if self.is_good() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
    }

    fn is_good(&self) -> bool {
        self.outcomes.iter().all(Outcome::is_good)
    }

    fn rows(&self) -> impl Iterator<Item = (&Item, &Outcome<'_>)> {
        self.asked.items.iter().zip(&self.outcomes)
    }

    fn json(&self) -> Value {
        let fields: Vec<_> = self.rows().map(|(item, outcome)| field(item, outcome)).collect();
        let mut report = Map::new();
        if let Some(file) = &self.asked.file {
            report.insert("file".to_owned(), file.name.clone().into());
            report.insert("run".to_owned(), file.run.name().into());
        }
        report.insert("provider".to_owned(), self.asked.provider.as_str().into());
        report.insert("loader".to_owned(), self.asked.loader.name().into());
        report.insert("vault".to_owned(), self.vault.clone().into());
        report.insert("ok".to_owned(), self.is_good().into());
        report.insert("fields".to_owned(), fields.into());
        report.into()
    }

    fn table(&self, out: &mut impl Write) -> io::Result<()> {
        let vault = self.vault.as_deref().unwrap_or("no reference, so no vault was asked");
        match &self.asked.file {
            Some(file) => writeln!(
                out,
                "{} ({}): {vault} (secretsManagerProvider {}, secretsManagerLoader {})",
                file.name,
                file.run,
                self.asked.provider.as_str(),
                self.asked.loader
            )?,
            None => writeln!(out, "{vault} (loader {})", self.asked.loader)?,
        }
        let names: Vec<_> = self.asked.items.iter().map(name).collect();
        let width = names.iter().map(|name| name.chars().count()).max().unwrap_or_default().min(MAX_WIDTH);
        for ((item, outcome), name) in self.rows().zip(&names) {
            let secret = secret(item).map(|secret| format!("secret:{secret}")).unwrap_or_default();
            checklist::line(out, outcome.sign(), (name, width), &secret, None)?;
            if let Some(remark) = outcome.remark() {
                checklist::beneath(out, INDENT, &remark, None)?;
            }
        }
        writeln!(out, "{}", self.summary())
    }

    fn summary(&self) -> String {
        let count = |what: &str| self.outcomes.iter().filter(|outcome| outcome.name() == what).count();
        let fields = match self.outcomes.len() {
            1 => "1 field".to_owned(),
            several => format!("{several} fields"),
        };
        let parts = [
            ("resolves", "resolve"),
            ("fails", "cannot be resolved"),
            ("faulty", "cannot be meant so"),
            ("value", "with the value in the file"),
        ];
        let parts = parts.map(|(name, words)| (count(name), words));
        let told: Vec<_> = parts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, words)| format!("{count} {words}"))
            .collect();
        if told.is_empty() {
            "no field holds a secret".to_owned()
        } else {
            format!("{fields}: {}", told.join(", "))
        }
    }
}

fn field(item: &Item, outcome: &Outcome<'_>) -> Value {
    let mut field = Map::new();
    match &item.place {
        ItemPlace::File(place) => {
            field.insert("field".to_owned(), item.field.clone().into());
            if let Place::File { line, column, .. } = place {
                field.insert("line".to_owned(), (*line).into());
                field.insert("column".to_owned(), (*column).into());
            }
        }
        ItemPlace::Argument(number) => {
            field.insert("argument".to_owned(), (*number).into());
        }
        ItemPlace::StdinLine(line) => {
            field.insert("line".to_owned(), (*line).into());
        }
    }
    field.insert("secret".to_owned(), secret(item).into());
    field.insert("state".to_owned(), outcome.name().into());
    if let Outcome::Fails(failure) = outcome {
        let kind = if failure.was_asked() { kebab(failure.cause().kind()) } else { "not-asked".to_owned() };
        field.insert("kind".to_owned(), kind.into());
    }
    if let Some(remark) = outcome.remark() {
        field.insert("reason".to_owned(), remark.into());
    }
    json!(field)
}

fn secret(item: &Item) -> Option<&str> {
    match &item.holds {
        Holds::Reference(reference) => Some(reference.name().as_str()),
        Holds::Value { .. } | Holds::Fault(_) => None,
    }
}

/// How an item is called in the table.
fn name(item: &Item) -> String {
    match &item.place {
        ItemPlace::File(Place::File { line, .. }) => format!("{} (line {line})", item.field),
        ItemPlace::File(_) => item.field.clone(),
        ItemPlace::Argument(number) => format!("REF {number}"),
        ItemPlace::StdinLine(number) => format!("line {number}"),
    }
}
