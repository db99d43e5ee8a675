//! Python programs with Azure's own packages, which `cargo xtask test` installs.

use std::path::{Path, PathBuf};

use crate::program::provided;
use crate::vault::{Principal, VAULT};
use crate::{Finished, Program, VaultServer};

/// Says which interpreter has the packages; `cargo xtask test` sets it.
pub const PYTHON: &str = "STRONGROOM_TEST_PYTHON";

/// Puts a file in the place of the hosts file, for this process and what it starts, and then becomes another program.
const WITH_HOSTS: &str = r#"mount --bind "$1" /etc/hosts && shift && exec "$@""#;

/// Runs a script of `tests/python` in an environment as `strongroom vault env` prints it for `principal`.
///
/// Debian resolves no `*.localhost`, and the machine's hosts file is not ours to change. So the script runs in a mount
/// namespace of its own, in which another file lies in its place.
///
/// # Panics
/// If the script cannot be started, or `cargo xtask test` did not say where Python is.
pub async fn run(vault: &VaultServer, principal: &Principal, folder: &Path, script: &str) -> Finished {
    let hosts = folder.join("hosts");
    let names = format!("127.0.0.1 localhost {VAULT}.vault.localhost login.vault.localhost\n");
    std::fs::write(&hosts, names).expect("a hosts file");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("python").join(script);
    let mut unshare = Program::with_binary(Path::new("unshare"), folder).arg("--mount");
    if !rustix::process::getuid().is_root() {
        // Whoever is not root may mount things in a user namespace of their own.
        unshare = unshare.arg("--map-root-user");
    }
    unshare
        .args(["sh", "-c", WITH_HOSTS, "with-hosts"])
        .args([hosts, PathBuf::from(provided(PYTHON))])
        .args(["-B", "-W", "error::ResourceWarning"])
        .arg(script)
        .envs(vault.environment(principal).await)
        .run()
        .await
}
