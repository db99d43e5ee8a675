//! `strongroom vault principal`: who may sign in.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use serde_json::Value;
use strongroom_secrets::Clock;
use strongroom_secrets::clock::SystemClock;
use strongroom_vault::{FederatedSettings, NewPrincipal, NewSecret, Order};
use time::OffsetDateTime;

use super::VaultArgs;
use super::input::{self, Source};
use super::orders::{self, Format, elements, table, word};

const DAY: i64 = 24 * 60 * 60;

#[derive(Debug, Subcommand)]
pub(super) enum PrincipalCommand {
    /// Make a principal; a client secret that is drawn is shown this once
    ///
    /// Without any option the client secret is drawn (256 bits). It may do nothing until `role assign` says otherwise.
    Add(AddArgs),
    /// List the principals
    List(ListArgs),
    /// Show one principal: its ids, secrets (not their values) and roles
    Show(NameArgs),
    /// Remove a principal; its tokens are worth nothing from then on
    Remove(NameArgs),
    /// Give a principal one more client secret, so that it can be changed without a gap
    AddSecret(AddSecretArgs),
    /// Take a client secret from a principal
    RemoveSecret(RemoveSecretArgs),
}

#[derive(Debug, Args)]
pub(super) struct AddArgs {
    /// The principal's name, for people and logs
    name: String,

    /// Its application (client) id; drawn, if left out
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,

    #[command(flatten)]
    secret: SecretArgs,

    /// Make no client secret
    #[arg(long, conflicts_with_all = ["secret_stdin", "secret_file", "expires_in_days"])]
    no_secret: bool,

    /// A PEM file with a certificate whose key signs the principal's client assertions; may be repeated
    #[arg(long = "certificate", value_name = "FILE")]
    certificates: Vec<PathBuf>,

    #[command(flatten)]
    federated: FederatedArgs,

    #[command(flatten)]
    format: Format,
}

/// A chosen secret never stands in an argument: others see those.
#[derive(Debug, Args)]
struct SecretArgs {
    /// Read the client secret from standard input
    #[arg(long, conflicts_with = "secret_file")]
    secret_stdin: bool,

    /// Read the client secret from a file
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,

    /// When the client secret ends
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(i64).range(1..=36_500))]
    expires_in_days: Option<i64>,
}

impl SecretArgs {
    fn read(&self) -> anyhow::Result<NewSecret> {
        let source = match &self.secret_file {
            Some(path) => Some(Source::File(path)),
            None => self.secret_stdin.then_some(Source::Stdin),
        };
        let chosen = source.map(|source| input::read_line("client secret", source)).transpose()?;
        let expires = self.expires_in_days.map(|days| SystemClock.now_seconds() + days * DAY);
        Ok(NewSecret { chosen, expires })
    }
}

/// A foreign identity that counts as the principal.
#[derive(Debug, Args)]
struct FederatedArgs {
    /// The issuer of a federated token, as its claim `iss` says
    #[arg(long, value_name = "ISSUER", requires = "federated_subject")]
    federated_issuer: Option<String>,

    /// Its subject: system:serviceaccount:NAMESPACE:NAME for Kubernetes
    #[arg(long, value_name = "SUBJECT", requires = "federated_issuer")]
    federated_subject: Option<String>,

    /// Its audience
    #[arg(long, value_name = "AUDIENCE", default_value = "api://AzureADTokenExchange")]
    federated_audience: String,

    /// The file with the issuer's JSON Web Key Set
    #[arg(long, value_name = "FILE", conflicts_with = "jwks_url", requires = "federated_issuer")]
    jwks_file: Option<PathBuf>,

    /// The https address of the issuer's JSON Web Key Set
    #[arg(long, value_name = "URL", requires = "federated_issuer")]
    jwks_url: Option<String>,
}

impl FederatedArgs {
    fn settings(self) -> anyhow::Result<Vec<FederatedSettings>> {
        let (Some(issuer), Some(subject)) = (self.federated_issuer, self.federated_subject) else {
            return Ok(vec![]);
        };
        // The vault's process may have another working folder.
        let absolute = |path: PathBuf| {
            std::path::absolute(&path).with_context(|| format!("cannot find {}", path.display()))
        };
        Ok(vec![FederatedSettings {
            issuer,
            subject,
            audience: self.federated_audience,
            jwks_file: self.jwks_file.map(absolute).transpose()?,
            jwks_url: self.jwks_url,
        }])
    }
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Args)]
pub(super) struct NameArgs {
    /// The principal's name
    name: String,

    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Args)]
pub(super) struct AddSecretArgs {
    /// The principal's name
    name: String,

    #[command(flatten)]
    secret: SecretArgs,

    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Args)]
