//! `strongroom vault --dev`: a vault to try things with, that is gone at the end.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use strongroom_vault::{Environment, VaultConfig};
use tempfile::TempDir;

/// Where the vault lies while it is tried.
#[derive(Debug)]
pub(super) struct Development {
    data_dir: PathBuf,
    /// Deletes the folder in the end, if nobody named one.
    _temporary: Option<TempDir>,
}

impl Development {
    /// Takes the folder that was named, or makes one for this time only.
    pub(super) fn new(data_dir: Option<&Path>) -> anyhow::Result<Self> {
        if let Some(data_dir) = data_dir {
            return Ok(Self { data_dir: data_dir.to_owned(), _temporary: None });
        }
        let folder = tempfile::Builder::new()
            .prefix("strongroom-dev-")
            .tempdir()
            .context("cannot make a folder for the vault (name one with --data-dir)")?;
        Ok(Self { data_dir: folder.path().join("vault"), _temporary: Some(folder) })
    }

    pub(super) fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// Prints the variables of each principal that has a role and a client secret, one block each.
    pub(super) async fn print_variables(&self, config: &VaultConfig) -> anyhow::Result<()> {
        let mut missing_hosts = None;
        let mut text = zeroize::Zeroizing::new(String::with_capacity(8192));
        for principal in config.principals.iter().filter(|known| known.client_secret.is_some()) {
            let Some(role) = principal.roles.first() else { continue };
            let environment = Environment::collect(&self.data_dir, None, &principal.name, Some(&role.vault))?;
            text.push_str(&format!("# as {}: {} at {}\n", principal.name, role.role, role.vault));
            text.push_str(environment.exports().expose());
            text.push('\n');
            if missing_hosts.is_none() {
                missing_hosts = environment.missing_hosts_line().await;
            }
        }
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes())?;
        stdout.flush()?;
        if let Some(line) = missing_hosts {
            writeln!(
                io::stderr(),
                "this machine does not know the vault's names; add this line to /etc/hosts:\n{line}"
            )?;
        }
        Ok(())
    }
}
