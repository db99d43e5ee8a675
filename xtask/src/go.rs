//! Programs in Go, built with pinned modules; the modules and the compiler's results stay in Go's own caches.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{
    cache, debian,
    process::{heading, output, run},
};

/// The Go that is taken from the module proxy if the machine's own is older than what the modules need.
const TOOLCHAIN: &str = "1.26.11";

/// Builds the program in `source`, whose `go.mod` and `go.sum` pin all modules, and answers where it was put.
pub(crate) fn program(name: &str, source: &Path) -> Result<PathBuf> {
    let folder = cache::folder("go")?;
    let _lock = cache::lock(&folder)?;
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let module = source.join("go.mod");
    let text = fs::read_to_string(&module).with_context(|| format!("cannot read {}", module.display()))?;
    let needed = text
        .lines()
        .find_map(|line| version(line.strip_prefix("go ")?))
        .with_context(|| format!("{} does not say which Go it needs", module.display()))?;
    let go = fit(needed, &folder)?;
    let program = folder.join(name);
    heading(&format!("Building {}", program.display()));
    run(command(&go)
        .current_dir(source)
        .env("CGO_ENABLED", "0")
        // The folder need not be a clone that Go's own look at version control understands.
        .args(["build", "-trimpath", "-buildvcs=false", "-mod=readonly", "-o"])
        .arg(&program)
        .arg("."))
    .with_context(|| format!("cannot build {}", source.display()))?;
    Ok(program)
}

/// The machine's Go, Debian's if there is none, and the toolchain from the module proxy if that is too old.
fn fit(needed: Version, folder: &Path) -> Result<PathBuf> {
    let own = Path::new("go");
    if installed(own).is_none() {
        debian::install(&["golang-go"], "the tests of the embedded vault with Go's clients")?;
    }
    let Some(found) = installed(own) else { bail!("`go version` does not tell the version of Go") };
    if found >= needed {
        return Ok(own.to_owned());
    }
    toolchain(own, folder).with_context(|| {
        let ((major, minor), (own_major, own_minor)) = (needed, found);
        format!("Go {major}.{minor} or newer is needed, and this machine has {own_major}.{own_minor}")
    })
}

/// The toolchain [`TOOLCHAIN`] in the cache. A module cannot hold executable files and nested `go.mod` files, so the copy is
/// completed, as Go does itself from 1.21 on (`GOTOOLCHAIN`).
fn toolchain(own: &Path, folder: &Path) -> Result<PathBuf> {
    let copy = folder.join(format!("go{TOOLCHAIN}"));
    let go = copy.join("bin/go");
    if installed(&go).is_some() {
        return Ok(go);
    }
    let machine = match env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let module = format!("golang.org/toolchain@v0.0.1-go{TOOLCHAIN}.{}-{machine}", env::consts::OS);
    heading(&format!("Downloading {module}"));
    // Outside of every module, so that none is changed.
    let answer = output(command(own).current_dir(folder).args(["mod", "download", "-json", &module]))?;
    let answer: serde_json::Value =
        serde_json::from_str(&answer).context("go printed something other than JSON")?;
    let downloaded = answer["Dir"].as_str().context("go does not say where the toolchain is")?;
    if copy.exists() {
        fs::remove_dir_all(&copy).with_context(|| format!("cannot delete {}", copy.display()))?;
    }
    run(Command::new("cp").args(["--recursive", "--no-preserve=mode", downloaded]).arg(&copy))?;
    run(Command::new("find")
        .arg(&copy)
        .args(["-name", "_go.mod", "-execdir", "mv", "_go.mod", "go.mod", ";"]))?;
    run(Command::new("chmod").args(["-R", "+x"]).args([copy.join("bin"), copy.join("pkg/tool")]))?;
    Ok(go)
}

/// A Go that does not fetch another by itself: what is used is decided here.
fn command(go: &Path) -> Command {
    let mut command = Command::new(go);
    command.env("GOTOOLCHAIN", "local");
    command
}

type Version = (u32, u32);

fn installed(go: &Path) -> Option<Version> {
    let printed = command(go).arg("version").output().ok()?;
    // go version go1.26.8 linux/amd64
    let text = String::from_utf8(printed.stdout).ok()?;
    version(text.split_whitespace().nth(2)?.strip_prefix("go")?)
}

/// The first two numbers of a version such as `1.26.8` or `1.27rc1`.
fn version(text: &str) -> Option<Version> {
    let mut numbers = text.trim().split(|letter: char| !letter.is_ascii_digit()).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_its_first_two_numbers() {
        assert_eq!(version("1.26.8"), Some((1, 26)));
        assert_eq!(version("1.27rc1"), Some((1, 27)));
        assert_eq!(version("devel"), None);
        assert!(version("1.9") < version("1.25.0"));
    }
}
