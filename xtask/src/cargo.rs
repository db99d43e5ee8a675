//! Calling cargo on this workspace.

use std::{
    env,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// The features with which everything is tested: crash points and fuzz targets are compiled in for the tests only.
pub(crate) const TEST_FEATURES: &[&str] = &["strongroom/failpoints", "strongroom-tests/fuzzing"];

/// A cargo that works on the workspace's folder.
pub(crate) fn cargo() -> Result<Command> {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(workspace()?);
    Ok(command)
}

/// The folder of the workspace. Cargo tells this crate's own when it runs it.
pub(crate) fn workspace() -> Result<PathBuf> {
    let own = env::var_os("CARGO_MANIFEST_DIR")
        .context("run this as `cargo xtask`: cargo says where the project is")?;
    let parent = Path::new(&own).parent().context("xtask lies in the project's folder")?;
    Ok(parent.to_owned())
}

/// Runs `cargo build` with these arguments and answers where the program `name` was put.
pub(crate) fn build(name: &str, arguments: &[&str]) -> Result<PathBuf> {
    let mut child = cargo()?
        .args(["build", "--message-format=json-render-diagnostics"])
        .args(arguments)
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start cargo")?;
    let messages = child.stdout.take().context("cargo's messages are piped")?;
    let mut program = None;
    for line in BufReader::new(messages).lines() {
        let message: Value =
            serde_json::from_str(&line?).context("cargo printed something other than JSON")?;
        let target = &message["target"];
        let wanted = message["reason"] == "compiler-artifact"
            && target["name"] == name
            && target["kind"] == serde_json::json!(["bin"])
            && message["profile"]["test"] == false;
        if wanted {
            program = message["executable"].as_str().map(PathBuf::from);
        }
    }
    if !child.wait()?.success() {
        bail!("the build failed");
    }
    program.with_context(|| format!("cargo built no program `{name}`"))
}
