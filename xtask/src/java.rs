//! Programs in Java, compiled with pinned packages; both are cached outside of the clone.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{
    cache, debian,
    process::{heading, run, succeeds},
};

/// The oldest Java that the sources are for.
const RELEASE: &str = "17";

/// What has to be there.
const PROGRAMS: &[&str] = &["java", "javac", "keytool", "mvn"];

/// Fetches the packages that `source/pom.xml` names, compiles the sources beside it, and answers the class path.
pub(crate) fn class_path(name: &str, source: &Path) -> Result<OsString> {
    let folder = cache::folder(name)?;
    let _lock = cache::lock(&folder)?;
    find_programs()?;
    let packages = packages(&folder, &source.join("pom.xml"))?;
    let classes = folder.join("classes");
    if classes.exists() {
        fs::remove_dir_all(&classes).with_context(|| format!("cannot delete {}", classes.display()))?;
    }
    heading(&format!("Compiling {}", source.display()));
    run(Command::new("javac")
        .args(["--release", RELEASE, "-Xlint:all", "-Werror", "-proc:none", "-encoding", "UTF-8", "-d"])
        .arg(&classes)
        .arg("-cp")
        .arg(&packages)
        .args(sources(source)?))
    .with_context(|| format!("cannot compile {} with Java {RELEASE} or newer", source.display()))?;
    let mut path = classes.into_os_string();
    path.push(":");
    path.push(packages);
    Ok(path)
}

/// Debian's Java and Maven, if a part of them is missing.
fn find_programs() -> Result<()> {
    let missing = || PROGRAMS.iter().find(|program| !there(program));
    if missing().is_some() {
        debian::install(
            &["default-jdk-headless", "maven"],
            "the tests of the embedded vault with Java's clients",
        )?;
    }
    match missing() {
        None => Ok(()),
        Some(missing) => bail!("{missing} was not found: install a Java development kit and Maven"),
    }
}

/// Each of them tells its version or its use, and ends with 0.
fn there(program: &str) -> bool {
    succeeds(Command::new(program).arg(if program == "keytool" { "-help" } else { "-version" }))
}

/// The packages as a class path; fetched anew if the list of them has changed.
fn packages(folder: &Path, list: &Path) -> Result<PathBuf> {
    let pinned = fs::read_to_string(list).with_context(|| format!("cannot read {}", list.display()))?;
    let packages = folder.join("packages");
    let stamp = folder.join("made-from");
    // The stamp is written last, so a half-made folder has none.
    if !fs::read_to_string(&stamp).is_ok_and(|stamp| stamp == pinned) {
        heading(&format!("Fetching Java's packages into {}", folder.display()));
        if folder.exists() {
            fs::remove_dir_all(folder).with_context(|| format!("cannot delete {}", folder.display()))?;
        }
        fs::create_dir(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let mut output = OsString::from("-DoutputDirectory=");
        output.push(&packages);
        run(Command::new("mvn")
            .args(["--quiet", "--batch-mode", "--strict-checksums", "--file"])
            .arg(list)
            .arg("dependency:copy-dependencies")
            .arg(output))
        .with_context(|| format!("cannot fetch the packages of {}", list.display()))?;
        fs::write(&stamp, pinned).with_context(|| format!("cannot write {}", stamp.display()))?;
    }
    Ok(packages.join("*"))
}

fn sources(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    Ok(paths.into_iter().filter(|path| path.extension().is_some_and(|kind| kind == "java")).collect())
}
