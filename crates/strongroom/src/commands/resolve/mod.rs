//! `strongroom resolve`: the values behind references, for scripts and for whoever wants to know that they are there.
//!
//! [`asked`] gathers what is to be resolved: from the command line, from standard input, or from a workflow file. [`report`]
//! is what `--check` prints.

mod asked;
mod report;

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde::Serializer;
use strongroom_config::{Environment, SecretsManager};
use strongroom_ingestion::{Holds, Loader, ResolveError, Resolver, Wanted};
use strongroom_secrets::{ErrorKind, SecretValue};

use self::asked::{Asked, Item};
use self::report::{Outcome, Report};
use crate::exit::{FAILED, USAGE};

/// Print the values behind references to secrets, or check that they are there
///
/// One REF prints the value and nothing else, not even a newline at the end, so that `resolve REF > file` holds exactly the
/// secret; only a terminal gets a newline after it. (A shell's `$(…)` drops newlines at the end of a value.) Several REFs
/// need --json, which prints an object with each REF as it was typed and its value. With -c it is always an object: the path of
/// each field of the workflow file that holds a reference, and its value.
///
/// With --check no value is shown, but for each field whether its reference can be resolved, and if not, why.
///
/// Exit codes: 0 done; 1 a reference could not be resolved, and no value is printed; 2 wrong usage or configuration.
#[derive(Debug, Args)]
pub(crate) struct ResolveArgs {
    /// A reference as documents hold it, `secret:<name>`, or the bare name of a secret; `-` reads them from standard input, one
    /// a line
    #[arg(value_name = "REF", required_unless_present = "config", conflicts_with = "config")]
    references: Vec<String>,

    /// Resolve all references of a workflow file (.yaml, .yml, .json), by the secrets manager and the loader that it names
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Show no value; tell for each field whether it resolves, and why not
    #[arg(long, conflicts_with = "show")]
    check: bool,

    /// Where the vault's settings come from: `env` (AZURE_KEY_VAULT_NAME or AZURE_KEY_VAULT_URL, and Azure's default
    /// credential), `airflow` (airflow.cfg and its variables) or `noop` (nowhere) [default: the file's, else env]
    #[arg(long)]
    loader: Option<Loader>,

    /// Which secrets manager references lead to, such as `azure-kv` [default: the file's, else azure-kv]
    #[arg(long, value_parser = provider)]
    provider: Option<SecretsManager>,

    /// Print JSON: all references and their values, or with --check the report
    #[arg(long)]
    json: bool,

    /// Print values even if standard output is a terminal
    #[arg(long)]
    show: bool,
}

/// Reads the name of a secrets manager.
pub(super) fn provider(text: &str) -> Result<SecretsManager, String> {
    let known = SecretsManager::ALL.into_iter().find(|known| known.as_str().eq_ignore_ascii_case(text));
    known.ok_or_else(|| {
        format!("choose one of {}", SecretsManager::ALL.map(SecretsManager::as_str).join(", "))
    })
}

/// Resolves what `args` ask for and prints it.
///
/// # Errors
/// If standard output cannot be written. Everything else is reported on standard error and in the exit code.
pub(crate) async fn run(args: ResolveArgs) -> anyhow::Result<ExitCode> {
    let terminal = io::stdout().is_terminal();
    let environment = Environment::process();
    let done = match guard(&args, terminal).and_then(|()| asked::gather(&args, io::stdin(), &environment)) {
        Err(refusal) => Err(refusal),
        Ok(asked) if args.check => check(&asked, &environment).await.map(|report| report.print(args.json)),
        Ok(asked) => values(&args, &asked, &environment).await.map(|values| {
            let mut stdout = io::stdout().lock();
            print(&mut stdout, &args, &asked, &values, terminal)?;
            stdout.flush()?;
            Ok(ExitCode::SUCCESS)
        }),
    };
    match done {
        Ok(printed) => Ok(printed?),
        Err(Refusal { code, messages }) => {
            let mut stderr = io::stderr().lock();
            for message in messages {
                writeln!(stderr, "error: {message}")?;
            }
            Ok(ExitCode::from(code))
        }
    }
}

