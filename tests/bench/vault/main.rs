//! How fast the vault starts, answers and lists, and how little it needs for that; beside nginx and, if one is named, a peer.
//!
//! `cargo xtask bench vault` builds the program for release and runs this. All that is measured is seen from outside: by
//! Debian's wrk as the client ([`load`]), by an HTTP client that follows pages ([`listing`]), in `/proc` ([`strongroom_tests::process`]). Roles
//! and the audit trail are on, as they are for everybody. Whoever is compared takes turns within one run ([`subject`]): numbers
//! of different runs, or of different machines, say little about each other. [`nginx`] returns the very bytes that the vault
//! does, with the same cipher: what TLS and HTTP alone cost.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench prints its result, and what it is doing"
)]

mod listing;
mod load;
mod nginx;
mod report;
mod starting;
mod subject;

use std::path::PathBuf;

use clap::Parser;
use serde_json::json;
use strongroom_tests::vault::OFFICER;
use strongroom_tests::{Process, VaultServer, scratch};

use load::{Load, Operation};
use nginx::Nginx;
use subject::{Peer, Subject};

/// How many connections call at once.
const CONNECTIONS: [u32; 3] = [1, 8, 32];
/// How many secrets a vault holds when it is listed.
const LISTED: [u32; 3] = [100, 10_000, 100_000];
/// How many secrets are read in turn.
const READ: u32 = 1000;

#[derive(Parser)]
#[command(name = "cargo xtask bench vault", bin_name = "cargo xtask bench vault --")]
struct Arguments {
    /// How long each load lasts, in seconds
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: u32,
    /// How often each load is repeated; the subjects take turns
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// The largest vault that is listed
    #[arg(long, value_name = "SECRETS", default_value_t = 100_000)]
    largest: u32,
    #[command(flatten)]
    peer: Peer,
    /// The program wrk
    #[arg(long, value_name = "PATH", env = "STRONGROOM_BENCH_WRK", default_value = "wrk")]
    wrk: PathBuf,
    /// The program nginx
    #[arg(long, value_name = "PATH", env = "STRONGROOM_BENCH_NGINX", default_value = "/usr/sbin/nginx")]
    nginx: PathBuf,
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
    let folder = scratch();
    let folder = folder.path();

    let start = starting::measure(folder).await;

    let server = VaultServer::start(folder).await;
    let token = server.token(&OFFICER).await;
    let process = server.process();
    let ours = Subject::new("strongroom", &server.url(), &token, Some(process), server.client());
    let peer = arguments.peer.subject().await;

    let mut listings = listing::measure(&ours, &sizes(arguments.largest)).await;
    let memory = process.memory();
    if let Some(peer) = &peer {
        listings.extend(listing::measure(peer, &sizes(arguments.peer.largest())).await);
    }

    let nginx = Nginx::start(&arguments.nginx, folder, &ours).await;
    let mut loads = Vec::new();
    for connections in CONNECTIONS {
        for operation in [Operation::Get, Operation::Set] {
            let load = Load { operation, connections, seconds: arguments.seconds };
            let mut subjects: Vec<&Subject> = std::iter::once(&ours).chain(&peer).collect();
            subjects.extend((operation == Operation::Get).then_some(nginx.subject()));
            loads.push(load.compare(&arguments.wrk, folder, &subjects, arguments.rounds));
        }
    }

    let result = json!({
        "start": start,
        "load": loads,
        "listing": listings,
        "memory": {
            "secrets": arguments.largest.max(READ),
            "residentBytes": memory,
            "peakBytes": process.peak_memory(),
            "peerResidentBytes": peer.as_ref().and_then(|peer| peer.process).and_then(Process::memory),
        },
    });
    if arguments.json {
        println!("{result:#}");
    } else {
        report::print(&result);
    }
}

/// The sizes at which a vault is listed. At the end it holds what is read under load, at least.
fn sizes(largest: u32) -> Vec<u32> {
    let mut sizes: Vec<u32> = LISTED.into_iter().filter(|size| *size <= largest).collect();
    if sizes.last().is_none_or(|last| *last < READ) {
        sizes.push(READ);
    }
    sizes
}
