//! From the start of the process to its first answer, and the memory that it then rests with.

use std::path::Path;

use serde::Serialize;
use strongroom_tests::{Program, VaultServer};
use tokio::time::{Duration, Instant, sleep};

/// How often it is started.
const STARTS: usize = 20;
/// How often it is asked whether it is there.
const GLANCE: Duration = Duration::from_millis(1);
/// How long it rests before its memory is looked at.
const REST: Duration = Duration::from_secs(10);

/// A start on a data folder that exists.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Start {
    starts: usize,
    /// Until an answer over TLS has arrived.
    median_milliseconds: f64,
    worst_milliseconds: f64,
    /// Ten seconds after it was ready.
    idle_memory_bytes: u64,
}

/// Starts a vault in `folder` again and again.
pub(crate) async fn measure(folder: &Path) -> Start {
    eprintln!("==> starting {STARTS} times");
    let mut server = VaultServer::start(folder).await;
    // One of those that are listed later.
    server.set("s1", "value").await;
    let url = format!("{}/healthz", server.authority());
    server.running().stop().await;

    let mut times = Vec::new();
    for start in 1..=STARTS {
        // A client of its own: none has a connection left over.
        let client = server.client();
        let begin = Instant::now();
        let mut running = Program::new(folder)
            .args(["vault", "--config", "vault.yaml", "--data-dir", "vault"])
            .start(folder, "vault");
        while !client.get(&url).send().await.is_ok_and(|answer| answer.status() == 200) {
            assert!(running.ended().is_none(), "the vault ended: {}", running.stderr());
            sleep(GLANCE).await;
        }
        times.push(begin.elapsed().as_secs_f64() * 1e3);
        if start == STARTS {
            drop(client);
            sleep(REST).await;
            let idle_memory_bytes = running.process().memory().expect("a running vault");
            running.stop().await;
            times.sort_by(f64::total_cmp);
            return Start {
                starts: STARTS,
                median_milliseconds: times[STARTS / 2],
                worst_milliseconds: times[STARTS - 1],
                idle_memory_bytes,
            };
        }
        running.stop().await;
    }
    unreachable!("the last start answers")
}
