//! `strongroom vault create`, `vaults` and `reload`.

use std::process::ExitCode;

use clap::Args;
use serde_json::Value;
use strongroom_vault::{Order, VaultSettings};

use super::VaultArgs;
use super::orders::{self, Format, elements, table, word};

#[derive(Debug, Args)]
pub(super) struct CreateArgs {
    /// The vault's name: up to 24 letters, digits and single hyphens, a letter first
    name: String,

    /// How many days a deleted secret can be recovered, 7 to 90
    #[arg(long, value_name = "DAYS", default_value_t = 90)]
    retention_days: u32,

    /// Let nobody purge a deleted secret before its time; cannot be switched off again
    #[arg(long)]
    purge_protection: bool,

    #[command(flatten)]
    format: Format,
}

pub(super) async fn create(args: &VaultArgs, create: CreateArgs) -> anyhow::Result<ExitCode> {
    let settings = VaultSettings {
        soft_delete_retention_in_days: create.retention_days,
        enable_purge_protection: create.purge_protection,
        ..VaultSettings::named(create.name)
    };
    orders::run(args, Order::CreateVault(settings), create.format, |vault| {
        format!("vault {} is there\n", word(vault, "name"))
    })
    .await
}

#[derive(Debug, Args)]
pub(super) struct VaultsArgs {
    #[command(flatten)]
    format: Format,
}

pub(super) async fn list(args: &VaultArgs, list: &VaultsArgs) -> anyhow::Result<ExitCode> {
    orders::run(args, Order::ListVaults, list.format, vaults).await
}

fn vaults(answer: &Value) -> String {
    let mut lines = vec![["NAME", "RETENTION", "PURGE PROTECTION", "FROM"].map(str::to_owned).to_vec()];
    lines.extend(elements(answer).iter().map(|vault| {
        vec![
            word(vault, "name"),
            format!("{} days", word(vault, "softDeleteRetentionInDays")),
            word(vault, "enablePurgeProtection"),
            word(vault, "from"),
        ]
    }));
    table(&lines)
}

#[derive(Debug, Args)]
pub(super) struct ReloadArgs {
    #[command(flatten)]
    format: Format,
}

pub(super) async fn reload(args: &VaultArgs, reload: &ReloadArgs) -> anyhow::Result<ExitCode> {
    orders::run(args, Order::Reload, reload.format, |answer| {
        let mut text = "the vault has read its configuration again\n".to_owned();
        for key in elements(&answer["effectiveAtNextStart"]) {
            text.push_str(&format!(
                "the change of {} takes effect at the next start only\n",
                key.as_str().unwrap_or_default()
            ));
        }
        text
    })
    .await
}
