//! What the owner's commands share: finding who carries an order out, and printing what came of it.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;
use serde_json::Value;
use strongroom_vault::{Administration, ConfigSource, Options, Order};

use super::VaultArgs;
pub(super) use crate::commands::table::table;
use crate::exit::Usage;

/// How the answer is printed.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct Format {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Carries out one order, by the vault that runs on the data folder or on the folder itself. There must be one.
pub(super) async fn carry_out(args: &VaultArgs, order: Order) -> anyhow::Result<Value> {
    let data_dir = args.data_dir();
    if !Administration::is_there(&data_dir) {
        return Err(Usage(format!(
            "there is no vault in {} (name its folder with --data-dir; the first start of `strongroom vault` makes it)",
            data_dir.display()
        ))
        .into());
    }
    carry_out_anywhere(args, order).await
}

/// The same; the folder is made if it is not there.
pub(super) async fn carry_out_anywhere(args: &VaultArgs, order: Order) -> anyhow::Result<Value> {
    let administration = reach(args).await?;
    let done = administration.carry_out(order).await;
    administration.close().await;
    Ok(done?)
}

/// Finds the vault that runs on the data folder, else opens the folder.
pub(super) async fn reach(args: &VaultArgs) -> anyhow::Result<Administration> {
    let mut options = Options::new(args.data_dir());
    options.config = args.config.clone().map_or(ConfigSource::Folder, ConfigSource::File);
    args.store.apply(&mut options)?;
    Ok(Administration::reach(options).await?)
}

/// Carries out one order and prints its answer: as it is, or as people read it.
pub(super) async fn run(
    args: &VaultArgs,
    order: Order,
    format: Format,
    text: impl FnOnce(&Value) -> String,
) -> anyhow::Result<ExitCode> {
    let done = carry_out(args, order).await?;
    print(&done, format, text)?;
    Ok(ExitCode::SUCCESS)
}

/// Prints an answer: as it is, or as people read it.
pub(super) fn print(done: &Value, format: Format, text: impl FnOnce(&Value) -> String) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    if format.json {
        serde_json::to_writer_pretty(&mut stdout, done)?;
        writeln!(stdout)?;
    } else {
        stdout.write_all(text(done).as_bytes())?;
    }
    stdout.flush()?;
    Ok(())
}

/// A member as text; nothing, if it is absent.
pub(super) fn word(value: &Value, member: &str) -> String {
    match &value[member] {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        other => other.to_string(),
    }
}

/// The elements of a list.
pub(super) fn elements(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}
