//! How fast many references are resolved: cold, by a program that has just started, and warm, over a connection that is there.
//!
//! `cargo xtask bench resolve` builds the program for release and runs this, built for release too, since the warm runs happen
//! within it. The vault is another process on this machine.
#![allow(clippy::print_stdout, reason = "a bench prints its result")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use futures::{StreamExt, stream};
use serde_json::{Value, json};
use strongroom_ingestion::{Loader, Resolver, Wanted, requested};
use strongroom_secrets::cache::{CacheConfig, CachedProvider};
use strongroom_secrets::clock::SystemClock;
use strongroom_tests::vault::USER;
use strongroom_tests::{Program, VaultServer, scratch};
use tokio::time::Instant;

#[derive(Parser)]
struct Arguments {
    /// How many references to as many secrets
    #[arg(long, default_value_t = 1000)]
    references: u32,
    /// How often each is measured
    #[arg(long, default_value_t = 10)]
    runs: u32,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    /// What `cargo bench` always says
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() {
    let arguments = Arguments::parse();
    assert!(arguments.references > 0 && arguments.runs > 0, "a measurement of nothing says nothing");
    let folder = scratch();
    let folder = folder.path();
    let vault = VaultServer::start(folder).await;
    fill(&vault, arguments.references).await;
    let environment = vault.environment(&USER).await;

    let one = measure(arguments.runs, async || self::cold(folder, &environment, 1).await).await;
    let all = arguments.references;
    let cold = measure(arguments.runs, async || self::cold(folder, &environment, all).await).await;
    let wanted: Vec<_> = (0..arguments.references).map(wanted).collect();
    let open =
        || Loader::Env.open(&|name| environment.get(name).cloned()).expect("the vault of the environment");
    let resolver = Resolver::new(open());
    let first = self::warm(&resolver, &wanted).await;
    let warm = measure(arguments.runs, async || self::warm(&resolver, &wanted).await).await;

    let cache = CachedProvider::new(open(), CacheConfig::RUN, Arc::new(SystemClock));
    let resolver = Resolver::new(Arc::new(cache));
    resolver.resolve(&wanted).await.expect("a value for each reference");
    let cached = measure(arguments.runs, async || self::warm(&resolver, &wanted).await).await;

    let result = json!({
        "references": arguments.references,
        "runs": arguments.runs,
        "coldOne": spread(&one),
        "cold": spread(&cold),
        "firstInProcess": {"medianMilliseconds": milliseconds(first)},
        "warm": spread(&warm),
        "cached": spread(&cached),
    });
    if arguments.json {
        println!("{result:#}");
    } else {
        print_table(&result);
    }
}

async fn fill(vault: &VaultServer, count: u32) {
    let writes = (0..count).map(|number| async move { vault.set(&name(number), &value(number)).await });
    let done: Vec<_> = stream::iter(writes).buffer_unordered(8).collect().await;
    assert_eq!(done.len(), usize::try_from(count).expect("a count"));
}

fn name(number: u32) -> String {
    format!("openmetadata-database-service{number}-authtype-password")
}

fn value(number: u32) -> String {
    format!("password-{number}")
}

fn wanted(number: u32) -> Wanted {
    let reference = requested(&name(number)).expect("a name");
    Wanted { field: name(number), reference }
}

/// Runs `strongroom resolve` for so many references, from the start of the process to its end.
async fn cold(folder: &Path, environment: &BTreeMap<String, String>, count: u32) -> Duration {
    let references: String = (0..count).map(|number| format!("secret:{}\n", name(number))).collect();
    let program = Program::new(folder).args(["resolve", "--json", "-"]).envs(environment).stdin(references);
    let start = Instant::now();
    let finished = program.run().await;
    let time = start.elapsed();
    let values = finished.ended_with(0).json();
    assert_eq!(values.as_object().map(serde_json::Map::len), usize::try_from(count).ok());
    assert_eq!(values[format!("secret:{}", name(count - 1))], value(count - 1));
    time
}

/// Resolves all references once within this process.
async fn warm(resolver: &Resolver, wanted: &[Wanted]) -> Duration {
    let start = Instant::now();
    let values = resolver.resolve(wanted).await.expect("a value for each reference");
    let time = start.elapsed();
    assert_eq!(values.len(), wanted.len());
    time
}

async fn measure(runs: u32, mut once: impl AsyncFnMut() -> Duration) -> Vec<Duration> {
    let mut times = Vec::new();
    for _ in 0..runs {
        times.push(once().await);
    }
    times.sort();
    times
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn spread(sorted: &[Duration]) -> Value {
    json!({
        "minimumMilliseconds": milliseconds(sorted[0]),
        "medianMilliseconds": milliseconds(sorted[sorted.len() / 2]),
        "maximumMilliseconds": milliseconds(sorted[sorted.len() - 1]),
    })
}

fn print_table(result: &Value) {
    let number = |pointer: &str| result.pointer(pointer).and_then(Value::as_f64).unwrap_or(f64::NAN);
    let all = result["references"].as_u64().unwrap_or_default();
    println!(
        "{all:>10}  references, each to a secret of its own; the median of {} runs (minimum to maximum)",
        result["runs"]
    );
    for (key, words) in [
        ("coldOne", "one reference, cold: the program from its start to its end"),
        ("cold", "all of them, cold: the program from its start to its end"),
        ("warm", "all of them, warm: connection and token are there, each secret is read"),
        ("cached", "all of them, warm, from the cache of a run"),
    ] {
        let of = |what: &str| number(&format!("/{key}/{what}Milliseconds"));
        println!("{:>7.1} ms  {words} ({:.1} to {:.1})", of("median"), of("minimum"), of("maximum"));
    }
}
