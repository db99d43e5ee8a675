//! Where the vault keeps its secrets and its master key, as options of the command line.

use std::path::PathBuf;

use clap::Args;
use strongroom_secrets::SecretValue;
use strongroom_vault::{MASTER_KEY_VARIABLE, Options, STORE_VARIABLE, StoreLocation};

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

    /// The key that wraps all others; without it, master.key in the data folder. Made on the first start
    ///
    /// STRONGROOM_VAULT_MASTER_KEY can hold the key itself: 32 bytes in base64.
    #[arg(long, value_name = "FILE", global = true)]
    master_key_file: Option<PathBuf>,
}

impl StoreArgs {
    /// Puts what the arguments and the environment say into the options.
    ///
    /// # Errors
    /// If they contradict each other, or a password was typed.
    pub(super) fn apply(&self, options: &mut Options) -> strongroom_vault::Result<()> {
        let variable = |name| std::env::var(name).ok().map(SecretValue::new);
        options.store = StoreLocation::resolve(
            self.store.as_deref(),
            variable(STORE_VARIABLE).as_ref(),
            self.store_password_file.as_deref(),
        )?;
        options.master_key_file.clone_from(&self.master_key_file);
        options.master_key = variable(MASTER_KEY_VARIABLE);
        Ok(())
    }
}
