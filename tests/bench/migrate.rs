//! How long a migration takes, how much memory it needs, and how fast a reference is resolved from a cold start.
//!
//! `cargo xtask bench migrate` builds the program for release and runs this. The program runs as a person would run it, with
//! the embedded vault as another process on this machine; all that is measured is seen from outside.
#![allow(clippy::print_stdout, reason = "a bench prints its result")]

use std::path::Path;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use serde_json::{Value, json};
use strongroom_entities::{EntityKind, FernetKeys, name_hash};
use strongroom_metastore::testing::{Kind, TestDatabase};
use strongroom_metastore::{Access, Location, Metastore, Options};
use strongroom_secrets::random::SystemRandom;
use strongroom_tests::fixtures::services;
use strongroom_tests::running::free_port;
use strongroom_tests::vault::{USER, VAULT};
use strongroom_tests::{Process, Program, VaultServer, http, metadata, scratch};
use tokio::time::{Instant, sleep};

/// How many references are resolved, each by a program of its own.
const RESOLVES: u32 = 20;
/// How often the memory of a running program is looked at. The system keeps the peak, so little can be missed.
const GLANCE: Duration = Duration::from_millis(1);

#[derive(Parser)]
struct Arguments {
    /// How many services with one password each; several numbers are measured one after the other
    #[arg(long, value_delimiter = ',', default_value = "1000")]
    services: Vec<u32>,
    /// Where the metadata lies
    #[arg(long, value_enum, default_value_t = Database::Sqlite)]
    database: Database,
    /// The id of the database server's process
    #[arg(long)]
    database_process: Option<u32>,
    /// Let the vault take no more calls than Azure does
    #[arg(long)]
    quota: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    /// What `cargo bench` always says
    #[arg(long, hide = true)]
    bench: bool,
}

/// The databases that can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Database {
    Sqlite,
    Postgres,
    Mysql,
}

/// What a migration took.
struct Migration {
    time: Duration,
    peak: u64,
    cpu: u64,
    report: Value,
}

#[tokio::main]
async fn main() {
    let arguments = Arguments::parse();
    let mut results = Vec::new();
    for services in &arguments.services {
        assert!(*services > 0, "a migration of nothing says nothing");
        let result = measure(&arguments, *services).await;
        if !arguments.json {
            print_table(&result);
        }
        results.push(result);
    }
    if arguments.json {
        println!("{:#}", Value::from(results));
    }
}

/// Migrates a database of its own.
async fn measure(arguments: &Arguments, services: u32) -> Value {
    let database = arguments.database;
    let folder = scratch();
    let folder = folder.path();
    let key = FernetKeys::generate(&SystemRandom);
    let keys = FernetKeys::parse(&key).expect("a key that was just made");
    let numbers = free_port();
    let quota: &[&str] = if arguments.quota { &["--quota", "azure"] } else { &[] };
    let tell_numbers = |file: &mut Value| file["adminListen"] = json!(format!("127.0.0.1:{numbers}"));
    let vault = VaultServer::start_by(folder, tell_numbers, quota, &[]).await;
    let mut configuration = metadata::configuration(&vault, key.expose());
    let data = folder.join("data");
    std::fs::create_dir(&data).expect("a data folder");
    let location = match database {
        Database::Sqlite => Location::Sqlite(data.join("metastore.db")),
        Database::Postgres | Database::Mysql => {
            let kind = if database == Database::Postgres { Kind::Postgres } else { Kind::Mysql };
            let database = TestDatabase::new(kind).await;
            configuration["database"] = database.section();
            database.location
        }
    };
    metadata::write_configuration(folder, &configuration);
    services::fill_with_services(location.clone(), services, &keys).await;

    let others = [Some(vault.process()), arguments.database_process.map(Process::new)];
    let cpu = || others.map(|process| process.map(Process::cpu_microseconds));
    let (cpu_before, calls_before) = (cpu(), calls(numbers).await);
    let migration = migrate(folder).await;
    let calls = calls(numbers).await - calls_before;
    let cpu = std::array::from_fn(|index| Some(cpu()[index]? - cpu_before[index]?));
    let [vault_cpu, database_cpu] = cpu.map(|used: Option<u64>| used.map(|used| per_secret(used, services)));
    assert_eq!(migration.report["secrets"]["verified"], u64::from(services), "{}", migration.report);
    let vault_peak = vault.process().peak_memory();
    let resolve = resolve(&vault, folder, location, services).await;

    let seconds = migration.time.as_secs_f64();
    json!({
        "database": format!("{database:?}"),
        "services": services,
        "migrate": {
            "seconds": seconds,
            "secretsPerSecond": f64::from(services) / seconds,
            "peakMemoryBytes": migration.peak,
            "cpuMicrosecondsPerSecret": per_secret(migration.cpu, services),
            "vaultCallsPerSecret": per_secret(calls, services),
        },
        "vault": {"peakMemoryBytes": vault_peak, "cpuMicrosecondsPerSecret": vault_cpu},
        "databaseServer": {"cpuMicrosecondsPerSecret": database_cpu},
        "resolve": {"runs": RESOLVES, "medianMilliseconds": resolve.as_secs_f64() * 1e3},
    })
}

