//! `strongroom resolve`: the values behind references, for scripts.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use clap::Args;
use serde::Serializer;
use strongroom_entities::reference::Reference;
use strongroom_ingestion::{Environment, Loader, Resolver, Wanted, requested};
use strongroom_secrets::{ErrorKind, SecretValue};

use crate::exit::{FAILED, USAGE};

/// Print the values behind references to secrets
///
/// One REF prints the value and nothing else, not even a newline at the end, so that `resolve REF > file` holds exactly the
/// secret; only a terminal gets a newline after it. (A shell's `$(…)` drops newlines at the end of a value.) Several REFs
/// need --json, which prints an object with each REF as it was typed and its value.
///
/// Exit codes: 0 done; 1 a reference could not be resolved, and nothing is printed; 2 wrong usage or configuration.
#[derive(Debug, Args)]
pub(crate) struct ResolveArgs {
    /// A reference as documents hold it, `secret:<name>`, or the bare name of a secret
    #[arg(value_name = "REF", required = true)]
    references: Vec<String>,

    /// Where the vault's settings come from: `env` (AZURE_KEY_VAULT_NAME or AZURE_KEY_VAULT_URL, and AZURE_TENANT_ID,
    /// AZURE_CLIENT_ID, AZURE_CLIENT_SECRET) or `noop` (nowhere)
    #[arg(long, default_value_t = Loader::Env)]
    loader: Loader,

    /// Print a JSON object with all references and their values
    #[arg(long)]
    json: bool,

    /// Print values even if standard output is a terminal
    #[arg(long)]
    show: bool,
}

/// Resolves what `args` ask for and prints it.
///
/// # Errors
/// If standard output cannot be written. Everything else is reported on standard error and in the exit code.
pub(crate) async fn run(args: ResolveArgs) -> anyhow::Result<ExitCode> {
    let terminal = io::stdout().is_terminal();
    let values = match values(&args, terminal, &|name| std::env::var(name).ok()).await {
        Ok(values) => values,
        Err(Refusal { code, messages }) => {
            let mut stderr = io::stderr().lock();
            for message in messages {
                writeln!(stderr, "error: {message}")?;
            }
            return Ok(ExitCode::from(code));
        }
    };
    let mut stdout = io::stdout().lock();
    print(&mut stdout, &args, &values, terminal)?;
    stdout.flush()?;
    Ok(ExitCode::SUCCESS)
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

async fn values(
    args: &ResolveArgs,
    terminal: bool,
    environment: Environment<'_>,
) -> Result<Vec<SecretValue>, Refusal> {
    let references = check(args, terminal)?;
    let wanted: Vec<_> = references
        .into_iter()
        .zip(&args.references)
        .map(|(reference, typed)| Wanted { field: typed.clone(), reference })
        .collect();
    let provider = args.loader.open(environment).map_err(Refusal::usage)?;
    Resolver::new(provider).resolve(&wanted).await.map_err(|failed| {
        let misconfigured = failed.iter().all(|failure| failure.cause().kind() == ErrorKind::Configuration);
        Refusal {
            code: if misconfigured { USAGE } else { FAILED },
            messages: failed.iter().map(ToString::to_string).collect(),
        }
    })
}

/// What can be told from the command line alone.
fn check(args: &ResolveArgs, terminal: bool) -> Result<Vec<Reference>, Refusal> {
    if args.references.len() > 1 && !args.json {
        return Err(Refusal::usage("several values need --json, which tells them apart"));
    }
    if terminal && !args.show {
        return Err(Refusal::usage("a terminal keeps what it shows; redirect the output, or add --show"));
    }
    let parsed = args.references.iter().enumerate().map(|(index, text)| {
        // Not repeated: it may be a password in the wrong place.
        requested(text).map_err(|invalid| format!("REF {} is no reference to a secret: {invalid}", index + 1))
    });
    let (good, bad): (Vec<_>, Vec<_>) = parsed.partition(Result::is_ok);
    if bad.is_empty() {
        return Ok(good.into_iter().flatten().collect());
    }
    Err(Refusal { code: USAGE, messages: bad.into_iter().filter_map(Result::err).collect() })
}

fn print(out: &mut impl Write, args: &ResolveArgs, values: &[SecretValue], terminal: bool) -> io::Result<()> {
    if args.json {
        let pairs = args.references.iter().zip(values.iter().map(SecretValue::expose));
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
mod tests {
    use super::*;

    fn args(references: &[&str]) -> ResolveArgs {
        let references = references.iter().map(|text| (*text).to_owned()).collect();
        ResolveArgs { references, loader: Loader::Env, json: false, show: false }
    }

    fn printed(args: &ResolveArgs, values: &[&str], terminal: bool) -> String {
        let values: Vec<SecretValue> = values.iter().map(|text| (*text).into()).collect();
        let mut out = Vec::new();
        print(&mut out, args, &values, terminal).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn one_value_is_printed_as_it_is_and_only_a_terminal_gets_a_newline() {
        assert_eq!(printed(&args(&["a"]), &["x \n"], false), "x \n");
        assert_eq!(printed(&args(&["a"]), &["x"], false), "x");
        assert_eq!(printed(&args(&["a"]), &["x"], true), "x\n");
    }

    #[test]
    fn json_has_each_reference_as_it_was_typed() {
        let args = ResolveArgs { json: true, ..args(&["secret:b", "a"]) };
        assert_eq!(printed(&args, &["1\n\"", "2"], false), "{\"secret:b\":\"1\\n\\\"\",\"a\":\"2\"}\n");
    }

    #[test]
    fn several_references_need_json() {
        let refusal = check(&args(&["a", "b"]), false).unwrap_err();
        assert_eq!(refusal.code, USAGE);
        assert!(refusal.messages[0].contains("--json"));
        assert!(check(&ResolveArgs { json: true, ..args(&["a", "b"]) }, false).is_ok());
    }

    #[test]
    fn a_terminal_needs_show() {
        for json in [false, true] {
            let hidden = ResolveArgs { json, ..args(&["a"]) };
            let refusal = check(&hidden, true).unwrap_err();
            assert_eq!(refusal.code, USAGE);
            assert!(refusal.messages[0].contains("--show"));
            assert!(check(&ResolveArgs { show: true, ..hidden }, true).is_ok());
        }
    }

    #[test]
    fn what_is_no_reference_is_counted_not_repeated() {
        let args = ResolveArgs { json: true, ..args(&["a", "hunter_2", "secret:"]) };
        let refusal = check(&args, false).unwrap_err();
        assert_eq!((refusal.code, refusal.messages.len()), (USAGE, 2));
        assert!(refusal.messages[0].starts_with("REF 2 "), "{refusal:?}");
        assert!(!refusal.messages.concat().contains("hunter"), "{refusal:?}");
    }

    #[tokio::test]
    async fn an_environment_without_a_vault_is_wrong_usage() {
        let refusal = values(&args(&["a"]), false, &|_| None).await.unwrap_err();
        assert_eq!(refusal.code, USAGE);
        assert!(refusal.messages[0].contains("AZURE_KEY_VAULT_NAME"), "{refusal:?}");
        let noop = ResolveArgs { loader: Loader::Noop, ..args(&["a"]) };
        assert_eq!(values(&noop, false, &|_| None).await.unwrap_err().code, USAGE);
    }
}
