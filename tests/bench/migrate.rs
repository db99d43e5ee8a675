//! How long a migration takes, how much memory it needs, and how fast a reference is resolved from a cold start.
//!
//! `cargo xtask bench migrate` builds the program for release and runs this. The program runs as a person would run it, with
//! the embedded vault as another process on this machine; all that is measured is seen from outside.
#![allow(clippy::print_stdout, reason = "a bench prints its result")]

use std::path::Path;
use std::time::Duration;

use clap::Parser;
use serde_json::{Value, json};
use strongroom_entities::{EntityKind, FernetKeys, name_hash};
use strongroom_metastore::{Access, Metastore, Options};
use strongroom_secrets::random::SystemRandom;
use strongroom_tests::fixtures::services;
use strongroom_tests::vault::USER;
use strongroom_tests::{Program, VaultServer, metadata, scratch};
use tokio::time::{Instant, sleep};

/// How many references are resolved, each by a program of its own.
const RESOLVES: u32 = 20;
/// How often the memory of a running program is looked at. The system keeps the peak, so little can be missed.
const GLANCE: Duration = Duration::from_millis(1);

#[derive(Parser)]
struct Arguments {
    /// How many services with one password each
    #[arg(long, default_value_t = 1000)]
    services: u32,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    /// What `cargo bench` always says
    #[arg(long, hide = true)]
    bench: bool,
}

/// What a migration took.
struct Migration {
    time: Duration,
    peak: u64,
    report: Value,
}

#[tokio::main]
async fn main() {
    let arguments = Arguments::parse();
    assert!(arguments.services > 0, "a migration of nothing says nothing");
    let folder = scratch();
    let folder = folder.path();

    let key = FernetKeys::generate(&SystemRandom);
    let keys = FernetKeys::parse(&key).expect("a key that was just made");
    let vault = VaultServer::start(folder).await;
    metadata::write_configuration(folder, &metadata::configuration(&vault, key.expose()));
    let data = folder.join("data");
    std::fs::create_dir(&data).expect("a data folder");
    let database = data.join("metastore.db");
    services::metastore_with_services(&database, arguments.services, &keys).await;

    let migration = migrate(folder).await;
    let expected = u64::from(arguments.services);
    assert_eq!(migration.report["secrets"]["verified"], expected, "{}", migration.report);
    let vault_peak = vault.peak_memory();
    let resolve = resolve(&vault, folder, &database, arguments.services).await;

    let seconds = migration.time.as_secs_f64();
    let result = json!({
        "services": arguments.services,
        "migrate": {
            "seconds": seconds,
            "secretsPerSecond": f64::from(arguments.services) / seconds,
            "peakMemoryBytes": migration.peak,
        },
        "vault": {"peakMemoryBytes": vault_peak},
        "resolve": {"runs": RESOLVES, "medianMilliseconds": resolve.as_secs_f64() * 1e3},
    });
    if arguments.json {
        println!("{result:#}");
    } else {
        print_table(&result);
    }
}

/// Runs `strongroom migrate-secrets`, from the start of the process to its end.
async fn migrate(folder: &Path) -> Migration {
    let start = Instant::now();
    let mut running = Program::new(folder)
        .args(["migrate-secrets", "-c", metadata::CONFIG, "--data-dir", "data", "--json"])
        .start(folder, "migrate");
    let mut peak = 0;
    let status = loop {
        peak = running.peak_memory().unwrap_or_default().max(peak);
        if let Some(status) = running.ended() {
            break status;
        }
        sleep(GLANCE).await;
    };
    let time = start.elapsed();
    assert!(status.success(), "{status}\n{}\n{}", running.stdout(), running.stderr());
    let report = serde_json::from_str(&running.stdout()).expect("a report in JSON");
    Migration { time, peak, report }
}

/// Runs `strongroom resolve` for references spread over the database and answers the median of the times.
async fn resolve(vault: &VaultServer, folder: &Path, database: &Path, services: u32) -> Duration {
    let environment = vault.environment(&USER).await;
    let options = Options::new(database.to_owned(), Access::ReadOnly);
    let metastore = Metastore::open(&options).await.expect("the database");
    let mut times = Vec::new();
    for run in 0..RESOLVES {
        let number = 1 + run * services / RESOLVES;
        let hash = name_hash(&services::name(number));
        let row = metastore.get_by_hash(EntityKind::DatabaseService, &hash).await.expect("an answer");
        let document = row.expect("a service").json;
        let reference =
            document["connection"]["config"]["authType"]["password"].as_str().expect("a reference");
        let program = Program::new(folder).args(["resolve", reference]).envs(&environment);
        let start = Instant::now();
        let finished = program.run().await;
        times.push(start.elapsed());
        assert_eq!(finished.ended_with(0).stdout, services::password(number));
    }
    metastore.close().await;
    times.sort();
    times[times.len() / 2]
}

fn print_table(result: &Value) {
    let number = |pointer: &str| result.pointer(pointer).and_then(Value::as_f64).unwrap_or(f64::NAN);
    let mebibytes = |pointer: &str| number(pointer) / f64::from(1 << 20);
    println!("{:>10}  services, one password each", result["services"]);
    println!("{:>10.2}  seconds for migrate-secrets", number("/migrate/seconds"));
    println!("{:>10.0}  secrets per second", number("/migrate/secretsPerSecond"));
    println!("{:>10.1}  MiB peak memory of migrate-secrets", mebibytes("/migrate/peakMemoryBytes"));
    println!("{:>10.1}  MiB peak memory of the vault", mebibytes("/vault/peakMemoryBytes"));
    println!("{:>10.1}  ms for a cold resolve, median of {RESOLVES}", number("/resolve/medianMilliseconds"));
}
