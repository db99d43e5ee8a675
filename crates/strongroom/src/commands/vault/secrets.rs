//! `strongroom vault put`, `get`, `list`, `delete` and `recover`: what one does with the secrets of a vault, this one or
//! Azure's.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use futures::TryStreamExt;
use serde_json::{Map, Value, json};
use strongroom_secrets::azure::{AzureConfig, AzureProvider, Credential, CredentialKind, VaultUrl, locate};
use strongroom_secrets::clock::SystemClock;
use strongroom_secrets::transport::Trust;
use strongroom_secrets::{
    Clock, ErrorKind, ListScope, NewSecret, Provider, SecretName, SecretProperties, SecretVersion,
};

use super::input::{self, Source, without_line_break};
use super::orders::table;
use crate::exit::Usage;

const DAY: i64 = 24 * 60 * 60;

/// Which vault, and as whom.
#[derive(Debug, Args)]
pub(super) struct Access {
    /// The vault's URL; without it, AZURE_KEY_VAULT_URL or AZURE_KEY_VAULT_NAME
    #[arg(long, value_name = "URL")]
    vault_url: Option<VaultUrl>,

    /// How to sign in: client-secret, client-certificate, workload-identity, managed-identity, azure-cli, azure-developer-cli
    /// or default: the first of them that is there, as AZURE_TOKEN_CREDENTIALS selects
    #[arg(long, value_name = "KIND", default_value_t = CredentialKind::Default)]
    credential: CredentialKind,

    /// A certificate authority to trust besides the system's, in PEM
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
}

impl Access {
    fn provider(&self, variable: &dyn Fn(&str) -> Option<String>) -> anyhow::Result<AzureProvider> {
        let set = |name: &str| variable(name).filter(|text| !text.is_empty());
        let url = self.vault_url.as_ref().map(VaultUrl::to_string).or_else(|| set("AZURE_KEY_VAULT_URL"));
        let name = set("AZURE_KEY_VAULT_NAME");
        if url.is_none() && name.is_none() {
            return Err(Usage(
                "which vault? (name it with --vault-url, AZURE_KEY_VAULT_URL or AZURE_KEY_VAULT_NAME)"
                    .to_owned(),
            )
            .into());
        }
        let authority = set("AZURE_AUTHORITY_HOST");
        let (vault, authority) = locate(url.as_deref(), name.as_deref(), authority.as_deref())?;
        let mut config = AzureConfig::new(vault, Credential::of_kind(self.credential, variable)?);
        config.authority = authority;
        config.trust = Trust::from_environment(variable);
        config.trust.ca_file = self.ca_file.clone().or_else(|| set("OM_SM_CA_FILE").map(PathBuf::from));
        Ok(AzureProvider::new(&config)?)
    }

    fn open(&self) -> anyhow::Result<AzureProvider> {
        self.provider(&|name| std::env::var(name).ok())
    }
}

#[derive(Debug, Args)]
pub(super) struct PutArgs {
    /// The secret's name: letters, digits and hyphens
    name: String,

    /// Read the value from this file, not from standard input
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,

    /// Leave out one line break at the value's end, which editors and `echo` add
    #[arg(long)]
    trim_newline: bool,

    /// What the value is, for people: a media type or a word
    #[arg(long, value_name = "TYPE")]
    content_type: Option<String>,

    /// A tag of this version; may be repeated
    #[arg(long = "tag", value_name = "NAME=VALUE", value_parser = tag)]
    tags: Vec<(String, String)>,

    /// After how many days it should no longer be used
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(i64).range(1..=36_500))]
    expires_in_days: Option<i64>,

    /// Print the new version's properties as JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    access: Access,
}

fn tag(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("a tag is NAME=VALUE".to_owned()),
    }
}

