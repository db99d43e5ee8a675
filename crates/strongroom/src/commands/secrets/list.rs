//! `strongroom secrets list`: every secret field, and where its value is.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use serde_json::json;
use strongroom_manager::migrate::Watcher as _;
use strongroom_manager::stock::{Place, Position, State};
use strongroom_metastore::Access;

use super::opening::{InstallationArgs, SelectionArgs};
use super::output::{JsonList, count, end, now, short, span};
use crate::commands::progress::Progress;
use crate::commands::table::Columns;
use crate::exit::FAILED;

/// List every secret field: where its value is kept, and whether that is as it should be
///
/// The vault is asked for its list, not for values, so that nobody has to wonder who read all passwords. A newer version that
/// nobody committed is then seen by its tags; --exact reads each secret and compares the versions, as `verify` does.
///
/// Exit codes: 0 listed, whatever the states; 1 the vault or the database failed, or a row cannot be read; 2 wrong usage or
/// configuration.
#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    installation: InstallationArgs,
    #[command(flatten)]
    selection: SelectionArgs,
    /// Only secrets in this state: in-vault, in-database, own, missing, drifted, anothers, disabled, undecryptable, malformed,
    /// unreadable; may be repeated
    #[arg(long, value_name = "STATE", value_parser = state)]
    state: Vec<State>,
    /// Read each secret from the vault and compare its version with the committed one
    #[arg(long)]
    exact: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Reads the name of a state, in the spellings that come to mind.
fn state(text: &str) -> Result<State, String> {
    let name = text.to_lowercase().replace([' ', '_'], "-").replace('\'', "");
    let name = match name.as_str() {
        "users-own" | "user-own" => "own",
        "another" => "anothers",
        other => other,
    };
    State::ALL.iter().copied().find(|state| state.name() == name).ok_or_else(|| {
        format!(
            "choose one of {}",
            State::ALL.iter().map(|state| state.name()).collect::<Vec<_>>().join(", ")
        )
    })
}

/// Runs the command.
pub(super) async fn run(args: ListArgs) -> Result<ExitCode> {
    let installation = args.installation.open(Access::ReadOnly).await?;
    let manager = &installation.manager;
    let selection = args.selection.selection();
    let progress = Progress::new("listing", "entities", true);
    progress.total(manager.count_stock(&selection).await?);
    let mut stock = match args.exact {
        true => manager.stock_by_reading(selection),
        false => manager.stock_by_listing(selection).await?,
    };
    let mut printer = Printer::begin(args.json)?;
    let mut broken = Vec::new();
    while let Some(mut page) = stock.next().await? {
        page.positions.retain(|position| args.state.is_empty() || args.state.contains(&position.state));
        progress.beside(|| printer.page(std::mem::take(&mut page.positions)))?;
        progress.advance(page.entities);
        broken.extend(page.broken);
    }
    progress.clear();
    printer.end()?;
    for row in &broken {
        tracing::error!("{row}");
    }
    Ok(if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

/// How many positions are printed at a time. As a rule that is all of them, and each column is as wide as it has to be.
const AT_A_TIME: usize = 500;

/// Prints positions as they come.
struct Printer {
    form: Form,
    counts: BTreeMap<State, u64>,
    now: i64,
}

enum Form {
    Table { columns: Columns, held: Vec<Position> },
    Json(JsonList<io::BufWriter<io::Stdout>>),
}

impl Printer {
    fn begin(json: bool) -> Result<Self> {
        let form = match json {
            true => Form::Json(JsonList::begin(io::BufWriter::new(io::stdout()), "secrets")?),
            false => {
                let mut columns = Columns::on_stdout();
                columns.fit(&[HEADING.map(str::to_owned).to_vec()]);
                Form::Table { columns, held: Vec::new() }
            }
        };
        Ok(Self { form, counts: BTreeMap::new(), now: now() })
    }

    fn page(&mut self, positions: Vec<Position>) -> Result<()> {
        let is_first = self.counts.values().sum::<u64>() < AT_A_TIME as u64;
        for position in &positions {
            *self.counts.entry(position.state).or_default() += 1;
        }
        match &mut self.form {
            Form::Json(list) => positions.iter().try_for_each(|position| list.item(position)),
            Form::Table { columns, held } => {
                held.extend(positions);
                match held.len() < AT_A_TIME {
                    true => Ok(()),
                    false => print(columns, &std::mem::take(held), is_first, self.now),
                }
            }
        }
    }

    fn end(self) -> Result<()> {
        let total: u64 = self.counts.values().sum();
        match self.form {
            Form::Json(list) => {
                let counts = self.counts.iter().map(|(state, count)| (state.name().to_owned(), json!(count)));
                list.end("counts", &serde_json::Value::Object(counts.collect()))
            }
            Form::Table { mut columns, held } => {
                print(&mut columns, &held, total < AT_A_TIME as u64, self.now)?;
                let parts = self.counts.iter().map(|(state, count)| format!("{count} {}", word(*state)));
                let parts: Vec<_> = parts.collect();
                let parts = if parts.is_empty() { String::new() } else { format!(": {}", parts.join(", ")) };
                let mut out = io::stdout().lock();
                writeln!(out, "{}{parts}", count(total, "secret", "secrets"))?;
                Ok(out.flush()?)
            }
        }
    }
}

fn print(columns: &mut Columns, positions: &[Position], with_heading: bool, now: i64) -> Result<()> {
    let lines: Vec<_> = positions.iter().map(|position| cells(position, now)).collect();
    columns.fit(&lines);
    let mut out = io::stdout().lock();
    if with_heading && !positions.is_empty() {
        out.write_all(columns.heading(&HEADING.map(str::to_owned)).as_bytes())?;
    }
    for (position, line) in positions.iter().zip(&lines) {
        out.write_all(columns.line(line).as_bytes())?;
        if let Some(remark) = position.remark.as_ref().filter(|_| !position.state.is_good()) {
            writeln!(out, "    {remark}")?;
        }
    }
    Ok(())
}

const HEADING: [&str; 8] = ["ENTITY", "FIELD", "KEPT IN", "NAME", "VERSION", "AGE", "EXPIRES", "STATE"];

fn cells(position: &Position, now: i64) -> Vec<String> {
    let deleted = if position.deleted { " (deleted)" } else { "" };
    let place = match position.place {
        Place::Vault => "vault",
        Place::Database => "database",
        Place::DatabaseInClear => "database, in clear text",
    };
    vec![
        format!("{} {}{deleted}", position.kind, position.entity),
        position.field.clone(),
        place.to_owned(),
        position.name.clone().unwrap_or_default(),
        position.version.as_deref().map(short).unwrap_or_default(),
        position.created.map(|created| span(now - created)).unwrap_or_default(),
        position.expires.map(|expires| end(expires, now)).unwrap_or_default(),
        word(position.state).to_owned(),
    ]
}

fn word(state: State) -> &'static str {
    match state {
        State::InVault => "in vault",
        State::InDatabase => "in database",
        State::Own => "user's own",
        State::Missing => "missing",
        State::Drifted => "drifted",
        State::Anothers => "another's",
        State::Disabled => "disabled",
        State::Undecryptable => "undecryptable",
        State::Malformed => "malformed",
        State::Unreadable => "unreadable",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_understood_as_it_is_printed_and_as_it_stands_in_json() {
        for known in State::ALL {
            assert_eq!(state(known.name()), Ok(*known));
            assert_eq!(state(word(*known)), Ok(*known));
        }
        assert!(state("gone").unwrap_err().contains("in-vault"));
    }
}
