//! A network of its own, in which a virtual machine's token endpoint has the address that it has in Azure.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::Program;
use crate::program::binary;

/// Where a program on a virtual machine asks for tokens.
pub const METADATA_ADDRESS: &str = "169.254.169.254";

/// Brings the network up, says so, and keeps it until it is ended.
const KEEP: &str = "ip link set lo up && ip addr add 169.254.169.254/32 dev lo && echo up && exec sleep 3600";

/// A network namespace with nothing in it but loopback, to which [`METADATA_ADDRESS`] leads too. Gone when dropped.
///
/// Outside of it, that address may be a real one: on a machine in a cloud it gives out that machine's identity.
#[derive(Debug)]
pub struct Network {
    keeper: Child,
    as_root: bool,
}

impl Network {
    /// Makes a network.
    ///
    /// # Panics
    /// If the system does not allow it, or has no `unshare` or `ip`.
    pub fn new() -> Self {
        let as_root = rustix::process::getuid().is_root();
        // Whoever is not root may make networks in a user namespace of their own.
        let own_users: &[&str] = if as_root { &[] } else { &["--map-root-user"] };
        let mut keeper = Command::new("unshare")
            .arg("--net")
            .args(own_users)
            .args(["sh", "-c", KEEP])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare, from the package util-linux");
        let mut said = String::new();
        BufReader::new(keeper.stdout.take().expect("a pipe")).read_line(&mut said).expect("a line");
        assert_eq!(said, "up\n", "there is no network: is `ip` there, from the package iproute2?");
        Self { keeper, as_root }
    }

    /// The program under test, to be run in `folder` and this network.
    pub fn strongroom(&self, folder: &Path) -> Program {
        self.program(&binary(), folder)
    }

    /// Any program, to be run in `folder` and this network.
    pub fn program(&self, program: &Path, folder: &Path) -> Program {
        let enter = Program::with_binary(Path::new("nsenter"), folder);
        let enter = enter.args(["--target", &self.keeper.id().to_string(), "--net"]);
        let enter = if self.as_root { enter } else { enter.args(["--user", "--preserve-credentials"]) };
        enter.arg("--").arg(program)
    }
}

impl Default for Network {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}
