//! `cargo xtask fuzz`: any bytes for what reads what others write.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::{
    cache, cargo, debian,
    process::{heading, run, succeeds},
};

/// The fuzzer's driver, from the registry. libFuzzer itself comes with `libfuzzer-sys`.
const CARGO_FUZZ: &str = "cargo-fuzz@0.13.2";

/// The longest input that is tried, in bytes; what is longer is refused before anything looks into it.
const LONGEST: u32 = 64 * 1024;

/// What an input may take at most.
const LIMITS: [&str; 2] = ["-rss_limit_mb=2048", "-timeout=10"];

/// Call what reads requests and files with any bytes, and see that what must hold does.
///
/// With a nightly toolchain (`rustup toolchain install nightly`) libFuzzer does it, which watches what the code does with an
/// input; what it learns is kept in the user's cache folder. Without one, inputs are made from the kept ones at random, as in
/// `cargo xtask test`. The kept inputs lie in `tests/fuzz/corpus`; an input that fails belongs there once it is mended.
#[derive(Args)]
pub(crate) struct Fuzz {
    /// One target; all of them, one after the other, if none is named
    target: Option<String>,
    /// How long each target runs
    #[arg(long, value_name = "N", default_value_t = 10)]
    seconds: u32,
    /// Do without a nightly toolchain even if there is one
    #[arg(long)]
    stable: bool,
}

impl Fuzz {
    /// Runs the chore.
    pub(crate) fn run(&self) -> Result<()> {
        let root = cargo::workspace()?;
        let folder = root.join("tests/fuzz");
        let mut targets = targets(&folder)?;
        if let Some(wanted) = &self.target {
            if !targets.contains(wanted) {
                bail!("there is no target {wanted}; there are {}", targets.join(", "));
            }
            targets.retain(|target| target == wanted);
        }
        if self.stable || !has_nightly() {
            return self.on_stable(&targets);
        }
        let driver = driver()?;
        fs::copy(root.join("Cargo.lock"), folder.join("programs/Cargo.lock"))
            .context("cannot give the fuzzer's programs the versions of the workspace")?;
        targets.iter().try_for_each(|target| self.on_nightly(&driver, &folder, target))
    }

    fn on_stable(&self, targets: &[String]) -> Result<()> {
        heading("Fuzzing on stable, without an eye on coverage");
        run(cargo::cargo()?
            .args(["test", "--package", "strongroom-tests", "--test", "fuzz", "--features", "fuzzing", "--"])
            .args(["--exact", "--nocapture"])
            .args(targets)
            .env("STRONGROOM_FUZZ_SECONDS", self.seconds.to_string()))
    }

    fn on_nightly(&self, driver: &Path, folder: &Path, target: &str) -> Result<()> {
        heading(&format!("Fuzzing {target} for {} s", self.seconds));
        let cache = cache::folder("fuzz")?;
        let learnt = cache.join(target);
        fs::create_dir_all(&learnt).with_context(|| format!("cannot make {}", learnt.display()))?;
        run(nightly()
            .arg(driver)
            .args(["fuzz", "run", "--fuzz-dir"])
            .arg(folder.join("programs"))
            .arg("--target-dir")
            .arg(cache.join("target"))
            .arg(target)
            // New inputs go to the first folder.
            .arg(&learnt)
            .arg(folder.join("corpus").join(target))
            .arg("--")
            .args([format!("-max_total_time={}", self.seconds), format!("-max_len={LONGEST}")])
            .args(LIMITS))
        .with_context(|| {
            format!("{target} fails; keep the input in tests/fuzz/corpus/{target} once it is mended")
        })
    }
}

/// The targets: each has a folder of inputs.
fn targets(folder: &Path) -> Result<Vec<String>> {
    let corpus = folder.join("corpus");
    let mut names = fs::read_dir(&corpus)
        .and_then(|entries| {
            entries
                .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
                .collect::<Result<_, _>>()
        })
        .with_context(|| format!("cannot read {}", corpus.display()))
        .map(|names: Vec<String>| names)?;
    names.sort();
    Ok(names)
}

fn nightly() -> Command {
    let mut command = Command::new("rustup");
    // This process's own toolchain would go before the one that is asked for.
    command.args(["run", "nightly"]).env_remove("CARGO").env_remove("RUSTC").env_remove("RUSTUP_TOOLCHAIN");
    command
}

fn has_nightly() -> bool {
    succeeds(nightly().args(["cargo", "--version"]))
}

/// Where `cargo fuzz` is; it is installed if it is not there.
fn driver() -> Result<PathBuf> {
    if !succeeds(Command::new("c++").arg("--version")) {
        debian::install(&["g++"], "libFuzzer")?;
    }
    let tools = cache::folder("tools")?;
    let _lock = cache::lock(&tools)?;
    heading("Installing cargo-fuzz unless it is there");
    run(cargo::cargo()?.args(["install", "--quiet", "--locked", CARGO_FUZZ, "--root"]).arg(&tools))?;
    Ok(tools.join("bin/cargo-fuzz"))
}
