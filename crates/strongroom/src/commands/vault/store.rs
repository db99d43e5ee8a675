//! Where the vault keeps its secrets, as options of the command line.

use std::path::PathBuf;

use clap::Args;
use strongroom_secrets::SecretValue;
use strongroom_vault::{STORE_VARIABLE, StoreLocation};

#[derive(Debug, Args)]
pub(super) struct StoreArgs {
    /// Where the secrets lie: `sqlite` (in the data folder) or a PostgreSQL for several vault processes side by side; no password
    /// here
    ///
    /// The whole URL, password included, can be given by STRONGROOM_VAULT_STORE; the password alone by PGPASSWORD or by
    /// --store-password-file. Other parts of the URL come from libpq's variables if they are left out.
    #[arg(long, value_name = "postgres://USER@HOST/DB", global = true)]
    store: Option<String>,

    /// A file with PostgreSQL's password and nothing else
    #[arg(long, value_name = "FILE", global = true)]
    store_password_file: Option<PathBuf>,
}

impl StoreArgs {
    /// The store that the options and the environment name.
    ///
    /// # Errors
    /// If they contradict each other, or a password was typed.
    pub(super) fn location(&self) -> strongroom_vault::Result<StoreLocation> {
        let variable = std::env::var(STORE_VARIABLE).ok().map(SecretValue::new);
        StoreLocation::resolve(self.store.as_deref(), variable.as_ref(), self.store_password_file.as_deref())
    }
}
