//! Virtual environments with pinned Python packages, and the source of such packages, cached outside of the clone.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{
    cache, debian,
    process::{heading, output, run, succeeds},
};

/// What an interpreter must be able to do before it can make an environment for the tests.
const PROBE: &str = "import ensurepip, venv, sys; sys.exit(sys.version_info < (3, 10))";

/// The interpreter of an environment that holds exactly what `requirements` pins; made or renewed if need be.
///
/// The file must name every package with its version and its hashes: pip installs nothing else.
pub(crate) fn environment(name: &str, requirements: &Path) -> Result<PathBuf> {
    let folder = cache::folder(name)?;
    let _lock = cache::lock(&folder)?;
    let python = folder.join("bin/python");
    let pinned = fs::read_to_string(requirements)
        .with_context(|| format!("cannot read {}", requirements.display()))?;
    let stamp = folder.join("made-from");

    // The stamp is written last, so a half-made environment has none.
    let current = fs::read_to_string(&stamp).is_ok_and(|stamp| stamp == pinned);
    if current && succeeds(Command::new(&python).args(["-c", "import sys"])) {
        return Ok(python);
    }

    let interpreter = interpreter()?;
    heading(&format!("Making the Python environment {}", folder.display()));
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot delete {}", folder.display()))?;
    }
    run(Command::new(&interpreter).args(["-m", "venv"]).arg(&folder))?;
    run(Command::new(&python)
        .args(["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"])
        .args(["--require-hashes", "--no-deps", "--only-binary", ":all:", "--requirement"])
        .arg(requirements))
    .with_context(|| format!("cannot install the packages of {}", requirements.display()))?;
    fs::write(&stamp, pinned).with_context(|| format!("cannot write {}", stamp.display()))?;
    Ok(python)
}

/// The folder of the unpacked source of the one package that `pin` names, with its version and hash; made or renewed if need be.
///
/// `python` must have what builds the package, since pip asks that for the package's name.
pub(crate) fn source(name: &str, python: &Path, pin: &Path) -> Result<PathBuf> {
    let folder = cache::folder(name)?;
    let _lock = cache::lock(&folder)?;
    let pinned = fs::read_to_string(pin).with_context(|| format!("cannot read {}", pin.display()))?;
    let stamp = folder.join("made-from");
    let unpacked = folder.join("unpacked");
    if !fs::read_to_string(&stamp).is_ok_and(|stamp| stamp == pinned) {
        heading(&format!("Fetching a package's source into {}", folder.display()));
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| format!("cannot delete {}", folder.display()))?;
        }
        let archives = folder.join("archives");
        for folder in [&archives, &unpacked] {
            fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        }
        run(Command::new(python)
            .args(["-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check"])
            .args(["--require-hashes", "--no-deps", "--no-binary", ":all:", "--no-build-isolation"])
            .arg("--dest")
            .arg(&archives)
            .arg("--requirement")
            .arg(pin))
        .with_context(|| format!("cannot fetch the source that {} names", pin.display()))?;
        let archive = only_entry(&archives)?;
        run(Command::new(python)
            .args(["-m", "tarfile", "--filter", "data", "--extract"])
            .arg(&archive)
            .arg(&unpacked))?;
        fs::write(&stamp, pinned).with_context(|| format!("cannot write {}", stamp.display()))?;
    }
    only_entry(&unpacked)
}

/// The one thing that lies in a folder.
fn only_entry(folder: &Path) -> Result<PathBuf> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let entries: Vec<_> = entries.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    let [entry] = entries.as_slice() else {
        bail!("there should be one thing in {}, and there are {}", folder.display(), entries.len());
    };
    Ok(entry.clone())
}

/// The first Python on the path, else Debian's own, that can make environments; Debian's is installed if there is none.
fn interpreter() -> Result<PathBuf> {
    let candidates = ["python3", "/usr/bin/python3"];
    let fit = || candidates.into_iter().find(|python| succeeds(Command::new(python).args(["-c", PROBE])));
    if fit().is_none() {
        debian::install(
            &["python3", "python3-venv"],
            "the tests of the embedded vault with Python's clients",
        )?;
    }
    let Some(python) = fit() else {
        bail!("no Python 3.10 or newer with the modules venv and ensurepip was found: tried {candidates:?}");
    };
    // The environment links to the interpreter, so a version manager's launcher is replaced by what it starts.
    let real = output(Command::new(python).args(["-c", "import sys; print(sys.executable)"]))?;
    Ok(PathBuf::from(real.trim()))
}
