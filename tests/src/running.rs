//! A program that keeps running: watched, stopped, killed.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, ExitStatus};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{Instant, sleep};

use crate::Process;

/// The longest that a server may take to answer its first request, or to stop.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is looked at meanwhile.
const GLANCE: Duration = Duration::from_millis(10);
/// The first of the ports that servers get, and how many there are.
const FIRST_PORT: u16 = 12_000;
const PORTS: u32 = 20_000;

/// A running program. Dropped, it is killed.
#[derive(Debug)]
pub struct Running {
    child: Child,
    line: String,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Running {
    pub(crate) fn new(child: Child, line: String, stdout: PathBuf, stderr: PathBuf) -> Self {
        Self { child, line, stdout, stderr }
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What the system says of it.
    pub fn process(&self) -> Process {
        Process::new(self.id())
    }

    /// What it has printed on stdout so far.
    pub fn stdout(&self) -> String {
        fs::read(&self.stdout).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// What it has printed on stderr so far.
    pub fn stderr(&self) -> String {
        fs::read(&self.stderr).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// Waits until `url` answers 200.
    ///
    /// # Panics
    /// If the program ends before, or the answer does not come within 30 seconds.
    pub async fn ready(&mut self, client: impl Fn() -> Option<reqwest::Client>, url: &str) {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.ended() {
                panic!("{} ended with {status} before it was ready\n{}", self.line, self.printed());
            }
            if let Some(client) = client()
                && let Ok(answer) = client.get(url).send().await
                && answer.status() == 200
            {
                return;
            }
            assert!(Instant::now() < end, "{url} does not answer within {PATIENCE:?}\n{}", self.printed());
            sleep(GLANCE).await;
        }
    }

    /// Waits until the program has printed a line on stderr that holds `words`, and answers the first such line.
    ///
    /// # Panics
    /// If the program ends before, or does not print it within 30 seconds.
    pub async fn says(&mut self, words: &str) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            let ended = self.ended();
            let printed = self.stderr();
            // What comes after the last line break is not a whole line yet.
            let lines = printed.rsplit_once('\n').map_or("", |(lines, _)| lines);
            if let Some(line) = lines.lines().find(|line| line.contains(words)) {
                return line.to_owned();
            }
            if let Some(status) = ended {
                panic!("{} ended with {status} before it said {words:?}\n{}", self.line, self.printed());
            }
            assert!(Instant::now() < end, "{} does not say {words:?}\n{}", self.line, self.printed());
            sleep(GLANCE).await;
        }
    }

    /// Waits until the program ends by itself.
    ///
    /// # Panics
    /// If it has not ended after 30 seconds.
    pub async fn end(&mut self) -> ExitStatus {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.ended() {
                return status;
            }
            assert!(Instant::now() < end, "{} does not end\n{}", self.line, self.printed());
            sleep(GLANCE).await;
        }
    }

    /// Asks the program to stop (SIGTERM) and waits until it has.
    ///
    /// # Panics
    /// If it has not ended after 30 seconds.
    pub async fn stop(&mut self) -> ExitStatus {
        let id = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        // A program that is gone already cannot be asked; `end` tells how it ended.
        let _ = kill_process(id.expect("a process id"), Signal::TERM);
        self.end().await
    }

    /// Asks the program to read its configuration again (SIGHUP).
    ///
    /// # Panics
    /// If it is gone.
    pub fn hang_up(&self) {
        let id = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("a process id");
        kill_process(id, Signal::HUP).expect("a process that runs");
    }

    /// Kills the program at once (SIGKILL), as a crash would.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// How it ended, if it has.
    ///
    /// # Panics
    /// If the system does not know the process.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap_or_else(|error| panic!("cannot watch {}: {error}", self.line))
    }

    fn printed(&self) -> String {
        format!("--- stdout\n{}\n--- stderr\n{}", self.stdout(), self.stderr())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A port of this machine that nobody listens on.
///
/// It is none of those that the system gives to outgoing connections (from 32768 on): such a one could be some client's by the
/// time that a server is started with it.
///
/// # Panics
/// If the machine has no free port.
pub fn free_port() -> u16 {
    static TRIED: AtomicU32 = AtomicU32::new(0);
    // Test programs that run side by side begin at different places.
    let start = std::process::id().wrapping_mul(7919);
    let mut ports = (0..PORTS).map(|_| {
        let place = start.wrapping_add(TRIED.fetch_add(1, Ordering::Relaxed)) % PORTS;
        FIRST_PORT + u16::try_from(place).expect("a place among the ports")
    });
    let free = |port: &u16| TcpListener::bind((Ipv4Addr::UNSPECIFIED, *port)).is_ok();
    ports.find(free).expect("a free port")
}
