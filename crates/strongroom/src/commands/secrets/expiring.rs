//! `strongroom secrets expiring`: what ends soon, and who uses it.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use serde_json::json;
use strongroom_manager::stock::expiring::Expiring;
use strongroom_metastore::Access;

use super::opening::InstallationArgs;
use super::output::{self, count, end, now, span};
use crate::commands::progress::Progress;
use crate::commands::table::table;
use crate::exit::FAILED;

/// Name the secrets that end soon or have ended, and the fields that use them
///
/// Asked is the vault's list; no value is read.
///
/// Exit codes, for cron and CI: 0 nothing ends within that time; 1 something does or has ended, or the vault or the database failed;
/// 2 wrong usage or configuration.
#[derive(Debug, Args)]
pub(super) struct ExpiringArgs {
    #[command(flatten)]
    installation: InstallationArgs,
    /// How soon: `30d`, `2 weeks`, `12h`, `1month`; `0s` for what has ended already
    #[arg(long, value_name = "TIME", default_value = "30d", value_parser = time)]
    within: Duration,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Reads a time span.
fn time(text: &str) -> Result<Duration, String> {
    let wrong = |error| format!("{error} (say it as in 30d, 2weeks, 12h)");
    match text.bytes().all(|byte| byte.is_ascii_digit()) && text != "0" {
        true => Err(format!("say of what, as in {text}d or {text}h")),
        false => humantime::parse_duration(text).map_err(wrong),
    }
}

/// Runs the command.
pub(super) async fn run(args: ExpiringArgs) -> Result<ExitCode> {
    let installation = args.installation.open(Access::ReadOnly).await?;
    let vault = installation.vault()?;
    let progress = Progress::new("searching", "entities", true);
    let found = installation.manager.expiring(args.within, &progress).await?;
    progress.clear();
    let mut out = io::stdout().lock();
    match args.json {
        true => {
            output::json(&mut out, &json!({"withinSeconds": args.within.as_secs(), "secrets": found}))?;
        }
        false => tell(&mut out, &found, args.within, &vault.to_string())?,
    }
    Ok(if found.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

fn tell(out: &mut impl Write, found: &[Expiring], within: Duration, vault: &str) -> Result<()> {
    let now = now();
    let mut lines = vec![["NAME", "EXPIRES", "USED BY"].map(str::to_owned).to_vec()];
    for secret in found {
        let mut first = Some((secret.name.clone(), end(secret.expires, now)));
        for user in &secret.users {
            let (name, end) = first.take().unwrap_or_default();
            lines.push(vec![name, end, format!("{} {}: {}", user.kind, user.entity, user.field)]);
        }
        let others = secret.user_count - secret.users.len() as u64;
        if others > 0 {
            lines.push(vec![
                String::new(),
                String::new(),
                format!("and {}", count(others, "other", "others")),
            ]);
        }
    }
    if !found.is_empty() {
        out.write_all(table(&lines).as_bytes())?;
    }
    let expired = found.iter().filter(|secret| secret.expired).count() as u64;
    let soon = found.len() as u64 - expired;
    let within = span(i64::try_from(within.as_secs()).unwrap_or(i64::MAX));
    writeln!(
        out,
        "{} within {within}, {expired} expired, in the {vault}",
        count(soon, "secret expires", "secrets expire")
    )?;
    Ok(out.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_alone_is_no_time_and_the_message_says_how_to_say_it() {
        assert_eq!(time("30d"), Ok(Duration::from_secs(30 * 86_400)));
        assert!(time("30").unwrap_err().contains("30d"));
        assert!(time("soon").unwrap_err().contains("2weeks"));
    }
}
