//! A load by Debian's wrk: so many connections, each with the next request as soon as the last is answered.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde::{Deserialize, Serialize};
use strongroom_tests::vault::API_VERSION;

use crate::READ;
use crate::subject::Subject;
use strongroom_tests::Process;

/// One kind of load.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) operation: Operation,
    pub(crate) connections: u32,
    /// How long it lasts.
    pub(crate) seconds: u32,
}

/// What is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Operation {
    /// Reads the latest versions of a thousand secrets in turn.
    Get,
    /// Stores new secrets.
    Set,
}

/// What one subject did under a load: the mean of all rounds.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Measured {
    subject: String,
    per_second: f64,
    p50_microseconds: f64,
    /// The worst of the rounds.
    p99_microseconds: f64,
    /// The server's processor time for one call.
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_microseconds: Option<f64>,
}

/// All subjects under one load.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Compared {
    operation: Operation,
    connections: u32,
    subjects: Vec<Measured>,
}

/// What wrk says at its end.
#[derive(Debug, Deserialize)]
struct Summary {
    requests: f64,
    microseconds: f64,
    p50: f64,
    p99: f64,
    errors: u64,
}

/// One round of one subject.
#[derive(Debug)]
struct Round {
    summary: Summary,
    cpu_microseconds: Option<f64>,
}

impl Load {
    /// Has the subjects take turns.
    pub(crate) fn compare(self, wrk: &Path, folder: &Path, subjects: &[&Subject], rounds: u32) -> Compared {
        let mut measured: Vec<Vec<Round>> = subjects.iter().map(|_| Vec::new()).collect();
        for round in 1..=rounds {
            for (subject, results) in subjects.iter().zip(&mut measured) {
                eprintln!("==> {:?} with {} connections: {}", self.operation, self.connections, subject.name);
                results.push(self.run(wrk, folder, subject, round));
            }
        }
        let subjects = subjects.iter().zip(measured).map(|(subject, rounds)| mean(&subject.name, &rounds));
        Compared { operation: self.operation, connections: self.connections, subjects: subjects.collect() }
    }

    fn run(self, wrk: &Path, folder: &Path, subject: &Subject, round: u32) -> Round {
        // In a file: arguments can be seen by everybody on the machine, and a token is among it.
        let script = folder.join("load.lua");
        fs::write(&script, self.script(subject, round)).expect("a script for wrk");
        let before = subject.process.map(Process::cpu_microseconds);
        let output = Command::new(wrk)
            .args(["--threads", &self.connections.min(2).to_string()])
            .args(["--connections", &self.connections.to_string()])
            .args(["--duration", &format!("{}s", self.seconds), "--timeout", "10s"])
            .arg("--script")
            .arg(&script)
            .arg(subject.address())
            .output()
            .unwrap_or_else(|error| panic!("cannot start {} (Debian's package wrk): {error}", wrk.display()));
        let after = subject.process.map(Process::cpu_microseconds);
        let said = String::from_utf8_lossy(&output.stderr);
        let summary: Summary = said
            .lines()
            .find_map(|line| serde_json::from_str(line).ok())
            .unwrap_or_else(|| panic!("wrk failed: {said}{}", String::from_utf8_lossy(&output.stdout)));
        assert_eq!(summary.errors, 0, "{} refused or dropped calls", subject.name);
        let cpu = before.zip(after).map(|(before, after)| (after - before) as f64 / summary.requests);
        Round { summary, cpu_microseconds: cpu }
    }

    fn script(self, subject: &Subject, round: u32) -> String {
        let request = match self.operation {
            Operation::Get => format!(
                r#"number = number % {READ} + 1
                return wrk.format("GET", "/secrets/s" .. number .. "/?api-version={API_VERSION}")"#
            ),
            Operation::Set => format!(
                r#"number = number + 1
                local name = "r{round}c{}-" .. id .. "-" .. number
                return wrk.format("PUT", "/secrets/" .. name .. "?api-version={API_VERSION}", nil, '{{"value": "value of some secret"}}')"#,
                self.connections
            ),
        };
        format!(
            r#"
            local threads = 0
            function setup(thread)
                thread:set("id", threads)
                threads = threads + 1
            end
            wrk.headers["Host"] = "{host}"
            wrk.headers["Authorization"] = "Bearer {token}"
            wrk.headers["Content-Type"] = "application/json"
            function init()
                number = id * {READ} / 2
            end
            function request()
                {request}
            end
            function done(summary, latency)
                local e = summary.errors
                io.stderr:write(string.format(
                    '{{"requests": %d, "microseconds": %d, "p50": %d, "p99": %d, "errors": %d}}\n',
                    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
                    e.connect + e.read + e.write + e.status + e.timeout))
            end
            "#,
            host = subject.host(),
            token = subject.token,
        )
    }
}

fn mean(subject: &str, rounds: &[Round]) -> Measured {
    let mean = |value: &dyn Fn(&Round) -> f64| rounds.iter().map(value).sum::<f64>() / rounds.len() as f64;
    let cpu = rounds.iter().all(|round| round.cpu_microseconds.is_some());
    Measured {
        subject: subject.to_owned(),
        per_second: mean(&|round| round.summary.requests * 1e6 / round.summary.microseconds),
        p50_microseconds: mean(&|round| round.summary.p50),
        p99_microseconds: rounds.iter().map(|round| round.summary.p99).fold(0.0, f64::max),
        cpu_microseconds: cpu.then(|| mean(&|round| round.cpu_microseconds.unwrap_or_default())),
    }
}
