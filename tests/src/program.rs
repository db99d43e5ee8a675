//! One run of the program under test.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tokio::io::AsyncWriteExt as _;

use crate::Running;

/// Says which program is tested; `cargo xtask test` sets it.
pub const BINARY: &str = "STRONGROOM_TEST_BINARY";

/// The longest that a command may run.
const PATIENCE: Duration = Duration::from_secs(120);

/// The variables of this process that the program may see. All others could change what it does.
const PASSED_ON: &[&str] = &["PATH", "TMPDIR", "LLVM_PROFILE_FILE"];

/// The program under test, about to be run in a folder with given arguments.
#[derive(Debug)]
pub struct Program {
    command: Command,
    stdin: Option<String>,
}

impl Program {
    /// The program, to be run in `folder`, with that as home and no variable of this process but the path.
    ///
    /// # Panics
    /// If the program has not been built.
    pub fn new(folder: &Path) -> Self {
        Self::with_binary(&binary(), folder)
    }

    /// Another program, run under the same conditions.
    pub fn with_binary(binary: &Path, folder: &Path) -> Self {
        let mut command = Command::new(binary);
        let passed_on = PASSED_ON.iter().filter_map(|name| Some((name, env::var_os(name)?)));
        command.env_clear().envs(passed_on).env("HOME", folder).current_dir(folder).stdin(Stdio::null());
        Self { command, stdin: None }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(arguments);
        self
    }

    /// Sets a variable.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Sets variables.
    #[must_use]
    pub fn envs(
        mut self,
        variables: impl IntoIterator<Item = (impl AsRef<OsStr>, impl AsRef<OsStr>)>,
    ) -> Self {
        self.command.envs(variables);
        self
    }

    /// Takes a variable away that was set.
    #[must_use]
    pub fn without(mut self, name: impl AsRef<OsStr>) -> Self {
        self.command.env_remove(name);
        self
    }

    /// Gives the program this text on its standard input.
    #[must_use]
    pub fn stdin(mut self, text: impl Into<String>) -> Self {
        self.stdin = Some(text.into());
        self
    }

    /// Runs the program to its end.
    ///
    /// # Panics
    /// If it cannot be started, or does not end within two minutes.
    pub async fn run(mut self) -> Finished {
        let line = self.line();
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped());
        if self.stdin.is_some() {
            self.command.stdin(Stdio::piped());
        }
        let mut child = tokio::process::Command::from(self.command)
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {line}: {error}"));
        if let (Some(text), Some(mut stdin)) = (self.stdin, child.stdin.take()) {
            // A program that ends before it has read everything closes the pipe: its answer tells, not this.
            let _ = stdin.write_all(text.as_bytes()).await;
        }
        let output = tokio::time::timeout(PATIENCE, child.wait_with_output())
            .await
            .unwrap_or_else(|_| panic!("{line} did not end within {PATIENCE:?}"))
            .unwrap_or_else(|error| panic!("cannot watch {line}: {error}"));
        Finished {
            line,
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Starts the program and leaves it running. What it prints goes to `<name>.stdout` and `<name>.stderr` in `logs`.
    ///
    /// # Panics
    /// If it cannot be started or the files cannot be made.
    pub fn start(mut self, logs: &Path, name: &str) -> Running {
        let line = self.line();
        let log = |extension: &str| {
            let path = logs.join(format!("{name}.{extension}"));
            // Appended, so that the log of a server that is started again tells both lives.
            let file = File::options().create(true).append(true).open(&path);
            (file.unwrap_or_else(|error| panic!("cannot make {}: {error}", path.display())), path)
        };
        let (stdout, stdout_path) = log("stdout");
        let (stderr, stderr_path) = log("stderr");
        let child = self
            .command
            .stdout(stdout)
            .stderr(stderr)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {line}: {error}"));
        Running::new(child, line, stdout_path, stderr_path)
    }

    fn line(&self) -> String {
        let words = std::iter::once(self.command.get_program()).chain(self.command.get_args());
        words.collect::<Vec<_>>().join(OsStr::new(" ")).to_string_lossy().into_owned()
    }
}

/// How a program ended and what it printed.
#[derive(Debug, Clone)]
pub struct Finished {
    line: String,
    /// Its exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// What it printed on stdout.
    pub stdout: String,
    /// What it printed on stderr.
    pub stderr: String,
}

impl Finished {
    /// Insists on an exit code.
    ///
    /// # Panics
    /// If it is another one, with what the program printed.
    #[must_use]
    #[track_caller]
    pub fn ended_with(self, code: i32) -> Self {
        assert!(
            self.code == Some(code),
            "{} ended with {:?} in the place of {code}\n--- stdout\n{}\n--- stderr\n{}",
            self.line,
            self.code,
            self.stdout,
            self.stderr
        );
        self
    }

    /// What it printed on stdout, read as JSON.
    ///
    /// # Panics
    /// If it is not JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{} printed no JSON ({error}): {}", self.line, self.stdout))
    }
}

/// The program under test: the one that `cargo xtask test` built, else the one beside this test binary.
///
/// # Panics
/// If there is none.
pub fn binary() -> PathBuf {
    if let Some(path) = env::var_os(BINARY) {
        return PathBuf::from(path);
    }
    let own = env::current_exe().expect("the path of this test binary");
    // target/debug/deps/system-… → target/debug/strongroom
    let beside = own.ancestors().nth(2).map(|folder| folder.join("strongroom"));
    beside.filter(|path| path.is_file()).unwrap_or_else(|| {
        panic!("the program `strongroom` has not been built and {BINARY} is not set: run cargo xtask test")
    })
}

/// A variable that `cargo xtask test` sets to say where it put something.
///
/// # Panics
/// If it is not set: a test that needs it fails, it is not left out.
pub fn provided(variable: &str) -> OsString {
    env::var_os(variable).unwrap_or_else(|| panic!("{variable} is not set: run cargo xtask test"))
}