/// Runs `strongroom migrate-secrets`, from the start of the process to its end.
async fn migrate(folder: &Path) -> Migration {
    let start = Instant::now();
    let mut running = Program::new(folder)
        .args(["migrate-secrets", "-c", metadata::CONFIG, "--data-dir", "data", "--json"])
        .start(folder, "migrate");
    let process = running.process();
    let (mut peak, mut cpu) = (0, 0);
    let status = loop {
        peak = process.peak_memory().unwrap_or_default().max(peak);
        cpu = process.cpu_microseconds().max(cpu);
        if let Some(status) = running.ended() {
            break status;
        }
        sleep(GLANCE).await;
    };
    let time = start.elapsed();
    assert!(status.success(), "{status}\n{}\n{}", running.stdout(), running.stderr());
    let report = serde_json::from_str(&running.stdout()).expect("a report in JSON");
    Migration { time, peak, cpu, report }
}

/// Runs `strongroom resolve` for references spread over the database and answers the median of the times.
async fn resolve(vault: &VaultServer, folder: &Path, location: Location, services: u32) -> Duration {
    let environment = vault.environment(&USER).await;
    let options = Options::new(location, Access::ReadOnly);
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

/// How many calls the vault has answered so far, by what it counts itself.
async fn calls(port: u16) -> u64 {
    let answer = http::client().get(format!("http://127.0.0.1:{port}/metrics")).send().await;
    let numbers = answer.expect("an answer of the vault").text().await.expect("numbers");
    let ours = |line: &&str| {
        line.starts_with("strongroom_vault_requests_total") && line.contains(&format!("vault=\"{VAULT}\""))
    };
    let count = |line: &str| line.rsplit_once(' ').and_then(|(_, count)| count.parse::<u64>().ok());
    numbers.lines().filter(ours).map(|line| count(line).expect("a number")).sum()
}

fn per_secret(amount: u64, secrets: u32) -> f64 {
    amount as f64 / f64::from(secrets)
}

fn print_table(result: &Value) {
    let number = |pointer: &str| result.pointer(pointer).and_then(Value::as_f64).unwrap_or(f64::NAN);
    let mebibytes = |pointer: &str| number(pointer) / f64::from(1 << 20);
    let database = result["database"].as_str().unwrap_or_default();
    println!("{:>10}  services, one password each, in {database}", result["services"]);
    println!("{:>10.2}  seconds for migrate-secrets", number("/migrate/seconds"));
    println!("{:>10.0}  secrets per second", number("/migrate/secretsPerSecond"));
    println!("{:>10.2}  vault calls per secret", number("/migrate/vaultCallsPerSecret"));
    for (who, pointer) in
        [("migrate-secrets", "/migrate"), ("the vault", "/vault"), ("the database server", "/databaseServer")]
    {
        let used = number(&format!("{pointer}/cpuMicrosecondsPerSecret"));
        if used.is_finite() {
            println!("{used:>10.0}  µs of CPU per secret in {who}");
        }
    }
    println!("{:>10.1}  MiB peak memory of migrate-secrets", mebibytes("/migrate/peakMemoryBytes"));
    println!("{:>10.1}  MiB peak memory of the vault", mebibytes("/vault/peakMemoryBytes"));
    println!("{:>10.1}  ms for a cold resolve, median of {RESOLVES}", number("/resolve/medianMilliseconds"));
}
