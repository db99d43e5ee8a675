//! `strongroom vault role`: what principals may do.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::Value;
use strongroom_vault::{Order, RoleAssignment, RoleSettings};

use super::VaultArgs;
use super::orders::{self, Format, elements, table, word};

#[derive(Debug, Subcommand)]
pub(super) enum RoleCommand {
    /// Give a principal a role, for a vault or for one secret of it
    Assign(AssignArgs),
    /// Take a role from a principal
    Unassign(AssignArgs),
    /// List the roles: Azure's, those of vault.yaml and those made here
    List(ListArgs),
    /// Make a role of one's own
    Define(DefineArgs),
    /// Remove a role of one's own; nobody may have it
    Remove(RemoveArgs),
}

#[derive(Debug, Args)]
pub(super) struct AssignArgs {
    /// The principal's name
    principal: String,

    /// The role, by its name or Azure's id of it: "Key Vault Secrets User"
    role: String,

    /// The vault
    #[arg(long, value_name = "VAULT")]
    vault: String,

    /// One secret only
    #[arg(long, value_name = "NAME")]
    secret: Option<String>,

    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Args)]
pub(super) struct DefineArgs {
    /// The role's name
    name: String,

    /// A data action of Azure's, `*` for any text; may be repeated
    #[arg(
        long = "action",
        value_name = "ACTION",
        required = true,
        long_help = "A data action of Azure's, `*` for any text; may be repeated:\n\
                     Microsoft.KeyVault/vaults/secrets/getSecret/action"
    )]
    actions: Vec<String>,

    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Args)]
pub(super) struct RemoveArgs {
    /// The role's name
    name: String,

    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(args: &VaultArgs, command: RoleCommand) -> anyhow::Result<ExitCode> {
    match command {
        RoleCommand::Assign(assign) => {
            let (principal, role, format, place) = assignment(assign);
            let done = format!("{principal} has the role {} at {place}\n", role.role);
            orders::run(args, Order::AssignRole { principal, role }, format, |_| done).await
        }
        RoleCommand::Unassign(assign) => {
            let (principal, role, format, place) = assignment(assign);
            let done = format!("{principal} no longer has the role {} at {place}\n", role.role);
            orders::run(args, Order::UnassignRole { principal, role }, format, |_| done).await
        }
        RoleCommand::List(list) => orders::run(args, Order::ListRoles, list.format, roles).await,
        RoleCommand::Define(DefineArgs { name, actions, format }) => {
            let defined = |answer: &Value| format!("role {} is there\n", word(answer, "name"));
            orders::run(args, Order::DefineRole(RoleSettings { name, actions }), format, defined).await
        }
        RoleCommand::Remove(RemoveArgs { name, format }) => {
            let removed = |answer: &Value| format!("role {} is removed\n", word(answer, "removed"));
            orders::run(args, Order::RemoveRole { name }, format, removed).await
        }
    }
}

fn assignment(args: AssignArgs) -> (String, RoleAssignment, Format, String) {
    let place = match &args.secret {
        Some(secret) => format!("{}/{secret}", args.vault),
        None => args.vault.clone(),
    };
    let role = RoleAssignment { secret: args.secret, ..RoleAssignment::new(args.vault, args.role) };
    (args.principal, role, args.format, place)
}

/// A role and, under each other, what it allows.
fn roles(answer: &Value) -> String {
    let mut lines = vec![["NAME", "FROM", "ACTIONS"].map(str::to_owned).to_vec()];
    for role in elements(answer) {
        let mut name = word(role, "name");
        let mut from = word(role, "from");
        for action in elements(&role["actions"]) {
            let action = action.as_str().unwrap_or_default();
            lines.push(vec![std::mem::take(&mut name), std::mem::take(&mut from), action.to_owned()]);
        }
    }
    table(&lines)
}
