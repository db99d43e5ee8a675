//! Debian's packages, for what a bare machine lacks.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process::{heading, run, succeeds};

/// Installs `packages` with apt-get, as root or through `sudo` without a password. `purpose` says who needs them.
pub(crate) fn install(packages: &[&str], purpose: &str) -> Result<()> {
    let list = packages.join(" ");
    let hint =
        format!("{purpose} needs the Debian packages {list} (or what they hold, installed in another way)");
    if !succeeds(Command::new("apt-get").arg("--version")) {
        bail!("{hint}, and there is no apt-get here to install them");
    }
    let root = current_user()? == "0";
    if !root && !succeeds(Command::new("sudo").args(["--non-interactive", "true"])) {
        bail!("{hint}; install them with `sudo apt-get install {list}`");
    }
    heading(&format!("Installing {list}"));
    let apt = || {
        let mut command = if root {
            Command::new("apt-get")
        } else {
            let mut sudo = Command::new("sudo");
            sudo.args(["--non-interactive", "apt-get"]);
            sudo
        };
        command.env("DEBIAN_FRONTEND", "noninteractive");
        command
    };
    run(apt().args(["--quiet", "update"])).with_context(|| hint.clone())?;
    run(apt().args(["--quiet", "--yes", "--no-install-recommends", "install"]).args(packages)).context(hint)
}

fn current_user() -> Result<String> {
    Ok(crate::process::output(Command::new("id").arg("--user"))?.trim().to_owned())
}