pub(super) struct RemoveSecretArgs {
    /// The principal's name
    name: String,

    /// The secret's id, as `principal show` lists it
    id: String,

    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(args: &VaultArgs, command: PrincipalCommand) -> anyhow::Result<ExitCode> {
    match command {
        PrincipalCommand::Add(add) => self::add(args, add).await,
        PrincipalCommand::List(list) => {
            orders::run(args, Order::ListPrincipals, list.format, principals).await
        }
        PrincipalCommand::Show(NameArgs { name, format }) => {
            orders::run(args, Order::ShowPrincipal { name }, format, principal).await
        }
        PrincipalCommand::Remove(NameArgs { name, format }) => {
            let removed = |answer: &Value| format!("principal {} is removed\n", word(answer, "removed"));
            orders::run(args, Order::RemovePrincipal { name }, format, removed).await
        }
        PrincipalCommand::AddSecret(AddSecretArgs { name, secret, format }) => {
            let order = Order::AddSecret { principal: name, secret: secret.read()? };
            orders::run(args, order, format, principal).await
        }
        PrincipalCommand::RemoveSecret(RemoveSecretArgs { name, id, format }) => {
            orders::run(args, Order::RemoveSecret { principal: name, id }, format, principal).await
        }
    }
}

async fn add(args: &VaultArgs, add: AddArgs) -> anyhow::Result<ExitCode> {
    let federated_credentials = add.federated.settings()?;
    // Who comes with another way to sign in gets a secret only if one is asked for.
    let other_way = !add.certificates.is_empty() || !federated_credentials.is_empty();
    let asked_for =
        add.secret.secret_stdin || add.secret.secret_file.is_some() || add.secret.expires_in_days.is_some();
    let secret = match asked_for || !(other_way || add.no_secret) {
        true => Some(add.secret.read()?),
        false => None,
    };
    let certificates = add.certificates.iter().map(|path| pem(path)).collect::<anyhow::Result<_>>()?;
    let new = NewPrincipal {
        name: add.name,
        client_id: add.client_id,
        secret,
        certificates,
        federated_credentials,
    };
    orders::run(args, Order::AddPrincipal(new), add.format, principal).await
}

fn pem(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read the certificate {}", path.display()))
}

fn principals(answer: &Value) -> String {
    let mut lines = vec![["NAME", "CLIENT ID", "ROLES", "FROM"].map(str::to_owned).to_vec()];
    lines.extend(elements(answer).iter().map(|principal| {
        let roles: Vec<_> = elements(&principal["roles"]).iter().map(role).collect();
        vec![word(principal, "name"), word(principal, "clientId"), roles.join(", "), word(principal, "from")]
    }));
    table(&lines)
}

/// One principal. A secret that was just drawn comes last: it is what is copied.
fn principal(answer: &Value) -> String {
    let mut lines = vec![
        vec!["name".to_owned(), word(answer, "name")],
        vec!["client id".to_owned(), word(answer, "clientId")],
        vec!["object id".to_owned(), word(answer, "objectId")],
        vec!["from".to_owned(), word(answer, "from")],
    ];
    for assigned in elements(&answer["roles"]) {
        lines.push(vec!["role".to_owned(), role(assigned)]);
    }
    for secret in elements(&answer["secrets"]) {
        let end = match secret["expires"].as_i64() {
            Some(time) => format!(", until {}", day(time)),
            None => String::new(),
        };
        let told = format!("{} ({}{end})", word(secret, "id"), word(secret, "origin"));
        lines.push(vec!["secret".to_owned(), told]);
    }
    let certificates = answer["certificates"].as_u64().unwrap_or_default();
    if certificates > 0 {
        lines.push(vec!["certificates".to_owned(), certificates.to_string()]);
    }
    for federated in elements(&answer["federatedCredentials"]) {
        let told = format!("{} of {}", word(federated, "subject"), word(federated, "issuer"));
        lines.push(vec!["federated".to_owned(), told]);
    }
    if let Some(value) = answer["secret"]["value"].as_str() {
        lines.push(vec!["client secret".to_owned(), format!("{value}  (it is not shown again)")]);
    }
    table(&lines)
}

/// A moment's day, in UTC.
fn day(seconds: i64) -> String {
    OffsetDateTime::from_unix_timestamp(seconds)
        .map_or_else(|_| seconds.to_string(), |time| time.date().to_string())
}

fn role(assigned: &Value) -> String {
    match assigned["secret"].as_str() {
        Some(secret) => format!("{} at {}/{secret}", word(assigned, "role"), word(assigned, "vault")),
        None => format!("{} at {}", word(assigned, "role"), word(assigned, "vault")),
    }
}