pub(super) async fn put(args: PutArgs) -> anyhow::Result<ExitCode> {
    let name = secret_name(&args.name)?;
    let provider = args.access.open()?;
    let source = args.file.as_deref().map_or(Source::Stdin, Source::File);
    let mut value = input::read("value", source)?;
    if args.trim_newline {
        value = without_line_break(value.expose()).into();
    } else if value.expose().ends_with('\n') {
        writeln!(
            io::stderr(),
            "the value ends in a line break, and is kept so (--trim-newline leaves it out)"
        )?;
    }
    let new = NewSecret {
        value,
        content_type: args.content_type,
        tags: args.tags.into_iter().collect::<BTreeMap<_, _>>(),
        expires: args.expires_in_days.map(|days| SystemClock.now_seconds() + days * DAY),
        ..NewSecret::default()
    };
    let set = match provider.set(&name, new.clone()).await {
        Err(error) if error.kind() == ErrorKind::Deleted => {
            provider.recover(&name).await?;
            writeln!(io::stderr(), "{name} was deleted: it is recovered, with the versions it had")?;
            provider.set(&name, new).await?
        }
        answered => answered?,
    };
    let version = set.version.as_ref().map_or("", SecretVersion::as_str);
    let text = if args.json { pretty(&properties(&set))? } else { format!("{} {version}\n", set.name) };
    print(text.as_bytes())
}

#[derive(Debug, Args)]
pub(super) struct GetArgs {
    /// The secret's name
    name: String,

    /// A version; without it, the latest
    #[arg(long, value_name = "VERSION")]
    version: Option<String>,

    /// Write the value to this file, which only its owner can read, and not to standard output
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Print a JSON object with the value and all that is known of it
    #[arg(long)]
    json: bool,

    /// Print the value even if standard output is a terminal
    #[arg(long)]
    show: bool,

    #[command(flatten)]
    access: Access,
}

pub(super) async fn get(args: GetArgs) -> anyhow::Result<ExitCode> {
    let name = secret_name(&args.name)?;
    let terminal = io::stdout().is_terminal();
    if args.output.is_none() && terminal && !args.show {
        return Err(Usage(
            "a terminal keeps what it shows; redirect the output, name a file with --output, or add --show"
                .to_owned(),
        )
        .into());
    }
    let provider = args.access.open()?;
    let version = args.version.map(SecretVersion::new);
    let secret = provider.get(&name, version.as_ref()).await?;
    // Cleared in the end: it holds the value.
    let mut text = zeroize::Zeroizing::new(Vec::with_capacity(2 * secret.value.len() + 4096));
    if args.json {
        serde_json::to_writer_pretty(&mut *text, &properties(&secret.properties))?;
        let end = text.len().saturating_sub(2); // The last line break and brace: the value comes before them.
        text.truncate(end);
        text.extend_from_slice(b",\n  \"value\": ");
        serde_json::to_writer(&mut *text, secret.value.expose())?;
        text.extend_from_slice(b"\n}\n");
    } else {
        text.extend_from_slice(secret.value.expose().as_bytes());
        if terminal && args.output.is_none() {
            text.push(b'\n');
        }
    }
    match &args.output {
        Some(path) => write_private(path, &text)
            .with_context(|| format!("cannot write the value to {}", path.display()))
            .map(|()| ExitCode::SUCCESS),
        None => print(&text),
    }
}

/// Puts a file in its place as a whole, readable by its owner only, whatever was there before.
fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// The versions of one secret
    #[arg(long, value_name = "NAME", conflicts_with = "deleted")]
    versions: Option<String>,

    /// The deleted secrets that can be recovered
    #[arg(long)]
    deleted: bool,

    /// Print a JSON array
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    access: Access,
}

pub(super) async fn list(args: ListArgs) -> anyhow::Result<ExitCode> {
    let name = args.versions.as_deref().map(secret_name).transpose()?;
    let scope = match &name {
        Some(name) => ListScope::Versions(name),
        None if args.deleted => ListScope::Deleted,
        None => ListScope::Secrets,
    };
    let provider = args.access.open()?;
    let mut found: Vec<_> = provider.list(scope).try_collect().await?;
    match scope {
        // The latest first, as one looks for it.
        ListScope::Versions(_) => found.sort_by_key(|version| std::cmp::Reverse(version.created)),
        ListScope::Secrets | ListScope::Deleted => {
            found.sort_by_key(|secret| secret.name.as_str().to_ascii_lowercase());
        }
    }
    let text = if args.json {
        pretty(&found.iter().map(properties).collect())?
    } else {
        table(&found.iter().map(|secret| line(secret, name.is_some())).collect::<Vec<_>>())
    };
    print(text.as_bytes())
}