/// Why there is nothing to print.
#[derive(Debug)]
struct Refusal {
    code: u8,
    messages: Vec<String>,
}

impl Refusal {
    fn usage(message: impl Display) -> Self {
        Self { code: USAGE, messages: vec![message.to_string()] }
    }
}

/// What can be told from the command line alone.
fn guard(args: &ResolveArgs, terminal: bool) -> Result<(), Refusal> {
    if terminal && !args.show && !args.check {
        return Err(Refusal::usage(
            "a terminal keeps what it shows; redirect the output, or add --show, or --check to see no values",
        ));
    }
    Ok(())
}

/// The value of each reference that was asked for.
async fn values(
    args: &ResolveArgs,
    asked: &Asked,
    environment: &Environment,
) -> Result<Vec<SecretValue>, Refusal> {
    let faults: Vec<_> = asked.items.iter().filter_map(Item::fault).collect();
    if !faults.is_empty() {
        return Err(Refusal { code: USAGE, messages: faults });
    }
    if asked.file.is_none() && asked.items.len() > 1 && !args.json {
        return Err(Refusal::usage("several values need --json, which tells them apart"));
    }
    let wanted = asked.wanted();
    if wanted.is_empty() {
        return Ok(vec![]);
    }
    let resolver = Resolver::new(asked.open(environment)?);
    resolver.resolve(&wanted).await.map_err(|failed| refusal(&failed))
}

/// The failures that were seen, each in a line; those that were not even asked for are counted.
fn refusal(failed: &[ResolveError]) -> Refusal {
    let misconfigured = failed.iter().all(|failure| failure.cause().kind() == ErrorKind::Configuration);
    let asked = failed.iter().filter(|failure| failure.was_asked());
    let mut messages: Vec<_> = asked.map(ToString::to_string).collect();
    match failed.len() - messages.len() {
        0 => {}
        others => messages.push(format!("{others} more were not asked for after that")),
    }
    Refusal { code: if misconfigured { USAGE } else { FAILED }, messages }
}

/// What would become of each field, without any value.
async fn check<'a>(asked: &'a Asked, environment: &Environment) -> Result<Report<'a>, Refusal> {
    let wanted = asked.wanted();
    let (mut vault, mut resolved) = (None, vec![]);
    if !wanted.is_empty() {
        let provider = asked.open(environment)?;
        vault = Some(provider.to_string());
        resolved = Resolver::new(provider).try_each(&wanted).await;
    }
    let mut resolved = resolved.into_iter();
    let outcomes = asked.items.iter().filter_map(|item| match &item.holds {
        Holds::Reference(_) => resolved.next().map(|outcome| match outcome {
            Ok(_) => Outcome::Resolves,
            Err(failure) => Outcome::Fails(failure),
        }),
        Holds::Value { unset_variable } => Some(Outcome::Value { unset_variable: *unset_variable }),
        Holds::Fault(fault) => Some(Outcome::Fault(fault)),
    });
    Ok(Report { asked, vault, outcomes: outcomes.collect() })
}

fn print(
    out: &mut impl Write,
    args: &ResolveArgs,
    asked: &Asked,
    values: &[SecretValue],
    terminal: bool,
) -> io::Result<()> {
    if args.json || asked.file.is_some() {
        let wanted = asked.wanted();
        let fields = wanted.iter().map(|Wanted { field, .. }| field);
        let pairs = fields.zip(values.iter().map(SecretValue::expose));
        // Straight to the output: no copy of the values is left in memory.
        serde_json::Serializer::new(&mut *out).collect_map(pairs)?;
        return writeln!(out);
    }
    for value in values {
        out.write_all(value.expose().as_bytes())?;
    }
    if terminal { writeln!(out) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
