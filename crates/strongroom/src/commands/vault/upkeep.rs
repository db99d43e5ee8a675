//! `strongroom vault rekey`, `backup`, `restore`, `check` and `keys rotate`: what its owner does with all of a vault.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use serde_json::Value;
use strongroom_secrets::SecretValue;
use strongroom_vault::Order;

use super::VaultArgs;
use super::input::{self, Source};
use super::orders::{self, Format, elements, word};
use crate::exit::FAILED;

#[derive(Debug, Args)]
pub(super) struct RekeyArgs {
    /// The file with the new master key, 32 bytes in base64; without it, one is drawn, and takes the place of master.key
    #[arg(long, value_name = "FILE")]
    new_master_key_file: Option<PathBuf>,

    #[command(flatten)]
    format: Format,
}

pub(super) async fn rekey(args: &VaultArgs, rekey: RekeyArgs) -> anyhow::Result<ExitCode> {
    let master_key = master_key(rekey.new_master_key_file.as_deref())?;
    let done = orders::carry_out(args, Order::Rekey { master_key }).await?;
    let damaged = done["damaged"].as_u64().unwrap_or_default();
    orders::print(&done, rekey.format, |done| {
        format!("the keys are changed; sealed anew: {}\n", word(done, "resealed"))
    })?;
    if damaged > 0 {
        writeln!(
            io::stderr(),
            "{damaged} could not be opened and stay as they are; strongroom vault check names them"
        )?;
    }
    Ok(ended(damaged == 0))
}

#[derive(Debug, Args)]
pub(super) struct BackupArgs {
    /// The file to write; there must be none of that name
    file: PathBuf,

    #[command(flatten)]
    format: Format,
}

pub(super) async fn backup(args: &VaultArgs, backup: BackupArgs) -> anyhow::Result<ExitCode> {
    let done = orders::carry_out(args, Order::BackUp { file: absolute(&backup.file)? }).await?;
    orders::print(&done, backup.format, |done| {
        format!(
            "{} holds {} vaults, {} versions of secrets and {} entries made by commands\n",
            backup.file.display(),
            word(done, "vaults"),
            word(done, "versions"),
            word(done, "entries")
        )
    })?;
    findings(&done["damaged"], "damaged and left out")
}

#[derive(Debug, Args)]
pub(super) struct RestoreArgs {
    /// The backup
    file: PathBuf,

    /// Lose all that the vault keeps now
    #[arg(long)]
    overwrite: bool,

    /// The file with the master key that the backup was made with, if it is not the vault's
    #[arg(long, value_name = "FILE")]
    backup_master_key_file: Option<PathBuf>,

    #[command(flatten)]
    format: Format,
}

pub(super) async fn restore(args: &VaultArgs, restore: RestoreArgs) -> anyhow::Result<ExitCode> {
    let order = Order::Restore {
        file: absolute(&restore.file)?,
        overwrite: restore.overwrite,
        master_key: master_key(restore.backup_master_key_file.as_deref())?,
    };
    let done = orders::carry_out_anywhere(args, order).await?;
    orders::print(&done, restore.format, |done| {
        format!(
            "restored: {} vaults, {} versions of secrets and {} entries made by commands\n",
            word(done, "vaults"),
            word(done, "versions"),
            word(done, "entries")
        )
    })?;
    Ok(ExitCode::SUCCESS)
}

#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    format: Format,
}

pub(super) async fn check(args: &VaultArgs, check: &CheckArgs) -> anyhow::Result<ExitCode> {
    let done = orders::carry_out(args, Order::Check).await?;
    orders::print(&done, check.format, |done| {
        format!(
            "looked at {} vaults, {} secrets with {} versions, {} entries made by commands, {} data keys and {} signing keys\n",
            word(done, "vaults"),
            word(done, "secrets"),
            word(done, "versions"),
            word(done, "entries"),
            word(done, "dataKeys"),
            word(done, "signingKeys")
        )
    })?;
    findings(&done["problems"], "wrong")
}

#[derive(Debug, Subcommand)]
pub(super) enum KeysCommand {
    /// Sign tokens with a new key from now on; tokens that are about stay good
    Rotate(RotateArgs),
}

#[derive(Debug, Args)]
pub(super) struct RotateArgs {
    #[command(flatten)]
    format: Format,
}

pub(super) async fn keys(args: &VaultArgs, command: KeysCommand) -> anyhow::Result<ExitCode> {
    let KeysCommand::Rotate(rotate) = command;
    orders::run(args, Order::RotateSigningKey, rotate.format, |done| {
        format!("tokens are signed with the key {}\n", word(done, "kid"))
    })
    .await
}

/// Names what was found, on standard error, and answers how the command ends.
fn findings(found: &Value, what: &str) -> anyhow::Result<ExitCode> {
    let count = found["count"].as_u64().unwrap_or_default();
    if count == 0 {
        return Ok(ended(true));
    }
    let mut stderr = io::stderr().lock();
    let first = elements(&found["first"]);
    for finding in first {
        writeln!(stderr, "{}: {}", word(finding, "place"), word(finding, "problem"))?;
    }
    let shown = if (first.len() as u64) < count {
        format!(", the first {} above", first.len())
    } else {
        String::new()
    };
    writeln!(stderr, "{what}: {count}{shown}")?;
    Ok(ended(false))
}

fn ended(well: bool) -> ExitCode {
    if well { ExitCode::SUCCESS } else { ExitCode::from(FAILED) }
}

fn master_key(file: Option<&Path>) -> anyhow::Result<Option<SecretValue>> {
    file.map(|file| input::read_line("master key", Source::File(file))).transpose()
}

/// The vault's process may have another working folder.
fn absolute(file: &Path) -> anyhow::Result<PathBuf> {
    std::path::absolute(file).with_context(|| format!("cannot find {}", file.display()))
}