#[derive(Debug, Args)]
pub(super) struct DeleteArgs {
    /// The secret's name
    name: String,

    #[command(flatten)]
    access: Access,
}

pub(super) async fn delete(args: DeleteArgs) -> anyhow::Result<ExitCode> {
    let name = secret_name(&args.name)?;
    args.access.open()?.delete(&name).await?;
    print(format!("{name} is deleted; until it is purged, recover brings it back\n").as_bytes())
}

#[derive(Debug, Args)]
pub(super) struct RecoverArgs {
    /// The secret's name
    name: String,

    #[command(flatten)]
    access: Access,
}

pub(super) async fn recover(args: RecoverArgs) -> anyhow::Result<ExitCode> {
    let name = secret_name(&args.name)?;
    args.access.open()?.recover(&name).await?;
    print(format!("{name} is back\n").as_bytes())
}

/// Refuses what no vault takes. The text is not repeated: it may be a value in the wrong place.
fn secret_name(text: &str) -> anyhow::Result<SecretName> {
    SecretName::new(text)
        .map_err(|error| Usage(format!("NAME cannot be the name of a secret: {error}")).into())
}

/// All of a version but its value; what is not set is left out.
fn properties(of: &SecretProperties) -> Value {
    let all = [
        ("name", json!(of.name.as_str())),
        ("version", json!(of.version.as_ref().map(SecretVersion::as_str))),
        ("contentType", json!(of.content_type)),
        ("enabled", json!(of.enabled)),
        ("notBefore", json!(of.not_before)),
        ("expires", json!(of.expires)),
        ("created", json!(of.created)),
        ("updated", json!(of.updated)),
        ("tags", json!(of.tags)),
    ];
    let set = all.into_iter().filter(|(_, value)| !value.is_null());
    Value::Object(set.map(|(key, value)| (key.to_owned(), value)).collect::<Map<_, _>>())
}

fn line(of: &SecretProperties, version: bool) -> Vec<String> {
    let name = match (version, &of.version) {
        (true, Some(version)) => version.to_string(),
        _ => of.name.to_string(),
    };
    let mut cells = vec![name];
    let state = if of.enabled { "" } else { "disabled" };
    let told = [state, of.content_type.as_deref().unwrap_or_default()];
    cells.extend(told.into_iter().filter(|text| !text.is_empty()).map(str::to_owned));
    cells
}

fn pretty(value: &Value) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(value)? + "\n")
}

fn print(text: &[u8]) -> anyhow::Result<ExitCode> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text)?;
    stdout.flush()?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_tag_has_a_name_and_may_have_equals_signs_in_its_value() {
        assert_eq!(tag("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert_eq!(tag("a="), Ok(("a".to_owned(), String::new())));
        assert!(tag("a").is_err() && tag("=a").is_err());
    }

    #[test]
    fn a_file_with_a_value_is_its_owners_alone_even_if_another_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("value");
        std::fs::write(&path, "old").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        write_private(&path, b"new").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn without_a_vault_or_a_credential_the_message_names_what_to_set() {
        let access = Access { vault_url: None, credential: CredentialKind::ClientSecret, ca_file: None };
        let error = access.provider(&|_| None).unwrap_err();
        assert!(error.is::<Usage>() && error.to_string().contains("--vault-url"));
        let url = "https://v1.vault.azure.net".parse().unwrap();
        let access = Access { vault_url: Some(url), ..access };
        let error = access.provider(&|_| None).unwrap_err().to_string();
        assert!(error.contains("AZURE_CLIENT_ID"), "{error}");
    }

    #[test]
    fn a_name_that_is_none_is_not_repeated() {
        let error = secret_name("hunter_2").unwrap_err();
        assert!(error.is::<Usage>() && !error.to_string().contains("hunter"), "{error}");
    }
}
